//! Registries: which one a reference means, the credentials for it, and the errors of pulls and pushes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};

use crate::engine::docker_config::DockerConfig;
use crate::engine::reference::{DOCKER_HUB, is_registry};
use crate::engine::{Credentials, EngineError, Fault, Login};
use crate::error::{Error, Kind, Result};

/// The name of Docker Hub in Docker's configuration.
const DOCKER_HUB_LOGIN: &str = "https://index.docker.io/v1/";

/// The registry of a reference, by Docker's rule: the part before the first slash, if it looks like a host name.
pub fn of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some(("index.docker.io", _)) => DOCKER_HUB,
        Some((first, _)) if is_registry(first) => first,
        _ => DOCKER_HUB,
    }
}

/// Receives warnings about parts of Docker's configuration that cannot be used.
pub type Warn = Arc<dyn Fn(String) + Send + Sync>;

/// Docker's configuration for registries. It is read when first needed, and no helper is asked twice.
pub struct Registries {
    folder: Option<PathBuf>,
    warn: Warn,
    config: OnceCell<DockerConfig>,
    /// Credentials by the registry's name in the configuration.
    asked: Mutex<BTreeMap<String, Option<Credentials>>>,
}

impl Registries {
    /// Uses Docker's configuration in this folder; without a folder there are no credentials.
    pub fn new(folder: Option<&Path>, warn: Warn) -> Registries {
        Registries {
            folder: folder.map(Path::to_path_buf),
            warn,
            config: OnceCell::new(),
            asked: Mutex::default(),
        }
    }

    /// The credentials for the registry of a reference.
    ///
    /// # Errors
    /// A credential helper fails.
    pub async fn credentials(&self, reference: &str) -> Result<Option<Credentials>> {
        let server = match of(reference) {
            DOCKER_HUB => DOCKER_HUB_LOGIN,
            host => host,
        };
        let mut asked = self.asked.lock().await;
        if let Some(known) = asked.get(server) {
            return Ok(known.clone());
        }
        let login = self.config().await.login(server, &*self.warn).await?;
        let found = login.map(|login| Credentials {
            server: server.into(),
            login,
        });
        asked.insert(server.into(), found.clone());
        Ok(found)
    }

    /// The build arguments for the proxies configured for this engine.
    pub async fn proxy_arguments(&self, engine: &str) -> BTreeMap<String, String> {
        self.config().await.proxy_arguments(engine)
    }

    async fn config(&self) -> &DockerConfig {
        let read = |folder: &Path| DockerConfig::read(folder, &*self.warn);
        self.config
            .get_or_init(async || self.folder.as_deref().map(read).unwrap_or_default())
            .await
    }
}

/// The error of a failed pull. `is_present` means that the engine has an older image of that name.
pub(super) fn not_pulled(
    reference: &str,
    credentials: Option<&Credentials>,
    is_present: bool,
    error: EngineError,
) -> Error {
    let (message, alternative) = if is_present {
        (
            format!("image `{reference}` could not be pulled"),
            "omit --always-pull to use the local image",
        )
    } else {
        (
            format!("image `{reference}` is not available locally and cannot be pulled"),
            "choose another --operating-system; if the topology can build it: clusterdock build TOPOLOGY",
        )
    };
    registry_error(message, alternative, reference, credentials, error)
}

/// The error of a failed push.
pub(super) fn not_pushed(
    reference: &str,
    credentials: Option<&Credentials>,
    error: EngineError,
) -> Error {
    registry_error(
        format!("image `{reference}` could not be pushed"),
        "name another registry with --repository",
        reference,
        credentials,
        error,
    )
}

fn registry_error(
    message: String,
    alternative: &str,
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
        Fault::DiskFull => return Error::from(error).kind_of(Kind::Image).context(message),
        Fault::Unauthorized => match credentials.map(|credentials| &credentials.login) {
            None => (
                "requires a login, or does not have the image",
                format!("log in: {login}; or check the image name"),
            ),
            Some(Login::Password { user, .. }) => (
                "rejects the credentials in Docker's configuration",
                format!("log in again (currently as `{user}`): {login}; or check the image name"),
            ),
            Some(_) => (
                "rejects the token in Docker's configuration",
                format!("log in again: {login}; or check the image name"),
            ),
        },
        Fault::NotFound => ("does not have it", "check the image name and tag".into()),
        Fault::Registry => (
            "cannot be used",
            connection_hint(registry, &login, &error.message),
        ),
        _ => (
            "could not be queried",
            "check the logs of the engine and of the registry".into(),
        ),
    };
    Error::new(Kind::Image, message)
        .cause(format!("registry `{registry}` {what}"))
        .cause(error.message)
        .hint(format!("{hint}; or {alternative}"))
}

/// The next step if the engine cannot talk to a registry.
fn connection_hint(registry: &str, login: &str, message: &str) -> String {
    let message = message.to_lowercase();
    if message.contains("http response to https client") {
        format!(
            "it speaks plain HTTP: add `{registry}` to `insecure-registries` in the engine's daemon.json"
        )
    } else if message.contains("x509:") {
        format!("install its certificate for the engine as /etc/docker/certs.d/{registry}/ca.crt")
    } else if message.contains("toomanyrequests") {
        format!("its limit is higher after logging in: {login}")
    } else {
        // The addresses with which engines use plain HTTP by default.
        let scheme = if registry.starts_with("127.") || registry.starts_with("localhost") {
            "http"
        } else {
            "https"
        };
        format!("check that the engine's machine can reach it: curl {scheme}://{registry}/v2/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_registry_only_if_it_looks_like_a_host() {
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
    async fn docker_hub_has_its_own_name_in_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "YTpi"}, "r:1": {"auth": "YzpkOg=="}}}"#;
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        let registries = Registries::new(Some(folder.path()), Arc::new(|_| ()));
        let hub = registries.credentials("debian:12").await.unwrap().unwrap();
        assert_eq!(hub.server, "https://index.docker.io/v1/");
        assert_eq!(
            hub.login,
            Login::Password {
                user: "a".into(),
                password: "b".into()
            }
        );
        assert_eq!(
            registries
                .credentials("r:1/x")
                .await
                .unwrap()
                .unwrap()
                .server,
            "r:1"
        );
        assert_eq!(registries.credentials("r:2/x").await.unwrap(), None);
        assert_eq!(
            Registries::new(None, Arc::new(|_| ()))
                .credentials("debian")
                .await
                .unwrap(),
            None
        );
    }

    #[test]
    fn errors_name_the_registry_and_a_next_step() {
        let user = Credentials {
            server: "r:1".into(),
            login: Login::Password {
                user: "me".into(),
                password: "secret".into(),
            },
        };
        let hint = |credentials: Option<&Credentials>, fault, message: &str| {
            let error = not_pulled(
                "r:1/a:b",
                credentials,
                false,
                EngineError::new(fault, message),
            );
            assert_eq!(error.kind(), Kind::Image);
            assert!(
                error.to_string().contains("r:1/a:b")
                    && error.to_string().contains("registry `r:1`"),
                "{error}"
            );
            assert!(!format!("{error:?}").contains("secret"));
            error.next_step().unwrap().to_string()
        };
        assert!(hint(None, Fault::Unauthorized, "no").starts_with("log in: docker login r:1;"));
        assert!(
            hint(Some(&user), Fault::Unauthorized, "no").contains("as `me`): docker login r:1")
        );
        assert!(
            hint(None, Fault::NotFound, "no").contains("tag; or choose another --operating-system")
        );
        assert!(
            hint(None, Fault::Registry, "dial tcp: no such host").contains("curl https://r:1/v2/")
        );
        assert!(
            hint(None, Fault::Registry, "x509: unknown authority").contains("certs.d/r:1/ca.crt")
        );
        assert!(
            hint(None, Fault::Registry, "gave HTTP response to HTTPS client")
                .contains("insecure-registries")
        );
        let hub = not_pushed(
            "a/b:c",
            None,
            EngineError::new(Fault::Unauthorized, "denied: no"),
        );
        assert!(
            hub.next_step()
                .unwrap()
                .starts_with("log in: docker login;"),
            "{hub:?}"
        );
        let present = not_pulled("a:b", None, true, EngineError::new(Fault::NotFound, "no"));
        assert!(
            present.next_step().unwrap().contains("--always-pull"),
            "{present:?}"
        );
        let engine = not_pushed("a:b", None, EngineError::new(Fault::Unreachable, "gone"));
        assert_eq!(engine.kind(), Kind::Engine);
    }
}
