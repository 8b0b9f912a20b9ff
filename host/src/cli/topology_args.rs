//! A topology's own arguments and node groups on the command line: declared by its plugin, read into its request.

use super::{duration, map, size};
use crate::error::{Error, Kind, Result};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use clusterdock_plugin_api::{self as api, ArgKind, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// The arguments of a topology, under a heading named after it.
pub fn args(topology: &str, environment: &str, declared: &[api::Arg]) -> Vec<Arg> {
    declared.iter().map(|arg| self::arg(arg, environment).help_heading(format!("{topology} arguments"))).collect()
}

/// One argument a node group.
pub fn groups(environment: &str, declared: &[api::Group]) -> Vec<Arg> {
    let group = |group: &api::Group| {
        let help = match group.help.is_empty() {
            true => format!("Nodes of the {} group", group.name),
            false => group.help.clone(),
        };
        Arg::new(group_id(&group.name))
            .long(group.name.clone())
            .env(variable(environment, &group.name))
            .hide_env(true)
            .value_name("node")
            .num_args(1..)
            .value_delimiter(',')
            .action(ArgAction::Append)
            .required(group.default_nodes.is_empty() && group.min > 0)
            .help(if group.default_nodes.is_empty() {
                help
            } else {
                format!("{help} [default: {}]", group.default_nodes.join(" "))
            })
            .help_heading("Node groups")
    };
    declared.iter().map(group).collect()
}

/// Adds an argument of the topology; a flag of the host that is called the same steps aside.
pub fn add(command: Command, arg: Arg) -> Command {
    let long = arg.get_long().map(str::to_string);
    let command = command.mut_args(|host| match host.get_long() {
        Some(own) if Some(own) == long.as_deref() && !is_topologys(&host) => {
            let name = format!("clusterdock-{own}");
            host.long(name).short(None::<char>)
        }
        _ => host,
    });
    command.arg(arg)
}

/// Reads the values of declared arguments.
///
/// # Errors
/// [`Kind::Usage`] naming the argument and what is wrong with its value.
pub fn values(matches: &ArgMatches, declared: &[api::Arg]) -> Result<BTreeMap<String, Value>> {
    let mut values = BTreeMap::new();
    for arg in declared {
        let id = arg_id(&arg.name);
        if arg.kind == ArgKind::Flag {
            values.insert(arg.name.clone(), Value::Flag(matches.get_flag(&id)));
        } else if matches.value_source(&id).is_some() {
            let words: Vec<&str> = matches.get_many::<String>(&id).unwrap_or_default().map(String::as_str).collect();
            values.insert(
                arg.name.clone(),
                value(arg.kind, &words)
                    .map_err(|why| Error::new(Kind::Usage, format!("invalid value for `--{}`", arg.name)).cause(why))?,
            );
        }
    }
    Ok(values)
}

/// The values of declared arguments where the user has no say.
///
/// # Errors
/// [`Kind::Plugin`] naming an argument whose default cannot be.
pub fn defaults(declared: &[api::Arg]) -> Result<BTreeMap<String, Value>> {
    let value = |arg: &api::Arg| {
        let words: Vec<&str> = match (arg.kind, arg.default.as_deref()) {
            (ArgKind::Flag, _) => return Some(Ok(Value::Flag(false))),
            (ArgKind::List, default) => default?.split(',').collect(),
            (_, default) => vec![default?],
        };
        Some(value(arg.kind, &words).map_err(|why| {
            Error::new(Kind::Plugin, format!("the topology's default for `--{}` cannot be", arg.name)).cause(why)
        }))
    };
    declared.iter().filter_map(|arg| Some(value(arg)?.map(|value| (arg.name.clone(), value)))).collect()
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
        Value::Map(map) => {
            let entries = map.iter().map(|(name, values)| format!("{name}={}", values.join(",")));
            Some(entries.collect::<Vec<_>>().join(" "))
        }
        _ => None,
    };
    values.iter().filter_map(|(name, value)| Some((variable("", name), text(value)?))).collect()
}

/// Reads the host names of each group, its default ones where none were given.
///
/// # Errors
/// [`Kind::Usage`] for a group with fewer or more nodes than it can have.
pub fn nodes(matches: &ArgMatches, declared: &[api::Group]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut groups = BTreeMap::new();
    for group in declared {
        let id = group_id(&group.name);
        let given = matches!(matches.value_source(&id), Some(ValueSource::CommandLine | ValueSource::EnvVariable));
        let nodes: Vec<String> = match given {
            true => matches.get_many::<String>(&id).unwrap_or_default().cloned().collect(),
            false => group.default_nodes.clone(),
        };
        let count = nodes.len();
        let wrong = |limit: String| {
            Err(Error::new(Kind::Usage, format!("node group `{}` cannot have {count} nodes", group.name)).cause(limit))
        };
        if count < group.min {
            return wrong(format!("it needs at least {}", group.min));
        }
        if let Some(max) = group.max.filter(|max| count > *max) {
            return wrong(format!("it takes at most {max}"));
        }
        groups.insert(group.name.clone(), nodes);
    }
    Ok(groups)
}

fn arg(declared: &api::Arg, environment: &str) -> Arg {
    let arg = Arg::new(arg_id(&declared.name))
        .long(declared.name.clone())
        .env(variable(environment, &declared.name))
        .hide_env(true)
        .help(declared.help.clone())
        .required(declared.required && declared.default.is_none());
    if declared.kind == ArgKind::Flag {
        return arg.action(ArgAction::SetTrue);
    }
    let metavar = match (declared.metavar.is_empty(), declared.kind) {
        (false, _) => declared.metavar.clone(),
        (_, ArgKind::Integer) => "N".into(),
        (_, ArgKind::Map) => "map".into(),
        (_, ArgKind::Duration) => "TIME".into(),
        (_, ArgKind::Size) => "SIZE".into(),
        _ => declared.name.to_uppercase().replace('-', "_"),
    };
    let arg = arg.value_name(metavar);
    let arg = match declared.kind {
        ArgKind::List => arg.num_args(1..).value_delimiter(',').action(ArgAction::Append),
        ArgKind::Map => arg.num_args(1..).action(ArgAction::Append),
        _ => arg,
    };
    let arg = match &declared.default {
        Some(default) => arg.default_value(default.clone()),
        None => arg,
    };
    match declared.choices.is_empty() {
        true => arg,
        false => arg.value_parser(clap::builder::PossibleValuesParser::new(declared.choices.clone())),
    }
}

fn value(kind: ArgKind, words: &[&str]) -> Result<Value, String> {
    let one = words.last().copied().unwrap_or_default();
    match kind {
        ArgKind::Integer => one.parse().map(Value::Integer).map_err(|_| format!("`{one}` is no whole number")),
        ArgKind::List => Ok(Value::List(words.iter().map(ToString::to_string).collect())),
        ArgKind::Map => map::parse(words.iter().copied()).map(Value::Map),
        ArgKind::Duration => {
            let time = duration::parse(one)?;
            Ok(Value::Milliseconds(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
        }
        ArgKind::Size => size::parse(one).map(Value::Bytes),
        _ => Ok(Value::Text(one.to_string())),
    }
}

/// Ids of the topology's arguments are kept apart from the host's, whose fields have the same names.
fn arg_id(name: &str) -> String {
    format!("topology argument {name}")
}

fn group_id(name: &str) -> String {
    format!("node group {name}")
}

fn is_topologys(arg: &Arg) -> bool {
    arg.get_id().as_str().starts_with("topology argument ") || arg.get_id().as_str().starts_with("node group ")
}

fn variable(environment: &str, name: &str) -> String {
    format!("{environment}{}", name.to_uppercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_told_to_dockerfiles_as_variables() {
        let declared = [
            api::Arg::text("kafka-version").default_value("3.9"),
            api::Arg::list("parts").default_value("a,b"),
            api::Arg::duration("patience").default_value("1m 30s"),
            api::Arg::size("heap").default_value("1k"),
            api::Arg::map("disks").default_value("a=x,y"),
            api::Arg::integer("replicas"),
            api::Arg::flag("tls"),
        ];
        let values = defaults(&declared).unwrap();
        let told: Vec<String> =
            build_arguments(&values).iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = ["DISKS=a=x,y", "HEAP=1024", "KAFKA_VERSION=3.9", "PARTS=a b", "PATIENCE=90", "TLS=false"];
        assert_eq!(told, expected);
        let wrong = defaults(&[api::Arg::integer("replicas").default_value("many")]).unwrap_err();
        assert_eq!(wrong.kind(), Kind::Plugin);
    }
}
