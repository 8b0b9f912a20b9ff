//! Which engine is meant: an option, `DOCKER_HOST`, Docker's current context, or the local socket; and what to say
//! when nothing answers there.

use super::super::{EngineError, Fault};
use super::context::{Context, Variable};
use super::ssh::Destination;
use super::tls::Material;
use crate::error::{Error, Kind, Result};
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
    /// Who named it, as `named by DOCKER_HOST`.
    origin: String,
}

/// How an engine is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A socket of this machine.
    Unix(PathBuf),
    /// `HOST:PORT`, in plain text.
    Tcp(String),
    /// `HOST:PORT`, by TLS.
    Tls(String, Material),
    /// A program on another machine, by ssh.
    Ssh(Destination),
}

impl Address {
    /// The engine that an option, the environment or Docker's configuration names.
    ///
    /// # Errors
    /// [`Kind::Usage`] for an address that makes no sense.
    pub fn choose(option: Option<&str>, variable: Variable<'_>) -> Result<Address> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (url, origin) = match (option, set("DOCKER_HOST")) {
            (Some(url), _) => (url.to_string(), "named by --host"),
            (None, Some(url)) => (url, "named by DOCKER_HOST"),
            (None, None) => {
                return match Context::current(&set)? {
                    Some(context) => {
                        let origin = format!("named by Docker's context `{}`", context.name);
                        Address::parse(&context.url, origin, context.tls, &set)
                    }
                    None => Address::parse(LOCAL_SOCKET, "the default".into(), None, &set),
                };
            }
        };
        Address::parse(&url, origin.into(), Material::of_environment(&set), &set)
    }

    fn parse(url: &str, origin: String, tls: Option<Material>, set: Variable<'_>) -> Result<Address> {
        let invalid = |why: &str| {
            let error = Error::new(Kind::Usage, format!("invalid engine address `{url}`"));
            let error = if why.is_empty() { error } else { error.cause(why) };
            error.cause(format!("it is {origin}")).hint("write unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST")
        };
        let over_network = |host: &str, tls: Option<Material>| -> Result<Transport> {
            let port = if tls.is_some() { 2376 } else { 2375 };
            let host = host_and_port(host, port).ok_or_else(|| invalid(""))?;
            Ok(match tls {
                Some(material) => Transport::Tls(host, material),
                None => Transport::Tcp(host),
            })
        };
        let transport = match url.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Transport::Unix(path.into()),
            Some(("tcp" | "http", host)) => over_network(host, tls)?,
            Some(("https", host)) => over_network(host, Some(tls.unwrap_or_else(|| Material::of_https(set))))?,
            Some(("ssh", to)) => Transport::Ssh(Destination::parse(to).map_err(invalid)?),
            _ => return Err(invalid("")),
        };
        Ok(Address { url: url.trim_end_matches('/').into(), transport, origin })
    }

    /// The error for TLS that cannot even be tried.
    pub(super) fn unusable(&self, why: &str) -> Error {
        Error::new(Kind::Engine, format!("engine `{}` ({}) cannot be reached", self.url, self.origin)).cause(why).hint(
            "TLS takes ca.pem, and cert.pem with key.pem, from the folder that DOCKER_CERT_PATH names (else ~/.docker), or from Docker's context",
        )
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
        let from = format!("engine `{}` ({})", self.url, self.origin);
        let Transport::Unix(path) = &self.transport else {
            let hint = error.hint.unwrap_or_else(|| self.next_step(&error.message));
            return EngineError::new(Fault::Unreachable, format!("{from} cannot be reached: {}", error.message))
                .hint(hint);
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

impl Address {
    /// What the user can do when an engine elsewhere cannot be reached, from what was said of it.
    fn next_step(&self, said: &str) -> String {
        match &self.transport {
            Transport::Tcp(_) if said.contains("HTTPS server") => {
                "it wants TLS: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem".into()
            }
            // Its reason, sent before it hung up, may have been lost with the connection.
            Transport::Tls(_, Material { identity: None, .. }) if said.contains("reset") || said.contains("closed") => {
                "check the address, and whether the engine wants a client certificate: cert.pem and key.pem".into()
            }
            Transport::Ssh(_) if said.contains("no `ssh`") => "install OpenSSH's client".into(),
            Transport::Ssh(to) => {
                format!("this must work without a question, with keys that ssh finds or its agent has: {}", to.by_hand())
            }
            _ => "check the address, and that the engine listens there".into(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// `HOST:PORT`, with this port where none is given.
fn host_and_port(host: &str, port: u16) -> Option<String> {
    let host = host.trim_end_matches('/');
    let after_brackets = host.rsplit(']').next()?;
    match after_brackets.split_once(':') {
        _ if host.is_empty() || host.contains('/') => None,
        Some((_, port)) => port.parse::<u16>().ok().map(|_| host.to_string()),
        None => Some(format!("{host}:{port}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

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
    fn tls_is_spoken_where_dockers_variables_or_the_address_ask_for_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cert.pem"), "").unwrap();
        let certificates = folder.path().display().to_string();
        let material = |variables: &[(&str, &str)], url: &str| {
            let variables = [variables, &[("DOCKER_CERT_PATH", certificates.as_str())]].concat();
            let variable =
                |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
            match Address::choose(Some(url), &variable).unwrap().transport {
                Transport::Tls(host, material) => Some((host, material)),
                _ => None,
            }
        };
        // A folder with certificates alone asks for nothing.
        assert_eq!(material(&[], "tcp://box"), None);
        assert_eq!(material(&[("DOCKER_TLS_VERIFY", "1")], "unix:///a.sock"), None);
        let (host, verified) = material(&[("DOCKER_TLS_VERIFY", "1")], "tcp://box").unwrap();
        assert_eq!(host, "box:2376");
        assert!(verified.verify && verified.identity.is_some());
        // Asked for, it must be there.
        assert_eq!(verified.authority, Some(folder.path().join("ca.pem")));
        let (host, anybody) = material(&[("DOCKER_TLS", "1")], "tcp://[::1]:99").unwrap();
        assert_eq!((host.as_str(), anybody.verify, anybody.authority), ("[::1]:99", false, None));
        let (_, https) = material(&[], "https://box").unwrap();
        assert_eq!((https.verify, https.authority), (true, None));
    }

    #[test]
    fn an_error_says_who_named_the_engine_or_that_nobody_did() {
        let none = Address::choose(None, &|_| None).unwrap();
        let said = none.explain(EngineError::new(Fault::Unreachable, "x")).message;
        assert!(said.starts_with("engine `unix:///var/run/docker.sock` (the default) "), "{said}");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["localhost", "unix://relative", "tcp://", "tcp://a:b", "ftp://a"] {
            assert!(chosen(Some(bad), &[]).starts_with("invalid engine address"), "{bad}");
        }
        let refused = chosen(Some("ssh://-oProxyCommand=x"), &[]);
        assert!(refused.contains("begin with `-`: it is named by --host"), "{refused}");
    }
}
