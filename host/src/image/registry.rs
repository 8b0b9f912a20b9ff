//! Registries: which one a reference means, who the user is to it, and what is said when it does not do what is wanted.

use crate::docker_config::DockerConfig;
use crate::engine::{Credentials, EngineError, Fault, Login};
use crate::error::{Error, Kind, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::sync::{Mutex, OnceCell};

/// The registry of references that name none.
pub const DOCKER_HUB: &str = "docker.io";

/// How Docker's configuration calls that one.
const DOCKER_HUB_LOGIN: &str = "https://index.docker.io/v1/";

/// The registry of a reference, by Docker's rule: what stands before the first slash, if it looks like a host.
pub fn of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some(("index.docker.io", _)) => DOCKER_HUB,
        Some((first, _)) if is_host(first) => first,
        _ => DOCKER_HUB,
    }
}

/// Whether the first part of a reference means a registry: namespaces have neither dots, colons nor capitals.
pub fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.chars().any(char::is_uppercase)
}

/// What Docker's configuration says for calls to registries. Nothing is read before it is needed, nobody asked twice.
#[derive(Debug)]
pub struct Registries {
    folder: Option<PathBuf>,
    config: OnceCell<DockerConfig>,
    /// By what the registry is called there.
    asked: Mutex<BTreeMap<String, Option<Credentials>>>,
}

impl Registries {
    /// With Docker's configuration of this folder; without one, nobody is known anywhere.
    pub fn new(folder: Option<&Path>) -> Registries {
        Registries { folder: folder.map(Path::to_path_buf), config: OnceCell::new(), asked: Mutex::default() }
    }

    /// Who the user is to the registry of a reference.
    ///
    /// # Errors
    /// A configuration that cannot be read; a helper program that fails.
    pub async fn credentials(&self, reference: &str) -> Result<Option<Credentials>> {
        let server = match of(reference) {
            DOCKER_HUB => DOCKER_HUB_LOGIN,
            host => host,
        };
        let mut asked = self.asked.lock().await;
        if let Some(known) = asked.get(server) {
            return Ok(known.clone());
        }
        let login = self.config().await?.login(server).await?;
        let found = login.map(|login| Credentials { server: server.into(), login });
        asked.insert(server.into(), found.clone());
        Ok(found)
    }

    /// The build arguments that name the proxies to use on this engine.
    ///
    /// # Errors
    /// A configuration that cannot be read.
    pub async fn proxy_arguments(&self, engine: &str) -> Result<BTreeMap<String, String>> {
        Ok(self.config().await?.proxy_arguments(engine))
    }

    async fn config(&self) -> Result<&DockerConfig> {
        let read = || async { self.folder.as_deref().map_or_else(|| Ok(DockerConfig::default()), DockerConfig::read) };
        self.config.get_or_try_init(read).await
    }
}

/// Why an image could not be pulled. `is_there` says that the engine has one of that name, though.
pub(super) fn not_pulled(
    reference: &str,
    credentials: Option<&Credentials>,
    is_there: bool,
    error: EngineError,
) -> Error {
    let message = match is_there {
        true => format!("image `{reference}` could not be pulled"),
        false => format!("image `{reference}` is neither here nor to be pulled"),
    };
    let otherwise = match is_there {
        true => "leave out --always-pull to use the image that is here",
        false => "choose another --operating-system",
    };
    told(message, otherwise, reference, credentials, error)
}

/// Why an image could not be pushed.
pub(super) fn not_pushed(reference: &str, credentials: Option<&Credentials>, error: EngineError) -> Error {
    let otherwise = "name another registry with --repository";
    told(format!("image `{reference}` could not be pushed"), otherwise, reference, credentials, error)
}

fn told(
    message: String,
    otherwise: &str,
    reference: &str,
    credentials: Option<&Credentials>,
    error: EngineError,
) -> Error {
    let registry = of(reference);
    let login = match registry {
        DOCKER_HUB => "docker login".to_string(),
        host => format!("docker login {host}"),
    };
    let (what, hint) = match error.fault {
        Fault::Unreachable | Fault::NotPermitted | Fault::Version => return error.into(),
        Fault::Unauthorized => match credentials.map(|credentials| &credentials.login) {
            None => {
                ("wants a login, or does not have the image", format!("log in: {login}; or check the image's name"))
            }
            Some(Login::Password { user, .. }) => (
                "refuses the login that Docker's configuration has for it",
                format!("log in anew (it is user `{user}` now): {login}; or check the image's name"),
            ),
            Some(_) => (
                "refuses the token that Docker's configuration has for it",
                format!("log in anew: {login}; or check the image's name"),
            ),
        },
        Fault::NotFound => ("does not have it", "check the image's name and its tag".into()),
        Fault::Registry => ("cannot be used", unheard(registry, &login, &error.message)),
        _ => ("could not be asked", "look at the engine's log and at that of the registry".into()),
    };
    let shown = Error::new(Kind::Image, message).cause(format!("registry `{registry}` {what}")).cause(error.message);
    shown.hint(format!("{hint}; or {otherwise}"))
}

/// The next step where the engine cannot talk to a registry.
fn unheard(registry: &str, login: &str, said: &str) -> String {
    let said = said.to_lowercase();
    if said.contains("http response to https client") {
        format!("it speaks plain HTTP: put `{registry}` into `insecure-registries` of the engine's daemon.json")
    } else if said.contains("x509:") {
        format!("give the engine its certificate, as /etc/docker/certs.d/{registry}/ca.crt")
    } else if said.contains("toomanyrequests") {
        format!("it allows more to those who log in: {login}")
    } else {
        // Where engines take plain HTTP without being told to.
        let scheme = if registry.starts_with("127.") || registry.starts_with("localhost") { "http" } else { "https" };
        format!("check that the engine's machine reaches it: curl {scheme}://{registry}/v2/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_registry_only_by_what_looks_like_a_host() {
        let cases = [
            ("debian", DOCKER_HUB),
            ("debian:12", DOCKER_HUB),
            ("clusterdock/topology_nodebase:debian12", DOCKER_HUB),
            ("docker.io/a/b:c", DOCKER_HUB),
            ("index.docker.io/a/b", DOCKER_HUB),
            ("localhost/a", "localhost"),
            ("localhost:5000/a/b:c", "localhost:5000"),
            ("host.name/a", "host.name"),
            ("host.name:1/a/b@sha256:ab", "host.name:1"),
            ("[::1]:5000/a", "[::1]:5000"),
            ("HOST/a", "HOST"),
        ];
        for (reference, registry) in cases {
            assert_eq!(of(reference), registry, "{reference}");
        }
    }

    #[tokio::test]
    async fn docker_hub_has_a_name_of_its_own_and_without_a_folder_nobody_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}, "r:1": {"auth": "YzpkOg=="}}}"#;
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        let registries = Registries::new(Some(folder.path()));
        let hub = registries.credentials("debian:12").await.unwrap().unwrap();
        assert_eq!(hub.server, "https://index.docker.io/v1/");
        assert_eq!(hub.login, Login::Password { user: "a".into(), password: "b".into() });
        assert_eq!(registries.credentials("r:1/x").await.unwrap().unwrap().server, "r:1");
        assert_eq!(registries.credentials("r:2/x").await.unwrap(), None);
        assert_eq!(Registries::new(None).credentials("debian").await.unwrap(), None);
    }

    #[test]
    fn what_went_wrong_is_told_with_the_registry_and_a_next_step() {
        let user = Credentials {
            server: "r:1".into(),
            login: Login::Password { user: "me".into(), password: "secret".into() },
        };
        let hint = |credentials: Option<&Credentials>, fault, said: &str| {
            let error = not_pulled("r:1/a:b", credentials, false, EngineError::new(fault, said));
            assert_eq!(error.kind(), Kind::Image);
            assert!(error.to_string().contains("r:1/a:b") && error.to_string().contains("registry `r:1`"), "{error}");
            assert!(!format!("{error:?}").contains("secret"));
            error.next_step().unwrap().to_string()
        };
        assert!(hint(None, Fault::Unauthorized, "no").starts_with("log in: docker login r:1;"));
        assert!(hint(Some(&user), Fault::Unauthorized, "no").contains("`me` now): docker login r:1"));
        assert!(hint(None, Fault::NotFound, "no").contains("tag; or choose another --operating-system"));
        assert!(hint(None, Fault::Registry, "dial tcp: no such host").contains("curl https://r:1/v2/"));
        assert!(hint(None, Fault::Registry, "x509: unknown authority").contains("certs.d/r:1/ca.crt"));
        assert!(hint(None, Fault::Registry, "gave HTTP response to HTTPS client").contains("insecure-registries"));
        let hub = not_pushed("a/b:c", None, EngineError::new(Fault::Unauthorized, "denied: no"));
        assert!(hub.next_step().unwrap().starts_with("log in: docker login;"), "{hub:?}");
        let there = not_pulled("a:b", None, true, EngineError::new(Fault::NotFound, "no"));
        assert!(there.next_step().unwrap().contains("--always-pull"), "{there:?}");
        let engine = not_pushed("a:b", None, EngineError::new(Fault::Unreachable, "gone"));
        assert_eq!(engine.kind(), Kind::Engine);
    }
}
