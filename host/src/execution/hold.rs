//! The hold: a node without probes is ready once it has been running for 200 ms by the engine's clock.
//!
//! Clocks are never compared, since a remote engine's may differ from the local one. The engine notes `StartedAt`
//! before it answers the call that starts a node, so 200 ms after that answer by the local timer, the run is at least
//! 200 ms old by the engine's clock too, provided that it is still the same run. A node that no restart policy brings
//! back has only one: it is enough that it runs when the time is over, which the last look at all nodes shows. For
//! others `StartedAt` must be the same before and after.
//!
//! An engine on a busy machine also reports the end of a command late: it still lists a node as running whose command
//! ended long ago. So the hold grows with the time that the engine took to start the node.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::ready::NodeWait;
use crate::engine::{ContainerState, State};
use crate::error::Result;

/// How long a node without probes has to run: a missing program, a typo in its arguments or in a configuration file
/// ends it within a few milliseconds.
const HOLD: Duration = Duration::from_millis(200);

/// The longest hold, whatever the engine took.
const LONGEST: Duration = Duration::from_secs(2);

/// How long a node has to run that the engine took this long to start: a third of it, but at least [`HOLD`]. An idle
/// engine takes about 200 ms, one that starts six at once about 600 ms: there it is [`HOLD`] alone.
pub(super) fn hold(starting: Duration) -> Duration {
    (starting / 3).clamp(HOLD, LONGEST)
}

/// A run of a node without probes, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct NodeRun {
    /// When the engine answered the call that started it, or any time since then.
    pub answered: Instant,
    /// How long that call took; zero if something else started the node.
    pub starting: Duration,
}

impl NodeRun {
    /// A run that something else started.
    pub fn unseen() -> NodeRun {
        NodeRun {
            answered: Instant::now(),
            starting: Duration::ZERO,
        }
    }
}

impl NodeWait<'_> {
    /// Waits until a node without probes has been running for as long as [`hold`] says, in one run if a restart policy
    /// may start it again.
    ///
    /// # Errors
    /// It died for good (exit code, last log lines), or the engine refuses to look.
    pub async fn until_settled(self, run: NodeRun, may_restart: bool) -> Result<()> {
        let NodeRun { answered, starting } = run;
        let hold = hold(starting);
        self.waits("it has not been running for long enough yet".to_string());
        let mut until = answered + hold;
        let mut run = None;
        if may_restart {
            run = self.is_up().await?.started;
            until = Instant::now() + hold;
        }
        loop {
            let death = timeout_at(until, self.deaths.of(self.id)).await;
            let lived = death.is_err();
            if lived && !may_restart {
                break;
            }
            if let Ok(death) = death {
                self.lives(&death).await?;
                self.waits(format!(
                    "its command keeps ending, at last with exit code {}",
                    death.exit_code
                ));
            }
            let now = self.is_up().await?.started;
            if lived && now == run {
                break;
            }
            run = now;
            until = Instant::now() + hold;
        }
        self.wait_reasons.borrow_mut().remove(self.fqdn);
        Ok(())
    }

    /// Waits until a node runs, which its restart policy may be about to start again.
    async fn is_up(self) -> Result<ContainerState> {
        let mut starts = None;
        loop {
            let state = self.alive(None).await?;
            if state.state != State::Restarting {
                return Ok(state);
            }
            let Some(stream) = &mut starts else {
                // Inspected once more after that: it may have been started in between.
                starts = Some(self.engine.starts(self.label, self.since).await?);
                continue;
            };
            if !matches!(stream.next().await, Some(Ok(_))) {
                starts = None;
            }
        }
    }

    fn waits(self, what: String) {
        self.wait_reasons
            .borrow_mut()
            .insert(self.fqdn.to_string(), what);
    }
}
