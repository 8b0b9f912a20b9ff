//! Which engine is meant: an option, `DOCKER_HOST`, Docker's current context, or the local socket; and what to say
//! when nothing answers there.

use super::super::{EngineError, Fault};
use crate::docker_config::{self, DockerConfig};
use crate::error::{Error, Kind, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

const LOCAL_SOCKET: &str = "unix:///var/run/docker.sock";

/// Where an engine is reached, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// As the user would write it.
    pub url: String,
    /// How it is reached.
    pub transport: Transport,
    /// Who named it.
    chosen_by: String,
}

/// How an engine is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A socket of this machine.
    Unix(PathBuf),
    /// `HOST:PORT`, in plain text.
    Tcp(String),
}

/// Reads an environment variable.
type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Address {
    /// The engine that an option, the environment or Docker's configuration names.
    ///
    /// # Errors
    /// [`Kind::Usage`] for an address that makes no sense or that is not supported.
    pub fn choose(option: Option<&str>, variable: Variable<'_>) -> Result<Address> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(url) = option {
            return Address::parse(url, "--host");
        }
        if let Some(url) = set("DOCKER_HOST") {
            let tls = set("DOCKER_TLS_VERIFY").is_some() && !url.starts_with("unix:");
            return if tls { Err(no_tls(&url)) } else { Address::parse(&url, "DOCKER_HOST") };
        }
        match Context::current(variable)? {
            Some(context) if context.tls => Err(no_tls(&context.url)),
            Some(context) => Address::parse(&context.url, &format!("Docker's context `{}`", context.name)),
            None => Address::parse(LOCAL_SOCKET, "nothing else: it is the default"),
        }
    }

    fn parse(url: &str, chosen_by: &str) -> Result<Address> {
        let transport = match url.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Transport::Unix(path.into()),
            Some(("tcp" | "http", host)) => Transport::Tcp(host_and_port(host).ok_or_else(|| invalid(url, chosen_by))?),
            Some(("ssh" | "https", _)) => {
                return Err(Error::new(Kind::Usage, format!("engine address `{url}` is not supported"))
                    .cause("clusterdock reaches engines by unix:// and tcp://")
                    .hint("forward the engine's socket: ssh -L /tmp/docker.sock:/var/run/docker.sock HOST, then -H unix:///tmp/docker.sock"));
            }
            _ => return Err(invalid(url, chosen_by)),
        };
        Ok(Address { url: url.trim_end_matches('/').into(), transport, chosen_by: chosen_by.into() })
    }

    /// The error for an engine that does not answer here; looks at the socket itself, since what a client library
    /// says of it is often wrong.
    pub fn unreachable(&self, error: EngineError) -> Error {
        self.explain(error).into()
    }

    /// Says what is wrong with the address where a call did not get through.
    pub fn explain(&self, error: EngineError) -> EngineError {
        if error.fault != Fault::Unreachable {
            return error;
        }
        let from = format!("engine `{}` (named by {})", self.url, self.chosen_by);
        let Transport::Unix(path) = &self.transport else {
            return EngineError::new(Fault::Unreachable, format!("{from} does not answer: {}", error.message))
                .hint("check the address, and that the engine listens there");
        };
        match std::os::unix::net::UnixStream::connect(path) {
            Err(found) if found.kind() == ErrorKind::PermissionDenied => {
                EngineError::new(Fault::NotPermitted, format!("{from} may not be used: permission denied"))
                    .hint("join the engine's group and log in again: sudo usermod -aG docker $USER")
            }
            Err(found) if found.kind() == ErrorKind::NotFound => {
                EngineError::new(Fault::Unreachable, format!("{from} is not there: no such socket"))
                    .hint("is Docker installed and running? sudo systemctl start docker")
            }
            Err(found) => EngineError::new(Fault::Unreachable, format!("{from} does not answer: {found}"))
                .hint("is Docker running? sudo systemctl start docker"),
            Ok(_) => EngineError::new(Fault::Unreachable, format!("{from} broke the connection: {}", error.message))
                .hint("look at the engine's log: sudo journalctl -u docker"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// `HOST:PORT`, with Docker's port where none is given.
fn host_and_port(host: &str) -> Option<String> {
    let host = host.trim_end_matches('/');
    let after_brackets = host.rsplit(']').next()?;
    match after_brackets.split_once(':') {
        _ if host.is_empty() || host.contains('/') => None,
        Some((_, port)) => port.parse::<u16>().ok().map(|_| host.to_string()),
        None => Some(format!("{host}:2375")),
    }
}

fn invalid(url: &str, chosen_by: &str) -> Error {
    Error::new(Kind::Usage, format!("invalid engine address `{url}`"))
        .cause(format!("it was named by {chosen_by}"))
        .hint("write unix:///PATH or tcp://HOST:PORT")
}

fn no_tls(url: &str) -> Error {
    Error::new(Kind::Usage, format!("engine address `{url}` is not supported"))
        .cause("it wants TLS, which clusterdock does not speak yet")
        .hint("forward the engine's socket by ssh, and name it with -H unix:///PATH")
}

/// A context of Docker's command line: a named engine.
struct Context {
    name: String,
    url: String,
    tls: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: std::collections::BTreeMap<String, Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    host: Option<String>,
}

impl Context {
    /// The current context; none when it is the default one.
    fn current(variable: Variable<'_>) -> Result<Option<Context>> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let Some(folder) = docker_config::folder(variable) else { return Ok(None) };
        let named = match set("DOCKER_CONTEXT") {
            None => DockerConfig::read(&folder)?.current_context,
            named => named,
        };
        let Some(name) = named.filter(|name| !name.is_empty() && name != "default") else { return Ok(None) };
        let id: String = Sha256::digest(&name).iter().map(|byte| format!("{byte:02x}")).collect();
        let path = folder.join("contexts/meta").join(&id).join("meta.json");
        let broken = |why: &dyn fmt::Display| {
            Error::new(Kind::Usage, format!("Docker's context `{name}` cannot be used"))
                .cause(format!("{}: {why}", path.display()))
                .hint("`docker context ls` lists contexts; `docker context use default` goes back to the local engine")
        };
        let text = std::fs::read_to_string(&path).map_err(|error| broken(&error))?;
        let meta: Meta = serde_json::from_str(&text).map_err(|error| broken(&error))?;
        let url = meta.endpoints.get("docker").and_then(|endpoint| endpoint.host.clone());
        let url = url.ok_or_else(|| broken(&"it names no engine"))?;
        let tls = folder.join("contexts/tls").join(&id).join("docker").is_dir();
        Ok(Some(Context { name, url, tls }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(option: Option<&str>, variables: &[(&str, &str)]) -> String {
        let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
        Address::choose(option, &variable)
            .map_or_else(|error| error.to_string(), |address| format!("{:?}", address.transport))
    }

    #[test]
    fn the_option_comes_before_the_environment_and_both_before_the_default() {
        let environment = [("DOCKER_HOST", "tcp://10.0.0.1:2375")];
        assert_eq!(chosen(Some("unix:///run/a.sock"), &environment), r#"Unix("/run/a.sock")"#);
        assert_eq!(chosen(None, &environment), r#"Tcp("10.0.0.1:2375")"#);
        assert_eq!(chosen(None, &[]), r#"Unix("/var/run/docker.sock")"#);
        assert_eq!(chosen(None, &[("DOCKER_HOST", "tcp://box")]), r#"Tcp("box:2375")"#);
    }

    #[test]
    fn the_current_context_names_an_engine() {
        let folder = tempfile::tempdir().unwrap();
        let id: String = Sha256::digest("lab").iter().map(|byte| format!("{byte:02x}")).collect();
        let meta = folder.path().join("contexts/meta").join(id);
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::write(meta.join("meta.json"), r#"{"Name":"lab","Endpoints":{"docker":{"Host":"unix:///lab.sock"}}}"#)
            .unwrap();
        std::fs::write(folder.path().join("config.json"), r#"{"currentContext":"lab","auths":{}}"#).unwrap();
        let config = folder.path().display().to_string();
        assert_eq!(chosen(None, &[("DOCKER_CONFIG", &config)]), r#"Unix("/lab.sock")"#);
        assert!(chosen(None, &[("DOCKER_CONFIG", &config), ("DOCKER_CONTEXT", "x")]).contains("context `x`"));
        assert_eq!(
            chosen(None, &[("DOCKER_CONFIG", &config), ("DOCKER_CONTEXT", "default")]),
            r#"Unix("/var/run/docker.sock")"#
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["localhost", "unix://relative", "tcp://", "tcp://a:b", "ftp://a"] {
            assert!(chosen(Some(bad), &[]).starts_with("invalid engine address"), "{bad}");
        }
        for later in ["ssh://me@box", "https://box"] {
            assert!(chosen(Some(later), &[]).contains("not supported"), "{later}");
        }
    }
}
