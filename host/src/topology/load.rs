//! Loads a plugin's library and creates its topology. This only runs in the plugin's own process, on an inspected file,
//! so a crash ends no other process.
//!
//! The loader of abi_stable is not used: it refuses plugins of another minor version, compares plugins with each other,
//! and returns the first library for all paths. Only its header and its layout check are used, without state between
//! libraries.

use std::fmt::Display;
use std::path::Path;

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    AbiInstability, AbiInstabilityError, AbiInstabilityErrors, CheckingGlobals,
    check_layout_compatibility_with_globals,
};
use abi_stable::library::{AbiHeaderRef, LibHeader, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use abi_stable::std_types::{RResult, RStr};
use abi_stable::type_layout::{TLFieldOrFunction, TypeLayout};
use clusterdock_plugin_wire::Options;
use clusterdock_plugin_wire::abi::{PluginMod_Ref, Topology};
use clusterdock_plugin_wire::{Code, Context, Error, Result};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// Loads the library at this path for the rest of the process, and creates its topology.
///
/// # Errors
/// The library cannot be opened, its layout differs from the host's, or its constructor failed ([`Code::Panic`] if it
/// panicked).
pub(crate) fn load(library: &Path, options: &Options) -> Result<Topology> {
    let header = open(library)?;
    let layout = header
        .layout()
        .ok_or_else(|| Error::new("it was exported without a layout"))?;
    check_compatible(PluginMod_Ref::LAYOUT, layout)?;
    // SAFETY: its layout was compared with the host's above.
    let module = unsafe { header.init_root_module_with_unchecked_layout::<PluginMod_Ref>() }
        .map_err(first_line)?;
    let options = serde_json::to_string(options)?;
    match module.create()(RStr::from_str(&options)) {
        RResult::ROk(topology) => Ok(topology),
        RResult::RErr(error) => Err(error.into()),
    }
}

fn open(library: &Path) -> Result<&'static LibHeader> {
    // A path without a slash would be searched in the system folders.
    let library =
        std::path::absolute(library).context(format!("library `{}`", library.display()))?;
    // RTLD_NOW, since a missing symbol would otherwise end the process at the first call; RTLD_LOCAL, since all plugins
    // export the same name.
    // SAFETY: this runs the library's constructors. The user chose to run this plugin, and nothing else runs in this
    // process.
    let opened =
        unsafe { Library::open(Some(library), RTLD_NOW | RTLD_LOCAL) }.map_err(Error::from)?;
    // Never closed: layouts, threads and thread locals of the plugin point into it.
    let opened: &'static Library = Box::leak(Box::new(opened));
    // SAFETY: abi_stable's exports under this name begin with an `AbiHeader`, whose version `upgrade` checks.
    let header = unsafe { opened.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes()) };
    header.map_err(Error::from)?.upgrade().map_err(first_line)
}

/// The newer side has everything that the older one has, with additions at the ends, and both check at run time whether
/// the other has them. So it is enough if one direction is compatible.
fn check_compatible(ours: &'static TypeLayout, theirs: &'static TypeLayout) -> Result<()> {
    let check = |older, newer| {
        check_layout_compatibility_with_globals(older, newer, &CheckingGlobals::new())
    };
    let Err(plugin_is_newer) = check(ours, theirs) else {
        return Ok(());
    };
    let Err(host_is_newer) = check(theirs, ours) else {
        return Ok(());
    };
    let mut complaints = complaints_of(&plugin_is_newer, Newer::Plugin);
    let alternative = complaints_of(&host_is_newer, Newer::Host);
    if alternative.len() < complaints.len() {
        complaints = alternative;
    }
    let error = Error::with_code(Code::Unsupported, "its layout differs from this host's");
    Err(complaints.into_iter().take(5).fold(error, Error::cause))
}

/// The side that a check assumes to be newer: abi_stable calls it "found", and the other one "expected".
#[derive(Clone, Copy)]
enum Newer {
    Host,
    Plugin,
}

/// One line per difference, without those that only follow from a more deeply nested one.
fn complaints_of(errors: &AbiInstabilityErrors, newer: Newer) -> Vec<String> {
    let path = |error: &AbiInstabilityError| {
        error
            .stack_trace
            .iter()
            .map(|step| name(&step.found))
            .collect()
    };
    let paths: Vec<Vec<&str>> = errors.errors.iter().map(path).collect();
    let is_leaf = |path: &[&str]| {
        !paths
            .iter()
            .any(|other| other.len() > path.len() && other.starts_with(path))
    };
    let mut lines = Vec::new();
    for (error, path) in errors
        .errors
        .iter()
        .zip(&paths)
        .filter(|(_, path)| is_leaf(path))
    {
        let place = path[path.len().saturating_sub(4)..].join(".");
        lines.extend(
            error
                .errs
                .iter()
                .map(|what| format!("{place}: {}", difference(what, newer))),
        );
    }
    lines
}

fn name(step: &TLFieldOrFunction) -> &'static str {
    match step {
        TLFieldOrFunction::Field(field) => field.name(),
        TLFieldOrFunction::Function(function) => function.name.as_str(),
    }
}

fn difference(what: &AbiInstability, newer: Newer) -> String {
    let sides = |expected: &dyn Display, found: &dyn Display, unit: &str| match newer {
        Newer::Plugin => format!("the plugin has {found}{unit}, the host {expected}"),
        Newer::Host => format!("the plugin has {expected}{unit}, the host {found}"),
    };
    match what {
        AbiInstability::Name(pair) => sides(&pair.expected, &pair.found, ""),
        AbiInstability::Size(pair) => sides(&pair.expected, &pair.found, " bytes"),
        AbiInstability::FieldCountMismatch(pair) => sides(&pair.expected, &pair.found, " fields"),
        AbiInstability::UnexpectedField(pair) => {
            sides(&pair.expected.name(), &pair.found.name(), "")
        }
        AbiInstability::PackageVersion(pair) => sides(&pair.expected, &pair.found, ""),
        // Changes to plugin-api cause no others; name the variant for a bug report.
        other => first_word(&format!("{other:?}")),
    }
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|char| char.is_alphanumeric())
        .collect()
}

/// The first line of an error of abi_stable, which can be pages long.
fn first_line(error: impl Display) -> Error {
    let text = error.to_string();
    Error::with_code(
        Code::Hook,
        text.lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("unknown error")
            .trim(),
    )
}
