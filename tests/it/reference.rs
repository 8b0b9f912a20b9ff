//! The reference of commands, host/COMMANDS.md, is what the command line itself says. After a change of the command
//! line, `CLUSTERDOCK_UPDATE_REFERENCE=1 cargo test reference` writes it anew.

use clusterdock_tests::cargo::workspace;
use std::fmt::Write;
use std::fs;

fn reference() -> String {
    let mut text = String::from(
        "# clusterdock's commands\n\nWritten from the command line itself by `tests/it/reference.rs`; do not edit it.\n",
    );
    let mut command = clusterdock::cli::command();
    command.build();
    section(&mut text, &command, "clusterdock");
    text
}

fn section(text: &mut String, command: &clap::Command, name: &str) {
    writeln!(text, "\n## {name}\n").unwrap();
    if let Some(about) = command.get_about() {
        writeln!(text, "{about}.\n").unwrap();
    }
    let arguments: Vec<&clap::Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && (!arg.is_global_set() || name == "clusterdock"))
        .collect();
    if !arguments.is_empty() {
        text.push_str("| argument | what |\n|---|---|\n");
    }
    for arg in arguments {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
        let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = match default.is_empty() || arg.is_hide_default_value_set() || default == ["false"] {
            true => String::new(),
            false => format!(" [default: {}]", default.join(" ")),
        };
        writeln!(text, "| `{}` | {help}{default} |", signature(arg)).unwrap();
    }
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        section(text, inner, &format!("{name} {}", inner.get_name()));
    }
}

fn signature(arg: &clap::Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    let takes_value = arg.get_action().takes_values();
    let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    match (flags.is_empty(), takes_value, value) {
        (true, _, value) => value.unwrap_or_else(|| arg.get_id().to_string().to_uppercase()),
        (false, true, Some(value)) => format!("{} {value}", flags.join(", ")),
        (false, ..) => flags.join(", "),
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
        "host/COMMANDS.md is not current: CLUSTERDOCK_UPDATE_REFERENCE=1 cargo test reference"
    );
}
