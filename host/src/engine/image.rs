//! Images as the engine sees them, and what their registries want to be told.

pub use crate::docker_config::Login;
use std::collections::BTreeMap;

/// An image that the engine has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Full id.
    pub id: String,
    /// Its entry point and command, in this order.
    pub command: Vec<String>,
    /// Paths that it declares as volumes.
    pub volumes: Vec<String>,
    /// Ports that it declares, as `22/tcp`.
    pub ports: Vec<String>,
    /// Labels.
    pub labels: super::Labels,
    /// Bytes.
    pub size: u64,
}

impl Image {
    /// Whether sshd runs in it, as far as it tells: its Dockerfile says `EXPOSE 22`.
    pub fn has_sshd(&self) -> bool {
        self.ports.iter().any(|port| port == "22/tcp")
    }

    /// Whether its command is an init that reaps and passes signals on, so that the engine's is not wanted.
    pub fn brings_init(&self) -> bool {
        let first = self.command.first().map_or("", String::as_str);
        let program = first.rsplit('/').next().unwrap_or(first);
        matches!(
            program,
            "init" | "systemd" | "tini" | "dumb-init" | "docker-init" | "catatonit" | "s6-svscan" | "runit"
        )
    }
}

/// What is built of a Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildSpec {
    /// The image's reference.
    pub reference: String,
    /// The Dockerfile's path in the context.
    pub dockerfile: String,
    /// Build arguments.
    pub arguments: BTreeMap<String, String>,
    /// For the registries of images that it builds on.
    pub credentials: Vec<Credentials>,
    /// Whether images it builds on are pulled also where they are there.
    pub pull: bool,
}

/// What a registry is told of who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The registry as Docker's configuration calls it: its host, or `https://index.docker.io/v1/` for Docker Hub.
    pub server: String,
    /// Who asks.
    pub login: Login,
}

/// How a pull, a push or a build gets on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageProgress {
    /// What part it is about: a layer's short id, of a push its size, or empty.
    pub part: String,
    /// The engine's words.
    pub status: String,
    /// Bytes done.
    pub current: Option<u64>,
    /// Bytes in all.
    pub total: Option<u64>,
}
