//! What a container's command does, since nothing is really run.

use bytes::Bytes;
use clusterdock::engine::LogLine;

use super::FakeEngine;
use super::state::Holdings;

/// What runs in a container. By default, it runs without output until it is stopped.
#[derive(Debug, Clone, Default)]
pub struct Program {
    pub(super) lines: Vec<LogLine>,
    /// Exit code, and the number of calls to the engine before that.
    pub(super) death: Option<(i64, usize)>,
    pub(super) refusal: Option<String>,
}

impl Program {
    /// Runs until it is stopped.
    pub fn runs() -> Program {
        Program::default()
    }

    /// Ends with this exit code right after each start.
    pub fn dies(exit_code: i64) -> Program {
        Program {
            death: Some((exit_code, 0)),
            ..Program::default()
        }
    }

    /// Cannot be started; the engine reports this message.
    pub fn cannot_start(message: &str) -> Program {
        Program {
            refusal: Some(message.into()),
            ..Program::default()
        }
    }

    /// Delays its end for this many calls to the engine; the end comes before the last one's effect.
    #[must_use]
    pub fn after_calls(mut self, calls: usize) -> Program {
        self.death = self.death.map(|(exit_code, _)| (exit_code, calls));
        self
    }

    /// Writes a line to its standard output when it starts.
    #[must_use]
    pub fn says(mut self, line: &str) -> Program {
        self.lines.push(log_line(line, false));
        self
    }

    /// Writes a line to its standard error when it starts.
    #[must_use]
    pub fn complains(mut self, line: &str) -> Program {
        self.lines.push(log_line(line, true));
        self
    }
}

impl FakeEngine {
    /// Sets what runs in containers from their next start on. `subject` is a host name or container name, which take
    /// precedence, or an image.
    pub fn program(&self, subject: &str, program: Program) {
        self.change(|holdings| drop(holdings.programs.insert(subject.into(), program)));
    }

    /// Ends the command of a running container (by name or id), like a crash.
    ///
    /// # Panics
    /// The container does not exist or is not running.
    pub fn kill(&self, container: &str, exit_code: i64) {
        self.end(container, exit_code, false);
    }

    /// Ends the command of a running container like the kernel does if memory runs out, with exit code 137.
    ///
    /// # Panics
    /// The container does not exist or is not running.
    pub fn kill_for_memory(&self, container: &str) {
        self.end(container, 137, true);
    }

    /// Makes a container's command write a line to its standard output.
    ///
    /// # Panics
    /// The container does not exist.
    pub fn say(&self, container: &str, line: &str) {
        self.change(|holdings| {
            let now = holdings.now();
            let held = holdings
                .container_mut(container)
                .expect("a container that writes is there");
            held.log.push((now, log_line(line, false)));
        });
    }

    /// Sets the result of a container's health check: `healthy`, `unhealthy` or `starting`.
    ///
    /// # Panics
    /// The container does not exist.
    pub fn set_health(&self, container: &str, health: &str) {
        self.change(|holdings| {
            holdings
                .container_mut(container)
                .expect("a container with health is there")
                .health = Some(health.into());
        });
    }

    fn end(&self, container: &str, exit_code: i64, oom_killed: bool) {
        self.change(|holdings| {
            let id = holdings
                .container_id(container)
                .expect("a container that dies is there");
            assert!(
                holdings.containers[&id].state.is_running(),
                "container `{container}` does not run"
            );
            holdings.end_by_itself(&id, exit_code);
            holdings
                .containers
                .entry(id)
                .and_modify(|held| held.oom_killed = oom_killed);
        });
    }
}

impl Holdings {
    /// The program of a container that is being started.
    pub(super) fn program_of(&self, id: &str) -> Program {
        let spec = &self.containers[id].spec;
        let found = [&spec.hostname, &spec.name, &spec.image]
            .into_iter()
            .find_map(|key| self.programs.get(key));
        found.cloned().unwrap_or_default()
    }

    /// Counts a call: delayed ends come nearer, and restart policies take effect.
    pub(super) fn advance_programs(&mut self) {
        let mut ending = Vec::new();
        for held in self.containers.values_mut() {
            if let Some((exit_code, calls_left)) = &mut held.death {
                *calls_left -= 1;
                if *calls_left == 0 {
                    ending.push((held.id.clone(), *exit_code));
                }
            }
        }
        self.bring_back();
        for (id, exit_code) in ending {
            self.end_by_itself(&id, exit_code);
        }
    }
}

fn log_line(line: &str, is_stderr: bool) -> LogLine {
    LogLine {
        is_stderr,
        bytes: Bytes::from(format!("{line}\n")),
    }
}
