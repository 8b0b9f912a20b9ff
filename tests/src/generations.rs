//! Older and future versions of plugin-api: copies of it, changed at the marked lines, with a small topology and a
//! small loader built against each. This tests that hosts and plugins of several generations work
//! together, before there are several.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::cargo;

mod newer;

/// A change of a file of plugin-api: its path, a text in it, and what replaces the text.
type Change = (&'static str, &'static str, String);

/// A state of plugin-api.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// The current state.
    Current,
    /// One minor version later: a field of the root module and a method of each trait were appended.
    Next,
    /// Two minor versions later: the same again.
    AfterNext,
    /// Changed in violation of the rules: a field of the error has another type.
    Broken,
}

impl Generation {
    /// The compatible ones, oldest first.
    pub const ALL: [Generation; 3] = [Generation::Current, Generation::Next, Generation::AfterNext];

    /// Its name in crates and files.
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
        let files = self.build(
            &name,
            crate_type,
            "",
            &[("src/lib.rs", &source), ("topology.toml", MANIFEST)],
        );
        files
            .into_iter()
            .find(|file| file.ends_with(format!("lib{name}.so")))
            .expect("the crate has a library")
    }

    /// A program, built against it, that loads the libraries named as its arguments. For each it prints a line: the
    /// groups, the result of this generation's newest method, and the hook's calls; or why the library was refused.
    pub fn loader(self) -> PathBuf {
        let name = format!("loader_of_{}", self.name());
        let newest = match self {
            Generation::Next => "topology.first_appended()",
            Generation::AfterNext => "topology.second_appended()",
            Generation::Current | Generation::Broken => "0",
        };
        let zone = match self {
            Generation::Current | Generation::Broken => "",
            Generation::Next | Generation::AfterNext => "request.zone = zone;",
        };
        let source = LOADER
            .replace("NEWEST", newest)
            .replace("SET_THE_FIELD", zone);
        let load = fs::read_to_string(cargo::workspace().join("host/src/topology/load.rs"))
            .expect("there is a loader");
        let needs = "abi_stable = { version = \"=0.11.3\", default-features = false }\nlibloading = \"0.9\"\nserde_json = \"1\"\n";
        let files = self.build(
            &name,
            "",
            needs,
            &[("src/main.rs", &source), ("src/load.rs", &load)],
        );
        files
            .into_iter()
            .find(|file| file.ends_with(&name))
            .expect("the crate has a program")
    }

    /// One at a time, since the tests share the sources.
    fn build(
        self,
        name: &str,
        sections: &str,
        dependencies: &str,
        files: &[(&str, &str)],
    ) -> Vec<PathBuf> {
        static BUILDING: Mutex<()> = Mutex::new(());
        let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        let api = self.api();
        let folder = generations().join(name);
        let profile = "[profile.dev]\ndebug = \"line-tables-only\"\n[profile.dev.package.\"*\"]\ndebug = false\n";
        let manifest = format!(
            "[workspace]\n[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n{sections}\n[dependencies]\n\
             clusterdock-plugin-api = {{ path = \"{0}\" }}\nclusterdock-plugin-wire = {{ path = \"{0}/wire\" }}\n\
             {dependencies}\n{profile}",
            api.display()
        );
        write(&folder.join("Cargo.toml"), &manifest);
        files
            .iter()
            .for_each(|(path, text)| write(&folder.join(path), text));
        // The workspace's locked versions, which are available offline.
        let lock = fs::read_to_string(cargo::workspace().join("Cargo.lock"))
            .expect("the workspace has a lock file");
        write(&folder.join("Cargo.lock"), &lock);
        cargo::build(&folder, &[])
    }

    /// A modified copy of plugin-api.
    fn api(self) -> PathBuf {
        let (original, folder) = (
            cargo::workspace().join("plugin-api"),
            generations().join(format!("api_{}", self.name())),
        );
        let (mut paths, changes) = (
            ["Cargo.toml", "src", "wire", "derive"]
                .map(PathBuf::from)
                .to_vec(),
            self.changes(),
        );
        while let Some(path) = paths.pop() {
            if let Ok(folder) = fs::read_dir(original.join(&path)) {
                paths.extend(
                    folder.map(|entry| path.join(entry.expect("a folder can be read").file_name())),
                );
                continue;
            }
            let mut text = fs::read_to_string(original.join(&path)).expect("a source is text");
            for (_, from, to) in changes
                .iter()
                .filter(|(changed, _, _)| Path::new(changed) == path)
            {
                assert!(
                    text.contains(from),
                    "`{from}` is not in `{}`",
                    path.display()
                );
                text = text.replacen(from, to, 1);
            }
            write(&folder.join(&path), &text);
        }
        folder
    }

    fn changes(self) -> Vec<Change> {
        let mut changes = Vec::new();
        let appended: &[&str] = match self {
            Generation::Current => &[],
            Generation::Next => &["first"],
            Generation::AfterNext => &["first", "second"],
            Generation::Broken => {
                changes.push(("wire/src/abi.rs", "pub code: u32,", "pub code: u64,".into()));
                changes.push((
                    "wire/src/abi.rs",
                    "code: error.code().into(),",
                    "code: u32::from(error.code()).into(),".into(),
                ));
                changes.push((
                    "wire/src/abi.rs",
                    "Code::from(error.code)",
                    "Code::from(error.code as u32)".into(),
                ));
                &[]
            }
        };
        for (number, name) in appended.iter().enumerate() {
            let field = format!("#[sabi(missing_field(option))]\npub {name}_field: u32,\n{FIELDS}");
            let method = format!("fn {name}_appended(&self) -> u32 {{ {} }}\n", number + 10);
            changes.push(("wire/src/abi.rs", FIELDS, field));
            changes.push((
                "wire/src/abi.rs",
                TOPOLOGY_METHODS,
                format!("{method}{TOPOLOGY_METHODS}"),
            ));
            changes.push((
                "wire/src/abi.rs",
                HOST_METHODS,
                format!("{method}{HOST_METHODS}"),
            ));
            changes.push((
                "wire/src/export.rs",
                CONSTRUCTED,
                format!("{CONSTRUCTED} {name}_field: {number},"),
            ));
            // The newest plugin's answer differs from the default body's.
            let answer = format!("fn {name}_appended(&self) -> u32 {{ {} }}\n", number + 1);
            changes.push((
                "wire/src/export.rs",
                EXPORTED,
                format!("{EXPORTED}\n{answer}"),
            ));
        }
        if !appended.is_empty() {
            changes.extend(newer::changes());
            let version = format!("version = \"1.{}.0\"", appended.len());
            for crate_of in ["Cargo.toml", "wire/Cargo.toml"] {
                changes.push((crate_of, "version = \"1.0.0\"", version.clone()));
            }
            let wire = "clusterdock-plugin-wire = { path = \"wire\", ";
            changes.push(("Cargo.toml", WIRE, format!("{wire}{version} }}")));
        }
        changes
    }
}

const WIRE: &str = "clusterdock-plugin-wire = { path = \"wire\", version = \"=1.0.0\" }";
const FIELDS: &str = "// generation: fields are appended here";
const TOPOLOGY_METHODS: &str = "// generation: methods of a topology are appended here";
const HOST_METHODS: &str = "// generation: methods of a host are appended here";
const CONSTRUCTED: &str = "PluginMod {";
const EXPORTED: &str = "impl WireTopology for Exported {";

const MANIFEST: &str = "[topology]\nname = \"x\"\nversion = \"1.0.0\"\ndescription = \"For tests\"\nplugin = \"x\"\n\n\
    [images]\nnamespace = \"x\"\nrepository = \"x\"\ndefault = \"host\"\n\n[images.host]\nprograms = [\"sh\"]\n";

const PLUGIN: &str = r#"
use clusterdock_plugin_api::prelude::*;

const NODES: Group = Group::new("nodes-GENERATION");

struct Small;

#[topology(manifest = "../topology.toml")]
impl Topology for Small {
    type Args = ();
    const GROUPS: &'static [Group] = &[NODES, Group::new("nodes").min(0)];

    fn start(&self, cluster: &Cluster) -> Result<()> {
        cluster.progress("hello")
    }
}
"#;

const LOADER: &str = r#"
mod load;

use std::sync::mpsc::{Sender, channel};

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RResult, RSlice, RStr};
use clusterdock_plugin_wire::abi::{AbiError, Reply, Topology, WireHost, WireHost_TO};
use clusterdock_plugin_wire::{Declaration, Error, Hook, HookCall, Options, Request, Result};

struct Host(Sender<String>);

impl WireHost for Host {
    fn call(&self, name: RStr<'_>, _: RStr<'_>, _: RSlice<'_, u8>) -> RResult<Reply, AbiError> {
        self.0.send(name.into()).unwrap();
        RResult::ROk(Reply { json: "null".into(), bytes: Default::default() })
    }
}

fn main() {
    for path in std::env::args_os().skip(1) {
        let options = Options {
            api: clusterdock_plugin_wire::export::API_VERSION.into(),
            ..Options::default()
        };
        match load::load(path.as_ref(), &options).and_then(describe) {
            Ok(description) => println!("{description}"),
            Err(error) => println!("refused: {error}"),
        }
    }
}

fn describe(topology: Topology) -> Result<String> {
    let declaration = topology.declare().into_result().map_err(Error::from)?;
    let declaration: Declaration = serde_json::from_str(&declaration)?;
    let newest: u32 = NEWEST;
    // What only later generations can ask for.
    if let Ok(zone) = std::env::var("ZONE_NAME") {
        let mut request = Request::default();
        let _ = (&mut request, &zone);
        SET_THE_FIELD
        let request = clusterdock_plugin_wire::json::encode(&request)?;
        let nodes = topology.nodes(request.as_str().into()).into_result();
        return nodes.map(|nodes| nodes.into_string()).map_err(Error::from);
    }
    let (sender, calls) = channel();
    let host = WireHost_TO::from_value(Host(sender), TD_Opaque);
    let call = HookCall::new(Hook::Start, Default::default(), Default::default());
    let call = serde_json::to_string(&call)?;
    topology.hook(call.as_str().into(), host).into_result().map_err(Error::from)?;
    Ok(format!("{} {newest} {}", declaration.groups[0].name, calls.recv()?))
}
"#;

/// Keeps generations from one run of the tests to the next, so that only changes are compiled again.
fn generations() -> PathBuf {
    cargo::target().join("generations")
}

/// Writes a file unless it has this content already, which keeps its modification time.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders can be made");
    fs::write(path, text).expect("files can be written");
}
