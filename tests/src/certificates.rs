//! Certificates for an engine and its clients, from a certificate authority of the test.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};

/// An authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new random id.
    pub fn new(name: &str) -> Authority {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("keys can be made");
        Authority(CertifiedIssuer::self_signed(parameters, key).expect("an authority signs itself"))
    }

    /// Writes `ca.pem`: this authority's certificate, for programs that trust it.
    pub fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("folders can be made");
        fs::write(folder.join("ca.pem"), self.0.pem()).expect("files can be written");
    }

    /// Writes `cert.pem` and `key.pem`: of a server with these names, or of a client if there are none.
    pub fn issue(&self, folder: &Path, names: &[String]) {
        fs::create_dir_all(folder).expect("folders can be made");
        let mut parameters = CertificateParams::new(names).expect("the names are names");
        parameters.extended_key_usages = vec![match names {
            [] => ExtendedKeyUsagePurpose::ClientAuth,
            _ => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        let key = KeyPair::generate().expect("keys can be made");
        let certificate = parameters
            .signed_by(&key, &self.0)
            .expect("an authority signs");
        fs::write(folder.join("cert.pem"), certificate.pem()).expect("files can be written");
        fs::write(folder.join("key.pem"), key.serialize_pem()).expect("files can be written");
    }
}
