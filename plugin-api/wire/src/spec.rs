//! The nodes a topology asks for.

use std::path::PathBuf;

use base64::prelude::{Engine, BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::{Error, Probe, Result, Security, Settings, Volume};

/// One node of a cluster: a container that behaves like a host.
///
/// Only host name and group are required. The default image is that of the cluster, the default command that of the
/// image; the node runs as long as its command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSpec {
    /// The host name, as in the request.
    pub hostname: String,
    /// The node group, as in the request.
    pub group: String,
    /// The image reference; pulled according to the user's `--pull`. Default: the image of the cluster.
    pub image: Option<String>,
    /// Published ports. Those of the user's `--port` take precedence.
    pub ports: Vec<Port>,
    /// Files and folders that are in the node before its command starts.
    pub files: Vec<File>,
    /// Probes that must all hold before the hook runs, and before groups that are declared to be
    /// [after](crate::Group::after) this one start. Default: none, the node only has to run.
    pub ready: Vec<Probe>,
    /// Probes that must all hold after the hook, and again after a resume or restart. Default: none.
    pub serves: Vec<Probe>,
    /// Settings of the container.
    pub settings: Settings,
}

/// A file or folder that is put into a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The absolute path in the node; missing folders above it are created.
    pub path: String,
    /// Its contents.
    pub contents: Contents,
    /// Permission bits of the file, or of every file in the folder. Default: 644, or as they are locally, without setuid
    /// and setgid.
    #[serde(default)]
    pub mode: Option<u32>,
    /// `USER[:GROUP]`, as names in the node's `/etc/passwd` and `/etc/group`, or as numbers.
    pub owner: String,
}

/// The contents of a [`File`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Contents {
    /// UTF-8.
    Text(String),
    /// Any bytes.
    Base64(String),
    /// A file or folder of the user's machine, absolute.
    Local(PathBuf),
}

/// Contents may hold a password, so that only their length is shown.
impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Contents::Text(text) => write!(f, "{} bytes", text.len()),
            Contents::Base64(text) => write!(f, "{} bytes", text.len() / 4 * 3),
            Contents::Local(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Contents {
    /// These bytes, as text if they are.
    pub fn from_bytes(bytes: Vec<u8>) -> Contents {
        String::from_utf8(bytes).map_or_else(
            |error| Contents::Base64(BASE64_STANDARD.encode(error.as_bytes())),
            Contents::Text,
        )
    }

    /// The bytes; `None` for a local file.
    ///
    /// # Errors
    /// Invalid base64.
    pub fn bytes(&self) -> Result<Option<Vec<u8>>> {
        match self {
            Contents::Text(text) => Ok(Some(text.clone().into_bytes())),
            Contents::Base64(text) => BASE64_STANDARD
                .decode(text)
                .map(Some)
                .map_err(|error| Error::new("invalid base64").cause(error)),
            Contents::Local(_) => Ok(None),
        }
    }
}

/// A published port of a node, on loopback unless the user sets `--bind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The port inside the node.
    pub container_port: u16,
    /// The host port; one in use fails the start (exit code 4). Default: a free port, or with the user's `--predictable`
    /// the same port as in the node.
    #[serde(default)]
    pub host_port: Option<u16>,
    /// `tcp`, `udp` or `sctp`. Default: `tcp`.
    #[serde(default)]
    pub protocol: Protocol,
}

/// The protocol of a port.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// The default.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
    /// Streams of messages.
    Sctp,
}

impl Protocol {
    /// The engine's name: `tcp`, `udp` or `sctp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Port {
    /// A TCP port on a free host port.
    pub fn tcp(container_port: u16) -> Port {
        Port {
            container_port,
            host_port: None,
            protocol: Protocol::Tcp,
        }
    }

    /// A UDP port on a free host port.
    pub fn udp(container_port: u16) -> Port {
        Port {
            protocol: Protocol::Udp,
            ..Port::tcp(container_port)
        }
    }

    /// Sets the host port.
    #[must_use]
    pub fn on_host(mut self, host_port: u16) -> Port {
        self.host_port = Some(host_port);
        self
    }
}

impl NodeSpec {
    /// A node with the image of the cluster.
    pub fn new(hostname: impl Into<String>, group: impl Into<String>) -> NodeSpec {
        NodeSpec {
            hostname: hostname.into(),
            group: group.into(),
            ..NodeSpec::default()
        }
    }

    /// Sets an image other than that of the cluster.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> NodeSpec {
        self.image = Some(image.into());
        self
    }

    /// Publishes a port.
    #[must_use]
    pub fn port(mut self, port: Port) -> NodeSpec {
        self.ports.push(port);
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, file: File) -> NodeSpec {
        self.files.push(file);
        self
    }

    /// Adds a probe of [`ready`](NodeSpec::ready).
    #[must_use]
    pub fn ready_when(mut self, probe: Probe) -> NodeSpec {
        self.ready.push(probe);
        self
    }

    /// Adds a probe of [`serves`](NodeSpec::serves).
    #[must_use]
    pub fn serves_when(mut self, probe: Probe) -> NodeSpec {
        self.serves.push(probe);
        self
    }

    /// Sets the command.
    #[must_use]
    pub fn command<S: Into<String>>(mut self, command: impl IntoIterator<Item = S>) -> NodeSpec {
        self.settings.command = Some(command.into_iter().map(Into::into).collect());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> NodeSpec {
        self.settings.environment.insert(name.into(), value.into());
        self
    }

    /// Runs systemd, see [`Settings::systemd`]. The node is ready once systemd has started everything, or tried to.
    #[must_use]
    pub fn systemd(mut self) -> NodeSpec {
        self.settings.systemd = true;
        let state = r#"case "$(systemctl is-system-running --wait)" in running | degraded) ;; *) exit 1 ;; esac"#;
        self.ready_when(Probe::command(state))
    }

    /// Adds a volume.
    #[must_use]
    pub fn volume(mut self, volume: Volume) -> NodeSpec {
        self.settings.volumes.push(volume);
        self
    }

    /// Sets the privileges of the node.
    #[must_use]
    pub fn security(mut self, security: Security) -> NodeSpec {
        self.settings.security = security;
        self
    }

    /// Changes settings.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> NodeSpec {
        change(&mut self.settings);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_text_where_they_can_be() {
        for bytes in [&b"hello\n"[..], b"", b"\xff\x00\x01"] {
            let contents = Contents::from_bytes(bytes.to_vec());
            assert_eq!(contents.bytes().unwrap().unwrap(), bytes);
        }
        assert_eq!(
            Contents::from_bytes(b"x".to_vec()),
            Contents::Text("x".into())
        );
        Contents::Base64("?".into()).bytes().unwrap_err();
    }

    #[test]
    fn contents_are_not_shown() {
        let file = File {
            path: "/etc/key".into(),
            contents: Contents::Text("hunter2".into()),
            mode: None,
            owner: "0".into(),
        };
        let shown = format!("{file:?}");
        assert!(
            shown.contains("7 bytes") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
