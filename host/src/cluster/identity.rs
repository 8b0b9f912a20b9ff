//! The owner of a container, network or volume. It is determined once, when the engine shows the resource; all later code
//! works with the result and never with a raw label.
//!
//! Labels alone prove nothing: an image that was committed from a node passes them on to every container that is
//! created from it. But no image can contain its own id, so a container only belongs to clusterdock if its label equals
//! the id of the image that, according to the engine, it was created from.

use crate::cluster::labels::read::{self, Problem};
use crate::cluster::labels::{self, HelperLabels, NodeLabels, RunId};
use crate::cluster::names;
use crate::engine::{Container, Labels, State};

/// The owner of a container.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Identity {
    /// A node, created by clusterdock.
    Node(Box<NodeLabels>),
    /// A helper, created by clusterdock: it holds the volumes of an image for nodes.
    Helper(Box<HelperLabels>),
    /// A node of the original clusterdock, or a helper of such nodes.
    Original(Original),
    /// A container with labels of clusterdock that clusterdock did not create: they come from its image, or were set by
    /// hand.
    Foreign {
        /// The start that it names. Only that start itself may trust this, to roll back what it has just created.
        run: Option<RunId>,
    },
    /// A container whose labels of clusterdock are damaged.
    Damaged(Damage),
    /// A container without labels of clusterdock.
    #[default]
    Unrelated,
}

/// What is known about a container whose labels are damaged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong with them.
    pub problem: Problem,
    /// The start that created it, as far as it can be read. Other resources of that start are still in use.
    pub run: Option<RunId>,
    /// The cluster of that start.
    pub cluster: Option<String>,
}

/// What is known about a container of the original clusterdock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Original {
    /// The cluster's name.
    pub cluster: String,
    /// The version of the original.
    pub version: String,
    /// Without the domain.
    pub hostname: String,
    /// The network's name; empty for a helper.
    pub network: String,
    /// Whether it only holds the volumes of an image for nodes.
    pub is_helper: bool,
    /// The original's label, as the engine's events are filtered by it.
    pub label: String,
}

impl Identity {
    /// Determines the owner of a container. The original has no label for the host name, so that of its nodes comes from an
    /// inspection ([`Container::hostname`]).
    pub fn of(container: &Container) -> Identity {
        let labels = &container.labels;
        if !read::claims_cluster(labels) {
            return Identity::Unrelated;
        }
        if !read::claims_start(labels) {
            let damaged = |problem| {
                Identity::Damaged(Damage {
                    problem,
                    ..Damage::default()
                })
            };
            return original(container).map_or_else(damaged, Identity::Original);
        }
        let run = labels.get(labels::RUN).and_then(|run| RunId::parse(run));
        if !is_of_its_image(container) {
            return Identity::Foreign { run };
        }
        let found = if read::is_helper(labels) {
            read::helper(labels).map(|helper| Identity::Helper(Box::new(helper)))
        } else {
            read::node(labels).map(|node| Identity::Node(Box::new(node)))
        };
        let cluster = || {
            labels
                .get(labels::CLUSTER)
                .filter(|name| names::check_cluster(name).is_ok())
                .cloned()
        };
        found.unwrap_or_else(|problem| {
            Identity::Damaged(Damage {
                problem,
                run,
                cluster: cluster(),
            })
        })
    }

    /// The cluster that the container belongs to, clusterdock's or the original's.
    pub fn cluster(&self) -> Option<&str> {
        match self {
            Identity::Node(node) => Some(&node.run.cluster),
            Identity::Helper(helper) => Some(&helper.run.cluster),
            Identity::Original(original) => Some(&original.cluster),
            Identity::Foreign { .. } | Identity::Damaged(_) | Identity::Unrelated => None,
        }
    }

    /// The start that created it, unless it is the original's.
    pub fn run(&self) -> Option<&labels::Run> {
        match self {
            Identity::Node(node) => Some(&node.run),
            Identity::Helper(helper) => Some(&helper.run),
            _ => None,
        }
    }

    /// Its container's name as clusterdock gave it, if it is a node: another node of that name would be ambiguous on the
    /// network even if the container was renamed.
    pub fn container_name(&self) -> Option<String> {
        match self {
            Identity::Node(node) => Some(names::container(&node.hostname, &node.network)),
            Identity::Original(original) if !original.is_helper => {
                Some(names::container(&original.hostname, &original.network))
            }
            _ => None,
        }
    }

    /// The FQDN, if it is a node.
    pub fn fqdn(&self) -> Option<String> {
        match self {
            Identity::Node(node) => Some(node.fqdn()),
            Identity::Original(original) if !original.is_helper => Some(original.fqdn()),
            _ => None,
        }
    }
}

impl Original {
    /// `HOSTNAME.NETWORK`: the original knows no other domain.
    pub fn fqdn(&self) -> String {
        format!("{}.{}", self.hostname, self.network)
    }
}

/// The owner of a network or volume. These inherit no labels, so their labels suffice.
#[derive(Debug, Clone, PartialEq)]
pub enum Owner {
    /// The start that created it.
    Run(Box<labels::Run>),
    /// The original, which created it for this cluster.
    Original(String),
}

impl Owner {
    /// Determines the owner of a network or volume. `None` if it does not belong to clusterdock, as far as its labels
    /// can be read.
    pub fn of(labels: &Labels) -> Option<Owner> {
        if labels.contains_key(labels::RUN) {
            Some(Owner::Run(Box::new(read::run(labels).ok()?)))
        } else {
            Some(Owner::Original(read::origin(labels).ok()?.cluster_name?))
        }
    }

    /// The cluster's name.
    pub fn cluster(&self) -> &str {
        match self {
            Owner::Run(run) => &run.cluster,
            Owner::Original(cluster) => cluster,
        }
    }

    /// The start that created it, unless it is the original's.
    pub fn run(&self) -> Option<&labels::Run> {
        match self {
            Owner::Run(run) => Some(run),
            Owner::Original(_) => None,
        }
    }
}

fn is_of_its_image(container: &Container) -> bool {
    !container.image_id.is_empty()
        && container.labels.get(labels::IMAGE_ID) == Some(&container.image_id)
}

/// The original's containers have no label for the host name, and a container name that the engine chose.
fn original(container: &Container) -> Result<Original, Problem> {
    let origin = read::origin(&container.labels)?;
    let named = Original {
        cluster: origin.cluster_name.unwrap_or_default(),
        version: origin.version,
        label: container
            .labels
            .get(labels::ORIGIN)
            .cloned()
            .unwrap_or_default(),
        ..Original::default()
    };
    // Of the original's containers, only helpers are on the built-in network and never started.
    if container.state == State::Created && container.networks.keys().eq(["bridge"]) {
        return Ok(Original {
            is_helper: true,
            ..named
        });
    }
    let network = container
        .networks
        .keys()
        .next()
        .cloned()
        .unwrap_or_default();
    let called = container.hostname.clone().filter(|name| !name.is_empty());
    let hostname = called.unwrap_or_else(|| container.name.clone());
    // The host name of the original's nodes is their FQDN.
    let hostname = hostname
        .strip_suffix(&format!(".{network}"))
        .unwrap_or(&hostname)
        .to_string();
    for (what, name) in [("host name", &hostname), ("network", &network)] {
        names::check_engine_name(name).map_err(|_| format!("its {what} is invalid"))?;
    }
    Ok(Original {
        hostname,
        network,
        ..named
    })
}

#[cfg(test)]
mod tests;
