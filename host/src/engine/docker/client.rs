//! The client of an engine: its connection, the version of the API that is agreed on, and calls with their deadlines.

use super::super::{Engine, EngineError, EngineInfo, EngineResult, Fault};
use super::address::Address;
use super::fault::fault;
use super::wire::{self, Wire};
use std::future::Future;
use std::path::Path;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// The oldest API that has what nodes need.
const OLDEST: Version = Version(1, 41);
/// The newest API that the client library's types follow.
const NEWEST: Version = Version(1, 53);

/// What a call that only looks may take.
pub(super) const LOOK: Duration = Duration::from_secs(30);
/// What a call that makes, starts, stops or removes something may take: an engine under load is slow.
pub(super) const CHANGE: Duration = Duration::from_secs(120);
/// What an import, or one step of a pull or a push, may take.
pub(super) const IMAGE: Duration = Duration::from_secs(300);
/// What one step of a build may be silent for.
pub(super) const BUILD: Duration = Duration::from_secs(1800);
/// What unpacking files may take: they are streamed, and who streams them looks whether they move.
pub(super) const TRANSFER: Duration = Duration::from_secs(LIBRARY_SECONDS);
/// What the client library may take to get an answer's head; no shorter than any deadline above.
const LIBRARY_SECONDS: u64 = 24 * 3600;

/// A Docker engine. Nothing is sent before the first call.
pub struct Docker {
    pub(super) address: Address,
    pub(super) wire: Wire,
    pub(super) client: bollard::Docker,
    pub(super) info: OnceCell<EngineInfo>,
}

/// A version of the engine's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

impl Version {
    pub(super) fn parse(text: &str) -> Option<Version> {
        let (major, minor) = text.split_once('.')?;
        Some(Version(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Docker {
    /// A client of the engine at this address; `executable` is this program. To be used on a thread that lasts, since
    /// connections may be processes that end with the thread that opened them.
    ///
    /// # Errors
    /// TLS is wanted, and a file that it takes is not there or makes no sense.
    pub fn connect(address: Address, executable: &Path) -> crate::error::Result<Docker> {
        let wire = Wire::new(&address.transport, executable).map_err(|why| address.unusable(&why))?;
        let sender = wire.clone();
        let client = bollard::Docker::connect_with_custom_transport(
            move |request: bollard::BollardRequest| sender.clone().pass(request),
            Some(wire::library_address()),
            LIBRARY_SECONDS,
            bollard::API_DEFAULT_VERSION,
        );
        let client = client.map_err(|error| address.unreachable(fault(error)))?;
        Ok(Docker { address, wire, client, info: OnceCell::new() })
    }

    /// One call, once the version is agreed on, with its deadline.
    pub(super) async fn call<T>(
        &self,
        what: &str,
        deadline: Duration,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> EngineResult<T> {
        self.greeted().await?;
        self.bounded(what, deadline, call).await
    }

    pub(super) async fn bounded<T>(
        &self,
        what: &str,
        deadline: Duration,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> EngineResult<T> {
        match timeout(deadline, call).await {
            Ok(result) => result.map_err(|error| self.address.explain(fault(error))),
            Err(_) => {
                let seconds = deadline.as_secs();
                Err(EngineError::new(Fault::Timeout, format!("the engine did not {what} within {seconds} s"))
                    .hint("look at the engine's load and its log"))
            }
        }
    }

    /// A path that is not there is looked for on the engine's machine, which need not be the one that the user thinks of.
    pub(super) fn of_another_machine(&self, error: EngineError) -> EngineError {
        if self.is_local() || !error.message.contains("bind source path does not exist") {
            return error;
        }
        error.hint(format!("paths of volumes are those of the engine's machine, `{}`", self.address))
    }

    /// For streams, which last as long as they last: a client that waits for an answer's head as long as for a look.
    pub(super) fn opening(&self) -> bollard::Docker {
        self.client.clone().with_timeout(LOOK)
    }

    /// What the engine is, asked once; agrees on the version that all calls are made with.
    pub(super) async fn greeted(&self) -> EngineResult<&EngineInfo> {
        self.info.get_or_try_init(|| self.greet()).await
    }

    async fn greet(&self) -> EngineResult<EngineInfo> {
        let version = self.bounded("tell its version", LOOK, self.client.version()).await?;
        let theirs = version.api_version.as_deref().and_then(Version::parse).unwrap_or(Version(1, 0));
        let least = version.min_api_version.as_deref().and_then(Version::parse).unwrap_or(Version(1, 0));
        let release = version.version.clone().unwrap_or_default();
        let refused = |why: String| EngineError::new(Fault::Version, format!("engine `{}`: {why}", self.address));
        if theirs < OLDEST {
            return Err(refused(format!("Docker {release} has API {theirs}, clusterdock needs {OLDEST}"))
                .hint("upgrade Docker to 20.10 or newer"));
        }
        if least > NEWEST {
            return Err(refused(format!("Docker {release} wants API {least}, this clusterdock knows up to {NEWEST}"))
                .hint("upgrade clusterdock"));
        }
        let agreed = theirs.min(NEWEST);
        self.wire.speak(&agreed.to_string());
        Ok(EngineInfo {
            version: release,
            api_version: agreed.to_string(),
            architecture: architecture(&version.arch.unwrap_or_default()).into(),
            operating_system: version.os.unwrap_or_default(),
            ..EngineInfo::default()
        })
    }
}

/// Go's name for a processor, in Rust's.
pub(super) fn architecture(name: &str) -> &str {
    match name {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
}
