//! Options in environment variables: `CLUSTERDOCK_<OPTION>` for options of all commands, `CLUSTERDOCK_START_<OPTION>` for
//! those of `start`, and so on. An empty variable counts as unset.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{BoolishValueParser, OsStr, Resettable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::did_you_mean::nearest;
use crate::error::{Error, Kind, Result};

const PREFIX: &str = "CLUSTERDOCK_";

/// The prefix of variables that set options of `start` and `up`.
pub const START_VARIABLES: &str = "CLUSTERDOCK_START_";

/// The prefix of variables that set options of `build`.
pub const BUILD_VARIABLES: &str = "CLUSTERDOCK_BUILD_";

/// Prefixes of variables whose rest may be an argument of a topology.
const OF_TOPOLOGIES: [&str; 2] = [START_VARIABLES, BUILD_VARIABLES];

/// Variables that `clusterdock env` prints, and the endings of those that it prints for each node.
const PRINTED: [&str; 4] = [
    "CLUSTERDOCK_CLUSTER",
    "CLUSTERDOCK_DOMAIN",
    "CLUSTERDOCK_NETWORK",
    "CLUSTERDOCK_NODES",
];
const PRINTED_OF_NODES: [&str; 4] = ["_ADDRESS", "_FQDN", "_TCP", "_UDP"];

/// Why a command line is invalid, or has no result.
pub enum Unread {
    /// An argument is invalid, or help was requested: shown in clap's words.
    Typed(clap::Error),
    /// The value of an environment variable is invalid.
    Variable(Error),
}

/// The environment variables of a command's arguments, by argument.
#[derive(Debug, Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of a command.
    pub fn of(command: &Command) -> Variables {
        let named = |arg: &Arg| {
            let variable = arg.get_env()?.to_string_lossy().into_owned();
            Some((arg.get_id().to_string(), variable))
        };
        Variables(command.get_arguments().filter_map(named).collect())
    }

    /// The error of an argument's value, with the variable if that set the value.
    pub fn name_in(&self, error: Error, matches: &ArgMatches, argument: &str) -> Error {
        let is_set_by_variable = matches.value_source(argument) == Some(ValueSource::EnvVariable);
        match self.0.get(argument).filter(|_| is_set_by_variable) {
            Some(variable) => error.context(format!(
                "invalid value for environment variable `{variable}`"
            )),
            None => error,
        }
    }
}

/// Reads a command line and the environment variables that set its options.
///
/// # Errors
/// [`Unread`].
pub fn read(command: &Command, argv: &[OsString]) -> std::result::Result<ArgMatches, Unread> {
    let command = settled(command.clone()).map_err(Unread::Variable)?;
    let error = match command.clone().try_get_matches_from(argv) {
        Ok(matches) => return Ok(matches),
        Err(error) => error,
    };
    let (names, without) = without_culprits(&command, &error);
    let [name] = &names[..] else {
        return Err(Unread::Typed(error));
    };
    match without.try_get_matches_from(argv) {
        // A typed option conflicts with one that a variable sets: the typed one wins.
        Ok(matches) if error.kind() == ErrorKind::ArgumentConflict => Ok(matches),
        // The same error without the variable: the typed option is invalid.
        Err(again) if again.get(ContextKind::InvalidArg) == error.get(ContextKind::InvalidArg) => {
            Err(Unread::Typed(error))
        }
        _ if is_of_a_value(error.kind()) => Err(Unread::Variable(invalid(name, &error))),
        _ => Err(Unread::Typed(error)),
    }
}

/// Warnings about environment variables that look like options but are unknown. With `of_topology`, a prefix of
/// [`OF_TOPOLOGIES`], `command` has the topology's arguments, and only variables with that prefix are judged.
pub fn unknown(command: &Command, of_topology: Option<&str>) -> Vec<String> {
    let set = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let names: Vec<String> = set
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .collect();
    unknown_of(&names, &variables(command), of_topology)
}

fn unknown_of(
    names: &[String],
    known: &BTreeSet<String>,
    of_topology: Option<&str>,
) -> Vec<String> {
    let judged = |name: &&String| match OF_TOPOLOGIES
        .iter()
        .find(|prefix| name.starts_with(**prefix))
    {
        Some(prefix) => of_topology == Some(*prefix),
        None => name.starts_with(PREFIX) && of_topology.is_none() && !is_printed(name),
    };
    let unknown = names
        .iter()
        .filter(judged)
        .filter(|name| !known.contains(*name));
    let sentence = |name: &String| {
        let meant = nearest(name, known.iter().map(String::as_str));
        let meant = meant
            .map(|meant| format!(" (did you mean `{meant}`?)"))
            .unwrap_or_default();
        format!("ignoring environment variable `{name}`: clusterdock has no such option{meant}")
    };
    unknown.map(sentence).collect()
}

fn is_printed(name: &str) -> bool {
    PRINTED.contains(&name) || PRINTED_OF_NODES.iter().any(|end| name.ends_with(end))
}

/// The variables of a command and its subcommands.
fn variables(command: &Command) -> BTreeSet<String> {
    let own = command
        .get_arguments()
        .filter_map(|arg| Some(arg.get_env()?.to_string_lossy().into_owned()));
    own.chain(command.get_subcommands().flat_map(variables))
        .collect()
}

/// The command with only those variables that are set, and with switches that accept any usual word for yes and no.
fn settled(command: Command) -> Result<Command> {
    let mut error = None;
    let mut settle = |arg: Arg| match setting(&arg) {
        Ok(true) if is_switch(&arg) => arg.value_parser(BoolishValueParser::new()),
        Ok(true) => arg,
        Ok(false) => arg.env(Resettable::<OsStr>::Reset),
        Err(invalid) => {
            error.get_or_insert(invalid);
            arg
        }
    };
    let command = command
        .mut_args(&mut settle)
        .mut_subcommands(|inner| inner.mut_args(&mut settle));
    error.map_or(Ok(command), Err)
}

/// Whether an argument's variable is set, and, for a switch, to yes.
fn setting(arg: &Arg) -> Result<bool> {
    let Some((name, value)) = arg
        .get_env()
        .and_then(|name| Some((name, std::env::var_os(name)?)))
    else {
        return Ok(false);
    };
    if value.is_empty() {
        return Ok(false);
    }
    let name = name.to_string_lossy();
    let wrong = |why: &str| {
        let value = value.to_string_lossy();
        Error::new(
            Kind::Usage,
            format!("invalid value `{value}` for environment variable `{name}`"),
        )
        .cause(why)
    };
    let parser = arg.get_value_parser().type_id();
    if value.to_str().is_none()
        && parser != TypeId::of::<PathBuf>()
        && parser != TypeId::of::<OsString>()
    {
        return Err(wrong("not valid UTF-8"));
    }
    if is_switch(arg) {
        switch(&value.to_string_lossy())
            .ok_or_else(|| wrong("expected 1 or 0, true or false, yes or no"))
    } else {
        Ok(true)
    }
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

fn switch(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "1" | "true" | "yes" | "on" | "y" | "t" => Some(true),
        "0" | "false" | "no" | "off" | "n" | "f" => Some(false),
        _ => None,
    }
}

/// The variables of the arguments that an error is about, and the command without them.
fn without_culprits(command: &Command, error: &clap::Error) -> (Vec<String>, Command) {
    let named = [ContextKind::InvalidArg, ContextKind::PriorArg].map(|kind| error.get(kind));
    // Clap writes arguments as `--pull <WHEN>`.
    let is_named = |arg: &Arg| {
        let Some(long) = arg.get_long() else {
            return false;
        };
        let is_long = |text: &str| {
            text.split([' ', '='])
                .next()
                .and_then(|word| word.strip_prefix("--"))
                == Some(long)
        };
        named
            .iter()
            .flatten()
            .any(|value| matches!(value, ContextValue::String(text) if is_long(text)))
    };
    let mut names: Vec<String> = Vec::new();
    let mut reset = |arg: Arg| match arg
        .get_env()
        .map(|name| name.to_string_lossy().into_owned())
    {
        Some(variable) if is_named(&arg) => {
            // `start` and `up` have the same options with the same variables.
            if !names.contains(&variable) {
                names.push(variable);
            }
            arg.env(Resettable::<OsStr>::Reset)
        }
        _ => arg,
    };
    let without = command
        .clone()
        .mut_args(&mut reset)
        .mut_subcommands(|inner| inner.mut_args(&mut reset));
    (names, without)
}

fn is_of_a_value(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::TooManyValues
    )
}

fn invalid(name: &str, error: &clap::Error) -> Error {
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.as_str(),
        _ => "",
    };
    let invalid = Error::new(
        Kind::Usage,
        format!("invalid value `{value}` for environment variable `{name}`"),
    );
    match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(why), _) => invalid.cause(why),
        (None, Some(ContextValue::Strings(valid))) => {
            invalid.cause(format!("expected one of {}", valid.join(", ")))
        }
        _ => invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_accepts_any_usual_word() {
        for text in ["1", "true", "TRUE", "Yes", "on", " y "] {
            assert_eq!(switch(text), Some(true), "{text}");
        }
        for text in ["0", "false", "No", "OFF", "n"] {
            assert_eq!(switch(text), Some(false), "{text}");
        }
        for text in ["2", "maybe", "-", "truee"] {
            assert_eq!(switch(text), None, "{text}");
        }
    }

    #[test]
    fn an_unknown_variable_is_reported_with_the_nearest_known_one() {
        let known = variables(&crate::cli::command());
        let sentences = |names: &[&str], of_topology| {
            unknown_of(
                &names.iter().map(ToString::to_string).collect::<Vec<_>>(),
                &known,
                of_topology,
            )
        };
        let all = [
            "CLUSTERDOCK_PROGRES",
            "CLUSTERDOCK_START_NETWROK",
            "CLUSTERDOCK_BUILD_X",
            "CLUSTERDOC_X",
            "HOME",
        ];
        let warnings = sentences(&all, None);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].contains("`CLUSTERDOCK_PROGRES`")
                && warnings[0].contains("`CLUSTERDOCK_PROGRESS`"),
            "{warnings:?}"
        );
        let warnings = sentences(&all, Some("CLUSTERDOCK_START_"));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].contains("did you mean `CLUSTERDOCK_START_NETWORK`?"),
            "{warnings:?}"
        );
        let fine = [
            "CLUSTERDOCK_VERBOSE",
            "CLUSTERDOCK_HOST",
            "CLUSTERDOCK_CONFIG_DIRECTORY",
            "CLUSTERDOCK_COLOR",
        ];
        let printed = [
            "CLUSTERDOCK_NODES",
            "CLUSTERDOCK_NODE_1_ADDRESS",
            "CLUSTERDOCK_A_PORT_80_TCP",
        ];
        assert_eq!(
            sentences(&[&fine[..], &printed].concat(), None),
            Vec::<String>::new()
        );
    }
}
