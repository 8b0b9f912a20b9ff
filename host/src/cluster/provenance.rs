//! Where a cluster comes from: its topology's folder or library, and what the user asked for. Both are needed to run a
//! hook again.
//!
//! They are labels of the cluster's record, and signed, since neither an engine nor a node may choose a library that the
//! user's machine loads, or a file that a hook copies. Pure: signing is for those who have the key.

use std::path::PathBuf;

use crate::cluster::labels::read::Problem;
use crate::cluster::labels::{
    PROVENANCE_REQUEST, PROVENANCE_SIGNATURE, PROVENANCE_TOPOLOGY, RunId, read,
};
use crate::engine::Labels;

/// Where a cluster comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The absolute path of the topology's folder or library.
    pub topology: PathBuf,
    /// The request as JSON, without secrets.
    pub request: String,
    /// The signature of both for one start, in hexadecimal.
    pub signature: String,
}

impl Provenance {
    /// The labels of a record. A path that is not UTF-8 and a request that is too long for a label are left out.
    pub fn labels(&self) -> Labels {
        let facts = [
            (
                PROVENANCE_TOPOLOGY,
                self.topology.to_str().unwrap_or_default(),
            ),
            (PROVENANCE_REQUEST, &self.request),
            (PROVENANCE_SIGNATURE, &self.signature),
        ];
        facts
            .into_iter()
            .filter(|(_, value)| (1..=read::LONGEST_TEXT).contains(&value.len()))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// What is signed: where the cluster of a start comes from.
    pub fn message(&self, run: &RunId) -> Vec<u8> {
        let topology = self.topology.as_os_str().as_encoded_bytes();
        [run.as_str().as_bytes(), topology, self.request.as_bytes()].join(&0)
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
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provenance() -> Provenance {
        Provenance {
            topology: "/a/topology_x".into(),
            request: r#"{"args":{}}"#.into(),
            signature: "00ff".into(),
        }
    }

    #[test]
    fn a_cluster_knows_where_it_comes_from() {
        let labels = provenance().labels();
        assert_eq!(labels.len(), 3);
        assert_eq!(Provenance::read(&labels).unwrap(), provenance());
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
