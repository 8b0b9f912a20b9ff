//! Reads labels from the engine, checked and bounded, so that their values can be part of a path, a directive or a line on
//! a terminal.

use std::collections::BTreeMap;

use super::*;
use crate::cluster::names;
use crate::printable::is_printable;

/// Why labels are invalid: a fragment that names the label.
pub type Problem = String;

/// The longest value of a label with a short text: a group, version, digest or image reference.
const LONGEST_WORD: usize = 512;
/// The longest value of a label that is JSON or a list.
pub(in crate::cluster) const LONGEST_TEXT: usize = 64 * 1024;
/// The longest path of the kernel.
const LONGEST_PATH: usize = 4096;
/// The largest cluster: as many nodes as the largest network has addresses.
const LARGEST_SIZE: usize = 1 << 16;

/// The labels of a node.
///
/// # Errors
/// The first label that is missing or invalid.
pub fn node(labels: &Labels) -> Result<NodeLabels, Problem> {
    let run = Run {
        size: size(labels)?,
        ..container_run(labels)?
    };
    let network = name(labels, NETWORK, names::check_network)?;
    let node = NodeLabels {
        hostname: name(labels, NODE, names::check_hostname)?,
        domain: domain(labels, &network)?,
        network,
        group: word(labels, GROUP)?,
        topology: word(labels, TOPOLOGY)?,
        topology_version: word(labels, TOPOLOGY_VERSION)?,
        plugin_digest: word(labels, PLUGIN_DIGEST)?,
        probes: probes(labels, PROBES)?,
        serves: probes(labels, SERVES)?,
        after: words(labels, AFTER)?,
        hooks: hooks(labels)?,
        volumes_from: volumes_from(labels, &run)?,
        ssh_keys: ssh_keys(labels)?,
        run,
    };
    names::fqdn(&node.hostname, &node.domain).map_err(|_| invalid(NODE))?;
    Ok(node)
}

/// Whether these labels are a helper's: only helpers have this one.
pub fn is_helper(labels: &Labels) -> bool {
    is_set(labels, VOLUMES_OF)
}

/// The labels of a helper.
///
/// # Errors
/// The first label that is missing or invalid.
pub fn helper(labels: &Labels) -> Result<HelperLabels, Problem> {
    let run = Run {
        size: 0,
        ..container_run(labels)?
    };
    let name = word(labels, HELPER)?;
    if is_helper_of(&name, &run) {
        Ok(HelperLabels {
            image: word(labels, VOLUMES_OF)?,
            name,
            run,
        })
    } else {
        Err(invalid(HELPER))
    }
}

/// The start that created a network or volume.
///
/// # Errors
/// The first label that is missing or invalid.
pub fn run(labels: &Labels) -> Result<Run, Problem> {
    let origin = origin(labels)?;
    let created = word(labels, CREATED)?;
    created
        .parse::<jiff::Timestamp>()
        .map_err(|_| invalid(CREATED))?;
    Ok(Run {
        id: labels
            .get(RUN)
            .and_then(|id| RunId::parse(id))
            .ok_or_else(|| invalid(RUN))?,
        cluster: origin.cluster_name.unwrap_or_default(),
        created,
        version: word(labels, VERSION)?,
        location: origin.location,
        size: if is_set(labels, SIZE) {
            size(labels)?
        } else {
            0
        },
    })
}

/// Where a cluster comes from, by the labels of its record: a path, a request as JSON, and the signature of both.
///
/// # Errors
/// The first label that is missing or invalid.
pub fn provenance(labels: &Labels) -> Result<(&str, &str, &str), Problem> {
    let topology = text(labels, PROVENANCE_TOPOLOGY, LONGEST_PATH)?;
    if !is_printable(topology) || !topology.starts_with('/') {
        return Err(invalid(PROVENANCE_TOPOLOGY));
    }
    let request = text(labels, PROVENANCE_REQUEST, LONGEST_TEXT)?;
    let signature = text(labels, PROVENANCE_SIGNATURE, LONGEST_WORD)?;
    Ok((topology, request, signature))
}

/// The options of a start, by flag, from the labels of its cluster's record. `None` if the label is missing.
///
/// # Errors
/// The label is invalid.
pub fn options(labels: &Labels) -> Result<Option<BTreeMap<String, String>>, Problem> {
    if !is_set(labels, PROVENANCE_OPTIONS) {
        return Ok(None);
    }
    let json = text(labels, PROVENANCE_OPTIONS, LONGEST_TEXT)?;
    let options: BTreeMap<String, String> =
        serde_json::from_str(json).map_err(|_| invalid(PROVENANCE_OPTIONS))?;
    Ok(Some(options))
}

/// The digest of the context that the image of this reference was built from; `None` if its labels do not say it.
pub fn context<'a>(labels: &'a Labels, reference: &str) -> Option<&'a str> {
    let (name, digest) = text(labels, CONTEXT, LONGEST_WORD).ok()?.split_once(' ')?;
    (name == last_name(reference)).then_some(digest)
}

/// Whether the engine recreated a record in place of one that had been removed.
pub fn is_recreated(labels: &Labels) -> bool {
    is_set(labels, RECREATED)
}

/// The original's label of a resource that belongs to a cluster.
///
/// # Errors
/// It is missing or invalid, or has no cluster.
pub fn origin(labels: &Labels) -> Result<Origin, Problem> {
    let json = text(labels, ORIGIN, LONGEST_TEXT)?;
    let origin: Origin = serde_json::from_str(json).map_err(|_| invalid(ORIGIN))?;
    let names_cluster = origin
        .cluster_name
        .as_deref()
        .is_some_and(|name| names::check_cluster(name).is_ok());
    if names_cluster && is_word(&origin.version) && is_printable(&origin.location) {
        Ok(origin)
    } else {
        Err(invalid(ORIGIN))
    }
}

/// Whether the labels name a cluster, clusterdock's or the original's. Those of an image committed from a node are blank.
pub fn claims_cluster(labels: &Labels) -> bool {
    let is_nobody = |origin: Origin| origin.cluster_name.is_none_or(|name| name.is_empty());
    let blank = |json: &str| serde_json::from_str::<Origin>(json).is_ok_and(is_nobody);
    labels
        .get(ORIGIN)
        .is_some_and(|json| !json.is_empty() && !blank(json))
        || claims_start(labels)
}

/// Whether the labels claim that clusterdock created the resource.
pub fn claims_start(labels: &Labels) -> bool {
    [CLUSTER, NODE, RUN, IMAGE_ID, VOLUMES_OF]
        .iter()
        .any(|key| is_set(labels, key))
}

/// The start of a container, whose cluster is in two labels.
fn container_run(labels: &Labels) -> Result<Run, Problem> {
    let run = run(labels)?;
    if *text(labels, CLUSTER, LONGEST_WORD)? == run.cluster {
        Ok(run)
    } else {
        Err(invalid(CLUSTER))
    }
}

fn size(labels: &Labels) -> Result<usize, Problem> {
    let size = text(labels, SIZE, LONGEST_WORD)?.parse().ok();
    size.filter(|size| (1..=LARGEST_SIZE).contains(size))
        .ok_or_else(|| invalid(SIZE))
}

fn probes(labels: &Labels, key: &str) -> Result<Vec<Probe>, Problem> {
    serde_json::from_str(text(labels, key, LONGEST_TEXT)?).map_err(|_| invalid(key))
}

/// Words separated by commas.
fn words(labels: &Labels, key: &str) -> Result<Vec<String>, Problem> {
    let text = text(labels, key, LONGEST_TEXT)?;
    let words: Vec<String> = text.split_terminator(',').map(String::from).collect();
    if words.iter().all(|word| !word.is_empty() && is_word(word)) {
        Ok(words)
    } else {
        Err(invalid(key))
    }
}

/// The hooks of the topology. A hook of a newer clusterdock may be ignored: this one never runs it.
fn hooks(labels: &Labels) -> Result<Vec<Hook>, Problem> {
    let names = words(labels, HOOKS)?;
    let known = |name: &String| Hook::DECLARED.into_iter().find(|hook| hook.name() == name);
    Ok(names.iter().filter_map(known).collect())
}

/// The helpers of a node, which belong to the same start.
fn volumes_from(labels: &Labels, run: &Run) -> Result<Vec<String>, Problem> {
    if !is_set(labels, VOLUMES_FROM) {
        return Ok(Vec::new());
    }
    let names: Vec<String> = text(labels, VOLUMES_FROM, LONGEST_TEXT)?
        .split(',')
        .map(String::from)
        .collect();
    if names.iter().all(|name| is_helper_of(name, run)) {
        Ok(names)
    } else {
        Err(invalid(VOLUMES_FROM))
    }
}

fn is_helper_of(name: &str, run: &Run) -> bool {
    let number = name.strip_prefix(&run.helpers_begin_with());
    number.is_some_and(|number| {
        (1..=5).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The domain of nodes on a network: its name, unless the user chose another. Older versions knew no other.
fn domain(labels: &Labels, network: &str) -> Result<String, Problem> {
    match labels.get(DOMAIN).map(String::as_str) {
        None | Some("") => Ok(network.into()),
        Some(domain) if domain == network => Ok(network.into()),
        Some(_) => name(labels, DOMAIN, names::check_domain),
    }
}

fn ssh_keys(labels: &Labels) -> Result<bool, Problem> {
    match labels.get(SSH_KEYS).map(String::as_str) {
        None | Some("") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid(SSH_KEYS)),
    }
}

fn name(
    labels: &Labels,
    key: &str,
    check: fn(&str) -> crate::error::Result<()>,
) -> Result<String, Problem> {
    let name = text(labels, key, LONGEST_WORD)?;
    check(name)
        .map(|()| name.to_string())
        .map_err(|_| invalid(key))
}

/// A short text of one line.
fn word(labels: &Labels, key: &str) -> Result<String, Problem> {
    let word = text(labels, key, LONGEST_WORD)?;
    if is_word(word) {
        Ok(word.to_string())
    } else {
        Err(invalid(key))
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= LONGEST_WORD && is_printable(text)
}

fn text<'a>(labels: &'a Labels, key: &str, longest: usize) -> Result<&'a str, Problem> {
    let value = labels
        .get(key)
        .ok_or_else(|| format!("label `{key}` is missing"))?;
    if value.len() <= longest {
        Ok(value)
    } else {
        Err(invalid(key))
    }
}

fn is_set(labels: &Labels, key: &str) -> bool {
    labels.get(key).is_some_and(|value| !value.is_empty())
}

fn invalid(key: &str) -> Problem {
    format!("label `{key}` is invalid")
}
