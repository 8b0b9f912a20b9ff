//! The resources of an engine, as one look shows them, each with its owner.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::cluster::identity::{Identity, Owner};
use crate::cluster::labels::read::Problem;
use crate::cluster::names;
use crate::cluster::provenance::Provenance;
use crate::cluster::record::{self, Record};
use crate::engine::{Container, Network, Volume};

/// The resources of an engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// The address of the engine.
    pub engine: String,
    /// Containers, stopped ones included.
    pub containers: Vec<ObservedContainer>,
    /// Networks.
    pub networks: Vec<ObservedNetwork>,
    /// Volumes with the label of clusterdock.
    pub volumes: Vec<ObservedVolume>,
    /// The records of clusters by name, as far as they were read. Clusters without an entry count as completed.
    pub records: BTreeMap<String, Record>,
}

/// A container and its owner.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObservedContainer {
    /// As the engine shows it.
    pub seen: Container,
    /// Its owner, from its labels and its image.
    pub identity: Identity,
}

/// A network and its owner.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ObservedNetwork {
    /// As the engine shows it.
    pub seen: Network,
    /// Its owner, from its labels. `None` if it does not belong to clusterdock.
    pub owner: Option<Owner>,
}

/// A volume and its owner.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedVolume {
    /// Its name.
    pub name: String,
    /// Its owner, from its labels. `None` if it does not belong to clusterdock.
    pub owner: Option<Owner>,
    /// Where the cluster of a record comes from, or the label that says nothing of use.
    pub provenance: Result<Provenance, Problem>,
}

impl Observed {
    /// The resources that a look showed.
    pub fn new(
        containers: Vec<Container>,
        networks: Vec<Network>,
        volumes: Vec<Volume>,
    ) -> Observed {
        Observed {
            engine: String::new(),
            containers: containers
                .into_iter()
                .map(ObservedContainer::from)
                .collect(),
            networks: networks.into_iter().map(ObservedNetwork::from).collect(),
            volumes: volumes.into_iter().map(ObservedVolume::from).collect(),
            records: BTreeMap::new(),
        }
    }

    /// The same resources, as those of the engine with this address.
    #[must_use]
    pub fn on_engine(self, address: &str) -> Observed {
        let engine = address.into();
        Observed { engine, ..self }
    }

    /// Addresses that containers, running or not, were created with.
    pub fn fixed_addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.containers
            .iter()
            .flat_map(|container| container.seen.networks.values())
            .filter_map(|endpoint| endpoint.fixed_address)
    }

    /// Containers that carry labels of clusterdock but were not created by it, or whose labels are damaged: these are
    /// reported and skipped.
    pub fn strangers(&self) -> impl Iterator<Item = &ObservedContainer> {
        let is_strange = |one: &&ObservedContainer| {
            matches!(
                one.identity,
                Identity::Foreign { .. } | Identity::Damaged(_)
            )
        };
        self.containers.iter().filter(is_strange)
    }
}

impl From<Container> for ObservedContainer {
    fn from(seen: Container) -> ObservedContainer {
        ObservedContainer {
            identity: Identity::of(&seen),
            seen,
        }
    }
}

impl From<Network> for ObservedNetwork {
    fn from(seen: Network) -> ObservedNetwork {
        // Docker accepts any text as a network's name, even one that acts on a terminal; clusterdock creates no such network.
        let is_well_named = |owner: &Owner| match owner {
            Owner::Run(_) => names::check_network(&seen.name).is_ok(),
            Owner::Original(_) => names::check_engine_name(&seen.name).is_ok(),
        };
        ObservedNetwork {
            owner: Owner::of(&seen.labels).filter(is_well_named),
            seen,
        }
    }
}

impl From<Volume> for ObservedVolume {
    fn from(seen: Volume) -> ObservedVolume {
        // Clusterdock creates no volumes but the records of clusters.
        let is_record = |owner: &Owner| seen.name == record::volume_name(owner.cluster());
        ObservedVolume {
            owner: Owner::of(&seen.labels).filter(is_record),
            provenance: Provenance::read(&seen.labels),
            name: seen.name,
        }
    }
}
