//! The first reading of the command line, which knows only the host's options. If a topology declares a flag of the same
//! name, a value after TOPOLOGY or in the environment is for the topology's flag. So a value that is invalid for the host's
//! flag is accepted here, and the second reading, which knows the topology, decides.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::environment::{self, Unread};
use super::{build_args, command_for, start_args};

/// Reads the command line.
///
/// # Errors
/// The command line is invalid whatever the topology declares.
pub fn read(argv: &[OsString]) -> Result<ArgMatches, Unread> {
    let unread = match environment::read(&command_for(argv), argv) {
        Ok(matches) => return Ok(matches),
        Err(unread) => unread,
    };
    match (environment::read(&lenient(argv), argv), &unread) {
        (Ok(matches), Unread::Typed(error)) if may_be_meant_for_topology(error, &matches) => {
            Ok(matches)
        }
        (Ok(matches), Unread::Variable(_)) if names_topology(&matches) => Ok(matches),
        _ => Err(unread),
    }
}

fn names_topology(matches: &ArgMatches) -> bool {
    matches
        .subcommand()
        .is_some_and(|(_, args)| args.try_get_raw("topology").ok().flatten().is_some())
}

/// The command line, with all values accepted for the options of `start` and `build`.
fn lenient(argv: &[OsString]) -> Command {
    [
        start_args::command().get_name(),
        build_args::command().get_name(),
    ]
    .into_iter()
    .fold(command_for(argv), |command, name| {
        command.mut_subcommand(name, |command| {
            command.mut_args(|arg| {
                if arg.get_long().is_some() && arg.get_action().takes_values() {
                    arg.value_parser(clap::value_parser!(OsString))
                } else {
                    arg
                }
            })
        })
    })
}

/// Whether an option with an invalid value comes after TOPOLOGY, or from the environment.
fn may_be_meant_for_topology(error: &clap::Error, matches: &ArgMatches) -> bool {
    let is_value = matches!(
        error.kind(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation
    );
    let (Some((_, args)), Some(ContextValue::String(shown))) =
        (matches.subcommand(), error.get(ContextKind::InvalidArg))
    else {
        return false;
    };
    let Some(topology) = args
        .try_get_raw("topology")
        .ok()
        .flatten()
        .and_then(|_| args.index_of("topology"))
    else {
        return false;
    };
    let id = shown
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .trim_start_matches('-')
        .replace('-', "_");
    // Only host options can be shadowed by the topology's.
    let is_known = args.ids().any(|known| known.as_str() == id);
    let follows_topology = || {
        args.indices_of(&id)
            .is_some_and(|mut indices| indices.any(|index| index > topology))
    };
    is_value
        && is_known
        && (args.value_source(&id) == Some(ValueSource::EnvVariable) || follows_topology())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(line: &str) -> bool {
        read(&line.split(' ').map(OsString::from).collect::<Vec<_>>()).is_ok()
    }

    #[test]
    fn values_after_the_topology_may_be_its_own() {
        for line in [
            "start t --memory lots",
            "start t --pull some",
            "start t -p x",
            "build t --timeout soon",
        ] {
            assert!(reads(&format!("clusterdock {line}")), "{line}");
        }
    }

    #[test]
    fn values_before_the_topology_are_for_the_host() {
        for line in [
            "start --memory lots t",
            "start --pull some t",
            "logs --tail x n",
            "start --progress x t",
            "start --memory lots",
        ] {
            assert!(!reads(&format!("clusterdock {line}")), "{line}");
        }
    }
}
