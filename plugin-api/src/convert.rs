//! Converts between the types of authors and those of the wire.

use std::time::Duration;

use crate::file::Contents;
use crate::wire::{self, ops};
use crate::{Command, Exec, File, Group, Port, Probe, Protocol, Secret};

impl Group {
    pub(crate) fn to_wire(self) -> wire::Group {
        wire::Group {
            name: self.name().into(),
            help: self.help.into(),
            nodes: self.default_nodes(),
            min: self.min,
            max: self.max,
            after: self
                .after
                .iter()
                .flatten()
                .map(ToString::to_string)
                .collect(),
        }
    }
}

impl From<Option<wire::Secret>> for Secret {
    fn from(secret: Option<wire::Secret>) -> Secret {
        secret.map_or_else(Secret::forgotten, |secret| Secret::new(secret.expose()))
    }
}

/// `REGISTRY/NAMESPACE/REPOSITORY:TAG` of a request. Docker Hub is omitted, as in the engine's names of images.
pub(crate) fn image_of(request: &wire::Request, repository: &str, tag: &str) -> String {
    let registry = request.registry.as_deref().unwrap_or_default();
    let parts = [registry, &request.namespace, repository];
    let parts: Vec<&str> = parts
        .into_iter()
        .filter(|part| !matches!(*part, "" | "docker.io"))
        .collect();
    format!("{}:{tag}", parts.join("/"))
}

impl Port {
    pub(crate) fn into_wire(self) -> wire::Port {
        wire::Port {
            container_port: self.number(),
            host_port: self.host,
            protocol: self.protocol().into(),
        }
    }

    pub(crate) fn from_wire(port: &wire::Port) -> Port {
        let published = Port::new(port.container_port, port.protocol.into());
        port.host_port
            .map_or(published, |host_port| published.on_host(host_port))
    }
}

impl From<Protocol> for wire::Protocol {
    fn from(protocol: Protocol) -> wire::Protocol {
        match protocol {
            Protocol::Tcp => wire::Protocol::Tcp,
            Protocol::Udp => wire::Protocol::Udp,
            Protocol::Sctp => wire::Protocol::Sctp,
        }
    }
}

impl From<wire::Protocol> for Protocol {
    fn from(protocol: wire::Protocol) -> Protocol {
        match protocol {
            wire::Protocol::Tcp => Protocol::Tcp,
            wire::Protocol::Udp => Protocol::Udp,
            wire::Protocol::Sctp => Protocol::Sctp,
        }
    }
}

impl Exec {
    pub(crate) fn to_wire(&self) -> wire::Exec {
        wire::Exec {
            command: self.command.to_wire(&self.shell),
            user: self.user.clone(),
            environment: self.environment.clone(),
            working_directory: self.working_directory.clone(),
            show: self.shown,
            detached: self.detached,
            timeout_ms: self.timeout.map(ops::milliseconds),
        }
    }

    /// Only for what [`to_wire`](Exec::to_wire) made.
    pub(crate) fn from_wire(exec: &wire::Exec, stdin: &[u8]) -> Exec {
        let (command, shell) = Command::from_wire(&exec.command);
        Exec {
            user: exec.user.clone(),
            environment: exec.environment.clone(),
            working_directory: exec.working_directory.clone(),
            stdin: stdin.to_vec(),
            shown: exec.show,
            detached: exec.detached,
            timeout: exec.timeout_ms.map(Duration::from_millis),
            ..Exec::new(command).shell(shell.unwrap_or_else(|| "/bin/sh".into()))
        }
    }
}

impl File {
    pub(crate) fn into_wire(self) -> wire::File {
        let contents = match self.contents {
            Contents::Bytes(bytes) => wire::Contents::from_bytes(bytes),
            Contents::Local(local) => wire::Contents::Local(local),
        };
        wire::File {
            path: self.path,
            contents,
            mode: self.mode,
            owner: self.owner,
        }
    }
}

impl Probe {
    pub(crate) fn from_wire(probe: wire::Probe) -> Probe {
        Probe(probe)
    }
}
