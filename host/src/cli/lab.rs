//! `lab.toml`: a topology with its arguments and options in a file, kept next to a project. Its values take the place of
//! the defaults, so that the command line and the environment take precedence over them.

mod lab_entry;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use clusterdock_plugin_wire::{ArgKind, Declaration};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::topology_args;
use crate::did_you_mean::nearest;
use crate::error::{Error, Kind, Result};
pub use lab_entry::Entry;

/// The name of the file that `up` and `down` look for.
pub const FILE_NAME: &str = "lab.toml";

/// The version of the file's format.
const SCHEMA: &str = "1";

/// The keys of a file.
const KEYS: [&str; 4] = ["schema", "topology", "arguments", "options"];

/// Options that a file cannot have: they say what a single command does, or are other words for an option.
const NOT_OPTIONS: [&str; 10] = [
    "topology",
    "file",
    "reuse",
    "recreate",
    "detach",
    "dry_run",
    "format",
    "always_pull",
    "retain",
    "help",
];

/// The options of a file whose values are not shown, since they may be secrets.
const UNSHOWN: &str = "env";

/// A file, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lab {
    /// Its path as errors show it.
    pub shown: String,
    /// The folder that relative paths in it begin at.
    pub folder: PathBuf,
    /// The topology: a path, or a name.
    pub topology: String,
    arguments: Vec<Entry>,
    options: Vec<Entry>,
}

impl Lab {
    /// Reads the text of a file in `folder`.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the line: invalid TOML, an unknown key, a value of the wrong type, or a later format.
    pub fn parse(text: &str, folder: &Path, shown: &str) -> Result<Lab> {
        let file = lab_entry::File { text, shown };
        let document = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| file.line(span.start));
            Error::new(Kind::Usage, format!("invalid file `{shown}:{line}`"))
                .cause(error.to_string().trim_end())
        })?;
        let document = document.into_inner();
        check_schema(&file, &document)?;
        let mut lab = Lab {
            shown: shown.into(),
            folder: folder.into(),
            topology: String::new(),
            arguments: Vec::new(),
            options: Vec::new(),
        };
        for (key, value) in &document {
            let name = key.get_ref().as_ref();
            match (name, value.get_ref()) {
                ("schema", _) => {}
                ("topology", DeValue::String(topology)) if !topology.is_empty() => {
                    lab.topology = topology.to_string();
                }
                ("arguments", DeValue::Table(table)) => lab.arguments = file.entries(table)?,
                ("options", DeValue::Table(table)) => lab.options = file.entries(table)?,
                ("topology", _) => {
                    return Err(file.invalid(value, name, "expected a path or a name"));
                }
                ("arguments" | "options", _) => {
                    let why = format!("expected a table: [{name}]");
                    return Err(file.invalid(value, name, &why));
                }
                _ => {
                    let line = file.line(key.span().start);
                    return Err(unknown(shown, line, name, &KEYS));
                }
            }
        }
        if lab.topology.is_empty() {
            return Err(Error::new(Kind::Usage, format!("no topology in `{shown}`"))
                .hint("add a line: topology = \"PATH\""));
        }
        Ok(lab)
    }

    /// The name of the cluster, if the file has one.
    pub fn cluster_name(&self) -> Option<&str> {
        let mut options = self.options.iter();
        let name = options.find(|entry| entry.name == "cluster-name")?;
        name.words.first().map(String::as_str)
    }

    /// The command with the file's values as defaults of its options and of the topology's arguments.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the line, for the first unknown name or invalid value.
    pub fn fill(&self, command: Command, declaration: &Declaration) -> Result<Command> {
        let mut command = command;
        for entry in &self.options {
            let known: Vec<String> = options(&command).map(flag).collect();
            let arg = options(&command).find(|arg| flag(arg) == entry.name);
            let arg = arg.cloned().ok_or_else(|| self.unknown(entry, &known))?;
            command = self.set(command, &arg, entry, entry.words.clone())?;
        }
        let known = topology_args::ids(declaration);
        for entry in &self.arguments {
            let names: Vec<String> = known.iter().map(|(name, _)| name.clone()).collect();
            let found = known.iter().find(|(name, _)| *name == entry.name);
            let (_, id) = found.ok_or_else(|| self.unknown(entry, &names))?;
            let arg = command
                .get_arguments()
                .find(|arg| arg.get_id() == id.as_str());
            let arg = arg.cloned().ok_or_else(|| self.unknown(entry, &names))?;
            let words = self.absolute(declaration, entry);
            command = self.set(command, &arg, entry, words)?;
        }
        Ok(command)
    }

    /// The words of an argument, with paths that begin at the file's folder.
    fn absolute(&self, declaration: &Declaration, entry: &Entry) -> Vec<String> {
        let kind = declaration.args.iter().find(|arg| arg.name == entry.name);
        let join = |path: &str| self.folder.join(path).display().to_string();
        let word = |word: &String| match (kind.map(|arg| arg.kind), word.strip_prefix('@')) {
            (Some(ArgKind::Path), _) if !word.is_empty() => join(word),
            (Some(ArgKind::Secret), Some(path)) => format!("@{}", join(path)),
            _ => word.clone(),
        };
        entry.words.iter().map(word).collect()
    }

    /// The command with the words of an entry as the default of an argument.
    fn set(
        &self,
        command: Command,
        arg: &Arg,
        entry: &Entry,
        words: Vec<String>,
    ) -> Result<Command> {
        let words = entry.checked(arg, words).map_err(|why| {
            let place = format!("{}:{}", self.shown, entry.line);
            Error::new(
                Kind::Usage,
                format!("invalid `{}` in `{place}`", entry.name),
            )
            .cause(why)
        })?;
        let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        if words.is_empty() {
            return Ok(command);
        }
        Ok(command.mut_arg(arg.get_id(), |arg| {
            arg.required(false).default_values(words)
        }))
    }

    fn unknown(&self, entry: &Entry, known: &[String]) -> Error {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        unknown(&self.shown, entry.line, &entry.name, &known)
    }

    /// What the file contributes to a command line that was read with it, as flags. Secrets are left out.
    pub fn contribution(&self, matches: &ArgMatches, declaration: &Declaration) -> String {
        let is_used = |id: &str| {
            matches.try_contains_id(id).is_ok()
                && matches.value_source(id) == Some(ValueSource::DefaultValue)
        };
        let options = self.options.iter();
        let options = options.filter(|entry| is_used(&entry.name.replace('-', "_")));
        let ids = topology_args::ids(declaration);
        let arguments = self.arguments.iter().filter(|entry| {
            let id = ids.iter().find(|(name, _)| *name == entry.name);
            id.is_some_and(|(_, id)| is_used(id))
        });
        let is_secret = |entry: &&Entry| {
            let mut args = declaration.args.iter();
            args.any(|arg| arg.name == entry.name && arg.kind == ArgKind::Secret)
        };
        let flags = arguments.map(|entry| entry.as_flag(is_secret(&entry)));
        let flags = flags.chain(options.map(|entry| entry.as_flag(entry.name == UNSHOWN)));
        let flags: Vec<String> = flags.collect();
        format!("topology {} {}", self.topology, flags.join(" "))
            .trim_end()
            .to_string()
    }

    /// Whether the values of `--volume` come from the file, so that their relative paths begin at its folder.
    pub fn has_volumes(&self, matches: &ArgMatches) -> bool {
        matches.value_source("volume") == Some(ValueSource::DefaultValue)
    }
}

/// The options of a command that a file can have.
fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        let id = arg.get_id().as_str();
        // A topology's own arguments have ids of several words.
        arg.get_long().is_some()
            && !arg.is_global_set()
            && !id.contains(' ')
            && !NOT_OPTIONS.contains(&id)
    })
}

/// The name of an option, whatever the topology has made of its flag.
fn flag(arg: &Arg) -> String {
    arg.get_id().as_str().replace('_', "-")
}

/// Refuses a file of a later format before anything in it is judged.
fn check_schema(file: &lab_entry::File<'_>, document: &DeTable<'_>) -> Result<()> {
    let Some(value) = document.get("schema") else {
        return Ok(());
    };
    match value.get_ref() {
        DeValue::Integer(number) if number.to_string() == SCHEMA => Ok(()),
        DeValue::Integer(number) => Err(schema(file, value, &number.to_string())),
        _ => Err(file.invalid(value, "schema", &format!("expected {SCHEMA}"))),
    }
}

fn schema(file: &lab_entry::File<'_>, value: &Spanned<DeValue<'_>>, found: &str) -> Error {
    let line = file.line(value.span().start);
    let message = format!(
        "`{}:{line}` is for another version of clusterdock",
        file.shown
    );
    Error::new(Kind::Usage, message)
        .cause(format!(
            "its schema is {found}; this clusterdock supports {SCHEMA}"
        ))
        .hint("use a clusterdock that supports it, or write the file anew")
}

fn unknown(shown: &str, line: usize, name: &str, known: &[&str]) -> Error {
    let error = Error::new(
        Kind::Usage,
        format!("unknown key `{name}` in `{shown}:{line}`"),
    );
    match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("known keys: {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests;
