//! A plugin as the rest of the host sees it: three questions, which a separate [process](super::plugin_process) answers
//! with data or an error.
use std::fmt;

use async_trait::async_trait;
pub use clusterdock_plugin_wire::Hook;
use clusterdock_plugin_wire::export::API_VERSION;
use clusterdock_plugin_wire::{Code, Declaration, HookCall, NodeSpec, Request};

use super::inspection::REBUILD_OR_UPGRADE;
use crate::error::{Error, Kind, Result};

/// A loaded plugin. Calls are answered one at a time; a second one waits for the first.
#[async_trait]
pub trait Plugin: Send + Sync {
    /// The version of plugin-api that it was built with.
    fn api(&self) -> &str;

    /// The node groups, arguments and hooks, checked.
    ///
    /// # Errors
    /// [`Kind::Plugin`] for a declaration that is invalid, or uses what this host does not know;
    /// [`Kind::Hook`] if the plugin panicked, crashed or returned an invalid answer; [`Kind::Timeout`] if it did not
    /// answer in time.
    async fn declare(&self) -> Result<Declaration>;

    /// The nodes for the user's request.
    ///
    /// # Errors
    /// See [`declare`](Plugin::declare); [`Kind::Usage`] if the plugin rejected the request.
    async fn nodes(&self, request: &Request) -> Result<Vec<NodeSpec>>;

    /// Runs a hook, and answers its calls with `host`, any number in parallel. There is no deadline. Dropping the future
    /// cancels the hook: its calls fail from then on, and the plugin is unusable.
    ///
    /// # Errors
    /// [`Kind::Hook`] if the hook failed, panicked or crashed; [`Kind::Timeout`] or [`Kind::Interrupted`] if it returned
    /// such an error of a call.
    async fn hook(&self, call: &HookCall, host: &dyn HostCalls) -> Result<()>;
}

/// The operations that a hook can call, see [`clusterdock_plugin_wire::ops`].
#[async_trait]
pub trait HostCalls: Send + Sync {
    /// Runs the operation of this name, with JSON and bytes as input and output.
    ///
    /// # Errors
    /// The error for the hook; [`Code::Unsupported`] for an unknown operation.
    async fn call(
        &self,
        name: &str,
        input: &str,
        payload: Vec<u8>,
    ) -> clusterdock_plugin_wire::Result<(String, Vec<u8>)>;
}

/// What a plugin was doing, for errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Load,
    Declare,
    Nodes,
    Hook(Hook),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Load => f.write_str("while loading"),
            Stage::Declare => f.write_str("in `declare`"),
            Stage::Nodes => f.write_str("in `nodes`"),
            Stage::Hook(hook) => write!(f, "in its {hook} hook"),
        }
    }
}

impl Stage {
    /// The kind of error for a crash in this stage.
    pub(super) fn kind(self) -> Kind {
        match self {
            Stage::Load => Kind::Plugin,
            _ => Kind::Hook,
        }
    }

    /// The kind of error for an invalid answer. An invalid declaration makes the whole plugin unusable.
    pub(super) fn answer_kind(self) -> Kind {
        match self {
            Stage::Load | Stage::Declare => Kind::Plugin,
            _ => Kind::Hook,
        }
    }
}

/// The host's error for one that the plugin returned.
pub(super) fn failure(plugin: &str, stage: Stage, error: &clusterdock_plugin_wire::Error) -> Error {
    let (kind, what) = match (error.code(), stage) {
        (Code::Panic, _) => (stage.kind(), format!("plugin `{plugin}` panicked {stage}")),
        (Code::Cancelled, _) => (
            Kind::Interrupted,
            format!("plugin `{plugin}` was interrupted {stage}"),
        ),
        (Code::Timeout, Stage::Hook(_)) => {
            (Kind::Timeout, format!("plugin `{plugin}` failed {stage}"))
        }
        (_, Stage::Load) => (Kind::Plugin, format!("failed to load plugin `{plugin}`")),
        // The request comes from the user's arguments.
        (_, Stage::Nodes) => (
            Kind::Usage,
            format!("plugin `{plugin}` rejected the request"),
        ),
        _ => (Kind::Hook, format!("plugin `{plugin}` failed {stage}")),
    };
    let mut causes = error.chain().to_vec();
    if let Some(innermost) = causes.last_mut()
        && !error.detail().is_empty()
    {
        innermost.push_str(&format!(", at {}", error.detail()));
    }
    let failure = causes
        .into_iter()
        .fold(Error::new(kind, what), Error::cause);
    match (error.code(), stage) {
        (Code::Unsupported, Stage::Load) => failure.hint(REBUILD_OR_UPGRADE),
        _ => failure,
    }
}

/// The error for a message that uses something that only a newer plugin-api has: it must not be ignored, since a node
/// for which a restriction was requested would get none.
pub(super) fn too_new(plugin: &str, feature: &str, api: &str) -> Error {
    Error::new(
        Kind::Plugin,
        format!("plugin `{plugin}` uses the {feature}, which this clusterdock does not know"),
    )
    .cause(format!(
        "the plugin was built with plugin-api {api}, this clusterdock has {API_VERSION}"
    ))
    .hint("upgrade clusterdock")
}

#[cfg(test)]
mod tests {
    use clusterdock_plugin_wire::Error as ApiError;

    use super::*;

    #[test]
    fn the_error_of_a_panic_has_its_place() {
        let panic = ApiError::with_code(Code::Panic, "no disk").at("src/lib.rs:1:2");
        let error = failure("topology_x", Stage::Hook(Hook::Start), &panic);
        assert_eq!(
            error.to_string(),
            "plugin `topology_x` panicked in its start hook: no disk, at src/lib.rs:1:2"
        );
        assert_eq!(error.kind(), Kind::Hook);
        assert_eq!(
            failure("topology_x", Stage::Load, &panic).kind(),
            Kind::Plugin
        );
    }

    #[test]
    fn timeouts_and_interruptions_keep_their_kind() {
        let kind = |code| {
            let error = ApiError::with_code(code, "outer").cause("inner");
            let error = failure("x", Stage::Hook(Hook::Build), &error);
            assert_eq!(error.causes(), ["outer", "inner"]);
            error.kind()
        };
        assert_eq!(
            [Code::Hook, Code::Host, Code::Timeout, Code::Cancelled].map(kind),
            [Kind::Hook, Kind::Hook, Kind::Timeout, Kind::Interrupted]
        );
    }
}
