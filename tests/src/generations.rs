//! plugin-api as it was and as it may become: copies of it, changed at the marked lines, with a small topology and a
//! small loader built against each. So it is tested that hosts and plugins of several generations understand each
//! other, before there are several.

use crate::cargo;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A state of plugin-api.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// As it is.
    Current,
    /// A minor version on: a field of the root module and a method of each trait were appended.
    Next,
    /// Two minor versions on: the same again.
    AfterNext,
    /// Changed against the rules: a field of the error has another type.
    Broken,
}

impl Generation {
    /// Those that have to understand each other, oldest first.
    pub const ALL: [Generation; 3] = [Generation::Current, Generation::Next, Generation::AfterNext];

    /// How it is called in names of crates and files.
    pub fn name(self) -> &'static str {
        match self {
            Generation::Current => "current",
            Generation::Next => "next",
            Generation::AfterNext => "after_next",
            Generation::Broken => "broken",
        }
    }

    /// The library of a topology built against it, with a group named `nodes-GENERATION`.
    pub fn plugin(self) -> PathBuf {
        let name = format!("topology_of_{}", self.name());
        let source = PLUGIN.replace("GENERATION", self.name());
        let crate_type = "[lib]\ncrate-type = [\"cdylib\"]\n";
        let files = self.build(&name, crate_type, "", &[("src/lib.rs", &source), ("topology.toml", MANIFEST)]);
        files.into_iter().find(|file| file.ends_with(format!("lib{name}.so"))).expect("the crate has a library")
    }

    /// A program that loads the libraries named as its arguments with this host's loader, built against it. For each it
    /// prints a line: the groups, what the newest method of this generation says, and what the hook called; or why
    /// it was refused.
    pub fn loader(self) -> PathBuf {
        let name = format!("loader_of_{}", self.name());
        let newest = match self {
            Generation::Next => "topology.first_appended()",
            Generation::AfterNext => "topology.second_appended()",
            Generation::Current | Generation::Broken => "0",
        };
        let source = LOADER.replace("NEWEST", newest);
        let load = fs::read_to_string(cargo::workspace().join("host/src/topology/load.rs")).expect("there is a loader");
        let needs = "abi_stable = { version = \"=0.11.3\", default-features = false }\nlibloading = \"0.9\"\nserde_json = \"1\"\n";
        let files = self.build(&name, "", needs, &[("src/main.rs", &source), ("src/load.rs", &load)]);
        files.into_iter().find(|file| file.ends_with(&name)).expect("the crate has a program")
    }

    /// One at a time: the tests share the sources.
    fn build(self, name: &str, sections: &str, dependencies: &str, files: &[(&str, &str)]) -> Vec<PathBuf> {
        static BUILDING: Mutex<()> = Mutex::new(());
        let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        let api = self.api();
        let folder = generations().join(name);
        let profile = "[profile.dev]\ndebug = \"line-tables-only\"\n[profile.dev.package.\"*\"]\ndebug = false\n";
        let manifest = format!(
            "[workspace]\n[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n{sections}\n[dependencies]\n\
             clusterdock-plugin-api = {{ path = \"{}\" }}\n{dependencies}\n{profile}",
            api.display()
        );
        write(&folder.join("Cargo.toml"), &manifest);
        files.iter().for_each(|(path, text)| write(&folder.join(path), text));
        // The versions that the workspace has, which are here.
        let lock = fs::read_to_string(cargo::workspace().join("Cargo.lock")).expect("the workspace has a lock file");
        write(&folder.join("Cargo.lock"), &lock);
        cargo::build(&folder, &[])
    }

    /// A copy of plugin-api, changed.
    fn api(self) -> PathBuf {
        let (original, folder) =
            (cargo::workspace().join("plugin-api"), generations().join(format!("api_{}", self.name())));
        let (mut paths, changes) = (vec!["Cargo.toml".into(), "build.rs".into(), PathBuf::from("src")], self.changes());
        while let Some(path) = paths.pop() {
            if let Ok(folder) = fs::read_dir(original.join(&path)) {
                paths.extend(folder.map(|entry| path.join(entry.expect("a folder can be read").file_name())));
                continue;
            }
            let mut text = fs::read_to_string(original.join(&path)).expect("a source is text");
            for (_, from, to) in changes.iter().filter(|(changed, _, _)| Path::new(changed) == path) {
                assert!(text.contains(from), "`{from}` is not in `{}`", path.display());
                text = text.replacen(from, to, 1);
            }
            write(&folder.join(&path), &text);
        }
        folder
    }

    fn changes(self) -> Vec<(&'static str, &'static str, String)> {
        let mut changes = Vec::new();
        let appended: &[&str] = match self {
            Generation::Current => &[],
            Generation::Next => &["first"],
            Generation::AfterNext => &["first", "second"],
            Generation::Broken => {
                changes.push(("src/wire.rs", "pub code: u32,", "pub code: u64,".into()));
                changes.push((
                    "src/wire.rs",
                    "code: error.code().into(),",
                    "code: u32::from(error.code()).into(),".into(),
                ));
                changes.push(("src/wire.rs", "Code::from(error.code)", "Code::from(error.code as u32)".into()));
                &[]
            }
        };
        for (number, name) in appended.iter().enumerate() {
            let field = format!("#[sabi(missing_field(option))]\npub {name}_field: u32,\n{FIELDS}");
            let method = format!("fn {name}_appended(&self) -> u32 {{ {} }}\n", number + 10);
            changes.push(("src/wire.rs", FIELDS, field));
            changes.push(("src/wire.rs", TOPOLOGY_METHODS, format!("{method}{TOPOLOGY_METHODS}")));
            changes.push(("src/wire.rs", HOST_METHODS, format!("{method}{HOST_METHODS}")));
            changes.push(("src/export.rs", CONSTRUCTED, format!("{CONSTRUCTED} {name}_field: {number},")));
            // The newest plugin answers with something else than the default body.
            let answer = format!("fn {name}_appended(&self) -> u32 {{ {} }}\n", number + 1);
            changes.push(("src/export.rs", EXPORTED, format!("{EXPORTED}\n{answer}")));
        }
        if !appended.is_empty() {
            let version = format!("version = \"1.{}.0\"", appended.len());
            changes.push(("Cargo.toml", "version = \"1.0.0\"", version));
        }
        changes
    }
}

const FIELDS: &str = "// generation: fields are appended here";
const TOPOLOGY_METHODS: &str = "// generation: methods of a topology are appended here";
const HOST_METHODS: &str = "// generation: methods of a host are appended here";
const CONSTRUCTED: &str = "PluginMod {";
const EXPORTED: &str = "impl WireTopology for Exported {";

const MANIFEST: &str = "[topology]\nname = \"x\"\n";

const PLUGIN: &str = r#"
use clusterdock_plugin_api::{export_topology, Cluster, Declaration, Group, NodeSpec, Request, Result, Topology};

export_topology!(Small, "../topology.toml");

struct Small;

impl Topology for Small {
    fn declare(&self) -> Declaration {
        Declaration::new().group(Group::new("nodes-GENERATION"))
    }

    fn nodes(&self, _: &Request) -> Result<Vec<NodeSpec>> {
        Ok(Vec::new())
    }

    fn start(&self, cluster: &Cluster, _: &Request) -> Result<()> {
        cluster.progress("hello")
    }
}
"#;

const LOADER: &str = r#"
mod load;

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RResult, RSlice, RStr};
use clusterdock_plugin_api::wire::{AbiError, Reply, Topology, WireHost, WireHost_TO};
use clusterdock_plugin_api::{Declaration, Error, Result};
use std::sync::mpsc::{Sender, channel};

struct Host(Sender<String>);

impl WireHost for Host {
    fn call(&self, name: RStr<'_>, _: RStr<'_>, _: RSlice<'_, u8>) -> RResult<Reply, AbiError> {
        self.0.send(name.into()).unwrap();
        RResult::ROk(Reply { json: "null".into(), bytes: Default::default() })
    }
}

fn main() {
    for path in std::env::args_os().skip(1) {
        match load::load(path.as_ref(), &Default::default()).and_then(describe) {
            Ok(description) => println!("{description}"),
            Err(error) => println!("refused: {error}"),
        }
    }
}

fn describe(topology: Topology) -> Result<String> {
    let declaration = topology.declare().into_result().map_err(Error::from)?;
    let declaration: Declaration = serde_json::from_str(&declaration)?;
    let newest: u32 = NEWEST;
    let (sender, calls) = channel();
    let host = WireHost_TO::from_value(Host(sender), TD_Opaque);
    topology.hook("start".into(), "{}".into(), "{}".into(), host).into_result().map_err(Error::from)?;
    Ok(format!("{} {newest} {}", declaration.groups[0].name, calls.recv()?))
}
"#;

/// Where generations are kept from one run of the tests to the next, so that only what has changed is built again.
fn generations() -> PathBuf {
    cargo::target().join("generations")
}

/// Leaves a file that says the same already as it is, and with it its time.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders can be made");
    fs::write(path, text).expect("files can be written");
}
