//! The reference of commands, host/COMMANDS.md, is what the command line itself says, with an example and the exit codes
//! of each command (`reference/notes.rs`). After a change of the command line or of these, write it anew with
//! `CLUSTERDOCK_UPDATE_REFERENCE=1 cargo test -p clusterdock-tests --test it -- reference`.

mod notes;

use std::ffi::OsString;
use std::fmt::Write;
use std::fs;

use clap::{Arg, Command};
use clusterdock_tests::cargo::workspace;

use notes::{NOTES, Note};

const UPDATE: &str =
    "CLUSTERDOCK_UPDATE_REFERENCE=1 cargo test -p clusterdock-tests --test it -- reference";

const INTRODUCTION: &str = "\
Every command exits with 0 on success, 2 for wrong usage, 5 if the engine cannot be used, 130 or 143 if it is interrupted or
terminated, and 1 for whatever has no code of its own; other codes are listed with their commands
([all codes](../README.md#exit-codes)). Durations are written as `90s`, `5m` or `1h30m`, sizes as `512m` or `2g`.
";

fn reference() -> String {
    let mut text = format!(
        "# Commands\n\nGenerated from the command line by `tests/it/reference.rs`; do not edit it, but run\n\
         `{UPDATE}`.\n\n{INTRODUCTION}\n"
    );
    let mut command = clusterdock::cli::command();
    command.build();
    for inner in leaves(&command, "") {
        let title = inner.title;
        writeln!(
            text,
            "* [{title}](#{}): {}",
            title.replace(' ', "-"),
            about(inner.command)
        )
        .unwrap();
    }
    text.push_str("\n## Options of every command\n\n");
    let global: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .collect();
    text.push_str(&table("option", &global));
    for leaf in leaves(&command, "") {
        section(&mut text, &leaf);
    }
    text
}

/// A command that does something, as opposed to `manage`, which has commands.
struct Leaf<'a> {
    title: String,
    command: &'a Command,
    /// Options that it has from the command above it.
    inherited: Vec<&'a Arg>,
}

fn leaves<'a>(command: &'a Command, title: &str) -> Vec<Leaf<'a>> {
    let mut found = Vec::new();
    let mut inner: Vec<&Command> = command.get_subcommands().collect();
    inner.sort_by_key(|command| command.get_display_order());
    for inner in inner {
        let title = format!("{title} {}", inner.get_name()).trim().to_string();
        if inner.get_name() == "help" {
            continue;
        }
        if inner.has_subcommands() {
            for mut leaf in leaves(inner, &title) {
                let own = |arg: &&Arg| arg.is_global_set() && !is_of_every_command(arg);
                leaf.inherited.extend(inner.get_arguments().filter(own));
                found.push(leaf);
            }
        } else {
            found.push(Leaf {
                title,
                command: inner,
                inherited: Vec::new(),
            });
        }
    }
    found
}

fn is_of_every_command(arg: &Arg) -> bool {
    let id = arg.get_id();
    clusterdock::cli::command()
        .get_arguments()
        .any(|global| global.is_global_set() && global.get_id() == id)
}

fn about(command: &Command) -> String {
    command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn section(text: &mut String, leaf: &Leaf<'_>) {
    let Leaf { title, command, .. } = leaf;
    let usage = Command::clone(command).render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    writeln!(
        text,
        "\n## {title}\n\n{}.\n\n```text\n{usage}\n```\n",
        about(command)
    )
    .unwrap();
    let own = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !is_of_every_command(arg) && arg.get_id() != "help")
        .filter(|arg| {
            leaf.inherited
                .iter()
                .all(|known| known.get_id() != arg.get_id())
        })
        .chain(leaf.inherited.iter().copied());
    let (positional, options): (Vec<&Arg>, Vec<&Arg>) = own.partition(|arg| arg.is_positional());
    for (heading, args) in [("argument", positional), ("option", options)] {
        if !args.is_empty() {
            text.push_str(&table(heading, &args));
            text.push('\n');
        }
    }
    if let Some(help) = command.get_after_help() {
        writeln!(text, "{help}\n").unwrap();
    }
    let note = note(title);
    writeln!(text, "Exit codes: {}.\n", note.exit_codes()).unwrap();
    writeln!(
        text,
        "Example: {}\n\n```sh\n{}\n```",
        note.purpose, note.example
    )
    .unwrap();
}

#[track_caller]
fn note(title: &str) -> &'static Note {
    NOTES
        .iter()
        .find(|note| note.command == title)
        .unwrap_or_else(|| panic!("reference/notes.rs has no example of `{title}`"))
}

/// A table of arguments; columns that would be empty are left out.
fn table(heading: &str, args: &[&Arg]) -> String {
    let rows: Vec<[String; 4]> = args.iter().map(|arg| row(arg)).collect();
    let headings = [heading, "meaning", "default", "variable"];
    let shown: Vec<usize> = (0..headings.len())
        .filter(|column| rows.iter().any(|row| !row[*column].is_empty()))
        .collect();
    let line = |cells: &[&str]| {
        let cells: Vec<&str> = shown.iter().map(|column| cells[*column]).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(&headings);
    writeln!(text, "|{}", "---|".repeat(shown.len())).unwrap();
    for row in &rows {
        text.push_str(&line(&row.each_ref().map(String::as_str)));
    }
    text
}

/// Signature, meaning, default and environment variable of an argument.
fn row(arg: &Arg) -> [String; 4] {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    // A default that is not a value, such as the topology's, is part of the help.
    let (meaning, told) = match help
        .strip_suffix(']')
        .and_then(|help| help.rsplit_once(" [default: "))
    {
        Some((meaning, default)) => (meaning, default),
        None => (help.as_str(), ""),
    };
    let values: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    let is_shown = !arg.is_hide_default_value_set() && arg.get_action().takes_values();
    let default = if values.is_empty() || !is_shown {
        told.to_string()
    } else {
        values.join(" ")
    };
    let variable = arg
        .get_env()
        .map(|name| format!("`{}`", name.to_string_lossy()));
    [
        format!("`{}`", signature(arg)),
        meaning.replace('|', "\\|"),
        default,
        variable.unwrap_or_default(),
    ]
}

fn signature(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    let takes_value = arg.get_action().takes_values();
    let value = arg
        .get_value_names()
        .and_then(|names| names.first())
        .map(ToString::to_string);
    if flags.is_empty() {
        return value.unwrap_or_else(|| arg.get_id().to_string().to_uppercase());
    }
    match value {
        Some(value) if takes_value => format!("{} {value}", flags.join(", ")),
        _ => flags.join(", "),
    }
}

#[test]
fn the_reference_of_commands_is_what_the_command_line_says() {
    let path = workspace().join("host/COMMANDS.md");
    if std::env::var_os("CLUSTERDOCK_UPDATE_REFERENCE").is_some() {
        fs::write(&path, reference()).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == reference(),
        "host/COMMANDS.md is not current: {UPDATE}"
    );
}

#[test]
fn every_example_is_a_command_line_of_its_command() {
    let mut command = clusterdock::cli::command();
    command.build();
    let titles: Vec<String> = leaves(&command, "")
        .into_iter()
        .map(|leaf| leaf.title)
        .collect();
    for Note {
        command: title,
        example,
        ..
    } in NOTES
    {
        assert!(
            titles.iter().any(|known| known == title),
            "there is no command `{title}`"
        );
        let argv = notes::argv(example);
        let begins = argv.join(" ").starts_with(&format!("clusterdock {title} "));
        assert!(begins, "`{example}` is not of `{title}`");
        let argv: Vec<OsString> = argv.into_iter().map(Into::into).collect();
        if let Err(error) = clusterdock::cli::command_for(&argv).try_get_matches_from(&argv) {
            panic!("`{example}`: {error}");
        }
    }
}
