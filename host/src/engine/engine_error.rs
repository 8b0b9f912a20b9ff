//! How a call to an engine can fail: the faults that code branches on, and the engine's own message.

use std::fmt;

use crate::error::{Error, Kind};

/// How many characters of a message are shown. A runtime's message about a failed container start has a tenth of that.
const LONGEST_MESSAGE: usize = 4000;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineError {
    /// The fault that code may branch on.
    pub fault: Fault,
    /// The engine's own message.
    pub message: String,
    /// The user's next step, if only the client of the engine can know it.
    pub hint: Option<String>,
    /// The reason why the work ends, if the call ended because of it.
    reason: Option<Error>,
}

/// The next step if the engine's disk is full.
pub const FREE_SPACE: &str =
    "free space where the engine keeps its data: see `docker system df`, `docker image prune`";

/// Whether a message of the engine, or of a program that it runs, reports a full disk.
pub fn says_disk_full(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "no space left on device",
        "disk quota exceeded",
        "not enough space on the disk",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// The faults that code branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing answers at the address.
    Unreachable,
    /// The address exists, but this user may not use it.
    NotPermitted,
    /// Its API is too old or too new.
    Version,
    /// The named thing does not exist.
    NotFound,
    /// A container with that name exists.
    NameTaken,
    /// A network with that name exists.
    NetworkExists,
    /// The subnet overlaps with that of another network.
    SubnetTaken,
    /// The address belongs to another container.
    AddressTaken,
    /// The host port is in use.
    PortTaken,
    /// The engine lacks a requested capability.
    CapabilityMissing,
    /// The thing is in use by something else.
    InUse,
    /// The thing is in the wrong state, e.g. stopped when a command is to run in it.
    WrongState,
    /// The request was invalid.
    Refused,
    /// The registry requires credentials, or rejected those it got.
    Unauthorized,
    /// The engine cannot communicate with the registry.
    Registry,
    /// The disk of the engine's machine is full, or a quota on it is exceeded.
    DiskFull,
    /// Timed out.
    Timeout,
    /// The call was cut short, or never begun, because the work is to end.
    Cancelled,
    /// Anything else.
    Other,
}

impl EngineError {
    /// A failed call. Keeps the printable characters of the engine's message, up to a screenful.
    pub fn new(fault: Fault, message: impl Into<String>) -> EngineError {
        EngineError {
            fault,
            message: shown(&message.into()),
            hint: None,
            reason: None,
        }
    }

    /// A call that was cut short, or never begun, because the work is to end. As an [`Error`], it is that reason.
    pub fn cancelled(reason: Error) -> EngineError {
        EngineError {
            reason: Some(reason.of_the_whole()),
            ..EngineError::new(Fault::Cancelled, "the work is to end")
        }
    }

    /// Adds the user's next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> EngineError {
        self.hint = Some(hint.into());
        self
    }

    /// The error that `explain` returns for a failed call. A call that ended with the work needs no explanation.
    pub fn explained(self, explain: impl FnOnce(EngineError) -> Error) -> Error {
        if self.fault == Fault::Cancelled {
            self.into()
        } else {
            explain(self)
        }
    }

    /// Whether the named thing does not exist.
    pub fn is_not_found(&self) -> bool {
        self.fault == Fault::NotFound
    }
}

/// The part of an arbitrary text that a terminal can show.
fn shown(text: &str) -> String {
    let plain = anstream::adapter::strip_str(text).to_string();
    let mut characters = plain
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| *c == '\n' || !c.is_control());
    let mut shown: String = characters.by_ref().take(LONGEST_MESSAGE).collect();
    if characters.next().is_some() {
        shown.push_str(" ...");
    }
    shown
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => reason.fmt(f),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for EngineError {}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Error {
        if let Some(reason) = error.reason {
            return reason;
        }
        if error.fault == Fault::DiskFull {
            return Error::new(Kind::Other, "the engine's disk is full")
                .cause(error.message)
                .hint(FREE_SPACE);
        }
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
            Fault::CapabilityMissing
            | Fault::Unauthorized
            | Fault::DiskFull
            | Fault::Cancelled
            | Fault::Other => Kind::Other,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shortened_and_made_printable() {
        let message = |text: &str| EngineError::new(Fault::Other, text).message;
        assert_eq!(message("no\nsuch\tthing"), "no\nsuch thing");
        assert_eq!(message("\x1b[2J\x1b]0;title\x07a\r\u{9b}31mb\0"), "a31mb");
        let long = message(&"é".repeat(10_000));
        assert_eq!(
            (long.chars().count(), long.ends_with("é ...")),
            (LONGEST_MESSAGE + 4, true)
        );
    }
}
