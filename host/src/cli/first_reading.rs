//! The first reading of the command line, which knows only the host's options. If a topology declares a flag of the same
//! name, a value after TOPOLOGY or in the environment is for the topology's flag. So a value that is invalid for the host's
//! flag is accepted here, and the second reading, which knows the topology, decides.

use std::ffi::OsString;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, Id};

use super::environment::{self, Unread};
use super::{command_for, start_args};

/// Reads the command line.
///
/// # Errors
/// The command line is invalid whatever the topology declares.
pub fn read(argv: &[OsString]) -> Result<ArgMatches, Unread> {
    let unread = match environment::read(&command_for(argv), argv) {
        Ok(matches) => return Ok(matches),
        Err(unread) => unread,
    };
    if let Unread::Typed(error) = &unread
        && let Some(matches) = with_topology(error, argv)
    {
        return Ok(matches);
    }
    match (environment::read(&lenient(argv), argv), &unread) {
        (Ok(matches), Unread::Typed(error)) if may_be_meant_for_topology(error, &matches) => {
            Ok(matches)
        }
        (Ok(matches), Unread::Variable(_)) if names_topology(&matches) => Ok(matches),
        _ => Err(unread),
    }
}

/// Reads a command line whose topology is in a file, and whose first unknown option is the topology's: it is read as if
/// an empty TOPOLOGY stood before that option.
fn with_topology(error: &clap::Error, argv: &[OsString]) -> Option<ArgMatches> {
    let ContextValue::String(unknown) = error.get(ContextKind::InvalidArg)? else {
        return None;
    };
    let is_unknown = |word: &OsString| {
        let word = word.to_string_lossy();
        word.split('=').next() == Some(unknown)
    };
    let place = argv.iter().position(is_unknown)?;
    let (before, after) = argv.split_at(place);
    let argv = [before, &[OsString::new()], after].concat();
    let matches = environment::read(&lenient(&argv), &argv).ok()?;
    let (name, args) = matches.subcommand()?;
    let is_empty = args.get_one::<OsString>("topology")?.is_empty();
    let has_file = || start_args::file(args).is_some();
    (is_empty && (name == start_args::Verb::Up.name() || (name == "start" && has_file())))
        .then_some(matches)
}

fn names_topology(matches: &ArgMatches) -> bool {
    matches
        .subcommand()
        .is_some_and(|(_, args)| args.try_get_raw("topology").ok().flatten().is_some())
}

/// The command line, with all values accepted for the options of commands with a topology.
fn lenient(argv: &[OsString]) -> Command {
    start_args::Verb::ALL
        .into_iter()
        .fold(command_for(argv), |command, verb| {
            command.mut_subcommand(verb.name(), |command| {
                command.mut_args(|arg| {
                    // It conflicts with TOPOLOGY, which the second reading checks.
                    let arg = arg.conflicts_with(Resettable::<Id>::Reset);
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
    fn a_topology_may_be_in_a_file() {
        for line in [
            "up",
            "up --nodes 3",
            "up -d --nodes=3",
            "up -f x.toml --nodes a b -v",
            "start -f x.toml",
            "start -f x.toml --nodes 3",
            "start --nodes 3 -f x.toml",
            "up --memory 1g --nodes 3",
        ] {
            assert!(reads(&format!("clusterdock {line}")), "{line}");
        }
        for line in [
            "start",
            "start --nodes 3",
            "build --nodes 3",
            "ls --nodes 3",
        ] {
            assert!(!reads(&format!("clusterdock {line}")), "{line}");
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
