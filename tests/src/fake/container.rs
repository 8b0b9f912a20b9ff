//! Containers and their lives. What is wrong with a container shows, mostly, when it starts.

use super::EngineGeneration;
use super::files::Files;
use super::network::rfc3339;
use super::program::Program;
use super::state::Holdings;
use clusterdock::engine::container::PublishedPort;
use clusterdock::engine::{
    Container, ContainerSpec, ContainerState, Endpoint, EngineError, EngineResult, Fault, Filter, LogLine, State,
};
use clusterdock_plugin_api::Security;
use std::collections::BTreeMap;

/// The longest host name that the kernel takes.
const LONGEST_HOSTNAME: usize = 64;

/// How a command ends that is asked to, under the engine's init.
pub(super) const TERMINATED: i64 = 143;

/// How a command ends that is not asked.
pub(super) const KILLED: i64 = 137;

/// A container, with all that lists and inspections show of it.
pub(super) struct HeldContainer {
    pub(super) id: String,
    pub(super) spec: ContainerSpec,
    pub(super) image_id: String,
    pub(super) state: State,
    pub(super) exit_code: Option<i64>,
    pub(super) oom_killed: bool,
    pub(super) error: String,
    pub(super) health: Option<String>,
    pub(super) pid: Option<i64>,
    pub(super) starts: u32,
    /// Of these, the last ones that its restart policy made.
    restarts: u32,
    pub(super) created: i64,
    /// When it was last started or unpaused, and when its last run ended.
    pub(super) revived: Option<i64>,
    pub(super) ended: Option<i64>,
    /// How often it was started or unpaused.
    pub(super) revivals: u32,
    pub(super) places: BTreeMap<String, Endpoint>,
    /// Those it has now: none while it does not run.
    pub(super) ports: Vec<PublishedPort>,
    /// Volumes it uses: name, and whether it goes with the container.
    pub(super) volumes: BTreeMap<String, bool>,
    pub(super) files: Files,
    /// Lines and when they were written.
    pub(super) log: Vec<(i64, LogLine)>,
    /// Its program's end: exit code, and calls until then.
    pub(super) death: Option<(i64, usize)>,
    pub(super) number: u32,
}

impl HeldContainer {
    /// Whether it has a process, frozen or not.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Running | State::Paused)
    }

    /// Whether it is, or was at its last start, on a network.
    pub(super) fn is_on(&self, network_id: &str) -> bool {
        self.places.values().any(|place| place.network_id == network_id)
    }

    /// It runs now, and did not a moment ago.
    pub(super) fn revive(&mut self, now: i64) {
        self.revived = Some(now);
        self.revivals += 1;
    }

    fn comes_back(&self, exit_code: i64) -> bool {
        let policy = self.spec.settings.restart.as_deref().unwrap_or("no");
        let (word, most) = policy.split_once(':').unwrap_or((policy, ""));
        match word {
            "always" | "unless-stopped" => true,
            "on-failure" => exit_code != 0 && most.parse().map_or(true, |most: u32| self.restarts < most),
            _ => false,
        }
    }

    fn status(&self) -> String {
        match (self.state, self.exit_code) {
            (State::Running, _) => match &self.health {
                Some(health) => format!("Up 1 second ({health})"),
                None => "Up 1 second".into(),
            },
            (State::Paused, _) => "Up 1 second (Paused)".into(),
            (State::Exited, code) => format!("Exited ({}) 1 second ago", code.unwrap_or_default()),
            (State::Created, _) => "Created".into(),
            (other, _) => other.as_str().into(),
        }
    }
}

impl Holdings {
    pub(super) fn list_containers(&self, filter: &Filter) -> Vec<Container> {
        let mut found: Vec<_> = self.containers.values().filter(|held| filter.matches(&held.spec.labels)).collect();
        found.sort_by_key(|held| std::cmp::Reverse(held.number));
        found.into_iter().map(|held| self.listed(held)).collect()
    }

    fn listed(&self, held: &HeldContainer) -> Container {
        let still_tagged = self.find_image(&held.spec.image).is_some_and(|found| found.image.id == held.image_id);
        Container {
            id: held.id.clone(),
            name: held.spec.name.clone(),
            hostname: None,
            image: if still_tagged { held.spec.image.clone() } else { held.image_id.clone() },
            labels: held.spec.labels.clone(),
            state: held.state,
            status: held.status(),
            created: held.created,
            ports: held.ports.clone(),
            networks: held.places.clone(),
        }
    }

    pub(super) fn container_state(&self, key: &str) -> EngineResult<ContainerState> {
        let held = self.container(key)?;
        Ok(ContainerState {
            hostname: held.spec.hostname.clone(),
            state: held.state,
            exit_code: held.exit_code,
            oom_killed: held.oom_killed,
            error: held.error.clone(),
            health: held.health.clone(),
            pid: held.pid,
            networks: held.places.clone(),
            ports: held.ports.clone(),
            wanted_ports: held.spec.ports.clone(),
            extra_hosts: held.spec.extra_hosts.clone(),
            ended: held.ended.map(|ended| jiff::Timestamp::from_second(ended).expect("a clock within jiff's range")),
            raw: inspection(held),
        })
    }

    pub(super) fn create_container(&mut self, spec: &ContainerSpec) -> EngineResult<String> {
        let missing = |reference: &str| {
            EngineError::new(Fault::NotFound, format!("No such image: {}", super::image::familiar(reference)))
        };
        let image = self.find_image(&spec.image).ok_or_else(|| missing(&spec.image))?.image.clone();
        self.check_create(spec)?;
        let volumes = self.make_volumes(&spec.settings.volumes, &spec.volumes_from, &image)?;
        let network = if spec.network.is_empty() { "none" } else { &spec.network };
        let place = Endpoint { fixed_address: spec.address, ..Endpoint::default() };
        let number = self.next_number();
        let id = self.new_id();
        let held = HeldContainer {
            id: id.clone(),
            spec: spec.clone(),
            image_id: image.id,
            state: State::Created,
            exit_code: None,
            oom_killed: false,
            error: String::new(),
            health: None,
            pid: None,
            starts: 0,
            restarts: 0,
            created: self.now(),
            revived: None,
            ended: None,
            revivals: 0,
            places: BTreeMap::from([(network.to_string(), place)]),
            ports: Vec::new(),
            volumes,
            files: Files::default(),
            log: Vec::new(),
            death: None,
            number,
        };
        self.containers.insert(id.clone(), held);
        self.deaths.other_event();
        Ok(id)
    }

    /// What is wrong with a container already when it is made.
    fn check_create(&self, spec: &ContainerSpec) -> EngineResult<()> {
        let name = &spec.name;
        let allowed = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
        if name.len() < 2 || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(allowed) {
            let message = format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
            return Err(EngineError::new(Fault::Refused, message));
        }
        if let Some(other) = self.containers.values().find(|held| held.spec.name == *name) {
            let message = format!(
                "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or \
                 rename) that container to be able to reuse that name.",
                other.id
            );
            return Err(EngineError::new(Fault::NameTaken, message));
        }
        if self.generation < EngineGeneration::V26 {
            return Ok(());
        }
        if let Some(lacking) = spec.capabilities_missing.iter().find(|capability| self.lacks(capability)) {
            let message = format!(
                "invalid CapDrop: capability not supported by your kernel or not available in the current environment: \"{lacking}\""
            );
            return Err(EngineError::new(Fault::Refused, message));
        }
        match (self.find_network(&spec.network), spec.address) {
            (Ok(network), Some(address)) => Holdings::check_fixed_address(network, address),
            _ => Ok(()),
        }
    }

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
            held.places.values_mut().for_each(|place| place.address = None);
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
        held.health = held.spec.settings.health_check.as_ref().map(|_| "starting".into());
        held.pid = Some(1000 + i64::from(number));
        held.starts += 1;
        held.revive(now);
        held.death = program.death;
        held.log.extend(program.lines.into_iter().map(|line| (now, line)));
        // Connected to its network, and started.
        self.deaths.other_event();
        self.deaths.other_event();
        if let Some((exit_code, 0)) = program.death {
            self.end_by_itself(id, exit_code);
        }
        Ok(())
    }

    /// Networks first, then ports, then the process: the order in which Docker finds fault.
    fn bring_up(&mut self, id: &str, program: &Program) -> EngineResult<()> {
        let spec = self.containers[id].spec.clone();
        let mut places = self.containers[id].places.clone();
        for (name, place) in &mut places {
            // Once it was on a network it keeps to that one: another of the same name is not its own.
            let key = if place.network_id.is_empty() { name } else { &place.network_id };
            let network = self.find_network(key)?;
            place.address = self.lease(network, place.fixed_address)?;
            place.network_id.clone_from(&network.network.id);
        }
        self.container_mut(id)?.places = places;
        let ports = self.bind_ports(&spec.name, &spec.ports).inspect_err(|_| {
            if self.generation >= EngineGeneration::V29 {
                self.containers.entry(id.into()).and_modify(|held| held.places.clear());
            }
        })?;
        self.container_mut(id)?.ports = ports;
        if spec.hostname.len() > LONGEST_HOSTNAME {
            let message = "OCI runtime create failed: unable to start container process: sethostname: invalid argument";
            return Err(EngineError::new(Fault::Refused, message));
        }
        let left_out = |lacking: &String| spec.capabilities_missing.iter().any(|one| bare(one) == lacking);
        if self.generation < EngineGeneration::V26
            && spec.settings.security != Security::Plain
            && !self.lacking.iter().all(left_out)
        {
            let message = "OCI runtime create failed: unable to apply caps: operation not permitted";
            return Err(EngineError::new(Fault::CapabilityMissing, message));
        }
        match &program.refusal {
            Some(message) => Err(EngineError::new(Fault::Refused, message.clone())),
            None => Ok(()),
        }
    }

    /// Only a client of an old engine has to name what it lacks, and sees it only on its own machine.
    pub(super) fn missing_capabilities(&self, is_local: bool) -> Vec<String> {
        match is_local && self.generation < EngineGeneration::V26 {
            true => self.lacking.iter().map(|name| format!("CAP_{name}")).collect(),
            false => Vec::new(),
        }
    }

    fn lacks(&self, capability: &str) -> bool {
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
        let held = self.containers.remove(&id).expect("its id was just found");
        for (volume, goes_along) in held.volumes {
            // One that others have too goes with the last of them.
            let needed = self.containers.values().any(|other| other.volumes.contains_key(&volume));
            if goes_along && !needed {
                self.volumes.remove(&volume);
            }
        }
        self.deaths.other_event();
        Ok(())
    }

    /// Ends a container's command that nobody asked to end; with a restart policy it comes back at the next call.
    pub(super) fn end_by_itself(&mut self, id: &str, exit_code: i64) {
        self.die(id, exit_code);
        if let Some(held) = self.containers.get_mut(id)
            && held.comes_back(exit_code)
        {
            held.state = State::Restarting;
        }
    }

    /// Starts what its restart policy brings back.
    pub(super) fn bring_back(&mut self) {
        let waiting = self.containers.values().filter(|held| held.state == State::Restarting);
        for id in waiting.map(|held| held.id.clone()).collect::<Vec<_>>() {
            self.containers.entry(id.clone()).and_modify(|held| held.restarts += 1);
            if self.start(&id).is_err() {
                self.containers.entry(id).and_modify(|held| held.state = State::Exited);
            }
        }
    }

    /// Ends a container's command: addresses and ports are free again, and the death is told.
    pub(super) fn die(&mut self, id: &str, exit_code: i64) {
        let now = self.now();
        let Some(held) = self.containers.get_mut(id) else { return };
        held.state = State::Exited;
        held.exit_code = Some(exit_code);
        held.pid = None;
        held.death = None;
        held.ended = Some(now);
        held.ports.clear();
        held.places.values_mut().for_each(|place| place.address = None);
        self.deaths.tell(held, exit_code, now);
    }
}

fn bare(capability: &str) -> &str {
    capability.strip_prefix("CAP_").unwrap_or(capability)
}

/// The inspection, as far as it has something to tell here.
fn inspection(held: &HeldContainer) -> serde_json::Value {
    let networks: serde_json::Map<_, _> = held
        .places
        .iter()
        .map(|(name, place)| {
            let address = place.address.map(|address| address.to_string()).unwrap_or_default();
            let fixed = place.fixed_address.map(|fixed| serde_json::json!({ "IPv4Address": fixed }));
            let shown = serde_json::json!({
                "NetworkID": place.network_id, "IPAddress": address, "IPAMConfig": fixed, "Aliases": held.spec.aliases,
            });
            (name.clone(), shown)
        })
        .collect();
    serde_json::json!({
        "Id": held.id,
        "Name": format!("/{}", held.spec.name),
        "Created": rfc3339(held.created),
        "Image": held.image_id,
        "State": {
            "Status": held.state,
            "Running": held.is_up(),
            "ExitCode": held.exit_code.unwrap_or_default(),
            "OOMKilled": held.oom_killed,
            "Error": held.error,
            "Pid": held.pid.unwrap_or_default(),
        },
        "Config": { "Hostname": held.spec.hostname, "Image": held.spec.image, "Labels": held.spec.labels },
        "NetworkSettings": { "Networks": networks },
    })
}
