//! `topology new`: a folder with the crate of a plugin, which compiles, starts and passes its tests at once.

use std::fs;
use std::io;
use std::path::Path;

use crate::cli::topology_actions::New;
use crate::commands::Console;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::topology::manifest::{self, Manifest};
use crate::topology::plugin_api_sources;

/// The files of a new topology, with `{{names}}` to be filled in.
const TEMPLATES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    (manifest::FILE_NAME, MANIFEST),
    ("src/lib.rs", include_str!("template/lib.rs.in")),
    ("README.md", include_str!("template/README.md.in")),
    (".gitignore", include_str!("template/gitignore.in")),
];

const MANIFEST: &str = include_str!("template/topology.toml.in");

/// The versions that clusterdock itself was built and tested with. Cargo drops what the crate does not use.
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// Creates the folder of a new topology.
///
/// # Errors
/// The name is invalid, the folder exists, or it cannot be written.
pub(super) fn new(console: &Console<'_>, args: &New) -> Result<()> {
    let folder = console.paths.current.join(&args.path);
    let names = Names::new(&folder)?;
    let plugin_api = plugin_api_sources::unpack(&console.paths.config)?;
    create(&folder).map_err(|error| not_created(&args.path, &error))?;
    let written = write(&folder, &names, &plugin_api);
    if let Err(error) = written {
        // Nothing but what was just written is in there.
        fs::remove_dir_all(&folder).ok();
        return Err(not_created(&args.path, &error));
    }
    let shown = args.path.display();
    let message = format!("Created topology {} in {shown}", names.name);
    console.event(Event::Done { message });
    console.report.note(&format!(
        "hint: `clusterdock start {}` compiles and starts it",
        as_path(&args.path)
    ));
    Ok(())
}

/// How `start` takes the folder for a path rather than a name.
fn as_path(typed: &Path) -> String {
    let shown = typed.display();
    if typed.components().count() == 1 {
        format!("./{shown}")
    } else {
        shown.to_string()
    }
}

/// Creates the folder, which must not exist, and the folders above it.
fn create(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::create_dir(folder)
}

fn write(folder: &Path, names: &Names, plugin_api: &Path) -> io::Result<()> {
    for (path, template) in TEMPLATES {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap_or(folder))?;
        fs::write(file, names.fill(template, plugin_api))?;
    }
    fs::write(folder.join("Cargo.lock"), LOCK)
}

fn not_created(path: &Path, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        let message = format!("`{}` already exists", path.display());
        return Error::new(Kind::Conflict, message)
            .hint("choose another name; nothing was changed");
    }
    Error::new(Kind::Other, format!("cannot create `{}`", path.display())).cause(error)
}

/// The names of a new topology, all from that of its folder.
struct Names {
    name: String,
    plugin: String,
    type_name: String,
}

impl Names {
    fn new(folder: &Path) -> Result<Names> {
        let typed = folder.file_name().unwrap_or_default().to_string_lossy();
        let name = typed.strip_prefix("topology_").unwrap_or(&typed);
        let names = Names {
            name: name.into(),
            plugin: format!("topology_{}", name.replace('-', "_")),
            type_name: type_name(name),
        };
        // The manifest has the rules for all of them.
        let manifest = names.fill(MANIFEST, Path::new(""));
        if let Err(error) = Manifest::parse(&manifest, manifest::FILE_NAME) {
            // The last line is the rule; those above show a file that nobody has.
            let causes = error.causes().join("\n");
            let rule = causes.lines().last().unwrap_or_default();
            return Err(Error::new(
                Kind::Usage,
                format!("invalid name `{}`", typed.escape_debug()),
            )
            .cause(rule.trim())
            .hint("name the folder like the topology, e.g. `my-topology`"));
        }
        Ok(names)
    }

    fn fill(&self, template: &str, plugin_api: &Path) -> String {
        let plugin_api = plugin_api.display().to_string();
        [
            ("{{name}}", self.name.as_str()),
            ("{{plugin}}", &self.plugin),
            ("{{type}}", &self.type_name),
            ("{{version}}", env!("CARGO_PKG_VERSION")),
            ("{{plugin_api}}", &escaped(&plugin_api)),
        ]
        .iter()
        .fold(template.to_owned(), |text, (mark, value)| {
            text.replace(mark, value)
        })
    }
}

/// A text within the quotes of TOML.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// `MyTopology` for `my`, which no name in the prelude of plugin-api equals.
fn type_name(name: &str) -> String {
    let words = name.split(['-', '_']).map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    let joined: String = words.collect();
    let start = if joined.starts_with(|c: char| c.is_ascii_digit()) {
        "A"
    } else {
        ""
    };
    format!("{start}{joined}Topology")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_that_of_the_folder() {
        let names = |folder: &str| {
            let names = Names::new(Path::new(folder)).unwrap();
            (names.name, names.plugin, names.type_name)
        };
        for (folder, name, plugin, type_name) in [
            ("/a/demo", "demo", "topology_demo", "DemoTopology"),
            (
                "topology_my-app",
                "my-app",
                "topology_my_app",
                "MyAppTopology",
            ),
            ("3tier_2", "3tier_2", "topology_3tier_2", "A3tier2Topology"),
            ("group", "group", "topology_group", "GroupTopology"),
        ] {
            let expected = (name.into(), plugin.into(), type_name.into());
            assert_eq!(names(folder), expected, "{folder}");
        }
    }

    #[test]
    fn names_that_a_manifest_refuses_are_refused() {
        for folder in [
            "",
            "/",
            "..",
            "a/My",
            "a b",
            "-x",
            "x-",
            "a---b",
            "\u{e9}",
            "topology_",
            "x\ny",
        ] {
            let Err(error) = Names::new(Path::new(folder)) else {
                panic!("{folder} is accepted");
            };
            assert_eq!(error.kind(), Kind::Usage, "{folder}");
        }
    }
}
