//! Opens a plugin's library and makes its topology. Runs in the plugin's own process only, on a file that was
//! inspected: what is wrong here ends that process and no other.
//!
//! abi_stable's own loader is not used: it refuses plugins of an older or newer minor version, compares plugins with
//! one another, and keeps the first library for all paths. What is kept of it is the header and the check of
//! layouts, with nothing remembered from one library to the next.

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{
    AbiInstability, AbiInstabilityError, AbiInstabilityErrors, CheckingGlobals, check_layout_compatibility_with_globals,
};
use abi_stable::library::{AbiHeaderRef, LibHeader, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use abi_stable::std_types::{RResult, RStr};
use abi_stable::type_layout::{TLFieldOrFunction, TypeLayout};
use clusterdock_plugin_api::export::Options;
use clusterdock_plugin_api::wire::{PluginMod_Ref, Topology};
use clusterdock_plugin_api::{Code, Context, Error, Result};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::fmt::Display;
use std::path::Path;

/// Loads the library at this path, for as long as the process lasts, and makes its topology.
///
/// # Errors
/// The library cannot be opened, is laid out unlike this host, or its constructor failed ([`Code::Panic`] when it
/// panicked).
pub(crate) fn load(library: &Path, options: &Options) -> Result<Topology> {
    let header = open(library)?;
    let layout = header.layout().ok_or_else(|| Error::new("it was exported without its layout"))?;
    compatible(PluginMod_Ref::LAYOUT, layout)?;
    // SAFETY: its layout was compared with ours, above.
    let module = unsafe { header.init_root_module_with_unchecked_layout::<PluginMod_Ref>() }.map_err(first_line)?;
    let options = serde_json::to_string(options)?;
    match module.create()(RStr::from_str(&options)) {
        RResult::ROk(topology) => Ok(topology),
        RResult::RErr(error) => Err(error.into()),
    }
}

fn open(library: &Path) -> Result<&'static LibHeader> {
    // A path without a slash would be searched for in the system's folders.
    let library = library.canonicalize().context(format!("library `{}`", library.display()))?;
    // All symbols are resolved now, since a missing one would end the process at its first call; and they stay the
    // library's own, since every plugin exports the same name.
    // SAFETY: this runs the library's constructors. The user chose to run this plugin, and it has this process to
    // itself.
    let opened = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_LOCAL) }.map_err(Error::from)?;
    // Never closed: layouts, threads and thread locals of the plugin point into it.
    let opened: &'static Library = Box::leak(Box::new(opened));
    // SAFETY: abi_stable's exports under this name begin with an `AbiHeader`, whose version `upgrade` checks.
    let header = unsafe { opened.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes()) };
    header.map_err(Error::from)?.upgrade().map_err(first_line)
}

/// Whichever side is newer has all that the older one has, and more at the ends; either side asks at run time
/// whether the other had what was added. So it is enough when one direction holds.
fn compatible(ours: &'static TypeLayout, theirs: &'static TypeLayout) -> Result<()> {
    let check = |older, newer| check_layout_compatibility_with_globals(older, newer, &CheckingGlobals::new());
    let Err(plugin_is_newer) = check(ours, theirs) else { return Ok(()) };
    let Err(host_is_newer) = check(theirs, ours) else { return Ok(()) };
    let (one, other) = (complaints(&plugin_is_newer, Newer::Plugin), complaints(&host_is_newer, Newer::Host));
    let fewer = if other.len() < one.len() { other } else { one };
    let refused = Error::with_code(Code::Unsupported, "it is laid out unlike this host");
    Err(fewer.into_iter().take(5).fold(refused, Error::cause))
}

/// Which side a check took for the newer one: abi_stable calls it "found", and the other "expected".
#[derive(Clone, Copy)]
enum Newer {
    Host,
    Plugin,
}

/// One line for every difference that does not follow from another further in.
fn complaints(errors: &AbiInstabilityErrors, newer: Newer) -> Vec<String> {
    let path = |error: &AbiInstabilityError| error.stack_trace.iter().map(|step| name(&step.found)).collect();
    let paths: Vec<Vec<&str>> = errors.errors.iter().map(path).collect();
    let is_leaf = |path: &[&str]| !paths.iter().any(|other| other.len() > path.len() && other.starts_with(path));
    let mut lines = Vec::new();
    for (error, path) in errors.errors.iter().zip(&paths).filter(|(_, path)| is_leaf(path)) {
        let place = path[path.len().saturating_sub(4)..].join(".");
        lines.extend(error.errs.iter().map(|what| format!("{place}: {}", difference(what, newer))));
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
        AbiInstability::UnexpectedField(pair) => sides(&pair.expected.name(), &pair.found.name(), ""),
        AbiInstability::PackageVersion(pair) => sides(&pair.expected, &pair.found, ""),
        // The rest does not come of changes to plugin-api; a word for the report of a bug.
        other => first_word(&format!("{other:?}")),
    }
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|char| char.is_alphanumeric()).collect()
}

/// abi_stable's errors are pages long; their first line says it.
fn first_line(error: impl Display) -> Error {
    let text = error.to_string();
    Error::with_code(Code::Hook, text.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown error").trim())
}
