//! How a cluster differs from what a start asks for now, so that `up` does not take one for the other.

use std::collections::{BTreeMap, BTreeSet};

use clusterdock_plugin_wire::{NodeSpec, Request, Value};

use super::start_plan::TopologyFacts;
use crate::cluster::identity::Identity;
use crate::cluster::labels::NodeLabels;
use crate::cluster::observed::Observed;
use crate::cluster::provenance::{Provenance, StartOptions};
use crate::engine::{Container, Image};
use crate::printable;

/// What a start asks for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its topology.
    pub topology: &'a TopologyFacts,
    /// Its request.
    pub request: &'a Request,
    /// Its other options.
    pub options: &'a StartOptions,
    /// Its nodes.
    pub specs: &'a [NodeSpec],
    /// Their images by reference, as far as the engine has them.
    pub images: &'a BTreeMap<String, Image>,
}

/// What differs, a sentence each; empty for the cluster that is asked for.
pub fn differences(observed: &Observed, cluster: &str, asked: &Asked<'_>) -> Vec<String> {
    let nodes = nodes(observed, cluster);
    let Some((labels, _)) = nodes.first() else {
        return vec!["it was started by the original clusterdock".into()];
    };
    let mut found: Vec<String> = of_topology(labels, asked.topology).into_iter().collect();
    if labels.topology != asked.topology.name {
        return found;
    }
    let mut volumes = observed.volumes.iter();
    let is_record = |owner: &str| owner == cluster;
    let record = volumes.find(|one| {
        one.owner
            .as_ref()
            .is_some_and(|owner| is_record(owner.cluster()))
    });
    match record.map(|record| &record.provenance) {
        Some(Ok(provenance)) => found.extend(of_provenance(provenance, asked)),
        Some(Err(fault)) => found.push(unknown(fault)),
        None => found.push(unknown("the cluster has no record")),
    }
    found.extend(of_images(&nodes, asked));
    found
}

fn unknown(why: &str) -> String {
    format!("how it was started is unknown: {why}")
}

fn nodes<'a>(observed: &'a Observed, cluster: &str) -> Vec<(&'a NodeLabels, &'a Container)> {
    let nodes = observed
        .containers
        .iter()
        .filter_map(|one| match &one.identity {
            Identity::Node(labels) if labels.run.cluster == cluster => Some((&**labels, &one.seen)),
            _ => None,
        });
    nodes.collect()
}

fn of_topology(labels: &NodeLabels, asked: &TopologyFacts) -> Option<String> {
    let shown = |name: &str, version: &str| format!("{name} {version}");
    let before = shown(&labels.topology, &labels.topology_version);
    let now = shown(&asked.name, &asked.version);
    if before != now {
        Some(changed("topology", Some(&before), Some(&now)))
    } else if labels.plugin_digest != asked.plugin_digest {
        Some(format!(
            "the library of topology `{}` has changed",
            asked.name
        ))
    } else {
        None
    }
}

fn of_provenance(provenance: &Provenance, asked: &Asked<'_>) -> Vec<String> {
    let Ok(before) = serde_json::from_str::<Request>(&provenance.request) else {
        return vec![unknown("another version of clusterdock started it")];
    };
    if before.is_build {
        return vec!["it was started to build images".into()];
    }
    let mut found = of_requests(&before, &asked.request.without_secrets());
    match &provenance.options {
        Some(options) => found.extend(of_options(options, asked.options)),
        None => found.push(unknown("an earlier version of clusterdock started it")),
    }
    found
}

fn of_requests(before: &Request, now: &Request) -> Vec<String> {
    let facts = |request: &Request| {
        let mut facts = BTreeMap::from([
            ("network".to_string(), request.network.clone()),
            ("domain".into(), request.domain.clone()),
            ("operating-system".into(), request.operating_system.clone()),
            ("namespace".into(), request.namespace.clone()),
        ]);
        facts.extend(request.registry.clone().map(|one| ("registry".into(), one)));
        if request.predictable {
            facts.insert("predictable".into(), "true".into());
        }
        for node in &request.nodes {
            let names = facts.entry(node.group.clone()).or_default();
            *names = format!("{names} {}", node.hostname).trim().to_string();
        }
        for (name, value) in &request.args {
            facts.extend(text(value).map(|value| (name.clone(), value)));
        }
        facts
    };
    compare(&facts(before), &facts(now))
}

/// A value as the user would type it; `None` for a secret and for a switch that is not set.
fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Secret(_) | Value::Flag(false) => return None,
        Value::Flag(true) => "true".into(),
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::List(list) => list.join(" "),
        Value::Milliseconds(time) => format!("{time}ms"),
        Value::Bytes(bytes) => bytes.to_string(),
        Value::Port(port) => format!("{}/{}", port.number, port.protocol),
        Value::Path(path) => path.display().to_string(),
        Value::Map(map) => {
            let entries = map.iter();
            let entries = entries.map(|(name, values)| format!("{name}={}", values.join(",")));
            entries.collect::<Vec<_>>().join(" ")
        }
    })
}

fn of_options(before: &StartOptions, now: &StartOptions) -> Vec<String> {
    // Values of variables may be secrets, and are digests.
    let is_env = |options: &StartOptions| options.get("env").cloned();
    let without_env = |options: &StartOptions| {
        let mut options = options.clone();
        options.remove("env");
        options
    };
    let mut found = compare(&without_env(before), &without_env(now));
    if is_env(before) != is_env(now) {
        found.push("`--env` has changed".into());
    }
    found
}

fn compare(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let flags: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let of = |flag: &String| {
        let (before, now) = (before.get(flag), now.get(flag));
        (before != now).then(|| {
            changed(
                &format!("--{flag}"),
                before.map(|one| &**one),
                now.map(|one| &**one),
            )
        })
    };
    flags.into_iter().filter_map(of).collect()
}

fn changed(what: &str, before: Option<&str>, now: Option<&str>) -> String {
    let what = printable::line(what);
    let shown = |value: &str| format!("`{}`", printable::line(value));
    match (before, now) {
        (Some(before), Some(now)) => format!("`{what}` was {}, now {}", shown(before), shown(now)),
        (Some(before), None) => format!("`{what}` was {}, now it is not given", shown(before)),
        (None, Some(now)) => format!("`{what}` was not given, now it is {}", shown(now)),
        (None, None) => format!("`{what}` has changed"),
    }
}

/// Images that are not those of the nodes any more, each with its nodes.
fn of_images(nodes: &[(&NodeLabels, &Container)], asked: &Asked<'_>) -> Vec<String> {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (labels, container) in nodes {
        let mut specs = asked.specs.iter();
        let Some(spec) = specs.find(|spec| spec.hostname == labels.hostname) else {
            continue;
        };
        let wanted = spec.image.as_ref().unwrap_or(&asked.request.image);
        let what = match asked.images.get(wanted) {
            Some(image) if image.id == container.image_id => continue,
            _ if container.image != *wanted && !container.image.starts_with("sha256:") => {
                changed("image", Some(&container.image), Some(wanted))
            }
            Some(_) => format!("image `{wanted}` has changed"),
            // The engine no longer has it under this name, so it cannot have changed.
            None => continue,
        };
        found.entry(what).or_default().push(&labels.hostname);
    }
    let sentence = |(what, mut nodes): (String, Vec<&str>)| {
        nodes.sort_unstable();
        format!("{what} ({})", nodes.join(", "))
    };
    found.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests;
