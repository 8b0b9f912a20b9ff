//! Where a cluster comes from: its topology's folder or library, and what the user asked for. Both are needed to run a
//! hook again.
//!
//! They are labels of the cluster's record, and signed, since neither an engine nor a node may choose a library that the
//! user's machine loads, or a file that a hook copies. Pure: signing is for those who have the key.
//!
//! The other options of the start are beside them, for a later `up` to compare. They decide nothing, and are not signed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::cluster::labels::read::Problem;
use crate::cluster::labels::{
    PROVENANCE_OPTIONS, PROVENANCE_REQUEST, PROVENANCE_SIGNATURE, PROVENANCE_TOPOLOGY, RunId, read,
};
use crate::engine::Labels;

/// The options of a start that are not part of its request, by flag. Values that may be secret are digests.
pub type StartOptions = BTreeMap<String, String>;

/// Where a cluster comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The absolute path of the topology's folder or library.
    pub topology: PathBuf,
    /// The request as JSON, without secrets.
    pub request: String,
    /// The signature of both, and of the library's digest, for one start, in hexadecimal.
    pub signature: String,
    /// The options of the start. `None` if its version did not record them.
    pub options: Option<StartOptions>,
}

impl Provenance {
    /// The labels of a record. A path that is not UTF-8 and a request that is too long for a label are left out; options
    /// that are too long become digests.
    pub fn labels(&self) -> Labels {
        let options = self.options.as_ref().map(json).unwrap_or_default();
        let facts = [
            (
                PROVENANCE_TOPOLOGY,
                self.topology.to_str().unwrap_or_default(),
            ),
            (PROVENANCE_REQUEST, &self.request),
            (PROVENANCE_SIGNATURE, &self.signature),
            (PROVENANCE_OPTIONS, &options),
        ];
        facts
            .into_iter()
            .filter(|(_, value)| (1..=read::LONGEST_TEXT).contains(&value.len()))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// What is signed: where the cluster of a start comes from, and the digest of its library, which is in the labels of
    /// its nodes.
    pub fn message(&self, run: &RunId, digest: &str) -> Vec<u8> {
        let topology = self.topology.as_os_str().as_encoded_bytes();
        let (run, request) = (run.as_str().as_bytes(), self.request.as_bytes());
        [run, topology, request, digest.as_bytes()].join(&0)
    }

    /// Reads the labels of a cluster's record. The signature is not checked.
    ///
    /// # Errors
    /// The label that is missing, as for clusters of earlier versions, or invalid.
    pub fn read(labels: &Labels) -> Result<Provenance, Problem> {
        let (topology, request, signature) = read::provenance(labels)?;
        Ok(Provenance {
            topology: topology.into(),
            request: request.into(),
            signature: signature.into(),
            options: read::options(labels)?,
        })
    }
}

fn json(options: &StartOptions) -> String {
    let text = |options: &StartOptions| serde_json::to_string(options).expect("texts are JSON");
    let whole = text(options);
    if whole.len() <= read::LONGEST_TEXT {
        return whole;
    }
    let digests = options
        .iter()
        .map(|(flag, value)| (flag.clone(), digest(value)));
    text(&digests.collect())
}

/// A short digest of an option's value.
pub fn digest(value: &str) -> String {
    let digest = Sha256::digest(value.as_bytes());
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provenance() -> Provenance {
        Provenance {
            topology: "/a/topology_x".into(),
            request: r#"{"args":{}}"#.into(),
            signature: "00ff".into(),
            options: None,
        }
    }

    #[test]
    fn a_cluster_knows_where_it_comes_from() {
        let labels = provenance().labels();
        assert_eq!(labels.len(), 3);
        assert_eq!(Provenance::read(&labels).unwrap(), provenance());
    }

    #[test]
    fn options_are_kept_beside_it() {
        let options = |value: &str| StartOptions::from([("cpus".to_string(), value.to_string())]);
        let with = |value: &str| Provenance {
            options: Some(options(value)),
            ..provenance()
        };
        let labels = with("1.5").labels();
        assert_eq!(Provenance::read(&labels).unwrap(), with("1.5"));
        let long = "x".repeat(read::LONGEST_TEXT);
        let labels = with(&long).labels();
        assert_eq!(
            Provenance::read(&labels).unwrap().options,
            Some(options(&digest(&long)))
        );
        let mut damaged = labels;
        damaged.insert(PROVENANCE_OPTIONS.into(), "[]".into());
        assert_eq!(
            Provenance::read(&damaged).unwrap_err(),
            "label `com.clusterdock.options` is invalid"
        );
    }

    #[test]
    fn what_is_missing_or_invalid_is_named() {
        let error_of =
            |provenance: &Provenance| Provenance::read(&provenance.labels()).unwrap_err();
        assert_eq!(
            error_of(&Provenance::default()),
            "label `com.clusterdock.topology-path` is missing"
        );
        let relative = Provenance {
            topology: "x".into(),
            ..provenance()
        };
        let escaping = Provenance {
            topology: "/a\u{1b}[2J".into(),
            ..provenance()
        };
        for invalid in [relative, escaping] {
            assert_eq!(
                error_of(&invalid),
                "label `com.clusterdock.topology-path` is invalid"
            );
        }
        let long = Provenance {
            request: "x".repeat(read::LONGEST_TEXT + 1),
            ..provenance()
        };
        assert_eq!(
            error_of(&long),
            "label `com.clusterdock.request` is missing"
        );
    }
}
