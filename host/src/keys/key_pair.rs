//! A pair of keys in the formats of OpenSSH.

use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData};
use ssh_key::public::Ed25519PublicKey;
use ssh_key::{LineEnding, PrivateKey};

use crate::error::{Error, Kind, Result};

/// An ed25519 pair.
pub(super) struct Pair {
    /// Text of the private key file.
    pub(super) private: String,
    /// Line of the public key, with the comment.
    pub(super) public: String,
}

impl Pair {
    /// Generates a pair.
    pub(super) fn generate(comment: &str) -> Result<Pair> {
        let keys = ed25519_compact::KeyPair::generate();
        let pair = Ed25519Keypair {
            public: Ed25519PublicKey(*keys.pk),
            private: Ed25519PrivateKey::from_bytes(&keys.sk.seed()),
        };
        let failed = |error: ssh_key::Error| {
            Error::new(Kind::Other, "cannot generate an SSH key").cause(error)
        };
        let key = PrivateKey::new(KeypairData::Ed25519(pair), comment).map_err(failed)?;
        Ok(Pair {
            private: key.to_openssh(LineEnding::LF).map_err(failed)?.to_string(),
            public: key.public_key().to_openssh().map_err(failed)?,
        })
    }

    /// Type and value of the public key.
    pub(super) fn public_without_comment(&self) -> String {
        self.public
            .splitn(3, ' ')
            .take(2)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_public_key_match_and_pairs_differ() {
        let (one, other) = (
            Pair::generate("clusterdock lab").unwrap(),
            Pair::generate("clusterdock lab").unwrap(),
        );
        let read = PrivateKey::from_openssh(&one.private).unwrap();
        assert_eq!(read.public_key().to_openssh().unwrap(), one.public);
        assert!(
            one.public.starts_with("ssh-ed25519 AAAA") && one.public.ends_with(" clusterdock lab"),
            "{}",
            one.public
        );
        assert_eq!(
            format!("{} clusterdock lab", one.public_without_comment()),
            one.public
        );
        assert_ne!(one.private, other.private);
    }
}
