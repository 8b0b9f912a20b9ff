//! The client of an engine: its connection, and the negotiated version of the API.

use std::future::Future;
use std::path::Path;

use tokio::sync::OnceCell;

use super::super::{EngineError, EngineInfo, EngineResult, Fault, System};
use super::address::Address;
use super::api::Api;
use super::wire::Wire;

/// The oldest API that supports what nodes need.
const OLDEST: Version = Version(1, 41);
/// The newest API that the client library's types match.
const NEWEST: Version = Version(1, 53);

/// A Docker engine. Nothing is sent before the first call.
pub struct Docker {
    pub(super) address: Address,
    wire: Wire,
    pub(super) client: Api,
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
    /// A client of the engine at this address; `executable` is this program. Call it on a thread that outlives the
    /// client: connections may be processes that end with the thread that opened them.
    ///
    /// # Errors
    /// TLS is required, and one of its files is missing or invalid.
    pub fn connect(address: Address, executable: &Path) -> crate::error::Result<Docker> {
        let wire = Wire::new(&address, executable).map_err(|why| address.unusable(&why))?;
        let client = Api::new(wire.clone());
        Ok(Docker {
            address,
            wire,
            client,
            info: OnceCell::new(),
        })
    }

    /// Runs a call, once the version is negotiated.
    pub(super) async fn call<T>(
        &self,
        call: impl Future<Output = EngineResult<T>>,
    ) -> EngineResult<T> {
        self.greeted().await?;
        self.explained(call).await
    }

    /// Runs a call or a part of one, and explains what is wrong with the address if nothing answers there.
    pub(super) async fn explained<T>(
        &self,
        call: impl Future<Output = EngineResult<T>>,
    ) -> EngineResult<T> {
        call.await.map_err(|error| self.address.explain(error))
    }

    /// Explains that a missing path was looked up on the engine's machine, which may not be the one the user thinks of.
    pub(super) fn of_another_machine(&self, error: EngineError) -> EngineError {
        if self.is_local() || !error.message.contains("bind source path does not exist") {
            return error;
        }
        error.hint(format!(
            "volume paths refer to the engine's machine, `{}`",
            self.address
        ))
    }

    /// The engine's properties, requested once; negotiates the version of all calls.
    pub(super) async fn greeted(&self) -> EngineResult<&EngineInfo> {
        self.info.get_or_try_init(|| self.greet()).await
    }

    async fn greet(&self) -> EngineResult<EngineInfo> {
        let version = self.explained(self.client.version()).await?;
        // An engine that does not state its version is too old, and one that states no minimum accepts all.
        let theirs = version
            .api_version
            .as_deref()
            .and_then(Version::parse)
            .unwrap_or(Version(1, 0));
        let least = version
            .min_api_version
            .as_deref()
            .and_then(Version::parse)
            .unwrap_or(Version(1, 0));
        let release = version.version.clone().unwrap_or_default();
        let refused = |why: String| {
            EngineError::new(Fault::Version, format!("engine `{}`: {why}", self.address))
        };
        if theirs < OLDEST {
            return Err(refused(format!(
                "Docker {release} has API {theirs}, but clusterdock requires {OLDEST}"
            ))
            .hint("upgrade Docker to 20.10 or newer"));
        }
        if least > NEWEST {
            return Err(refused(format!(
                "Docker {release} requires API {least}, but this clusterdock supports {NEWEST} at most"
            ))
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

/// Translates Go's name of a processor to Rust's.
pub(super) fn architecture(name: &str) -> &str {
    match name {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
}
