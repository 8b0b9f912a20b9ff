//! The record of a cluster: facts that change after its nodes were created, and so cannot be labels. Pure: other modules
//! transfer its bytes.
//!
//! It is a volume named after the cluster. Creating a volume that exists returns the existing one, so the labels in the
//! answer decide which of several starts owns the cluster's name, even between users and machines that share only the
//! engine. Every node mounts it, so that no prune removes it: a container uses its volumes whether it is running or not.
//!
//! Its file `complete` exists once the start has been completed, and its JSON holds the rest. Nodes can write both, so
//! both are only trusted about their own cluster: they are validated like labels, and no name, id or path is taken from
//! them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clusterdock_plugin_wire::Request;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::archive::writer::Writer;
use crate::archive::{Entry, EntryKind};
use crate::cluster::labels::read;
use crate::cluster::labels::{self, Run};
use crate::cluster::names;
use crate::cluster::provenance::Provenance;
use crate::engine::{FileKind, Labels, Volume, VolumeMount};
use crate::error::{Error, Kind, Result};

/// The record's folder in every node. It is in the root folder, where no mount of a topology or user can cover it.
pub const FOLDER: &str = "/.clusterdock";

/// Exists once the start has been completed.
pub const COMPLETE: &str = "/.clusterdock/complete";

/// The JSON.
pub const FILE: &str = "/.clusterdock/record.json";

/// The largest size of the JSON.
pub const MAX_BYTES: usize = 64 << 10;

/// The version of the JSON. A field that readers may ignore can be added; any other change requires a new version.
const SCHEMA_VERSION: u32 = 1;

/// A cluster's record, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Whether the start has been completed.
    pub complete: bool,
    /// FQDNs of nodes that the topology removed on purpose. The cluster is complete without them.
    pub removed: BTreeSet<String>,
    /// What hooks leave for the user and for later hooks, by name.
    pub outputs: BTreeMap<String, Value>,
    /// The request that the cluster was started with, without secrets and nodes.
    pub request: Option<Request>,
}

/// Whether this is the name of an output.
pub fn is_output_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(is_plain)
}

/// The JSON of a record.
#[derive(Serialize, Deserialize)]
struct Document {
    schema_version: u32,
    #[serde(default)]
    removed_nodes: BTreeSet<String>,
    #[serde(default)]
    outputs: BTreeMap<String, Value>,
    /// Of another version of plugin-api, it may not be readable.
    #[serde(default)]
    request: Value,
}

/// The name of a cluster's record.
pub fn volume_name(cluster: &str) -> String {
    format!("clusterdock-{cluster}")
}

/// The record of the cluster that a start creates.
pub fn volume(run: &Run, provenance: &Provenance) -> Volume {
    let mut labels = run.labels();
    labels.extend(provenance.labels());
    labels.insert(labels::SIZE.into(), run.size.to_string());
    Volume {
        name: volume_name(&run.cluster),
        labels,
    }
}

/// The record's mount in a node. If the volume was removed before the first node is created, the engine recreates it with a
/// label that marks it.
pub fn mount(record: &Volume) -> VolumeMount {
    let mut volume = record.clone();
    volume
        .labels
        .insert(labels::RECREATED.into(), "true".into());
    VolumeMount {
        volume,
        path: FOLDER.into(),
    }
}

/// The owner of a cluster's record, as seen by a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// This start.
    Own,
    /// This start, but its record was removed meanwhile and recreated by the engine.
    Recreated,
    /// Another start of the same cluster.
    Other,
    /// Not clusterdock.
    Foreign,
}

/// The owner of the record with these labels.
pub fn claim(labels: &Labels, run: &Run) -> Claim {
    match read::run(labels) {
        Ok(found) if found.cluster != run.cluster => Claim::Foreign,
        Ok(found) if found.id != run.id => Claim::Other,
        Ok(_) if read::is_recreated(labels) => Claim::Recreated,
        Ok(_) => Claim::Own,
        Err(_) => Claim::Foreign,
    }
}

/// The record of a completed start as a tar archive, to be unpacked in [`FOLDER`]. `complete` comes last, so that it is
/// missing if the transfer is cut.
///
/// # Errors
/// The record is too large.
pub fn archive(record: &Record) -> Result<Vec<u8>> {
    let document = Document {
        schema_version: SCHEMA_VERSION,
        removed_nodes: record.removed.clone(),
        outputs: record.outputs.clone(),
        request: serde_json::to_value(&record.request).expect("plain data is JSON"),
    };
    let json = serde_json::to_vec(&document).expect("plain data is JSON");
    if json.len() > MAX_BYTES {
        return Err(too_large());
    }
    let mut tar = Vec::new();
    let mut writer = Writer::new(&mut tar);
    let modified = jiff::Timestamp::now().as_second();
    for (path, mode, contents) in [(FILE, 0o600, &json[..]), (COMPLETE, 0o644, b"")] {
        let name = Path::new(path)
            .file_name()
            .expect("it is the path of a file");
        let kind = EntryKind::File(contents.len() as u64);
        let entry = Entry {
            path: name.into(),
            kind,
            mode,
            owner: (0, 0),
            modified,
            attributes: Vec::new(),
        };
        let written = writer
            .entry(Path::new(name), &entry)
            .and_then(|()| writer.contents(contents));
        written.expect("an archive in memory can be written");
    }
    writer
        .finish()
        .expect("an archive in memory can be written");
    drop(writer);
    Ok(tar)
}

/// The error for a record that is too large.
pub fn too_large() -> Error {
    Error::new(Kind::Other, "the cluster's record is too large")
        .cause(format!("at most {MAX_BYTES} bytes are allowed"))
}

/// Reads a record's JSON.
///
/// # Errors
/// It is too large, not JSON of a supported version, or has an invalid name.
pub fn parse(json: &[u8]) -> Result<Record> {
    let damaged =
        |why: String| Error::new(Kind::Other, "the cluster's record is damaged").cause(why);
    if json.len() > MAX_BYTES {
        return Err(too_large());
    }
    #[derive(Deserialize)]
    struct Versioned {
        schema_version: u32,
    }
    // The error's own text repeats what a node wrote.
    let broken =
        |error: serde_json::Error| damaged(format!("invalid JSON at line {}", error.line()));
    let Versioned { schema_version } = serde_json::from_slice(json).map_err(broken)?;
    if schema_version != SCHEMA_VERSION {
        return Err(Error::new(
            Kind::Other,
            "the cluster's record is from another version of clusterdock",
        )
        .cause(format!(
            "its schema version is {schema_version}; this clusterdock supports {SCHEMA_VERSION}"
        ))
        .hint("use the clusterdock that started the cluster, or a newer one"));
    }
    let document: Document = serde_json::from_slice(json).map_err(broken)?;
    if !document.removed_nodes.iter().all(|fqdn| is_fqdn(fqdn)) {
        return Err(damaged("it has an invalid node name".into()));
    }
    if !document.outputs.keys().all(|name| is_output_name(name)) {
        return Err(damaged("it has an invalid name of an output".into()));
    }
    Ok(Record {
        complete: true,
        removed: document.removed_nodes,
        outputs: document.outputs,
        request: serde_json::from_value(document.request).ok(),
    })
}

fn is_fqdn(name: &str) -> bool {
    let parts = name
        .split_once('.')
        .filter(|_| name.len() <= names::FQDN_MAX);
    parts.is_some_and(|(host, domain)| {
        // Of a network's name, which is a domain by default, and a domain each may be what the other may not.
        let is_domain = names::check_network(domain).is_ok() || names::check_domain(domain).is_ok();
        names::check_hostname(host).is_ok() && is_domain
    })
}

/// Whether the file at [`COMPLETE`] marks a completed start.
pub fn is_complete(found: Option<&FileKind>) -> bool {
    matches!(found, Some(FileKind::File))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::only_file;
    use crate::cluster::labels::RunId;

    fn run(id: &str, cluster: &str) -> Run {
        Run {
            id: RunId::parse(id).unwrap(),
            cluster: cluster.into(),
            size: 2,
            ..Run::default()
        }
    }

    #[test]
    fn the_labels_of_a_record_name_its_owner() {
        let mine = run("0123456789abcdef", "lab");
        let record = volume(&mine, &Provenance::default());
        assert_eq!(
            (record.name.as_str(), record.labels[labels::SIZE].as_str()),
            ("clusterdock-lab", "2")
        );
        assert_eq!(claim(&record.labels, &mine), Claim::Own);
        assert_eq!(
            claim(&mount(&record).volume.labels, &mine),
            Claim::Recreated
        );
        let other = run("fedcba9876543210", "lab");
        assert_eq!(claim(&record.labels, &other), Claim::Other);
        assert_eq!(claim(&mount(&record).volume.labels, &other), Claim::Other);
        assert_eq!(claim(&Labels::new(), &mine), Claim::Foreign);
        assert_eq!(
            claim(
                &volume(&run("fedcba9876543210", "prod"), &Provenance::default()).labels,
                &mine
            ),
            Claim::Foreign
        );
    }

    #[test]
    fn a_record_survives_the_round_trip() {
        let removed = BTreeSet::from(["a.cluster".to_string(), "node-10.lab.example".to_string()]);
        let record = Record {
            complete: true,
            removed,
            outputs: [("endpoints".to_string(), Value::from("a:1"))].into(),
            request: Some(Request {
                cluster: "lab".into(),
                ..Request::default()
            }),
        };
        let archive = archive(&record).unwrap();
        let mut entries = tar::Archive::new(&archive[..]);
        let names: Vec<_> = entries
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().into_owned())
            .collect();
        assert_eq!(names, [Path::new("record.json"), Path::new("complete")]);
        assert_eq!(
            parse(&only_file(&archive).unwrap().unwrap().contents).unwrap(),
            record
        );
    }

    #[test]
    fn a_record_that_a_node_forged_is_refused() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"schema_version":"1"}"#,
            r#"{"schema_version":1,"removed_nodes":"a.b"}"#,
            r#"{"schema_version":1,"removed_nodes":[1]}"#,
            r#"{"schema_version":1,"removed_nodes":["a"]}"#,
            r#"{"schema_version":1,"removed_nodes":["../a.b"]}"#,
            r#"{"schema_version":1,"removed_nodes":["a.b\u001b[2J"]}"#,
            r#"{"schema_version":1,"outputs":{"":1}}"#,
            r#"{"schema_version":1,"outputs":{"a b":1}}"#,
            r#"{"schema_version":1,"outputs":[]}"#,
            "\u{feff}{\"schema_version\":1}",
            "\0\0",
        ] {
            let error = parse(json.as_bytes()).unwrap_err();
            assert_eq!(error.message(), "the cluster's record is damaged", "{json}");
        }
        let deep = [b"[".repeat(MAX_BYTES / 2), b"]".repeat(MAX_BYTES / 2)].concat();
        parse(&deep).unwrap_err();
        let long = format!(
            r#"{{"schema_version":1,"removed_nodes":["{}.b"]}}"#,
            "a".repeat(MAX_BYTES)
        );
        assert_eq!(
            parse(long.as_bytes()).unwrap_err().message(),
            too_large().message()
        );
    }

    #[test]
    fn removed_nodes_may_have_any_domain() {
        for fqdn in ["a.cluster", "a.lab.example", "a.bridge", "a.host", "a.2.8"] {
            let json = format!(r#"{{"schema_version":1,"removed_nodes":["{fqdn}"]}}"#);
            let removed = parse(json.as_bytes()).unwrap().removed;
            assert_eq!(removed, BTreeSet::from([fqdn.to_string()]));
        }
    }

    #[test]
    fn a_later_schema_version_is_refused() {
        let error = parse(br#"{"schema_version":2,"removed_nodes":["a.b"]}"#).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("its schema version is 2; this clusterdock supports 1"),
            "{error}"
        );
        let added =
            br#"{"schema_version":1,"removed_nodes":["a.b"],"faults":{"a":"b"},"request":{"x":1}}"#;
        let record = parse(added).unwrap();
        assert_eq!(record.removed, BTreeSet::from(["a.b".into()]));
        assert_eq!(record.request, None, "a request of another version");
    }

    #[test]
    fn a_record_that_is_too_large_is_an_error() {
        let removed = (0..2000)
            .map(|number| format!("node-{number}.{}", "x".repeat(40)))
            .collect();
        archive(&Record {
            complete: true,
            removed,
            ..Record::default()
        })
        .unwrap_err();
    }

    #[test]
    fn only_a_file_marks_a_completed_start() {
        assert!(is_complete(Some(&FileKind::File)));
        for other in [
            None,
            Some(FileKind::Folder),
            Some(FileKind::Special),
            Some(FileKind::Link("/etc/passwd".into())),
        ] {
            assert!(!is_complete(other.as_ref()), "{other:?}");
        }
    }
}
