//! How the fake's containers start, stop, restart and are removed.

use clusterdock::engine::{EngineError, EngineResult, Fault, State};
use clusterdock_plugin_wire::Security;

use super::EngineGeneration;
use super::container::{KILLED, TERMINATED};
use super::program::Program;
use super::state::Holdings;

/// The longest host name that the kernel accepts.
const LONGEST_HOSTNAME: usize = 64;

impl Holdings {
    pub(super) fn start_container(&mut self, key: &str) -> EngineResult<()> {
        let id = self.container_id(key)?;
        self.container_mut(&id)?.restarts = 0;
        self.start(&id)
    }

    fn start(&mut self, id: &str) -> EngineResult<()> {
        match self.containers[id].state {
            State::Created | State::Exited | State::Restarting => {}
            State::Running => return Ok(()),
            State::Paused => {
                let message = "cannot start a paused container, try unpause instead";
                return Err(EngineError::new(Fault::WrongState, message));
            }
            State::Removing | State::Dead => {
                let message = "container is marked for removal and cannot be started";
                return Err(EngineError::new(Fault::WrongState, message));
            }
        }
        let program = self.program_of(id);
        let result = self.bring_up(id, &program);
        let number = self.next_number();
        let now = self.now();
        let held = self.container_mut(id)?;
        if let Err(error) = result {
            held.error.clone_from(&error.message);
            held.endpoints
                .values_mut()
                .for_each(|endpoint| endpoint.address = None);
            held.ports.clear();
            if held.state == State::Created {
                held.exit_code = Some(if program.refusal.is_some() { 127 } else { 128 });
            }
            return Err(error);
        }
        held.state = State::Running;
        held.error.clear();
        held.oom_killed = false;
        held.exit_code = None;
        held.health = held
            .spec
            .settings
            .health_check
            .as_ref()
            .map(|_| "starting".into());
        held.pid = Some(1000 + i64::from(number));
        held.starts += 1;
        held.started = Some((now, held.starts));
        held.revive(now);
        held.death = program.death;
        held.log
            .extend(program.lines.into_iter().map(|line| (now, line)));
        self.note(id, "start", None);
        // Connected to its network, then started.
        self.deaths.other_event();
        self.deaths.other_event();
        if let Some((exit_code, 0)) = program.death {
            self.end_by_itself(id, exit_code);
        }
        Ok(())
    }

    /// Networks first, then ports, then the process: the order in which Docker checks.
    fn bring_up(&mut self, id: &str, program: &Program) -> EngineResult<()> {
        let spec = self.containers[id].spec.clone();
        let mut endpoints = self.containers[id].endpoints.clone();
        for (name, endpoint) in &mut endpoints {
            // Once it has been on a network it keeps to that one; another with the same name does not count.
            let key = if endpoint.network_id.is_empty() {
                name
            } else {
                &endpoint.network_id
            };
            let network = self.find_network(key)?;
            endpoint.address = self.lease(network, endpoint.fixed_address)?;
            endpoint.network_id.clone_from(&network.network.id);
        }
        self.container_mut(id)?.endpoints = endpoints;
        let ports = self.bind_ports(&spec.name, &spec.ports).inspect_err(|_| {
            if self.generation >= EngineGeneration::V29 {
                self.containers
                    .entry(id.into())
                    .and_modify(|held| held.endpoints.clear());
            }
        })?;
        self.container_mut(id)?.ports = ports;
        if spec.hostname.len() > LONGEST_HOSTNAME {
            let message = "OCI runtime create failed: unable to start container process: sethostname: invalid argument";
            return Err(EngineError::new(Fault::Refused, message));
        }
        let left_out = |lacking: &String| {
            spec.capabilities_missing
                .iter()
                .any(|one| bare(one) == lacking)
        };
        if self.generation < EngineGeneration::V26
            && spec.settings.security != Security::Plain
            && !self.lacking.iter().all(left_out)
        {
            let message =
                "OCI runtime create failed: unable to apply caps: operation not permitted";
            return Err(EngineError::new(Fault::CapabilityMissing, message));
        }
        match &program.refusal {
            Some(message) => Err(EngineError::new(Fault::Refused, message.clone())),
            None => Ok(()),
        }
    }

    /// Only a client of an old engine has to drop missing capabilities, and only sees them on its own machine.
    pub(super) fn missing_capabilities(&self, is_local: bool) -> Vec<String> {
        if is_local && self.generation < EngineGeneration::V26 {
            let names = self.lacking.iter();
            names.map(|name| format!("CAP_{name}")).collect()
        } else {
            Vec::new()
        }
    }

    pub(super) fn lacks(&self, capability: &str) -> bool {
        self.lacking.contains(bare(capability))
    }

    pub(super) fn stop_container(&mut self, key: &str) -> EngineResult<()> {
        let id = self.container_id(key)?;
        let held = &self.containers[&id];
        match held.state {
            State::Running | State::Paused => self.die(&id, TERMINATED),
            State::Restarting => self.container_mut(&id)?.state = State::Exited,
            _ => {}
        }
        Ok(())
    }

    pub(super) fn remove_container(&mut self, key: &str) -> EngineResult<()> {
        let id = self.container_id(key)?;
        if self.containers[&id].is_up() {
            self.die(&id, KILLED);
        }
        self.note(&id, "destroy", None);
        let held = self.containers.remove(&id).expect("its id was just found");
        for used in held.uses {
            // A shared volume is removed with its last container.
            let needed = self.uses().any(|other| other.volume == used.volume);
            if used.anonymous && !needed {
                self.volumes.remove(&used.volume);
            }
        }
        self.deaths.other_event();
        Ok(())
    }

    /// Ends a container's command unasked; with a restart policy, it is restarted at the next call.
    pub(super) fn end_by_itself(&mut self, id: &str, exit_code: i64) {
        self.die(id, exit_code);
        if let Some(held) = self.containers.get_mut(id)
            && held.comes_back(exit_code)
        {
            held.state = State::Restarting;
        }
    }

    /// Restarts what restart policies require.
    pub(super) fn bring_back(&mut self) {
        let waiting = self
            .containers
            .values()
            .filter(|held| held.state == State::Restarting);
        for id in waiting.map(|held| held.id.clone()).collect::<Vec<_>>() {
            self.containers
                .entry(id.clone())
                .and_modify(|held| held.restarts += 1);
            if self.start(&id).is_err() {
                self.containers
                    .entry(id)
                    .and_modify(|held| held.state = State::Exited);
            }
        }
    }

    /// Ends a container's command: releases addresses and ports, and reports the death.
    pub(super) fn die(&mut self, id: &str, exit_code: i64) {
        let now = self.now();
        let Some(held) = self.containers.get_mut(id) else {
            return;
        };
        held.state = State::Exited;
        held.exit_code = Some(exit_code);
        held.pid = None;
        held.death = None;
        held.ended = Some(now);
        held.ports.clear();
        held.endpoints
            .values_mut()
            .for_each(|endpoint| endpoint.address = None);
        self.deaths.tell(held, exit_code, now);
        self.note(id, "die", Some(exit_code));
    }
}

fn bare(capability: &str) -> &str {
    capability.strip_prefix("CAP_").unwrap_or(capability)
}
