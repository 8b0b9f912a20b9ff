//! TLS to an engine: its files, by the rules of the docker CLI, and explanations of what can go wrong.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage,
    RootCertStore, SignatureScheme,
};

use super::super::{EngineError, Fault};
use crate::engine::docker_config::{self, Variable};
use crate::files::regular_file;

/// The files for TLS to an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Whether the engine's certificate is verified.
    pub verify: bool,
    /// The CA that signs engines' certificates. If `None`, the CAs that the local machine trusts.
    pub authority: Option<PathBuf>,
    /// The client certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why TLS cannot be used: a file and its problem.
pub(super) type Unusable = String;

impl Material {
    /// TLS as the environment requests it for network connections; `None` means plain text.
    pub(super) fn of_environment(set: Variable<'_>) -> Option<Material> {
        let verify = set("DOCKER_TLS_VERIFY").is_some();
        if !verify && set("DOCKER_TLS").is_none() {
            return None;
        }
        let folder = certificates(set)?;
        // With verification requested, the CA must be given.
        let authority = verify.then(|| folder.join("ca.pem"));
        Some(Material {
            authority,
            ..Material::found_in(&folder, verify)
        })
    }

    /// TLS for an `https://` address without further settings: verified, with the files that exist.
    pub(super) fn of_https(set: Variable<'_>) -> Material {
        Material::found_in(&certificates(set).unwrap_or_default(), true)
    }

    /// TLS with the files of a folder that exist.
    pub(super) fn found_in(folder: &Path, verify: bool) -> Material {
        let [authority, certificate, key] =
            ["ca.pem", "cert.pem", "key.pem"].map(|name| folder.join(name));
        let identity = (certificate.exists() || key.exists()).then_some((certificate, key));
        Material {
            verify,
            authority: Some(authority).filter(|path| verify && path.exists()),
            identity,
        }
    }

    /// Reads the files.
    pub(super) fn connector(&self) -> Result<TlsConnector, Unusable> {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if self.verify {
            let roots = Arc::new(self.roots()?);
            WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
                .build()
                .map_err(|error| error.to_string())?
        } else {
            Arc::new(Anybody(provider.clone()))
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let secret = read(key)
                    .and_then(|pem| PrivateKeyDer::from_pem_slice(&pem))
                    .map_err(|error| unreadable(key, &error))?;
                builder
                    .with_client_auth_cert(certificates_in(certificate)?, secret)
                    .map_err(|error| {
                        format!("{} and {}: {error}", certificate.display(), key.display())
                    })?
            }
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn roots(&self) -> Result<RootCertStore, Unusable> {
        let mut roots = RootCertStore::empty();
        match &self.authority {
            Some(path) => {
                for certificate in certificates_in(path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| format!("{}: {error}", path.display()))?;
                }
            }
            None => {
                let system = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(system.certs);
                if roots.is_empty() {
                    let why = system
                        .errors
                        .first()
                        .map_or("none found".into(), ToString::to_string);
                    return Err(format!("this machine's trusted certificates: {why}"));
                }
            }
        }
        Ok(roots)
    }
}

/// The folder of the user's certificates.
fn certificates(set: Variable<'_>) -> Option<PathBuf> {
    set("DOCKER_CERT_PATH")
        .map(PathBuf::from)
        .or_else(|| docker_config::folder(set))
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let certificates = read(path)
        .and_then(|pem| CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, PemError>>());
    match certificates.map_err(|error| unreadable(path, &error))? {
        none if none.is_empty() => Err(unreadable(path, &PemError::NoItemsFound)),
        some => Ok(some),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PemError> {
    regular_file::read(path).map_err(PemError::Io)
}

fn unreadable(path: &Path, error: &PemError) -> Unusable {
    let why = match error {
        PemError::Io(error) if error.kind() == ErrorKind::NotFound => "no such file".into(),
        PemError::Io(error) => error.to_string(),
        PemError::NoItemsFound => "it does not contain one".into(),
        other => other.to_string(),
    };
    format!("{}: {why}", path.display())
}

/// The name for which an engine's certificate must be valid: the host in `HOST:PORT`.
pub(super) fn server_name(host: &str) -> Option<ServerName<'static>> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ServerName::try_from(name.trim_matches(['[', ']']).to_string()).ok()
}

const IDENTITY: &str = "put cert.pem and key.pem, signed by the engine's CA, into the folder DOCKER_CERT_PATH or into Docker's context";
const AUTHORITY: &str = "put the certificate of the CA into ca.pem in the folder DOCKER_CERT_PATH or in Docker's context";

/// Explains a TLS error, with the user's next step.
pub(super) fn explained(error: &Error) -> EngineError {
    let (why, hint) = match error {
        Error::InvalidCertificate(invalid) => certificate_problem(invalid),
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            ("it requires a client certificate".into(), IDENTITY)
        }
        Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::AccessDenied,
        ) => (
            "it does not accept the client certificate, or requires one".into(),
            IDENTITY,
        ),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => (
            "it does not use TLS on this port".into(),
            "check the port; for plain text unset DOCKER_TLS_VERIFY and DOCKER_TLS",
        ),
        other => (
            format!("TLS failed: {other}"),
            "check the address, and the engine's log",
        ),
    };
    EngineError::new(Fault::Unreachable, why).hint(hint)
}

/// What is wrong with the engine's certificate, and the user's next step.
fn certificate_problem(invalid: &CertificateError) -> (String, &'static str) {
    match invalid {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "its certificate is not signed by a trusted CA".into(),
            AUTHORITY,
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            other_name(invalid),
            "use a name of the certificate in the address, or change the engine's certificate",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "its certificate has expired".into(),
            "renew it, or correct this machine's clock",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "its certificate is not valid yet".into(),
            "correct this machine's clock",
        ),
        other => (
            format!("its certificate cannot be used: {other}"),
            AUTHORITY,
        ),
    }
}

/// Names the hosts for which a certificate is valid instead.
fn other_name(invalid: &CertificateError) -> String {
    let CertificateError::NotValidForNameContext {
        expected,
        presented,
    } = invalid
    else {
        return "its certificate is for another name".into();
    };
    // In the form `DnsName("engine")` or `IpAddress(10.0.0.1)`.
    let names: Vec<&str> = presented
        .iter()
        .map(|name| {
            name.split_once('(')
                .map_or(name.as_str(), |(_, rest)| rest)
                .trim_matches(['"', ')'])
        })
        .collect();
    let names = if names.is_empty() {
        "no name".into()
    } else {
        names.join(", ")
    };
    format!(
        "its certificate is for {names}, not for {}",
        expected.to_str()
    )
}

/// Accepts any certificate, if the user chose so. The engine must nevertheless have its key.
#[derive(Debug)]
struct Anybody(Arc<tokio_rustls::rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signed,
            algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signed,
            algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
