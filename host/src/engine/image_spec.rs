//! Images as the engine shows them, and credentials for their registries.

pub use crate::engine::docker_config::Login;
use std::collections::BTreeMap;

/// An image in the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Full id.
    pub id: String,
    /// Its entry point followed by its command.
    pub command: Vec<String>,
    /// Paths that it declares as volumes.
    pub volumes: Vec<String>,
    /// Ports that it exposes, e.g. `22/tcp`.
    pub ports: Vec<String>,
    /// Labels.
    pub labels: super::Labels,
    /// Size in bytes.
    pub size: u64,
}

impl Image {
    /// Whether it presumably runs sshd: its Dockerfile has `EXPOSE 22`.
    pub fn has_sshd(&self) -> bool {
        self.ports.iter().any(|port| port == "22/tcp")
    }

    /// Whether its command is an init that reaps processes and forwards signals, so that the engine's init is not
    /// needed.
    pub fn brings_init(&self) -> bool {
        let first = self.command.first().map_or("", String::as_str);
        let program = first.rsplit('/').next().unwrap_or(first);
        matches!(
            program,
            "init"
                | "systemd"
                | "tini"
                | "dumb-init"
                | "docker-init"
                | "catatonit"
                | "s6-svscan"
                | "runit"
        )
    }
}

/// An image in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedImage {
    /// Full id.
    pub id: String,
    /// Its references with tags.
    pub references: Vec<String>,
    /// Labels.
    pub labels: super::Labels,
    /// Size in bytes.
    pub size: u64,
    /// When it was created, in Unix seconds.
    pub created: i64,
}

/// An image to build from a Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildSpec {
    /// The image's reference.
    pub reference: String,
    /// The Dockerfile's path in the context.
    pub dockerfile: String,
    /// Build arguments.
    pub arguments: BTreeMap<String, String>,
    /// Labels, besides those of the Dockerfile.
    pub labels: super::Labels,
    /// Credentials for the registries of its base images.
    pub credentials: Vec<Credentials>,
    /// Whether base images are pulled even if present.
    pub pull: bool,
}

/// Credentials for one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The registry by its name in Docker's configuration: its host, or `https://index.docker.io/v1/` for Docker Hub.
    pub server: String,
    /// The login.
    pub login: Login,
}

/// A step in the progress of a pull, push or build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageProgress {
    /// The part it is about: a layer's short id, the size of a pushed layer, or empty.
    pub part: String,
    /// The engine's description.
    pub status: String,
    /// Bytes done.
    pub current: Option<u64>,
    /// Bytes in total.
    pub total: Option<u64>,
}
