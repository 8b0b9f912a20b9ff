//! The error of hooks: any error turns into it with `?`, and one that came from the host keeps its code and its
//! chain when a hook passes it on.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a topology's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, outermost message first.
///
/// Any [`std::error::Error`] converts into it, so `?` works on everything; its sources become the chain. Make one of
/// your own with [`Error::new`], and say what you were doing with [`Context::context`].
///
/// ```
/// use clusterdock_plugin_api::{Context, Error, Result};
///
/// fn parse(text: &str) -> Result<u16> {
///     let port: u16 = text.parse().context(format!("port `{text}`"))?;
///     if port == 0 {
///         return Err(Error::new("port `0` cannot be published"));
///     }
///     Ok(port)
/// }
/// assert_eq!(parse("x").unwrap_err().to_string(), "port `x`: invalid digit found in string");
/// ```
#[derive(Clone, Serialize, Deserialize)]
pub struct Error {
    code: Code,
    chain: Vec<String>,
    detail: String,
}

/// Where an error comes from.
///
/// ```
/// use clusterdock_plugin_api::{Code, Error, Result};
///
/// /// A service that need not be there in time.
/// fn optional(waited: Result<()>) -> Result<()> {
///     match waited {
///         Err(error) if error.code() == Code::Timeout => Ok(()),
///         other => other,
///     }
/// }
/// assert!(optional(Err(Error::with_code(Code::Timeout, "port 80 did not hold within 5s"))).is_ok());
/// assert!(optional(Err(Error::new("no such user"))).is_err());
/// ```
///
/// New codes may come with a new host; treat what you do not know as [`Code::Host`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
#[non_exhaustive]
pub enum Code {
    /// The topology itself said so.
    Hook,
    /// The topology's code panicked; the detail is file, line and column.
    Panic,
    /// A call into the host failed.
    Host,
    /// A call into the host panicked there, which is a bug of the host.
    HostPanic,
    /// The host is older than the call.
    Unsupported,
    /// The user interrupted the command; the hook should return.
    Cancelled,
    /// A deadline passed.
    Timeout,
    /// The hook has returned already, so its cluster can no longer be used.
    Closed,
}

impl From<u32> for Code {
    fn from(code: u32) -> Code {
        match code {
            1 => Code::Hook,
            2 => Code::Panic,
            4 => Code::HostPanic,
            5 => Code::Unsupported,
            6 => Code::Cancelled,
            7 => Code::Timeout,
            8 => Code::Closed,
            _ => Code::Host,
        }
    }
}

impl From<Code> for u32 {
    fn from(code: Code) -> u32 {
        match code {
            Code::Hook => 1,
            Code::Panic => 2,
            Code::Host => 3,
            Code::HostPanic => 4,
            Code::Unsupported => 5,
            Code::Cancelled => 6,
            Code::Timeout => 7,
            Code::Closed => 8,
        }
    }
}

impl Error {
    /// An error of the topology's own: a lowercase fragment that names the thing in backticks.
    pub fn new(message: impl Into<String>) -> Error {
        Error::with_code(Code::Hook, message)
    }

    /// An error with a code other than [`Code::Hook`]; hooks rarely need it.
    pub fn with_code(code: Code, message: impl Into<String>) -> Error {
        Error { code, chain: vec![message.into()], detail: String::new() }
    }

    /// The same error with `cause` as its innermost message.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Error {
        self.chain.push(cause.to_string());
        self
    }

    /// The same error with a place in the source, as `file:line:column`.
    #[must_use]
    pub fn at(mut self, detail: impl Into<String>) -> Error {
        self.detail = detail.into();
        self
    }

    /// The same error with `message` outside of what it said so far.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Error {
        self.chain.insert(0, message.into());
        self
    }

    /// Where it comes from.
    pub fn code(&self) -> Code {
        self.code
    }

    /// All messages, outermost first; never empty.
    pub fn chain(&self) -> &[String] {
        &self.chain
    }

    /// The place in the source for a panic, else empty.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain.join(": "))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?}", self.code)?;
        if !self.detail.is_empty() {
            write!(f, " at {}", self.detail)?;
        }
        f.write_str(")")
    }
}

// `Error` itself is no `std::error::Error`: that is what lets every other one convert into it.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Error {
        let mut chain = vec![error.to_string()];
        let mut source = error.source();
        while let Some(inner) = source {
            chain.push(inner.to_string());
            source = inner.source();
        }
        Error { code: Code::Hook, chain, detail: String::new() }
    }
}

/// Adds what was being done to an error.
///
/// ```
/// use clusterdock_plugin_api::{Context, Result};
///
/// let read: Result<String> = std::fs::read_to_string("/no/such/file").context("failed to read the license");
/// assert!(read.unwrap_err().to_string().starts_with("failed to read the license: "));
/// ```
pub trait Context<T> {
    /// Puts `message` in front of the error's own.
    fn context(self, message: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, message: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.into().context(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_wire_and_an_unknown_one_is_the_hosts() {
        for number in 1..=8 {
            assert_eq!(u32::from(Code::from(number)), number);
        }
        assert_eq!(Code::from(99), Code::Host);
    }
}
