//! `topology inspect`: describes a topology and its library, without running the library's code.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::cli::topology_actions::Inspect;
use crate::commands::Console;
use crate::error::{Error, Result};
use crate::report::Facts;
use crate::start::open_topology::{check_folder, check_library, find, manifest_of};
use crate::topology::folder::{Folder, Found};
use crate::topology::inspection::{self, Described};
use crate::topology::manifest::Manifest;
use crate::topology::plugin_library::{self, Present};

/// Prints the description of a topology.
pub(super) fn inspect(console: &Console<'_>, args: &Inspect) -> Result<()> {
    let answer = match find(console, Path::new(&args.topology))? {
        Found::Folder(folder) => of_folder(console, &folder)?,
        Found::Library(path) => of_library(console, &path)?,
    };
    console
        .report
        .facts(&answer.facts(), &answer, args.output.format)
}

fn of_folder(console: &Console<'_>, folder: &Folder) -> Result<Answer> {
    let exposed = check_folder(console.trust, folder).err();
    let present = plugin_library::look(folder);
    let library = match &present {
        Ok(Present {
            path: Some(path), ..
        }) => Some(LibraryJson::new(console, path, exposed)),
        _ => None,
    };
    Ok(Answer {
        topology: TopologyJson::new(&folder.manifest, Some(folder)),
        state: state(present),
        library,
    })
}

fn of_library(console: &Console<'_>, path: &Path) -> Result<Answer> {
    let described = inspection::describe(path)?;
    let manifest = manifest_of(&described.library)?;
    let refusal = check_library(console.trust, path).err();
    Ok(Answer {
        topology: TopologyJson::new(&manifest, None),
        state: StateJson {
            state: State::Given,
            reason: None,
        },
        library: Some(LibraryJson::of_described(described, refusal)),
    })
}

/// What the next start will do with the library.
fn state(present: Result<Present>) -> StateJson {
    let (state, reason) = match present {
        Err(error) => (State::Missing, Some(error.to_string())),
        Ok(Present {
            outdated: Some(why),
            path,
            ..
        }) => (
            if path.is_some() {
                State::Outdated
            } else {
                State::NotCompiled
            },
            Some(why),
        ),
        Ok(Present {
            is_compiled: true, ..
        }) => (State::UpToDate, None),
        Ok(_) => (State::Given, None),
    };
    StateJson { state, reason }
}

#[derive(Serialize)]
struct Answer {
    topology: TopologyJson,
    #[serde(flatten)]
    state: StateJson,
    library: Option<LibraryJson>,
}

#[derive(Serialize)]
struct TopologyJson {
    name: String,
    version: String,
    description: String,
    plugin: String,
    folder: Option<PathBuf>,
    /// The folder of the crate, if it exists.
    source: Option<PathBuf>,
    images: ImagesJson,
}

#[derive(Serialize)]
struct ImagesJson {
    namespace: String,
    repository: String,
    default: String,
    systems: Vec<String>,
}

/// The state of a library.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Prebuilt, and used as it is.
    Given,
    UpToDate,
    Outdated,
    NotCompiled,
    /// Without a crate to compile it from.
    Missing,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Given => "prebuilt",
            State::UpToDate => "up to date",
            State::Outdated => "outdated",
            State::NotCompiled => "not compiled",
            State::Missing => "missing",
        }
    }
}

#[derive(Serialize)]
struct StateJson {
    #[serde(rename = "library_state")]
    state: State,
    /// Why it is outdated or missing.
    #[serde(rename = "library_state_reason")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct LibraryJson {
    path: PathBuf,
    size: u64,
    sha256: Option<String>,
    /// The highest version of glibc that it needs.
    glibc: Option<String>,
    /// The identity in its note, unchanged.
    identity: Option<Value>,
    loadable: bool,
    /// Why this clusterdock cannot load it on this machine.
    refusal: Option<RefusalJson>,
}

#[derive(Serialize)]
struct RefusalJson {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl TopologyJson {
    fn new(manifest: &Manifest, folder: Option<&Folder>) -> TopologyJson {
        let images = &manifest.images;
        TopologyJson {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            description: manifest.description.clone(),
            plugin: manifest.plugin.clone(),
            folder: folder.map(|folder| folder.path.clone()),
            source: folder.and_then(Folder::source),
            images: ImagesJson {
                namespace: images.namespace.clone(),
                repository: images.repository.clone(),
                default: images.default.clone(),
                systems: images.systems.keys().cloned().collect(),
            },
        }
    }
}

impl LibraryJson {
    /// The library at `path`; `exposed` is why it is not trusted, if it is not.
    fn new(console: &Console<'_>, path: &Path, exposed: Option<Error>) -> LibraryJson {
        let exposed = exposed.or_else(|| check_library(console.trust, path).err());
        match inspection::describe(path) {
            Ok(described) => LibraryJson::of_described(described, exposed),
            Err(error) => LibraryJson {
                path: path.into(),
                size: std::fs::metadata(path).map_or(0, |file| file.len()),
                sha256: None,
                glibc: None,
                identity: None,
                loadable: false,
                refusal: Some(RefusalJson::new(&error)),
            },
        }
    }

    fn of_described(described: Described, exposed: Option<Error>) -> LibraryJson {
        let Described {
            library,
            note,
            refusal,
        } = described;
        let refusal = refusal.or(exposed);
        LibraryJson {
            size: library.bytes().len() as u64,
            path: library.path,
            sha256: Some(library.digest),
            glibc: library.glibc.map(|version| version.to_string()),
            identity: Some(note),
            loadable: refusal.is_none(),
            refusal: refusal.as_ref().map(RefusalJson::new),
        }
    }

    /// A field of the identity, as people read it.
    fn identity(&self, field: &str) -> Option<String> {
        match self.identity.as_ref()?.get(field)? {
            Value::String(text) => Some(text.clone()),
            Value::Array(values) => {
                let words = values.iter().filter_map(Value::as_str);
                Some(words.collect::<Vec<_>>().join(", "))
            }
            other => Some(other.to_string()),
        }
    }
}

impl RefusalJson {
    fn new(error: &Error) -> RefusalJson {
        RefusalJson {
            message: error.message().into(),
            causes: error.causes().into(),
            hint: error.next_step().map(str::to_owned),
        }
    }

    fn text(&self) -> String {
        let mut text = self.message.clone();
        for cause in &self.causes {
            text.push_str(&format!("\ncause: {cause}"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\nhint: {hint}"));
        }
        text
    }
}

/// Fields of the identity, each with what people call it. Those that a library does not have are left out.
const IDENTITY: [(&str, &str); 6] = [
    ("target", "target"),
    ("plugin-api", "api"),
    ("abi_stable", "abi_stable"),
    ("rustc", "rustc"),
    ("hooks", "hooks"),
    ("features", "features"),
];

impl Answer {
    fn facts(&self) -> Facts {
        let TopologyJson {
            name,
            version,
            description,
            folder,
            source,
            images,
            ..
        } = &self.topology;
        let mut facts: Facts = vec![
            ("topology", format!("{name} {version}")),
            ("description", description.clone()),
        ];
        let path = |path: &PathBuf| path.display().to_string();
        facts.extend(folder.as_ref().map(|folder| ("folder", path(folder))));
        facts.extend(source.as_ref().map(|source| ("crate", path(source))));
        facts.push(("images", images.text()));
        facts.push(("library", self.library_line()));
        if let Some(library) = &self.library {
            facts.extend(library.facts());
        }
        facts
    }

    fn library_line(&self) -> String {
        let StateJson { state, reason } = &self.state;
        let state = match reason {
            Some(reason) => format!("{}: {reason}", state.as_str()),
            None => state.as_str().to_owned(),
        };
        match &self.library {
            Some(library) => format!("{}\n{state}", library.path.display()),
            None => state,
        }
    }
}

impl ImagesJson {
    fn text(&self) -> String {
        let mut systems = self.systems.clone();
        if !systems.contains(&self.default) {
            systems.push(self.default.clone());
        }
        let image = |system: &String| {
            let is_default = if *system == self.default {
                " (default)"
            } else {
                ""
            };
            format!(
                "{}/{}:{system}{is_default}",
                self.namespace, self.repository
            )
        };
        systems.iter().map(image).collect::<Vec<_>>().join("\n")
    }
}

impl LibraryJson {
    fn facts(&self) -> Facts {
        let mut facts: Facts = Vec::new();
        if let (Some(name), Some(version)) = (self.identity("name"), self.identity("version")) {
            facts.push(("plugin", format!("{name} {version}")));
        }
        for (shown, field) in IDENTITY {
            facts.extend(self.identity(field).map(|value| (shown, value)));
        }
        if self.identity.is_some() {
            let or_later = |version: &String| format!("{version} or later");
            let glibc = self.glibc.as_ref().map_or("not needed".into(), or_later);
            facts.push(("glibc", glibc));
        }
        facts.push(("size", format!("{} bytes", self.size)));
        facts.extend(self.sha256.clone().map(|digest| ("sha256", digest)));
        let loadable = match &self.refusal {
            None => "yes".to_owned(),
            Some(refusal) => format!("no: {}", refusal.text()),
        };
        facts.push(("loadable", loadable));
        facts
    }
}
