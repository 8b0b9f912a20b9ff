//! The container engine behind traits: what clusterdock needs of Docker, and nothing more.
//!
//! Two implementations exist: Docker ([`docker`]), and an in-memory fake in the tests that counts calls and fails or
//! stalls any of them. Only `docker` names the client library; no type here shows it. Nothing is decided here: the plan
//! decides.
//!
//! [`interface`] lists the calls; [`GuardedEngine`] bounds each of them. If the future of a creating call is dropped,
//! nobody knows whether the engine creates the thing, so the guard lets such calls finish when the work ends.

mod bound;
pub mod container;
pub mod docker;
pub mod docker_config;
pub mod engine_error;
pub mod exec_session;
pub mod file_kind;
mod guard;
pub mod image_spec;
pub mod interface;
mod liveness;
pub mod measurements;
pub mod network;
pub mod reference;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

pub use container::{
    Container, ContainerSpec, ContainerState, Death, Endpoint, LogBounds, LogLine, LogOptions,
    PublishedPort, State, VolumeMount,
};
pub use engine_error::{EngineError, Fault};
pub use exec_session::{Chunk, ExecSession, ExecSpec, RunningExec};
pub use file_kind::FileKind;
pub use guard::GuardedEngine;
pub use image_spec::{BuildSpec, Credentials, Image, ImageProgress, ListedImage, Login};
pub use interface::{
    Archive, Creation, Engine, Execs, Files, Images, Inventory, Lifecycle, Progress, Streams,
    System, Usages,
};
pub use measurements::{Happening, Process, Usage};
pub use network::{Network, NetworkSpec};

/// The longest id of an engine that is used as it is; no real one is this long.
const LONGEST_ID: usize = 128;

/// The prefix of labels that only clusterdock sets.
pub const LABEL_PREFIX: &str = "com.clusterdock.";

/// The result of the engine's methods.
pub type EngineResult<T> = Result<T, EngineError>;

/// The labels of a container, network or volume.
pub type Labels = BTreeMap<String, String>;

/// The address at which the user reaches ports that an engine published at `bind`.
pub fn user_address(engine: &dyn System, bind: std::net::IpAddr) -> String {
    if !bind.is_unspecified() {
        bind.to_string()
    } else if engine.is_local() {
        "127.0.0.1".into()
    } else {
        // An address without a host is that of a local socket.
        remote_host(engine.address()).unwrap_or("127.0.0.1").into()
    }
}

/// The address and port at which the user reaches a published port: `127.0.0.1:8080`, `[::1]:8080`.
pub fn reached_at(engine: &dyn System, port: &PublishedPort) -> String {
    match user_address(engine, port.host_ip) {
        host if host.contains(':') => format!("[{host}]:{}", port.host_port),
        host => format!("{host}:{}", port.host_port),
    }
}

/// `HOST` of `tcp://HOST:PORT`, `ssh://USER@HOST`, ...
fn remote_host(address: &str) -> Option<&str> {
    let rest = address.split_once("://")?.1;
    let host = rest.split('/').next()?.rsplit('@').next()?;
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => host.split(':').next(),
    }
}

/// An engine's id as one word in a line of a file: the engine's own, or a digest of it if it is not a word, with a digest of
/// its data folder. All engines of a machine have the same id up to 20.10, the one in `/etc/docker/key.json`, but never
/// the same data. An engine without an id is known by its address.
pub fn id_word(id: &str, data_folder: &str, address: &str) -> String {
    const DIGITS: usize = 8;
    if id.is_empty() {
        return digest(address);
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ":._-".contains(c);
    let id = if id.len() <= LONGEST_ID && id.chars().all(is_allowed) {
        id.into()
    } else {
        digest(id)
    };
    format!("{id}.{}", &digest(data_folder)[..DIGITS])
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Properties of an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// Its id, which never changes and which no other engine of its machine has, so that files kept for one engine's
    /// clusters are not used for another's. A word of letters, digits and `:._-`.
    pub id: String,
    /// Its release, e.g. `20.10.24`.
    pub version: String,
    /// The API version that calls are made with.
    pub api_version: String,
    /// The cgroup version of its machine: 1 or 2.
    pub cgroup_version: u8,
    /// The operating system of its machine, for people.
    pub operating_system: String,
    /// The processor architecture of its machine, e.g. `x86_64`.
    pub architecture: String,
    /// The default logging driver of its containers: `json-file`, `journald`, ...
    pub logging_driver: String,
}

/// Selects the objects of a list. The default matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Labels, each a key or `key=value`; all must match.
    pub labels: Vec<String>,
}

impl Filter {
    /// Everything.
    pub fn all() -> Filter {
        Filter::default()
    }

    /// Objects with this label, regardless of its value.
    pub fn has(key: &str) -> Filter {
        Filter {
            labels: vec![key.into()],
        }
    }

    /// Objects with this label and value.
    pub fn is(key: &str, value: &str) -> Filter {
        Filter {
            labels: vec![format!("{key}={value}")],
        }
    }

    /// Whether an object with these labels matches.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.labels
            .iter()
            .all(|wanted| match wanted.split_once('=') {
                Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
                None => labels.contains_key(wanted),
            })
    }
}

/// A volume, wanted or observed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// Its name, unique in the engine.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_has_its_own_id_whatever_it_answers() {
        const ID: &str = "CB4R:DWRM:DH43";
        let word = |id: &str, folder: &str| id_word(id, folder, "unix:///a.sock");
        let usual = word(ID, "/var/lib/docker");
        assert_eq!(usual, word(ID, "/var/lib/docker"));
        // Two engines of one machine.
        assert_ne!(usual, word(ID, "/srv/docker"));
        assert!(usual.starts_with(ID) && word(ID, "").starts_with(ID));
        assert_ne!(word("", "/a"), id_word("", "/a", "unix:///b.sock"));
        for id in ["", ID, "a b", "a\n# x", "../x", &"x".repeat(1 << 20)] {
            for folder in ["", "/var/lib/docker", "/a b\n\u{1b}"] {
                let word = word(id, folder);
                let is_plain = |c: char| c.is_ascii_alphanumeric() || ":._-".contains(c);
                assert!(word.len() < 200 && word.chars().all(is_plain), "{word}");
            }
        }
    }
}
