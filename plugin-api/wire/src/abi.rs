//! What crosses the boundary between a plugin and its host: one root module, one trait each way, and an error. None of
//! it is for authors, and none of it knows what a topology is: everything that may grow travels as JSON of the
//! author-facing types, whose fields have defaults.
//!
//! The layouts of these types are checked when a library is loaded, so they only change by two rules: a field of the
//! root module is appended with `#[sabi(missing_field(option))]`, a method of a trait is appended with a default body.
//! Everything else is a new major version. The comments that begin with `generation:` mark where to append; the tests
//! generate plugins of other generations there.

// The code that `sabi_trait` generates triggers this from Rust 1.79 on; older compilers do not know the lint.
#![allow(unknown_lints, non_local_definitions)]
// abi_stable's way to name references and trait objects.
#![allow(non_camel_case_types)]

use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RBox, RResult, RSlice, RStr, RString, RVec};
use abi_stable::{sabi_trait, StableAbi};

use crate::{Code, Error};

/// What a library exports.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginMod_Ref, prefix_fields = PluginMod_Prefix)))]
pub struct PluginMod {
    /// The version of plugin-api that the plugin was built with, e.g. `1.0.0`.
    pub api_version: RStr<'static>,
    /// Creates the topology; the options are JSON of [`Options`](crate::Options). Called once per load.
    #[sabi(last_prefix_field)]
    pub create: extern "C" fn(options: RStr<'_>) -> RResult<Topology, AbiError>,
    // generation: fields are appended here
}

impl RootModule for PluginMod_Ref {
    abi_stable::declare_root_module_statics! {PluginMod_Ref}

    const BASE_NAME: &'static str = "clusterdock_topology";
    const NAME: &'static str = "clusterdock_topology";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}

/// A topology behind the boundary.
pub type Topology = WireTopology_TO<RBox<()>>;

/// A host behind the boundary.
pub type Host = WireHost_TO<RBox<()>>;

/// A topology, as the host calls it. Any thread may call it, one call at a time; input strings are borrowed for the
/// call.
#[sabi_trait]
pub trait WireTopology: Send + Sync + 'static {
    /// JSON of a `Declaration`.
    fn declare(&self) -> RResult<RString, AbiError>;

    /// JSON of a `Request` to JSON of a list of `NodeSpec`.
    fn nodes(&self, request: RStr<'_>) -> RResult<RString, AbiError>;

    /// Performs a `HookCall`, given as JSON. The answer is JSON without a meaning so far. The plugin may keep `host`,
    /// whose calls fail with `CLOSED` once this has returned.
    #[sabi(last_prefix_field)]
    fn hook(&self, call: RStr<'_>, host: Host) -> RResult<RString, AbiError>;
    // generation: methods of a topology are appended here
}

/// The host, as a hook calls it: from any thread, any number in parallel.
#[sabi_trait]
pub trait WireHost: Send + Sync + 'static {
    /// Performs the operation with this name; its input is JSON and raw bytes.
    #[sabi(last_prefix_field)]
    fn call(
        &self,
        name: RStr<'_>,
        input: RStr<'_>,
        payload: RSlice<'_, u8>,
    ) -> RResult<Reply, AbiError>;
    // generation: methods of a host are appended here
}

/// The host's answer. Its fields are fixed.
#[repr(C)]
#[derive(StableAbi)]
pub struct Reply {
    /// The operation's output.
    pub json: RString,
    /// Raw bytes, if the operation returns any.
    pub bytes: RVec<u8>,
}

/// An [`Error`] in transit. Its fields are fixed.
#[repr(C)]
#[derive(StableAbi)]
pub struct AbiError {
    /// The number of a [`Code`].
    pub code: u32,
    /// Messages, outermost first.
    pub chain: RVec<RString>,
    /// A location in the source, or empty.
    pub detail: RString,
}

impl From<Error> for AbiError {
    fn from(error: Error) -> AbiError {
        let chain = error
            .chain()
            .iter()
            .map(|message| RString::from(message.as_str()))
            .collect();
        AbiError {
            code: error.code().into(),
            chain,
            detail: error.detail().into(),
        }
    }
}

impl From<AbiError> for Error {
    fn from(error: AbiError) -> Error {
        let mut chain = error.chain.into_iter().map(RString::into_string);
        let message = chain
            .next()
            .unwrap_or_else(|| "an error without a message".into());
        let outermost = Error::with_code(Code::from(error.code), message).at(error.detail);
        chain.fold(outermost, Error::cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_code_chain_and_place() {
        let error = Error::with_code(Code::Timeout, "outer")
            .cause("middle")
            .cause("inner")
            .at("src/lib.rs:1:2");
        let back = Error::from(AbiError::from(error));
        assert_eq!(back.code(), Code::Timeout);
        assert_eq!(back.chain(), ["outer", "middle", "inner"]);
        assert_eq!(back.detail(), "src/lib.rs:1:2");
    }

    #[test]
    fn an_error_without_a_message_gets_one() {
        let error = Error::from(AbiError {
            code: 3,
            chain: RVec::new(),
            detail: RString::new(),
        });
        assert_eq!(error.chain(), ["an error without a message"]);
    }
}
