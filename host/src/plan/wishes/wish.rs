//! A wish of the user for some nodes, and what the user typed for it.

use std::collections::BTreeMap;
use std::path::Path;

use clusterdock_plugin_wire::{NodeSpec, RequestedNode, Volume, VolumeSource};

use crate::cluster::provenance::digest;
use crate::plan::settings::clean;

/// What the user typed for `--volume`, `--env`, `--image` and `--label`, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WishTexts {
    /// `[SCOPE=][SOURCE:]TARGET[:ro]`.
    pub volumes: Vec<String>,
    /// `[SCOPE=]NAME=VALUE`.
    pub variables: Vec<String>,
    /// `[SCOPE=]IMAGE`.
    pub images: Vec<String>,
    /// `[SCOPE=]NAME=VALUE`.
    pub labels: Vec<String>,
}

/// What the texts refer to.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The nodes of the request.
    pub nodes: &'a [RequestedNode],
    /// The groups that the topology declares, even those without nodes.
    pub groups: &'a [&'a str],
    /// Where relative paths of volumes begin. `None` for a remote engine, which has no such folder.
    pub folder: Option<&'a Path>,
}

/// The nodes that a wish is for. A later one takes precedence over an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    All,
    Group(String),
    /// By host name.
    Node(String),
}

impl Scope {
    /// What stands before a wish for it.
    pub(super) fn prefix(&self) -> String {
        match self {
            Scope::All => String::new(),
            Scope::Group(name) | Scope::Node(name) => format!("{name}="),
        }
    }

    pub(super) fn includes(&self, spec: &NodeSpec) -> bool {
        match self {
            Scope::All => true,
            Scope::Group(group) => spec.group == *group,
            Scope::Node(hostname) => spec.hostname == *hostname,
        }
    }
}

/// One wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Volume(Volume),
    Variable(String, String),
    Image(String),
    Label(String, String),
}

impl Wish {
    pub(super) fn apply(&self, spec: &mut NodeSpec) {
        let settings = &mut spec.settings;
        match self {
            Wish::Volume(volume) => {
                let is_covered = |target: &str| clean(target) == clean(&volume.target);
                settings.volumes.retain(|one| !is_mounted_at(one, volume));
                settings.tmpfs.retain(|target, _| !is_covered(target));
                settings.volumes.push(volume.clone());
            }
            Wish::Variable(name, value) => {
                settings.environment.insert(name.clone(), value.clone());
            }
            Wish::Image(image) => spec.image = Some(image.clone()),
            Wish::Label(name, value) => {
                settings.labels.insert(name.clone(), value.clone());
            }
        }
    }

    /// Its flag, and its value as text to compare.
    pub(super) fn option(&self) -> (&'static str, String) {
        match self {
            Wish::Volume(volume) => ("volume", written(volume)),
            Wish::Variable(name, value) => ("env", format!("{name}={}", digest(value))),
            Wish::Image(image) => ("image", image.clone()),
            Wish::Label(name, value) => ("label", format!("{name}={value}")),
        }
    }

    /// What it overrides, in words. Values of variables may be secrets.
    pub(super) fn place(&self) -> String {
        match self {
            Wish::Volume(volume) => {
                let target = clean(&volume.target);
                format!(
                    "--volume overrides the topology's mount at {}",
                    target.display()
                )
            }
            Wish::Variable(name, _) => format!("--env overrides the topology's {name}"),
            Wish::Image(_) => "--image overrides the topology's image".into(),
            Wish::Label(name, _) => format!("--label overrides the topology's {name}"),
        }
    }

    /// Whether the topology asked for something else in its place.
    pub(super) fn overrides(&self, spec: &NodeSpec) -> bool {
        let settings = &spec.settings;
        match self {
            Wish::Volume(volume) => {
                let mut volumes = settings.volumes.iter();
                let mut tmpfs = settings.tmpfs.keys();
                volumes.any(|one| is_mounted_at(one, volume) && one != volume)
                    || tmpfs.any(|target| clean(target) == clean(&volume.target))
            }
            Wish::Variable(name, value) => has_other(&settings.environment, name, value),
            Wish::Image(image) => spec.image.as_ref().is_some_and(|one| one != image),
            Wish::Label(name, value) => has_other(&settings.labels, name, value),
        }
    }
}

/// A volume as the user would type it.
fn written(volume: &Volume) -> String {
    let source = match &volume.source {
        VolumeSource::Bind(source) | VolumeSource::Named(source) => format!("{source}:"),
        VolumeSource::Anonymous | VolumeSource::Image(_) => String::new(),
    };
    let mode = if volume.read_only { ":ro" } else { "" };
    format!("{source}{}{mode}", volume.target)
}

/// Whether a volume is mounted where another one is. The volumes of an image have paths of their own.
fn is_mounted_at(one: &Volume, other: &Volume) -> bool {
    !one.target.is_empty() && clean(&one.target) == clean(&other.target)
}

fn has_other(of_topology: &BTreeMap<String, String>, name: &str, wanted: &str) -> bool {
    of_topology.get(name).is_some_and(|value| value != wanted)
}
