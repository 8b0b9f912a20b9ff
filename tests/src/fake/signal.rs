//! Pauses, unpauses and signals containers.

use clusterdock::engine::{EngineError, EngineResult, Fault, State};

use super::container::{KILLED, TERMINATED};
use super::state::Holdings;

/// The exit code of a command that was interrupted.
const INTERRUPTED: i64 = 130;

impl Holdings {
    pub(super) fn pause_container(&mut self, key: &str) -> EngineResult<()> {
        let id = self.container_id(key)?;
        let held = self.container_mut(&id)?;
        match held.state {
            State::Running => held.state = State::Paused,
            State::Paused => {
                return Err(EngineError::new(
                    Fault::InUse,
                    format!("Container {} is already paused", held.id),
                ));
            }
            _ => return Err(not_running(&held.id)),
        }
        self.deaths.other_event();
        self.note(&id, "pause", None);
        Ok(())
    }

    pub(super) fn unpause_container(&mut self, key: &str) -> EngineResult<()> {
        let now = self.now();
        let id = self.container_id(key)?;
        let held = self.container_mut(&id)?;
        if held.state != State::Paused {
            return Err(EngineError::new(
                Fault::Other,
                format!("Container {} is not paused", held.id),
            ));
        }
        held.state = State::Running;
        held.revive(now);
        self.deaths.other_event();
        self.note(&id, "unpause", None);
        Ok(())
    }

    /// A program of the fake ends by KILL, TERM and INT, and ignores other signals. Any signal unpauses it.
    pub(super) fn kill_container(&mut self, key: &str, signal: &str) -> EngineResult<()> {
        let id = self.container_id(key)?;
        let held = self.container_mut(&id)?;
        if !held.is_up() {
            let mut refused = not_running(&id);
            refused.message = format!("Cannot kill container: {key}: {}", refused.message);
            return Err(refused);
        }
        held.state = State::Running;
        match signal {
            "SIGKILL" => self.die(&id, KILLED),
            "SIGTERM" => self.die(&id, TERMINATED),
            "SIGINT" => self.die(&id, INTERRUPTED),
            _ => self.deaths.other_event(),
        }
        Ok(())
    }
}

fn not_running(id: &str) -> EngineError {
    EngineError::new(Fault::WrongState, format!("Container {id} is not running"))
}
