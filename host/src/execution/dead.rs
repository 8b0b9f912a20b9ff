//! What happened to a node that a call failed on.

use super::ready;
use crate::engine::{Death, Engine, EngineError, Fault, State};
use crate::error::Error;
use crate::plan::lost;

/// The error for a call on a node that failed because the node was removed or had died; `None` if the node is
/// unchanged, or the engine does not answer. Docker 20.10 sometimes reports "no such container" for a container that is
/// ending but still exists, so the message of the call's error is not enough.
pub async fn or_gone(
    engine: &dyn Engine,
    fqdn: &str,
    id: &str,
    error: &EngineError,
) -> Option<Error> {
    if !matches!(
        error.fault,
        Fault::NotFound | Fault::WrongState | Fault::Other
    ) {
        return None;
    }
    match engine.container_state(id).await {
        Err(gone) => gone.is_not_found().then(|| lost::node(fqdn)),
        Ok(state) => match state.state {
            State::Removing | State::Dead => Some(lost::node(fqdn)),
            State::Exited if state.started.is_some() => {
                let exit_code = state.exit_code.unwrap_or_default();
                Some(
                    ready::died(
                        engine,
                        fqdn,
                        &Death {
                            id: id.into(),
                            name: fqdn.into(),
                            exit_code,
                        },
                    )
                    .await,
                )
            }
            _ => None,
        },
    }
}
