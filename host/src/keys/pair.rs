//! A pair of keys as OpenSSH writes them.

use crate::error::{Error, Kind, Result};
use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData};
use ssh_key::public::Ed25519PublicKey;
use ssh_key::{LineEnding, PrivateKey};

/// An ed25519 pair.
pub(super) struct Pair {
    /// The private key's file.
    pub(super) private: String,
    /// The public key's line, with the comment.
    pub(super) public: String,
}

impl Pair {
    /// Makes a pair of this machine's randomness.
    pub(super) fn make(comment: &str) -> Result<Pair> {
        let made = ed25519_compact::KeyPair::generate();
        let pair = Ed25519Keypair {
            public: Ed25519PublicKey(*made.pk),
            private: Ed25519PrivateKey::from_bytes(&made.sk.seed()),
        };
        let failed = |error: ssh_key::Error| Error::new(Kind::Other, "cannot make an ssh key").cause(error);
        let key = PrivateKey::new(KeypairData::Ed25519(pair), comment).map_err(failed)?;
        Ok(Pair {
            private: key.to_openssh(LineEnding::LF).map_err(failed)?.to_string(),
            public: key.public_key().to_openssh().map_err(failed)?,
        })
    }

    /// The public key's type and value.
    pub(super) fn public_without_comment(&self) -> String {
        self.public.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_private_key_holds_the_public_one_and_no_two_are_alike() {
        let (one, other) = (Pair::make("clusterdock lab").unwrap(), Pair::make("clusterdock lab").unwrap());
        let read = PrivateKey::from_openssh(&one.private).unwrap();
        assert_eq!(read.public_key().to_openssh().unwrap(), one.public);
        assert!(
            one.public.starts_with("ssh-ed25519 AAAA") && one.public.ends_with(" clusterdock lab"),
            "{}",
            one.public
        );
        assert_eq!(format!("{} clusterdock lab", one.public_without_comment()), one.public);
        assert_ne!(one.private, other.private);
    }
}
