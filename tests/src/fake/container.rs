//! Containers and their lives. Most problems of a container show when it starts.

use std::collections::BTreeMap;

use clusterdock::engine::container::PublishedPort;
use clusterdock::engine::{
    Container, ContainerSpec, ContainerState, Endpoint, EngineError, EngineResult, Fault, Filter,
    LogLine, State,
};

use super::EngineGeneration;
use super::files::Files;
use super::network::rfc3339;
use super::state::Holdings;
use super::volume::Use;

/// The exit code of a command that is asked to end under the engine's init.
pub(super) const TERMINATED: i64 = 143;

/// The exit code of a command that is killed.
pub(super) const KILLED: i64 = 137;

/// A container, with everything that lists and inspections show.
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
    /// How many of these, at the end, are by its restart policy.
    pub(super) restarts: u32,
    pub(super) created: i64,
    /// When it was last started or unpaused, and when its last run ended.
    pub(super) revived: Option<i64>,
    /// When its last run began: the second, and the number of that run, which distinguishes runs within one second.
    pub(super) started: Option<(i64, u32)>,
    pub(super) ended: Option<i64>,
    /// How often it was started or unpaused.
    pub(super) revivals: u32,
    pub(super) endpoints: BTreeMap<String, Endpoint>,
    /// Its current addresses; empty while it is not running.
    pub(super) ports: Vec<PublishedPort>,
    /// Its volumes.
    pub(super) uses: Vec<Use>,
    pub(super) files: Files,
    /// Log lines and their times.
    pub(super) log: Vec<(i64, LogLine)>,
    /// The end of its program: exit code, and the number of calls until then.
    pub(super) death: Option<(i64, usize)>,
    pub(super) number: u32,
}

impl HeldContainer {
    /// Whether it has a process, paused or not.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Running | State::Paused)
    }

    /// Whether it is on a network, or was when it last started.
    pub(super) fn is_on(&self, network_id: &str) -> bool {
        self.endpoints
            .values()
            .any(|endpoint| endpoint.network_id == network_id)
    }

    /// Records that it has just begun to run.
    pub(super) fn revive(&mut self, now: i64) {
        self.revived = Some(now);
        self.revivals += 1;
    }

    pub(super) fn comes_back(&self, exit_code: i64) -> bool {
        let policy = self.spec.settings.restart.as_deref().unwrap_or("no");
        let (word, most) = policy.split_once(':').unwrap_or((policy, ""));
        match word {
            "always" | "unless-stopped" => true,
            "on-failure" => {
                exit_code != 0 && most.parse().map_or(true, |most: u32| self.restarts < most)
            }
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
        let mut found: Vec<_> = self
            .containers
            .values()
            .filter(|held| filter.matches(&held.spec.labels))
            .collect();
        found.sort_by_key(|held| std::cmp::Reverse(held.number));
        found.into_iter().map(|held| self.listed(held)).collect()
    }

    fn listed(&self, held: &HeldContainer) -> Container {
        let still_tagged = self
            .find_image(&held.spec.image)
            .is_some_and(|found| found.image.id == held.image_id);
        Container {
            id: held.id.clone(),
            name: held.spec.name.clone(),
            hostname: None,
            image: if still_tagged {
                held.spec.image.clone()
            } else {
                held.image_id.clone()
            },
            image_id: held.image_id.clone(),
            labels: held.spec.labels.clone(),
            state: held.state,
            status: held.status(),
            created: held.created,
            ports: held.ports.clone(),
            networks: held.endpoints.clone(),
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
            networks: held.endpoints.clone(),
            ports: held.ports.clone(),
            wanted_ports: held.spec.ports.clone(),
            extra_hosts: held.spec.extra_hosts.clone(),
            started: held.started.map(|(second, start)| {
                jiff::Timestamp::new(second, start.cast_signed())
                    .expect("a clock within jiff's range")
            }),
            may_restart: !matches!(
                held.spec.settings.restart.as_deref(),
                None | Some("no" | "")
            ),
            ended: held.ended.map(|ended| {
                jiff::Timestamp::from_second(ended).expect("a clock within jiff's range")
            }),
            raw: inspection(held),
        })
    }

    pub(super) fn create_container(&mut self, spec: &ContainerSpec) -> EngineResult<String> {
        let missing = |reference: &str| {
            EngineError::new(
                Fault::NotFound,
                format!("No such image: {}", super::image::familiar(reference)),
            )
        };
        let image = self
            .find_image(&spec.image)
            .ok_or_else(|| missing(&spec.image))?
            .image
            .clone();
        self.check_create(spec)?;
        let uses = self.make_volumes(spec, &image)?;
        let network = if spec.network.is_empty() {
            "none"
        } else {
            &spec.network
        };
        let endpoint = Endpoint {
            fixed_address: spec.address,
            ..Endpoint::default()
        };
        let number = self.next_number();
        let id = self.new_id();
        let held = HeldContainer {
            id: id.clone(),
            // Labels of the image are inherited unless the container has others.
            spec: ContainerSpec {
                labels: image
                    .labels
                    .into_iter()
                    .chain(spec.labels.clone())
                    .collect(),
                ..spec.clone()
            },
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
            started: None,
            ended: None,
            revivals: 0,
            endpoints: BTreeMap::from([(network.to_string(), endpoint)]),
            ports: Vec::new(),
            uses,
            files: Files::default(),
            log: Vec::new(),
            death: None,
            number,
        };
        self.containers.insert(id.clone(), held);
        self.deaths.other_event();
        self.note(&id, "create", None);
        Ok(id)
    }

    /// Problems of a container that show at its creation.
    fn check_create(&self, spec: &ContainerSpec) -> EngineResult<()> {
        let name = &spec.name;
        let allowed =
            |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
        if name.len() < 2
            || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !name.chars().all(allowed)
        {
            let message = format!(
                "Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            );
            return Err(EngineError::new(Fault::Refused, message));
        }
        if let Some(other) = self
            .containers
            .values()
            .find(|held| held.spec.name == *name)
        {
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
        if let Some(lacking) = spec
            .capabilities_missing
            .iter()
            .find(|capability| self.lacks(capability))
        {
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
}

/// The inspection, with the fields that matter here.
fn inspection(held: &HeldContainer) -> serde_json::Value {
    let networks: serde_json::Map<_, _> = held
        .endpoints
        .iter()
        .map(|(name, endpoint)| {
            let address = endpoint.address.map(|address| address.to_string()).unwrap_or_default();
            let fixed = endpoint.fixed_address.map(|fixed| serde_json::json!({ "IPv4Address": fixed }));
            let shown = serde_json::json!({
                "NetworkID": endpoint.network_id, "IPAddress": address, "IPAMConfig": fixed, "Aliases": held.spec.aliases,
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
