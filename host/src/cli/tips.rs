//! Tips for invalid command lines, in place of clap's guesses from similar letters.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{command, exec_args, other_words, start_args};

/// Adds a tip to clap's error, if it is clear what is meant. `knows_topology` says that the topology's own arguments are
/// among those that clap knew.
pub fn with_tip(mut error: clap::Error, argv: &[OsString], knows_topology: bool) -> clap::Error {
    let words: Vec<String> = argv
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if let Some(tip) = tip(&error, &words, argv, knows_topology) {
        for guesses in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg] {
            error.remove(guesses);
        }
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![tip.into()]),
        );
    }
    error
}

fn tip(
    error: &clap::Error,
    words: &[String],
    argv: &[OsString],
    knows_topology: bool,
) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            other_words::meaning(&words[position(words, text(ContextKind::InvalidSubcommand)?)?..])
        }
        ErrorKind::UnknownArgument | ErrorKind::ArgumentConflict
            if has_command(words, "exec") && exec_args::has_dashes(argv) =>
        {
            Some("only names and options stand before `--`: put the whole command after it".into())
        }
        ErrorKind::UnknownArgument if has_command(words, "start") || has_command(words, "up") => {
            let option = text(ContextKind::InvalidArg)?;
            if let Some(tip) = start_args::volume_tip(argv, option.as_ref()) {
                return Some(tip);
            }
            of_start(option, words, knows_topology)
        }
        _ => None,
    }
}

fn position(words: &[String], word: &str) -> Option<usize> {
    words.iter().position(|one| one == word)
}

/// Whether the first word that is a command's name is this one.
fn has_command(words: &[String], name: &str) -> bool {
    let commands = command();
    let is_command = |word: &&String| {
        commands
            .get_subcommands()
            .any(|command| command.get_name() == **word)
    };
    words
        .iter()
        .find(is_command)
        .is_some_and(|word| word == name)
}

/// What is meant by an option of `start` that does not exist.
fn of_start(option: &str, words: &[String], knows_topology: bool) -> Option<String> {
    let option = option.split('=').next().unwrap_or_default();
    if let Some(tip) = other_words::option_of_start(option) {
        return Some(tip.into());
    }
    if knows_topology {
        return None;
    }
    // In the first reading, what follows the topology is set aside: so this option stands before it.
    let known = |word: &&String| word.starts_with("--") && word.split('=').next() == Some(option);
    let typed = words.iter().find(known)?;
    Some(format!(
        "a topology's own arguments follow it: clusterdock start TOPOLOGY {typed} ..."
    ))
}
