//! Everything that the engine has, behind one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use clusterdock::engine::{BuildSpec, EngineError, EngineResult, Fault, Image, Login};

use super::EngineGeneration;
use super::calls::Ledger;
use super::container::HeldContainer;
use super::exec::{HeldExec, Runner};
use super::image::HeldImage;
use super::network::HeldNetwork;
use super::program::Program;
use super::stream::Deaths;
use super::usage::Noted;
use super::volume::HeldVolume;

/// Containers, networks and images by id, volumes by name, and the test's settings.
pub(super) struct Holdings {
    pub(super) generation: EngineGeneration,
    pub(super) clock: Option<i64>,
    pub(super) reachable: bool,
    /// Increases when open streams break.
    pub(super) connection: u64,
    pub(super) ledger: Ledger,
    pub(super) containers: BTreeMap<String, HeldContainer>,
    pub(super) networks: BTreeMap<String, HeldNetwork>,
    pub(super) volumes: BTreeMap<String, HeldVolume>,
    pub(super) images: BTreeMap<String, HeldImage>,
    /// What can be pulled, by familiar reference; if `None`, no registry can be reached.
    pub(super) registry: Option<BTreeMap<String, Image>>,
    /// The credentials that registries require.
    pub(super) wanted_login: Option<Login>,
    /// Builds so far.
    pub(super) builds: Vec<BuildSpec>,
    /// Programs by host name, container name or image.
    pub(super) programs: BTreeMap<String, Program>,
    /// Host ports that are held by other programs.
    pub(super) busy_ports: BTreeSet<(IpAddr, u16)>,
    /// Capabilities that the engine lacks, without `CAP_`.
    pub(super) lacking: BTreeSet<String>,
    pub(super) execs: Vec<HeldExec>,
    pub(super) runner: Runner,
    pub(super) deaths: Deaths,
    pub(super) happenings: Vec<Noted>,
    made: u32,
}

impl Holdings {
    pub(super) fn new(generation: EngineGeneration) -> Holdings {
        let mut holdings = Holdings {
            generation,
            clock: None,
            reachable: true,
            connection: 0,
            ledger: Ledger::default(),
            containers: BTreeMap::new(),
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            registry: None,
            wanted_login: None,
            builds: Vec::new(),
            programs: BTreeMap::new(),
            busy_ports: BTreeSet::new(),
            lacking: BTreeSet::new(),
            execs: Vec::new(),
            runner: Runner::default(),
            deaths: Deaths::default(),
            happenings: Vec::new(),
            made: 0,
        };
        holdings.make_predefined_networks();
        holdings
    }

    /// Unix seconds.
    pub(super) fn now(&self) -> i64 {
        let machine = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |time| time.as_secs().cast_signed())
        };
        self.clock.unwrap_or_else(machine)
    }

    /// A number that increases with everything that is created.
    pub(super) fn next_number(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    /// A new id: 64 hexadecimal digits, the first twelve of which are unique, like Docker's.
    pub(super) fn new_id(&mut self) -> String {
        let number = self.next_number();
        // Odd, so that different numbers stay different.
        let mixed = number.wrapping_mul(0x9E37_79B1);
        format!("{mixed:08x}{number:056x}")
    }

    /// The container with this id or name, or with this unique prefix of an id.
    pub(super) fn container_id(&self, key: &str) -> EngineResult<String> {
        let named = self
            .containers
            .values()
            .find(|container| container.id == key || container.spec.name == key);
        let mut beginning = self
            .containers
            .keys()
            .filter(|id| !key.is_empty() && id.starts_with(key));
        match (named, beginning.next(), beginning.next()) {
            (Some(container), ..) => Ok(container.id.clone()),
            (None, Some(id), None) => Ok(id.clone()),
            _ => Err(EngineError::new(
                Fault::NotFound,
                format!("No such container: {key}"),
            )),
        }
    }

    pub(super) fn container(&self, key: &str) -> EngineResult<&HeldContainer> {
        let id = self.container_id(key)?;
        Ok(&self.containers[&id])
    }

    pub(super) fn container_mut(&mut self, key: &str) -> EngineResult<&mut HeldContainer> {
        let id = self.container_id(key)?;
        Ok(self.containers.get_mut(&id).expect("its id was just found"))
    }

    /// A container's name, or the given text if there is no such container, for the record of calls.
    pub(super) fn name_of(&self, key: &str) -> String {
        self.container(key)
            .map_or_else(|_| key.to_string(), |container| container.spec.name.clone())
    }
}
