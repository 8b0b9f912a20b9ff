//! A topology's own arguments and node groups on the command line, as its plugin declares them.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory};
use clusterdock_plugin_wire::host_name;
use clusterdock_plugin_wire::{self as api, ArgKind, DefaultNodes, RequestedNode, Value};

use super::Cli;
use super::environment::Variables;
use crate::cluster::names;
use crate::error::{Error, Kind, Result};
use crate::files::regular_file;

/// The arguments of a topology, under a heading named after it.
pub fn args(topology: &str, environment: &str, declared: &[api::Arg]) -> Vec<Arg> {
    declared
        .iter()
        .map(|arg| self::arg(arg, environment).help_heading(format!("{topology} arguments")))
        .collect()
}

/// One argument per node group.
pub fn groups(environment: &str, declared: &[api::Group]) -> Vec<Arg> {
    declared
        .iter()
        .map(|group| {
            Arg::new(group_id(&group.name))
                .long(group.name.clone())
                .env(variable(environment, &group.name))
                .hide_env(true)
                .value_name("node")
                .num_args(1..)
                .value_delimiter(',')
                .action(ArgAction::Append)
                .required(group.default_names().is_err())
                .help(group_help(group))
                .help_heading("Node groups")
        })
        .collect()
}

fn group_help(group: &api::Group) -> String {
    let help = if group.help.is_empty() {
        format!("Nodes of the {} group", group.name)
    } else {
        group.help.clone()
    };
    match &group.nodes {
        DefaultNodes::Sized { prefix, count: 0 } => {
            format!("{help}: names, or N for {prefix}-1 to {prefix}-N [default: none]")
        }
        DefaultNodes::Sized { prefix, count } => {
            format!("{help}: names, or N for {prefix}-1 to {prefix}-N [default: {count}]")
        }
        DefaultNodes::Named(names) if names.is_empty() => help,
        DefaultNodes::Named(names) => format!("{help} [default: {}]", names.join(" ")),
    }
}

/// Adds the topology's arguments to a command. A host flag of the same name or environment variable is renamed to
/// `--clusterdock-FLAG`.
pub fn add(command: Command, own: Vec<Arg>, environment: &str) -> Command {
    let of_every_command = Cli::command()
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .cloned()
        .collect::<Vec<_>>();
    let taken = |host: &Arg| {
        host.get_long()
            .is_some_and(|long| own.iter().any(|arg| is_taken_by(long, arg)))
    };
    let aside = |host: Arg| {
        let name = format!("clusterdock-{}", host.get_long().unwrap_or_default());
        let host = host
            .short(None::<char>)
            .env(variable(environment, &name))
            .hide_env(true);
        host.long(name)
    };
    let command = command.mut_args(|host| if taken(&host) { aside(host) } else { host });
    // Under the global option's id, so that clap takes this one in its place.
    let command = of_every_command
        .into_iter()
        .filter(taken)
        .fold(command, |command, host| {
            command.arg(aside(host).global(false))
        });
    command.args(own)
}

fn is_taken_by(long: &str, arg: &Arg) -> bool {
    arg.get_long()
        .is_some_and(|own| variable("", own) == variable("", long))
}

/// Reads the values of declared arguments.
///
/// # Errors
/// [`Kind::Usage`] for an invalid value.
pub fn values(
    matches: &ArgMatches,
    declared: &[api::Arg],
    variables: &Variables,
) -> Result<BTreeMap<String, Value>> {
    let mut values = BTreeMap::new();
    for arg in declared {
        let id = arg_id(&arg.name);
        if arg.kind == ArgKind::Flag {
            values.insert(arg.name.clone(), Value::Flag(matches.get_flag(&id)));
        } else if matches.value_source(&id).is_some() {
            let words: Vec<String> = matches
                .get_many::<String>(&id)
                .unwrap_or_default()
                .cloned()
                .collect();
            let value = read(arg, words)
                .map_err(|why| variables.name_in(invalid(&arg.name, why), matches, &id))?;
            values.insert(arg.name.clone(), value);
        }
    }
    Ok(values)
}

fn invalid(flag: &str, why: String) -> Error {
    Error::new(Kind::Usage, format!("invalid value for `--{flag}`")).cause(why)
}

/// The value of what the user typed; a secret may be in a file, so that it is in no list of processes.
fn read(arg: &api::Arg, words: Vec<String>) -> Result<Value, String> {
    let file = words.last().and_then(|word| word.strip_prefix('@'));
    match file.filter(|_| arg.kind == ArgKind::Secret) {
        None => arg.parse(&words),
        Some(path) => {
            let text = regular_file::read_to_string(path.as_ref());
            let text = text.map_err(|error| format!("failed to read file `{path}`: {error}"))?;
            arg.parse(&[text.trim_end_matches(['\r', '\n'])])
        }
    }
}

/// The default values of arguments, whose declaration has been checked.
pub fn defaults(declared: &[api::Arg]) -> BTreeMap<String, Value> {
    let value = |arg: &api::Arg| Some((arg.name.clone(), arg.default_value().ok()??));
    declared.iter().filter_map(value).collect()
}

/// The topology's arguments as build arguments of its Dockerfiles: `--kafka-version 3.9` is `KAFKA_VERSION=3.9`, several
/// values are separated by blanks, times are seconds and sizes bytes.
pub fn build_arguments(values: &BTreeMap<String, Value>) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Flag(flag) => Some(flag.to_string()),
        Value::List(list) => Some(list.join(" ")),
        Value::Milliseconds(time) => Some(Duration::from_millis(*time).as_secs_f64().to_string()),
        Value::Bytes(bytes) => Some(bytes.to_string()),
        Value::Port(port) => Some(port.number.to_string()),
        Value::Path(path) => path.to_str().map(String::from),
        // The engine keeps build arguments in the image's history.
        Value::Secret(_) => None,
        Value::Map(map) => {
            let entries = map
                .iter()
                .map(|(name, values)| format!("{name}={}", values.join(",")));
            Some(entries.collect::<Vec<_>>().join(" "))
        }
    };
    values
        .iter()
        .filter_map(|(name, value)| Some((variable("", name), text(value)?)))
        .collect()
}

/// Reads the nodes of each group, by default those that the topology declares.
///
/// # Errors
/// [`Kind::Usage`] for an invalid host name, or a group with too few or too many nodes.
pub fn nodes(
    matches: &ArgMatches,
    declared: &[api::Group],
    domain: &str,
    variables: &Variables,
) -> Result<Vec<RequestedNode>> {
    let mut nodes = Vec::new();
    for group in declared {
        let id = group_id(&group.name);
        // Groups have no defaults but those of a file.
        let given = matches.value_source(&id).is_some();
        let words: Vec<&String> = matches.get_many(&id).unwrap_or_default().collect();
        let words = expanded(&words).map_err(|why| invalid(&group.name, why))?;
        let names = if given {
            group.names(&words)
        } else {
            group.default_names()
        };
        let names = names.map_err(|why| {
            let hints = words
                .iter()
                .filter_map(|word| host_name::check(word).err()?.hint);
            // The hint is about host names, and a number of nodes is not one.
            let mut of_name = hints.filter_map(|hint| {
                let cause = why.strip_suffix(&format!("; {hint}"))?;
                Some(invalid(&group.name, cause.into()).hint(hint))
            });
            let of_name = of_name.next();
            let error = of_name.unwrap_or_else(|| invalid(&group.name, why));
            variables.name_in(error, matches, &id)
        })?;
        for (at, hostname) in names.into_iter().enumerate() {
            nodes.push(RequestedNode {
                group: group.name.clone(),
                number: at + 1,
                fqdn: names::fqdn(&hostname, domain)?,
                hostname,
            });
        }
    }
    Ok(nodes)
}

/// The most words that one range stands for.
const LONGEST_RANGE: u32 = 1000;

/// Replaces `node-{1..5}` by five words. Shells without that notation pass it on unchanged.
fn expanded(words: &[&String]) -> std::result::Result<Vec<String>, String> {
    let mut names = Vec::new();
    for word in words {
        match range(word) {
            None => names.push(word.to_string()),
            Some((_, first, last, _)) if first.abs_diff(last) >= LONGEST_RANGE => {
                return Err(format!(
                    "`{word}` stands for more than {LONGEST_RANGE} nodes"
                ));
            }
            Some((before, first, last, after)) => {
                let numbers: Vec<u32> = if first <= last {
                    (first..=last).collect()
                } else {
                    (last..=first).rev().collect()
                };
                names.extend(
                    numbers
                        .iter()
                        .map(|number| format!("{before}{number}{after}")),
                );
            }
        }
    }
    Ok(names)
}

/// `BEFORE{FIRST..LAST}AFTER`.
fn range(word: &str) -> Option<(&str, u32, u32, &str)> {
    let (before, rest) = word.split_once('{')?;
    let (range, after) = rest.split_once('}')?;
    let (first, last) = range.split_once("..")?;
    Some((before, first.parse().ok()?, last.parse().ok()?, after))
}

fn arg(declared: &api::Arg, environment: &str) -> Arg {
    let arg = Arg::new(arg_id(&declared.name))
        .long(declared.name.clone())
        .env(variable(environment, &declared.name))
        .hide_env(true)
        .help(arg_help(declared))
        .required(declared.required && declared.default.is_none());
    if declared.kind == ArgKind::Flag {
        return arg.action(ArgAction::SetTrue);
    }
    let metavar = match (declared.metavar.is_empty(), declared.kind) {
        (false, _) => declared.metavar.clone(),
        (_, ArgKind::Integer) => "N".into(),
        (_, ArgKind::Port) => "PORT".into(),
        (_, ArgKind::Map) => "map".into(),
        (_, ArgKind::Duration) => "TIME".into(),
        (_, ArgKind::Size) => "SIZE".into(),
        (_, ArgKind::Path) => "PATH".into(),
        _ => declared.name.to_uppercase().replace('-', "_"),
    };
    let arg = arg.value_name(metavar);
    let arg = match declared.kind {
        ArgKind::List => arg
            .num_args(1..)
            .value_delimiter(',')
            .action(ArgAction::Append),
        ArgKind::Map => arg.num_args(1..).action(ArgAction::Append),
        _ => arg,
    };
    let arg = match &declared.default {
        Some(default) => arg.default_value(default.clone()),
        None => arg,
    };
    if declared.choices.is_empty() {
        arg
    } else {
        arg.value_parser(clap::builder::PossibleValuesParser::new(
            declared.choices.clone(),
        ))
    }
}

/// The help of an argument, with what its values can be.
fn arg_help(declared: &api::Arg) -> String {
    let mut help = declared.help.clone();
    if let Some(range) = &declared.range {
        let separator = if help.is_empty() { "" } else { " " };
        help.push_str(&format!("{separator}[range: {range}]"));
    }
    if declared.kind == ArgKind::Secret {
        help.push_str("; @FILE reads it from a file");
    }
    help.trim_start_matches("; ").to_string()
}

/// The id of a topology's argument, which differs from that of a host option of the same name.
fn arg_id(name: &str) -> String {
    format!("topology argument {name}")
}

/// The names of a topology's arguments and groups, each with the id of its argument.
pub fn ids(declaration: &api::Declaration) -> Vec<(String, String)> {
    let groups = declaration.groups.iter();
    let groups = groups.map(|group| (group.name.clone(), group_id(&group.name)));
    let args = declaration.args.iter();
    let args = args.map(|arg| (arg.name.clone(), arg_id(&arg.name)));
    groups.chain(args).collect()
}

fn group_id(name: &str) -> String {
    format!("node group {name}")
}

/// The environment variable of a flag.
fn variable(environment: &str, name: &str) -> String {
    format!("{environment}{}", name.to_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_in_braces_stands_for_its_numbers() {
        let of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            expanded(&words.iter().collect::<Vec<_>>())
        };
        assert_eq!(
            of(&["node-{1..3}", "a"]).unwrap(),
            ["node-1", "node-2", "node-3", "a"]
        );
        assert_eq!(of(&["{9..11}x"]).unwrap(), ["9x", "10x", "11x"]);
        assert_eq!(of(&["n{2..1}"]).unwrap(), ["n2", "n1"]);
        for word in ["n{1..}", "n{a..b}", "n{1..2", "n1..2", "{}", "n{-1..2}"] {
            assert_eq!(of(&[word]).unwrap(), [word]);
        }
        assert_eq!(of(&["n{1..1000}"]).unwrap().len(), 1000);
        of(&["n{1..1001}"]).unwrap_err();
        of(&["n{4294967295..0}"]).unwrap_err();
    }

    #[test]
    fn arguments_become_build_arguments_of_dockerfiles() {
        let arg = |kind, name: &str, default: Option<&str>| api::Arg {
            name: name.into(),
            kind,
            default: default.map(String::from),
            ..api::Arg::default()
        };
        let declared = [
            arg(ArgKind::Text, "kafka-version", Some("3.9")),
            arg(ArgKind::List, "parts", Some("a,b")),
            arg(ArgKind::Duration, "patience", Some("1m 30s")),
            arg(ArgKind::Size, "heap", Some("1k")),
            arg(ArgKind::Map, "disks", Some("a=x,y")),
            arg(ArgKind::Port, "port", Some("53/udp")),
            arg(ArgKind::Integer, "replicas", None),
            arg(ArgKind::Secret, "password", None),
            arg(ArgKind::Flag, "tls", None),
        ];
        let mut values = defaults(&declared);
        let secret = declared[7].parse(&["hunter2"]).unwrap();
        values.insert("password".into(), secret);
        let arguments: Vec<String> = build_arguments(&values)
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let expected = [
            "DISKS=a=x,y",
            "HEAP=1024",
            "KAFKA_VERSION=3.9",
            "PARTS=a b",
            "PATIENCE=90",
            "PORT=53",
            "TLS=false",
        ];
        assert_eq!(arguments, expected);
    }
}
