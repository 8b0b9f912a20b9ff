//! A plugin as the rest of the host sees it: three questions, whose answers are data or an error of ours. What runs
//! it, and where, is the business of [`process`](super::process) and [`in_process`](super::in_process).

use crate::error::{Error, Kind, Result};
use async_trait::async_trait;
use clusterdock_plugin_api::ops::ClusterFacts;
use clusterdock_plugin_api::{Code, Declaration, NodeSpec, Request};
use std::fmt;

/// A loaded plugin. One call at a time: a second one waits for the first.
#[async_trait]
pub trait Plugin: Send + Sync {
    /// The node groups and arguments.
    ///
    /// # Errors
    /// [`Kind::Hook`] when the plugin panicked, crashed or made no sense; [`Kind::Timeout`] when it gave no answer.
    async fn declare(&self) -> Result<Declaration>;

    /// The nodes for what the user asked.
    ///
    /// # Errors
    /// As [`declare`](Plugin::declare); [`Kind::Usage`] when the plugin refused the request.
    async fn nodes(&self, request: &Request) -> Result<Vec<NodeSpec>>;

    /// Runs a hook, and answers its calls by `host`, any number at once. It has no deadline of its own. Dropping
    /// the future cancels the hook: its calls fail from then on, and the plugin answers nothing more.
    ///
    /// # Errors
    /// [`Kind::Hook`] when the hook failed, panicked or crashed; [`Kind::Timeout`] and [`Kind::Interrupted`] when that
    /// is what it passed on from a call.
    async fn hook(&self, hook: Hook, cluster: &ClusterFacts, request: &Request, host: &dyn HostCalls) -> Result<()>;
}

/// What a hook can call: the operations of [`clusterdock_plugin_api::ops`].
#[async_trait]
pub trait HostCalls: Send + Sync {
    /// Carries out the operation of that name; JSON and bytes in and out.
    ///
    /// # Errors
    /// What went wrong, for the hook to see; [`Code::Unsupported`] for a name that is not known.
    async fn call(
        &self,
        name: &str,
        input: &str,
        payload: Vec<u8>,
    ) -> clusterdock_plugin_api::Result<(String, Vec<u8>)>;
}

/// What is done to a cluster by its topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// When its nodes are ready in `clusterdock start`.
    Start,
    /// When its nodes are ready in `clusterdock build`.
    Build,
}

impl Hook {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Hook::Start => "start",
            Hook::Build => "build",
        }
    }
}

/// What a plugin was doing, as errors put it.
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
            Stage::Hook(hook) => write!(f, "in its {} hook", hook.name()),
        }
    }
}

impl Stage {
    /// The family of a crash here.
    pub(super) fn kind(self) -> Kind {
        match self {
            Stage::Load => Kind::Plugin,
            _ => Kind::Hook,
        }
    }
}

/// The host's error for one that the plugin gave.
pub(super) fn failure(plugin: &str, stage: Stage, error: &clusterdock_plugin_api::Error) -> Error {
    let (kind, what) = match (error.code(), stage) {
        (Code::Panic, _) => (stage.kind(), format!("plugin `{plugin}` panicked {stage}")),
        (Code::Cancelled, _) => (Kind::Interrupted, format!("plugin `{plugin}` was interrupted {stage}")),
        (Code::Timeout, Stage::Hook(_)) => (Kind::Timeout, format!("plugin `{plugin}` failed {stage}")),
        (_, Stage::Load) => (Kind::Plugin, format!("failed to load plugin `{plugin}`")),
        // What it does not like is what the user typed.
        (_, Stage::Nodes) => (Kind::Usage, format!("plugin `{plugin}` refused the request")),
        _ => (Kind::Hook, format!("plugin `{plugin}` failed {stage}")),
    };
    let mut causes = error.chain().to_vec();
    if let (Some(innermost), false) = (causes.last_mut(), error.detail().is_empty()) {
        innermost.push_str(&format!(", at {}", error.detail()));
    }
    let failure = causes.into_iter().fold(Error::new(kind, what), Error::cause);
    match (error.code(), stage) {
        (Code::Unsupported, Stage::Load) => {
            failure.hint("rebuild the plugin with this host's plugin-api, or install a host that fits it")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterdock_plugin_api::Error as ApiError;

    #[test]
    fn a_panic_is_told_with_its_place() {
        let panic = ApiError::with_code(Code::Panic, "no disk").at("src/lib.rs:1:2");
        let error = failure("topology_x", Stage::Hook(Hook::Start), &panic);
        assert_eq!(error.to_string(), "plugin `topology_x` panicked in its start hook: no disk, at src/lib.rs:1:2");
        assert_eq!(error.kind(), Kind::Hook);
        assert_eq!(failure("topology_x", Stage::Load, &panic).kind(), Kind::Plugin);
    }

    #[test]
    fn a_time_out_and_an_interruption_keep_their_exit_codes_and_all_messages_stay() {
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
