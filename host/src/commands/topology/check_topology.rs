//! `topology check`: whether a topology's folder is ready to be shared. Compiles the library if necessary and reads its
//! declaration, so the plugin's code runs; no engine is called.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::topology_actions::Check;
use crate::commands::Console;
use crate::error::{Error, Kind, Result};
use crate::image::{Source, Wanted};
use crate::report::Facts;
use crate::start::open_topology::{Topology, find, manifest_of};
use crate::topology::folder::{Folder, Found};
use crate::topology::inspection::{Inspected, inspect};
use crate::topology::manifest::{self, Manifest};
use crate::topology::plugin_library::{Library, Origin};

/// Checks a topology's folder, and prints a line per check.
///
/// # Errors
/// [`Kind::Plugin`] if a check failed; other kinds if the topology is not found, its manifest is invalid, or the
/// command was interrupted.
pub(super) async fn check(console: &Console<'_>, args: &Check) -> Result<()> {
    let given = Path::new(&args.topology);
    let folder = match find(console, given)? {
        Found::Folder(folder) => folder,
        Found::Library(path) => {
            let message = format!("`{}` is a library", path.display());
            return Err(Error::new(Kind::Usage, message)
                .hint("use the folder of a topology; `topology inspect` describes a library"));
        }
    };
    let mut checks = Checks::default();
    checks.passed("manifest", folder.path.join(manifest::FILE_NAME).display());
    check_library(console, &folder, &mut checks).await?;
    check_images(console, &folder, &mut checks);
    check_readme(&folder, &mut checks);
    check_license(&folder, &mut checks);
    let answer = checks.answer(&folder.manifest);
    console
        .report
        .facts(&answer.facts(), &answer, args.output.format)?;
    if answer.errors == 0 {
        return Ok(());
    }
    let message = format!(
        "topology `{}` failed {} of {} checks",
        folder.manifest.name,
        answer.errors,
        answer.checks.len()
    );
    Err(Error::new(Kind::Plugin, message).hint(format!(
        "fix the listed problems, then run `clusterdock topology check {}` again",
        given.display()
    )))
}

/// Compiles the library if necessary, and checks it, its note and its declaration.
async fn check_library(console: &Console<'_>, folder: &Folder, checks: &mut Checks) -> Result<()> {
    let library = match Topology::library(console, folder).await {
        Ok(library) => library,
        Err(error) => return checks.failed("library", error),
    };
    let inspected = match inspect(&library.path) {
        Ok(inspected) => inspected,
        Err(error) => return checks.failed("library", error),
    };
    checks.passed("library", library_line(&library));
    check_note(folder, &inspected, checks);
    check_glibc(&library, &inspected, checks);
    let opened = Topology::load(console, &library.path, Some(folder.clone())).await;
    let topology = match opened {
        Ok(topology) => topology,
        Err(error) => return checks.failed("declaration", error),
    };
    let declared = console.cancellation.wait(topology.plugin().declare()).await;
    topology.close().await;
    match declared {
        Ok(declared) => {
            let groups: Vec<_> = declared.groups.iter().map(|group| &*group.name).collect();
            let message = format!(
                "{} node groups ({}), {} arguments",
                groups.len(),
                groups.join(", "),
                declared.args.len()
            );
            checks.passed("declaration", message);
            Ok(())
        }
        Err(error) => checks.failed("declaration", error),
    }
}

fn library_line(library: &Library) -> String {
    let how = match library.origin {
        Origin::Given => "prebuilt",
        Origin::Fresh => "compiled from the current sources",
        Origin::Compiled => "just compiled",
    };
    format!("{}, {how}", library.path.display())
}

/// Compares the manifest in the library's note, which applies if the library is started alone, with that of the folder.
fn check_note(folder: &Folder, library: &Inspected, checks: &mut Checks) {
    let noted = match manifest_of(library) {
        Ok(noted) => noted,
        Err(error) => return checks.finding("note", CheckOutcome::Error, &error),
    };
    let differing = differing(&noted, &folder.manifest);
    if !differing.is_empty() {
        let message = format!(
            "the library contains a different manifest: `{}` differ",
            differing.join("`, `")
        );
        let error = Error::new(Kind::Plugin, message)
            .hint("embed this folder's topology.toml in the library, and compile it again");
        return checks.finding("note", CheckOutcome::Error, &error);
    }
    let identity = &library.identity;
    if identity.version != folder.manifest.version {
        let message = format!(
            "the crate has version {}, topology.toml {}",
            identity.version, folder.manifest.version
        );
        let error = Error::new(Kind::Plugin, message)
            .hint("use the same version in both, so that users know which code they run");
        return checks.finding("note", CheckOutcome::Warning, &error);
    }
    checks.passed(
        "note",
        format!(
            "{} {}, plugin-api {}",
            identity.name, identity.version, identity.api
        ),
    );
}

/// The keys of topology.toml in which two manifests differ.
fn differing(one: &Manifest, other: &Manifest) -> Vec<&'static str> {
    [
        ("name", one.name != other.name),
        ("version", one.version != other.version),
        ("description", one.description != other.description),
        ("plugin", one.plugin != other.plugin),
        ("images", one.images != other.images),
    ]
    .into_iter()
    .filter_map(|(what, differs)| differs.then_some(what))
    .collect()
}

/// The glibc of Debian 11; RHEL 9 has a later one. Older systems are out of support.
const OLD_GLIBC: (u32, u32) = (2, 31);

fn check_glibc(library: &Library, inspected: &Inspected, checks: &mut Checks) {
    let Some(needs) = inspected.glibc else {
        return checks.passed("glibc", "not needed");
    };
    let message = format!("{needs} or later");
    // A library that is compiled locally needs only the local glibc.
    if library.origin != Origin::Given || (needs.0, needs.1) <= OLD_GLIBC {
        return checks.passed("glibc", message);
    }
    let target = &inspected.identity.target;
    let error = Error::new(
        Kind::Plugin,
        format!("{message}: does not load on older systems"),
    )
    .hint(format!(
        "build it with `cargo zigbuild --release --target {target}.2.17` to run it anywhere"
    ));
    checks.finding("glibc", CheckOutcome::Warning, &error);
}

fn check_images(console: &Console<'_>, folder: &Folder, checks: &mut Checks) {
    let images = &folder.manifest.images;
    for system in images.systems.keys() {
        match check_image(console, folder, system) {
            Ok(how) => checks.passed("image", format!("{system}: {how}")),
            Err(error) => {
                let error = error.context(format!("image `{system}`"));
                checks.finding("image", CheckOutcome::Error, &error);
            }
        }
    }
    let default = &images.default;
    if !images.systems.contains_key(default) {
        let reference = folder.manifest.image_ref(None, None, default);
        checks.passed("image", format!("{default}: pulled as {reference}"));
    }
}

fn check_image(console: &Console<'_>, folder: &Folder, system: &str) -> Result<String> {
    let wanted = Wanted::of_system(
        &folder.manifest,
        Some(&folder.path),
        system,
        None,
        None,
        &console.paths.config,
    )?;
    Ok(match wanted.source {
        Source::Assembled(_) => "assembled from programs of this machine".into(),
        Source::Built(context) => {
            let resolved = context.resolve()?;
            format!("built from {} as {}", resolved.dockerfile, wanted.reference)
        }
        Source::Registry => format!("pulled as {}", wanted.reference),
    })
}

fn check_readme(folder: &Folder, checks: &mut Checks) {
    match file_called(&[&folder.path], &["README"]) {
        Some(path) => checks.passed("readme", path.display()),
        None => {
            let error = Error::new(Kind::Plugin, "no README.md in the folder")
                .hint("add a README.md that describes what the topology starts, and its arguments");
            checks.finding("readme", CheckOutcome::Warning, &error);
        }
    }
}

fn check_license(folder: &Folder, checks: &mut Checks) {
    let source = folder.source();
    let folders: Vec<&Path> = [Some(&*folder.path), source.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    if let Some(path) = file_called(&folders, &["LICENSE", "LICENCE", "COPYING"]) {
        return checks.passed("license", path.display());
    }
    let manifest = source.map(|source| source.join("Cargo.toml"));
    if let Some(path) = manifest.filter(|path| names_license(path)) {
        return checks.passed("license", path.display());
    }
    let error = Error::new(Kind::Plugin, "no license in the folder or the crate")
        .hint("add a LICENSE file, or `license = \"...\"` to the crate's Cargo.toml");
    checks.finding("license", CheckOutcome::Warning, &error);
}

/// The first file in the folders whose name starts with one of these, regardless of its extension.
fn file_called(folders: &[&Path], starts: &[&str]) -> Option<PathBuf> {
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            starts
                .iter()
                .any(|start| name.to_uppercase().starts_with(start))
        })
        .collect();
    files.sort();
    files.into_iter().next()
}

/// Whether a Cargo.toml has a license, possibly inherited from its workspace.
fn names_license(path: &Path) -> bool {
    let Ok(text) = crate::files::regular_file::read_to_string(path) else {
        return false;
    };
    let Ok(document) = text.parse::<toml::Table>() else {
        return false;
    };
    let package = document.get("package");
    package.is_some_and(|package| {
        package.get("license").is_some() || package.get("license-file").is_some()
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum CheckOutcome {
    Ok,
    Warning,
    Error,
}

/// The result of a check.
#[derive(Serialize)]
struct Checked {
    check: &'static str,
    outcome: CheckOutcome,
    message: String,
    causes: Vec<String>,
    /// The next step.
    hint: Option<String>,
}

#[derive(Default)]
struct Checks(Vec<Checked>);

#[derive(Serialize)]
struct Answer {
    topology: String,
    version: String,
    checks: Vec<Checked>,
    errors: usize,
    warnings: usize,
}

impl Checks {
    fn passed(&mut self, check: &'static str, message: impl std::fmt::Display) {
        self.0.push(Checked {
            check,
            outcome: CheckOutcome::Ok,
            message: message.to_string(),
            causes: Vec::new(),
            hint: None,
        });
    }

    fn finding(&mut self, check: &'static str, outcome: CheckOutcome, error: &Error) {
        self.0.push(Checked {
            check,
            outcome,
            message: error.message().into(),
            causes: error.causes().into(),
            hint: error.next_step().map(str::to_owned),
        });
    }

    /// Records a failed check, unless the error ends the command.
    fn failed(&mut self, check: &'static str, error: Error) -> Result<()> {
        if matches!(error.kind(), Kind::Interrupted | Kind::Terminated) {
            return Err(error);
        }
        self.finding(check, CheckOutcome::Error, &error);
        Ok(())
    }

    fn answer(self, manifest: &Manifest) -> Answer {
        let count = |wanted| self.0.iter().filter(|one| one.outcome == wanted).count();
        Answer {
            topology: manifest.name.clone(),
            version: manifest.version.clone(),
            errors: count(CheckOutcome::Error),
            warnings: count(CheckOutcome::Warning),
            checks: self.0,
        }
    }
}

impl Answer {
    fn facts(&self) -> Facts {
        self.checks
            .iter()
            .map(|checked| (checked.check, checked.text()))
            .collect()
    }
}

impl Checked {
    fn text(&self) -> String {
        let mut text = match self.outcome {
            CheckOutcome::Ok => format!("ok: {}", self.message),
            CheckOutcome::Warning => format!("warning: {}", self.message),
            CheckOutcome::Error => format!("error: {}", self.message),
        };
        for cause in &self.causes {
            text.push_str(&format!("\ncause: {cause}"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\nhint: {hint}"));
        }
        text
    }
}
