//! Fills an engine before a test without calls: foreign resources, clusterdock's own (with labels from the test), and
//! clusters of the original.

use clusterdock::engine::{ContainerSpec, Image, Labels, Network, NetworkSpec, State, Volume};
use ipnet::Ipv4Net;

use super::FakeEngine;
use super::network::plain;
use super::state::Holdings;

/// The label with which the original marks its containers and networks.
const ORIGINAL_LABEL: &str = "com.clusterdock.clusterdock";

/// Places things in an engine. Each method panics if the engine's rules do not allow the thing, since the test would
/// begin in an impossible state.
pub struct Seed<'a> {
    fake: &'a FakeEngine,
}

impl FakeEngine {
    /// Places things in the engine. No call is counted.
    pub fn seed(&self) -> Seed<'_> {
        Seed { fake: self }
    }

    /// Renames a container, as `docker rename` does.
    pub fn rename(&self, name: &str, other: &str) {
        self.change(|holdings| {
            holdings.container_mut(name).expect("a container").spec.name = other.into()
        });
    }

    /// Sets a label of all containers: an engine can show whatever it likes.
    pub fn relabel(&self, key: &str, value: &str) {
        self.change(|holdings| {
            for held in holdings.containers.values_mut() {
                held.spec.labels.insert(key.into(), value.into());
            }
        });
    }

    /// Removes all containers, volumes, and networks except built-in ones, as a user may who does not know clusterdock.
    pub fn remove_everything(&self) {
        self.change(|holdings| {
            holdings.containers.clear();
            holdings.volumes.clear();
            holdings
                .networks
                .retain(|_, held| !held.network.labels.contains_key(ORIGINAL_LABEL));
        });
    }

    /// Makes the engine lack a capability, written with or without `CAP_`.
    pub fn lack_capability(&self, name: &str) {
        let bare = name.strip_prefix("CAP_").unwrap_or(name).to_string();
        self.change(|holdings| holdings.lacking.insert(bare));
    }
}

impl Seed<'_> {
    /// An image that runs a shell and declares no volumes.
    pub fn image(&self, reference: &str) -> &Self {
        let command = vec!["/bin/sh".to_string()];
        self.image_as(
            reference,
            Image {
                command,
                size: 1 << 20,
                ..Image::default()
            },
        )
    }

    /// An image; it gets an id if it has none.
    pub fn image_as(&self, reference: &str, image: Image) -> &Self {
        self.place(|holdings| holdings.hold_image(reference, image))
    }

    /// A network with a subnet of its creator's choice, such as clusterdock's.
    pub fn network(&self, spec: &NetworkSpec) -> &Self {
        self.place(|holdings| {
            holdings
                .create_network(spec)
                .expect("a network that can be made")
        })
    }

    /// A foreign network whose subnet the engine chose: no fixed addresses there.
    pub fn plain_network(&self, name: &str, subnet: Ipv4Net) -> &Self {
        self.network_as(plain(name, subnet, Labels::new()))
    }

    /// Any network (overlay, macvlan, a second one of a name, ...), unchecked, without fixed addresses. It gets an id
    /// if it has none.
    pub fn network_as(&self, network: Network) -> &Self {
        self.place(|holdings| holdings.hold_network(network, false, None))
    }

    /// A volume.
    pub fn volume(&self, volume: &Volume) -> &Self {
        self.place(|holdings| holdings.create_volume(volume))
    }

    /// A container in a state, created and started by the rules; its image is placed if missing.
    pub fn container(&self, spec: &ContainerSpec, state: State) -> &Self {
        self.place(|holdings| holdings.place_container(spec, state));
        self
    }

    /// A cluster as the original leaves it: running containers with generated names, on a network whose subnet the
    /// engine chose, all with the original's label.
    pub fn original_cluster(
        &self,
        name: &str,
        network: &str,
        subnet: Ipv4Net,
        hostnames: &[&str],
    ) -> &Self {
        let label = serde_json::json!({
            "name": "clusterdock", "version": "2.3.0", "location": "/usr/lib/clusterdock", "cluster_name": name,
        });
        let labels = Labels::from([(ORIGINAL_LABEL.to_string(), label.to_string())]);
        self.network_as(plain(network, subnet, labels.clone()));
        for hostname in hostnames {
            let spec = ContainerSpec {
                name: format!(
                    "{}_{}_{hostname}",
                    name.replace('.', "_"),
                    network.replace('.', "_")
                ),
                hostname: format!("{hostname}.{network}"),
                image: "clusterdock/topology_nodebase:centos6.8".into(),
                labels: labels.clone(),
                network: network.into(),
                aliases: vec![(*hostname).to_string()],
                ..ContainerSpec::default()
            };
            self.container(&spec, State::Running);
        }
        self
    }

    fn place<T>(&self, place: impl FnOnce(&mut Holdings) -> T) -> &Self {
        self.fake.change(place);
        self
    }
}

impl Holdings {
    fn place_container(&mut self, spec: &ContainerSpec, state: State) {
        if self.find_image(&spec.image).is_none() {
            self.hold_image(&spec.image, Image::default());
        }
        let id = self
            .create_container(spec)
            .expect("a container that can be made");
        if state != State::Created {
            self.start_container(&id)
                .expect("a container that can be started");
        }
        match state {
            State::Created | State::Running => {}
            State::Exited => self
                .stop_container(&id)
                .expect("a container that can be stopped"),
            other => self.container_mut(&id).expect("it was just made").state = other,
        }
    }
}
