//! Which engine to use: an option, `DOCKER_HOST`, Docker's current context, or the local socket; and how to explain
//! that nothing answers there.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::super::{EngineError, Fault};
use super::address_form::{Form, Network};
use super::context::Context;
use super::ssh_tunnel::Destination;
use super::tls::Material;
use crate::engine::docker_config::{Variable, Warn};
use crate::error::{Error, Kind, Result};

/// The default ports of engines for plain text and TLS.
const PLAIN_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// The address of an engine, and where it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// As the user would write it.
    pub url: String,
    /// How it is reached.
    pub transport: Transport,
    /// Prefix of the paths of all requests; usually empty.
    pub(super) path: String,
    /// Where it was set, e.g. `named by DOCKER_HOST`.
    origin: String,
}

/// How an engine is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A local socket.
    Unix(PathBuf),
    /// `HOST:PORT`, in plain text.
    Tcp(String),
    /// `HOST:PORT`, over TLS.
    Tls(String, Material),
    /// A program on another machine, over ssh.
    Ssh(Destination),
}

impl Address {
    /// The engine that an option, the environment or Docker's configuration names. The option comes with its name, e.g.
    /// `--host`.
    ///
    /// # Errors
    /// [`Kind::Usage`] for an invalid address.
    pub fn choose(
        option: Option<(&str, &str)>,
        variable: Variable<'_>,
        warn: Warn<'_>,
    ) -> Result<Address> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (url, origin) = match (option, set("DOCKER_HOST")) {
            (Some((url, name)), _) => (url.to_string(), format!("named by {name}")),
            (None, Some(url)) => (
                url.to_string_lossy().into_owned(),
                "named by DOCKER_HOST".into(),
            ),
            (None, None) => match Context::current(&set, warn)? {
                Some(context) => {
                    let origin = format!("named by Docker's context `{}`", context.name);
                    return Address::parse(&context.url, origin, context.tls, &set);
                }
                None => (String::new(), "the default".into()),
            },
        };
        let tls = Material::of_environment(&set);
        // The docker CLI does not use TLS with a local engine.
        let url = if url.trim().is_empty() && tls.is_some() {
            "tcp://".into()
        } else {
            url
        };
        Address::parse(&url, origin, tls, &set)
    }

    fn parse(
        text: &str,
        origin: String,
        tls: Option<Material>,
        set: Variable<'_>,
    ) -> Result<Address> {
        let text = text.trim();
        let address = match Form::parse(text) {
            Ok(form) => Address::from_form(form, &origin, tls, set),
            Err(why) => Err(why),
        };
        address.map_err(|why| {
            let error = Error::new(Kind::Usage, format!("invalid engine address `{text}`"));
            let why = Some(why).filter(|why| !why.is_empty());
            why.into_iter()
                .fold(error, Error::cause)
                .cause(format!("it is {origin}"))
                .hint("write unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST")
        })
    }

    fn from_form(
        form: Form,
        origin: &str,
        tls: Option<Material>,
        set: Variable<'_>,
    ) -> Result<Address, String> {
        let origin = origin.to_string();
        match form {
            Form::Unix(socket) => Ok(Address {
                url: format!("unix://{}", socket.display()),
                transport: Transport::Unix(socket),
                path: String::new(),
                origin,
            }),
            Form::Ssh(to) => Ok(Address {
                url: format!("ssh://{}", to.trim_end_matches('/')),
                transport: Transport::Ssh(Destination::parse(&to)?),
                path: String::new(),
                origin,
            }),
            Form::Network(network) => Ok(Address::from_network(network, origin, tls, set)),
        }
    }

    fn from_network(
        network: Network,
        origin: String,
        tls: Option<Material>,
        set: Variable<'_>,
    ) -> Address {
        let Network {
            scheme,
            host,
            port,
            path,
        } = network;
        let tls = if scheme == "https" {
            Some(tls.unwrap_or_else(|| Material::of_https(set)))
        } else {
            tls
        };
        let port = port.unwrap_or(if tls.is_some() { TLS_PORT } else { PLAIN_PORT });
        let host = format!("{host}:{port}");
        Address {
            url: format!("{scheme}://{host}{path}"),
            transport: match tls {
                Some(material) => Transport::Tls(host, material),
                None => Transport::Tcp(host),
            },
            path,
            origin,
        }
    }

    /// The error if TLS cannot be set up.
    pub(super) fn unusable(&self, why: &str) -> Error {
        Error::new(Kind::Engine, format!("engine `{}` ({}) cannot be reached", self.url, self.origin)).cause(why).hint(
            "put ca.pem, cert.pem and key.pem into the folder DOCKER_CERT_PATH (default: ~/.docker), or into Docker's context",
        )
    }

    /// The error if the engine does not answer. Looks at the socket itself, since the client library's explanation is
    /// often wrong.
    pub fn unreachable(&self, error: EngineError) -> Error {
        self.explain(error).into()
    }

    /// Explains what is wrong with the address if a call failed to reach the engine.
    pub fn explain(&self, error: EngineError) -> EngineError {
        if error.fault != Fault::Unreachable {
            return error;
        }
        let from = format!("engine `{}` ({})", self.url, self.origin);
        let Transport::Unix(path) = &self.transport else {
            let hint = error.hint.unwrap_or_else(|| self.next_step(&error.message));
            return EngineError::new(
                Fault::Unreachable,
                format!("{from} cannot be reached: {}", error.message),
            )
            .hint(hint);
        };
        match std::os::unix::net::UnixStream::connect(path) {
            Err(found) if found.kind() == ErrorKind::PermissionDenied => {
                EngineError::new(Fault::NotPermitted, format!("permission denied on {from}"))
                    .hint("join the engine's group and log in again: sudo usermod -aG docker $USER")
            }
            Err(found) if found.kind() == ErrorKind::NotFound => {
                EngineError::new(Fault::Unreachable, format!("{from} does not exist"))
                    .hint("is Docker installed and running? sudo systemctl start docker")
            }
            Err(found) => EngineError::new(
                Fault::Unreachable,
                format!("{from} does not answer: {found}"),
            )
            .hint("is Docker running? sudo systemctl start docker"),
            Ok(_) => EngineError::new(
                Fault::Unreachable,
                format!("{from} broke the connection: {}", error.message),
            )
            .hint("see the engine's log: sudo journalctl -u docker"),
        }
    }
}

impl Address {
    /// What the user can do if a remote engine cannot be reached, from the error's message.
    fn next_step(&self, message: &str) -> String {
        match &self.transport {
            Transport::Tcp(_) if message.contains("HTTPS server") => {
                "the engine requires TLS: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem".into()
            }
            // The engine sends its reason before it hangs up, but that may have been lost with the connection.
            Transport::Tls(_, Material { identity: None, .. }) if message.contains("reset") || message.contains("closed") => {
                "check the address, and whether the engine requires a client certificate: cert.pem and key.pem".into()
            }
            Transport::Ssh(_) if message.contains("no `ssh`") => "install OpenSSH's client".into(),
            Transport::Ssh(to) => {
                format!("this must work without prompting, with keys from ssh's configuration or agent: {}", to.by_hand())
            }
            _ => "check the address, and whether the engine listens there".into(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn chosen(option: Option<&str>, variables: &[(&str, &str)]) -> String {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        };
        Address::choose(option.map(|url| (url, "--host")), &variable, &|_| ()).map_or_else(
            |error| error.to_string(),
            |address| format!("{:?}", address.transport),
        )
    }

    #[test]
    fn the_option_wins_over_environment_and_default() {
        let environment = [("DOCKER_HOST", "tcp://10.0.0.1:2375")];
        assert_eq!(
            chosen(Some("unix:///run/a.sock"), &environment),
            r#"Unix("/run/a.sock")"#
        );
        assert_eq!(chosen(None, &environment), r#"Tcp("10.0.0.1:2375")"#);
        assert_eq!(chosen(None, &[]), r#"Unix("/var/run/docker.sock")"#);
        assert_eq!(
            chosen(None, &[("DOCKER_HOST", "tcp://box")]),
            r#"Tcp("box:2375")"#
        );
    }

    #[test]
    fn the_current_context_names_an_engine() {
        let folder = tempfile::tempdir().unwrap();
        let id: String = Sha256::digest("lab")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let meta = folder.path().join("contexts/meta").join(id);
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::write(
            meta.join("meta.json"),
            r#"{"Name":"lab","Endpoints":{"docker":{"Host":"unix:///lab.sock"}}}"#,
        )
        .unwrap();
        std::fs::write(
            folder.path().join("config.json"),
            r#"{"currentContext":"lab","auths":{}}"#,
        )
        .unwrap();
        let config = folder.path().display().to_string();
        assert_eq!(
            chosen(None, &[("DOCKER_CONFIG", &config)]),
            r#"Unix("/lab.sock")"#
        );
        assert!(
            chosen(None, &[("DOCKER_CONFIG", &config), ("DOCKER_CONTEXT", "x")])
                .contains("context `x`")
        );
        assert_eq!(
            chosen(
                None,
                &[("DOCKER_CONFIG", &config), ("DOCKER_CONTEXT", "default")]
            ),
            r#"Unix("/var/run/docker.sock")"#
        );
    }

    #[test]
    fn tls_is_used_if_docker_variables_or_the_address_ask() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cert.pem"), "").unwrap();
        let certificates = folder.path().display().to_string();
        let material = |variables: &[(&str, &str)], url: &str| {
            let variables = [variables, &[("DOCKER_CERT_PATH", certificates.as_str())]].concat();
            let variable = |name: &str| {
                variables
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value.into())
            };
            match Address::choose(Some((url, "--host")), &variable, &|_| ())
                .unwrap()
                .transport
            {
                Transport::Tls(host, material) => Some((host, material)),
                _ => None,
            }
        };
        // A folder with certificates alone does not enable TLS.
        assert_eq!(material(&[], "tcp://box"), None);
        assert_eq!(
            material(&[("DOCKER_TLS_VERIFY", "1")], "unix:///a.sock"),
            None
        );
        let (host, verified) = material(&[("DOCKER_TLS_VERIFY", "1")], "tcp://box").unwrap();
        assert_eq!(host, "box:2376");
        assert!(verified.verify && verified.identity.is_some());
        // If verification is requested, the file must exist.
        assert_eq!(verified.authority, Some(folder.path().join("ca.pem")));
        let (host, anybody) = material(&[("DOCKER_TLS", "1")], "tcp://[::1]:99").unwrap();
        assert_eq!(
            (host.as_str(), anybody.verify, anybody.authority),
            ("[::1]:99", false, None)
        );
        let (_, https) = material(&[], "https://box").unwrap();
        assert_eq!((https.verify, https.authority), (true, None));
    }

    #[test]
    fn an_error_says_where_the_address_came_from() {
        let none = Address::choose(None, &|_| None, &|_| ()).unwrap();
        let said = none
            .explain(EngineError::new(Fault::Unreachable, "x"))
            .message;
        assert!(
            said.starts_with("engine `unix:///var/run/docker.sock` (the default) "),
            "{said}"
        );
    }

    #[test]
    fn an_address_is_shown_in_full() {
        for (written, shown) in [
            ("", "unix:///var/run/docker.sock"),
            ("unix://", "unix:///var/run/docker.sock"),
            (" :9 ", "tcp://localhost:9"),
            ("box", "tcp://box:2375"),
            ("[::1]", "tcp://[::1]:2375"),
            ("https://box", "https://box:2376"),
            ("box:9/a/", "tcp://box:9/a"),
            ("ssh://box/", "ssh://box"),
        ] {
            assert_eq!(
                Address::choose(Some((written, "--host")), &|_| None, &|_| ())
                    .unwrap()
                    .url,
                shown
            );
        }
        // As the docker CLI does.
        assert!(
            chosen(None, &[("DOCKER_TLS_VERIFY", "1"), ("HOME", "/nowhere")])
                .starts_with("Tls(\"localhost:2376\"")
        );
    }

    #[test]
    fn an_invalid_address_is_refused_with_its_origin() {
        for bad in [
            "tcp://a:b",
            "ftp://a",
            "npipe://",
            "TCP://a",
            "/var/run/docker.sock",
        ] {
            assert!(
                chosen(Some(bad), &[]).starts_with("invalid engine address"),
                "{bad}"
            );
        }
        let refused = chosen(Some("ssh://-oProxyCommand=x"), &[]);
        assert!(
            refused.contains("begin with `-`: it is named by --host"),
            "{refused}"
        );
        assert!(chosen(None, &[("DOCKER_HOST", "a b")]).contains("named by DOCKER_HOST"));
    }

    #[test]
    fn a_broken_configuration_is_not_fatal() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), "{").unwrap();
        let config = folder.path().display().to_string();
        assert_eq!(
            chosen(None, &[("DOCKER_CONFIG", &config)]),
            r#"Unix("/var/run/docker.sock")"#
        );
    }
}
