//! The plugin's side of the boundary: what [`export_plugin!`](crate::export_plugin) puts into a library. It turns the
//! host's calls into those of a [`Plugin`] and guards each against panics.

use std::mem::ManuallyDrop;
use std::sync::Arc;

use abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RResult, RStr, RString, RVec};

use crate::abi::{self, AbiError, PluginMod, PluginMod_Ref, WireTopology};
use crate::guard::guard;
use crate::{Context, Host, Options, Plugin, Result};

pub use abi_stable::library as abi_library;
pub use abi_stable::std_types as abi_types;

/// The version of this crate, which plugins and hosts compare.
pub const API_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The version of abi_stable.
pub const ABI_STABLE_VERSION: &str = "0.11.3";
/// What `rustc --version` said when this crate was built.
pub const RUSTC: &str = env!("CLUSTERDOCK_RUSTC");
/// The target triple that this crate was built for.
pub const TARGET: &str = env!("CLUSTERDOCK_TARGET");

/// Exports a plugin from a `cdylib` crate, once: a function `fn(Options) -> Box<dyn Plugin>` that creates it, called when
/// the library is loaded, and the path of its manifest, relative to the file of the invocation.
///
/// The library then describes itself: its manifest and what it was built with are in an ELF note, so that a host can
/// inspect it without running any of it.
#[macro_export]
macro_rules! export_plugin {
    ($new:expr, $manifest:expr $(,)?) => {
        const _: () = {
            use $crate::abi::{AbiError, Topology as WireTopology};
            use $crate::export::{abi_library, abi_types};

            #[cfg(panic = "abort")]
            compile_error!(
                "a topology must be built with `panic = \"unwind\"`: its panics become errors"
            );

            extern "C" fn create(
                options: abi_types::RStr<'_>,
            ) -> abi_types::RResult<WireTopology, AbiError> {
                $crate::export::create(options, $new)
            }

            extern "C" fn root_module() -> abi_library::RootModuleResult {
                $crate::export::root_module(create)
            }

            // Equivalent to abi_stable's own `#[export_root_module]`, whose paths an author's crate cannot resolve.
            #[export_name = "_1as_0lib_1header_0root_bmodule_bloader"]
            pub static LIB_HEADER: abi_library::LibHeader = $crate::export::lib_header(root_module);

            const MANIFEST: &str = include_str!($manifest);
            const IDENTITY: &[&str] =
                &$crate::export::identity(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

            #[used]
            #[link_section = ".note.clusterdock"]
            static NOTE: $crate::note::Note<{ $crate::note::length(IDENTITY, MANIFEST) }> =
                $crate::note::note(IDENTITY, MANIFEST);
        };
    };
}

/// Pieces of the JSON of an [`Identity`](crate::note::Identity). None of them needs escaping.
pub const fn identity(name: &'static str, version: &'static str) -> [&'static str; 15] {
    let panic = if cfg!(panic = "unwind") {
        "unwind"
    } else {
        "abort"
    };
    [
        "{\"schema\":1,\"name\":\"",
        name,
        "\",\"version\":\"",
        version,
        "\",\"api\":\"",
        API_VERSION,
        "\",\"abi_stable\":\"",
        ABI_STABLE_VERSION,
        "\",\"rustc\":\"",
        RUSTC,
        "\",\"target\":\"",
        TARGET,
        "\",\"panic\":\"",
        panic,
        "\"}",
    ]
}

/// The header by which a host finds the root module and its layout.
pub const fn lib_header(root_module: extern "C" fn() -> RootModuleResult) -> LibHeader {
    // SAFETY: `root_module`, below, gives a reference to the root module named here; the macro passes nothing else.
    unsafe { LibHeader::from_constructor::<PluginMod_Ref>(root_module, CheckTypeLayout::Yes) }
}

/// The root module with this function to create the topology.
pub fn root_module(
    create: extern "C" fn(RStr<'_>) -> RResult<abi::Topology, AbiError>,
) -> RootModuleResult {
    let module = PluginMod {
        api_version: RStr::from_str(API_VERSION),
        create,
    }
    .leak_into_prefix();
    // SAFETY: the reference is to a `PluginMod`, as `lib_header` says.
    RResult::ROk(unsafe { abi_stable::prefix_type::PrefixRefTrait::to_prefix_ref(module).cast() })
}

/// Creates the plugin for a host.
pub fn create(
    options: RStr<'_>,
    new: fn(Options) -> Box<dyn Plugin>,
) -> RResult<abi::Topology, AbiError> {
    wired(|| {
        let options = serde_json::from_str(options.as_str()).context("options of the host")?;
        let exported = Exported {
            plugin: ManuallyDrop::new(new(options)),
        };
        Ok(abi::WireTopology_TO::from_value(exported, TD_Opaque))
    })
}

/// A plugin as the host holds it. Dropping it is guarded as its methods are.
struct Exported {
    plugin: ManuallyDrop<Box<dyn Plugin>>,
}

impl WireTopology for Exported {
    fn declare(&self) -> RResult<RString, AbiError> {
        wired(|| Ok(self.plugin.declare()?.into()))
    }

    fn nodes(&self, request: RStr<'_>) -> RResult<RString, AbiError> {
        wired(|| Ok(self.plugin.nodes(request.as_str())?.into()))
    }

    fn hook(&self, call: RStr<'_>, host: abi::Host) -> RResult<RString, AbiError> {
        let host = Arc::new(WiredHost(host));
        wired(|| Ok(self.plugin.hook(call.as_str(), host)?.into()))
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        let dropped = guard(|| {
            // SAFETY: the value is dropped once, here, and nothing uses it afterwards.
            unsafe { ManuallyDrop::drop(&mut self.plugin) };
            Ok(())
        });
        if let Err(error) = dropped {
            // Nothing waits for an answer any more; what a plugin prints reaches the user.
            eprintln!(
                "panicked while it was dropped: {error}, at {}",
                error.detail()
            );
        }
    }
}

struct WiredHost(abi::Host);

impl Host for WiredHost {
    fn call(&self, name: &str, input: &str, payload: &[u8]) -> Result<(String, Vec<u8>)> {
        match self.0.call(name.into(), input.into(), payload.into()) {
            RResult::ROk(reply) => Ok((reply.json.into_string(), RVec::into_vec(reply.bytes))),
            RResult::RErr(error) => Err(error.into()),
        }
    }
}

fn wired<T>(body: impl FnOnce() -> Result<T>) -> RResult<T, AbiError> {
    guard(body).map_err(AbiError::from).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::Identity;

    #[test]
    fn the_pieces_of_an_identity_are_json() {
        let identity: Identity =
            serde_json::from_str(&identity("topology_x", "1.2.3").concat()).unwrap();
        assert_eq!(
            (identity.name.as_str(), identity.version.as_str()),
            ("topology_x", "1.2.3")
        );
        assert_eq!(
            (identity.schema, identity.panic.as_str()),
            (crate::note::SCHEMA, "unwind")
        );
        assert!(identity.rustc.starts_with("rustc "), "{}", identity.rustc);
    }

    #[test]
    fn the_version_of_abi_stable_is_the_one_built_with() {
        assert_eq!(
            abi_stable::ABI_STABLE_VERSION.version.as_str(),
            ABI_STABLE_VERSION
        );
    }

    #[test]
    fn the_exported_symbol_is_the_one_hosts_load() {
        let source = include_str!("export.rs");
        assert!(source.contains(&format!(
            "export_name = \"{}\"",
            abi_stable::library::ROOT_MODULE_LOADER_NAME
        )));
    }
}
