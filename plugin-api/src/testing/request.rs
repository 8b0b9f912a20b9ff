//! The command line of a user as a request, as the host reads it.

use std::collections::BTreeMap;

use crate::wire::{self, ArgKind, Declaration, Request, RequestedNode};
use crate::{Error, Result};

/// The request of these words.
pub(super) fn read(declaration: &Declaration, words: &[String], is_build: bool) -> Result<Request> {
    let of_command = |arg: &&wire::Arg| if is_build { arg.build } else { arg.start };
    let declared: Vec<wire::Arg> = declaration
        .args
        .iter()
        .filter(of_command)
        .cloned()
        .collect();
    let groups = declaration.groups.iter().map(|group| group.name.as_str());
    let mut given = split(words, &declared, groups.collect())?;
    let mut nodes: Vec<RequestedNode> = Vec::new();
    for group in &declaration.groups {
        let names = match given.remove(group.name.as_str()) {
            Some(words) => group.names(&items(&words)),
            None => group.default_names(),
        };
        let names = names.map_err(|why| {
            Error::new(format!("node group `{}` is invalid", group.name)).cause(why)
        })?;
        for (index, hostname) in names.into_iter().enumerate() {
            if nodes.iter().any(|node| node.hostname == hostname) {
                return Err(Error::new(format!("host name `{hostname}` is given twice")));
            }
            nodes.push(RequestedNode {
                fqdn: super::fake_host::fqdn(&hostname),
                hostname,
                group: group.name.clone(),
                number: index + 1,
            });
        }
    }
    Ok(Request {
        cluster: "test".into(),
        network: super::fake_host::DOMAIN.into(),
        domain: super::fake_host::DOMAIN.into(),
        image: "clusterdock/topology_test:default".into(),
        operating_system: "default".into(),
        namespace: "clusterdock".into(),
        is_build,
        nodes,
        args: values(&declared, given)?,
        ..Request::default()
    })
}

/// The values of arguments alone, as of a verb.
pub(super) fn arguments(
    declared: &[wire::Arg],
    words: &[String],
) -> Result<BTreeMap<String, wire::Value>> {
    let given = split(words, declared, Vec::new())?;
    values(declared, given)
}

/// The words of each flag, by its name.
fn split<'a>(
    words: &'a [String],
    declared: &[wire::Arg],
    groups: Vec<&str>,
) -> Result<BTreeMap<&'a str, Vec<String>>> {
    let mut given: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut current = None;
    for word in words {
        let Some(flag) = word.strip_prefix("--") else {
            let name = current
                .ok_or_else(|| Error::new(format!("`{word}` does not belong to any argument")))?;
            given.entry(name).or_default().push(word.clone());
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (flag, None),
        };
        let known: Vec<&str> = declared.iter().map(|arg| arg.name.as_str()).collect();
        if !known.contains(&name) && !groups.contains(&name) {
            let known = [known, groups].concat().join("`, `--");
            let unknown = Error::new(format!("unknown argument `--{name}`"));
            return Err(unknown.cause(format!("there are `--{known}`")));
        }
        given
            .entry(name)
            .or_default()
            .extend(value.map(String::from));
        current = Some(name);
    }
    Ok(given)
}

fn values(
    declared: &[wire::Arg],
    mut given: BTreeMap<&str, Vec<String>>,
) -> Result<BTreeMap<String, wire::Value>> {
    let mut values = BTreeMap::new();
    for arg in declared {
        let invalid =
            |why: String| Error::new(format!("invalid value for `--{}`", arg.name)).cause(why);
        let value = match given.remove(arg.name.as_str()) {
            Some(words) if arg.kind == ArgKind::Flag && words.is_empty() => {
                Some(wire::Value::Flag(true))
            }
            Some(words) if arg.kind == ArgKind::List => {
                Some(arg.parse(&items(&words)).map_err(invalid)?)
            }
            Some(words) => Some(arg.parse(&words).map_err(invalid)?),
            None => arg.default_value().map_err(invalid)?,
        };
        match value {
            Some(value) => drop(values.insert(arg.name.clone(), value)),
            None if arg.required => {
                return Err(Error::new(format!("argument `--{}` is required", arg.name)))
            }
            None => {}
        }
    }
    Ok(values)
}

/// Words with commas are split.
fn items(words: &[String]) -> Vec<&str> {
    words.iter().flat_map(|word| word.split(',')).collect()
}
