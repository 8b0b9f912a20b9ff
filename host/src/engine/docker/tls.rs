//! TLS to an engine: the files it takes, by the rules of Docker's command line, and in plain words what can go wrong.

use super::super::{EngineError, Fault};
use super::context::Variable;
use crate::docker_config;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage, RootCertStore,
    SignatureScheme,
};

/// The files that TLS to an engine takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Whether the engine has to prove who it is.
    pub verify: bool,
    /// Who is trusted to say so; none: those whom this machine trusts.
    pub authority: Option<PathBuf>,
    /// By which we prove who we are: a certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why TLS cannot be had: a file, and what is wrong with it.
pub(super) type Unusable = String;

impl Material {
    /// What the environment wants of connections over a network; none: plain text.
    pub(super) fn of_environment(set: Variable<'_>) -> Option<Material> {
        let verify = set("DOCKER_TLS_VERIFY").is_some();
        if !verify && set("DOCKER_TLS").is_none() {
            return None;
        }
        let folder = certificates(set)?;
        // Who asks for verification has to say by whom.
        let authority = verify.then(|| folder.join("ca.pem"));
        Some(Material { authority, ..Material::found_in(&folder, verify) })
    }

    /// What an `https://` address means where nothing else is said: verification, with the files that are there.
    pub(super) fn of_https(set: Variable<'_>) -> Material {
        Material::found_in(&certificates(set).unwrap_or_default(), true)
    }

    /// Those files that are in a folder.
    pub(super) fn found_in(folder: &Path, verify: bool) -> Material {
        let [authority, certificate, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| folder.join(name));
        let identity = (certificate.exists() || key.exists()).then_some((certificate, key));
        Material { verify, authority: Some(authority).filter(|path| verify && path.exists()), identity }
    }

    /// Reads the files.
    pub(super) fn connector(&self) -> Result<TlsConnector, Unusable> {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self.verify {
            true => WebPkiServerVerifier::builder_with_provider(Arc::new(self.roots()?), provider.clone())
                .build()
                .map_err(|error| error.to_string())?,
            false => Arc::new(Anybody(provider.clone())),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
                builder
                    .with_client_auth_cert(certificates_in(certificate)?, secret)
                    .map_err(|error| format!("{} and {}: {error}", certificate.display(), key.display()))?
            }
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn roots(&self) -> Result<RootCertStore, Unusable> {
        let mut roots = RootCertStore::empty();
        match &self.authority {
            Some(path) => {
                for certificate in certificates_in(path)? {
                    roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
                }
            }
            None => {
                let system = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(system.certs);
                if roots.is_empty() {
                    let why = system.errors.first().map_or("there are none".into(), ToString::to_string);
                    return Err(format!("this machine's trusted certificates: {why}"));
                }
            }
        }
        Ok(roots)
    }
}

/// The folder with the user's certificates.
fn certificates(set: Variable<'_>) -> Option<PathBuf> {
    set("DOCKER_CERT_PATH").map(PathBuf::from).or_else(|| docker_config::folder(set))
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates.map_err(|error| unreadable(path, &error))? {
        none if none.is_empty() => Err(unreadable(path, &PemError::NoItemsFound)),
        some => Ok(some),
    }
}

fn unreadable(path: &Path, error: &PemError) -> Unusable {
    let why = match error {
        PemError::Io(error) if error.kind() == ErrorKind::NotFound => "no such file".into(),
        PemError::Io(error) => error.to_string(),
        PemError::NoItemsFound => "nothing of the kind in it".into(),
        other => other.to_string(),
    };
    format!("{}: {why}", path.display())
}

/// The name that an engine's certificate must have: the host's in `HOST:PORT`.
pub(super) fn server_name(host: &str) -> Option<ServerName<'static>> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ServerName::try_from(name.trim_matches(['[', ']']).to_string()).ok()
}

/// What went wrong with TLS, and what to do about it.
pub(super) fn explained(error: &Error) -> EngineError {
    const IDENTITY: &str = "cert.pem and key.pem, signed by the engine's CA, belong into the folder that \
        DOCKER_CERT_PATH names, or into Docker's context";
    const AUTHORITY: &str = "the CA that signed it belongs into ca.pem of the folder that DOCKER_CERT_PATH names, or \
        into Docker's context";
    let (why, hint) = match error {
        Error::InvalidCertificate(invalid) => match invalid {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                ("its certificate is not signed by a CA that is trusted here".into(), AUTHORITY)
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
                other_name(invalid),
                "write the address with a name of the certificate, or give the engine another one",
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                ("its certificate has expired".into(), "renew it, or set this machine's clock")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                ("its certificate is not valid yet".into(), "set this machine's clock")
            }
            other => (format!("its certificate cannot be used: {other}"), AUTHORITY),
        },
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            ("it wants a client certificate, and got none".into(), IDENTITY)
        }
        Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::AccessDenied,
        ) => ("it does not accept our client certificate, or the lack of one".into(), IDENTITY),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => (
            "it does not speak TLS there".into(),
            "check the port; for plain text unset DOCKER_TLS_VERIFY and DOCKER_TLS",
        ),
        other => (format!("TLS failed: {other}"), "check the address, and the engine's log"),
    };
    EngineError::new(Fault::Unreachable, why).hint(hint)
}

/// The names that a certificate has instead of the one wanted.
fn other_name(invalid: &CertificateError) -> String {
    let CertificateError::NotValidForNameContext { expected, presented } = invalid else {
        return "its certificate is for another name".into();
    };
    // As `DnsName("engine")` and `IpAddress(10.0.0.1)`.
    let names: Vec<&str> = presented
        .iter()
        .map(|name| name.split_once('(').map_or(name.as_str(), |(_, rest)| rest).trim_matches(['"', ')']))
        .collect();
    let names = if names.is_empty() { "no name at all".into() } else { names.join(", ") };
    format!("its certificate is for {names}, not for {}", expected.to_str())
}

/// Takes any certificate, where the user said so. That the other side has its key is looked at all the same.
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
        tokio_rustls::rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
