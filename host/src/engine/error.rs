//! What an engine's call can end with: the faults that somebody branches on, and the engine's own words.

use crate::error::{Error, Kind};
use std::fmt;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError {
    /// What somebody may branch on.
    pub fault: Fault,
    /// The engine's own words.
    pub message: String,
    /// What the user can do next, where only the engine's client can know it.
    pub hint: Option<String>,
}

/// The faults that some code branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing answers at the address.
    Unreachable,
    /// The address is there and we may not use it.
    NotPermitted,
    /// Its API is older than what we need, or newer than what we know.
    Version,
    /// The thing named is not there.
    NotFound,
    /// A container of that name is there already.
    NameTaken,
    /// A network of that name is there already.
    NetworkExists,
    /// The subnet overlaps with that of another network.
    SubnetTaken,
    /// The address belongs to another container.
    AddressTaken,
    /// A host port is taken.
    PortTaken,
    /// The engine lacks a capability that was asked for.
    CapabilityMissing,
    /// Something else uses the thing.
    InUse,
    /// The thing is in the wrong state, such as a command in a stopped container.
    WrongState,
    /// The request itself was refused.
    Refused,
    /// The registry wants a login, or refused the one it got.
    Unauthorized,
    /// The engine cannot talk to the registry: nobody answers, or not in a way that it takes.
    Registry,
    /// No answer in time.
    Timeout,
    /// Anything else.
    Other,
}

impl EngineError {
    /// A failed call.
    pub fn new(fault: Fault, message: impl Into<String>) -> EngineError {
        EngineError { fault, message: message.into(), hint: None }
    }

    /// The same with a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> EngineError {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the thing was not there.
    pub fn is_not_found(&self) -> bool {
        self.fault == Fault::NotFound
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EngineError {}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Error {
        let kind = match error.fault {
            Fault::Unreachable | Fault::NotPermitted | Fault::Version => Kind::Engine,
            Fault::NotFound => Kind::NotFound,
            Fault::NameTaken
            | Fault::NetworkExists
            | Fault::SubnetTaken
            | Fault::AddressTaken
            | Fault::PortTaken
            | Fault::InUse
            | Fault::WrongState => Kind::Conflict,
            Fault::Timeout => Kind::Timeout,
            Fault::CapabilityMissing | Fault::Unauthorized | Fault::Other => Kind::Other,
            // A value that cannot be, which only the engine knows.
            Fault::Refused => Kind::Usage,
            Fault::Registry => Kind::Image,
        };
        let shown = Error::new(kind, error.message);
        match error.hint {
            Some(hint) => shown.hint(hint),
            None => shown,
        }
    }
}
