//! The error of hooks: any error converts into it with `?`, and an error of the host keeps its code and its chain when a
//! hook passes it on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The result of a topology's functions. Since 1.0.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with a chain of messages, outermost first.
///
/// Any [`std::error::Error`] converts into it with `?`; its sources become the chain. Create one with [`Error::new`], and
/// add context with [`Context::context`].
///
/// ```
/// # extern crate clusterdock_plugin_wire as clusterdock_plugin_api;
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
///
/// Since 1.0.
#[derive(Clone, Serialize, Deserialize)]
pub struct Error {
    code: Code,
    chain: Vec<String>,
    detail: String,
}

/// The origin of an error.
///
/// ```
/// # extern crate clusterdock_plugin_wire as clusterdock_plugin_api;
/// use clusterdock_plugin_api::{Code, Error, Result};
///
/// /// A service that may be late.
/// fn optional(waited: Result<()>) -> Result<()> {
///     match waited {
///         Err(error) if error.code() == Code::Timeout => Ok(()),
///         other => other,
///     }
/// }
/// assert!(optional(Err(Error::with_code(Code::Timeout, "port 80 did not open within 5s"))).is_ok());
/// assert!(optional(Err(Error::new("no such user"))).is_err());
/// ```
///
/// New hosts may have new codes; a plugin sees those that its plugin-api does not know as [`Code::Host`]. Since 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
#[non_exhaustive]
pub enum Code {
    /// The topology itself returned it.
    Hook,
    /// The topology's code panicked; the detail is file, line and column.
    Panic,
    /// A call into the host failed.
    Host,
    /// A call into the host panicked there, which is a bug in the host.
    HostPanic,
    /// The host does not know the operation.
    Unsupported,
    /// The user interrupted the command; the hook should return.
    Cancelled,
    /// A deadline passed.
    Timeout,
    /// The hook has returned already, so its cluster can no longer be used.
    Closed,
    /// A command on a node exited with a code other than 0.
    Command,
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
            9 => Code::Command,
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
            Code::Command => 9,
        }
    }
}

impl Error {
    /// An error of the topology. The message is a lowercase fragment with names in backticks.
    pub fn new(message: impl Into<String>) -> Error {
        Error::with_code(Code::Hook, message)
    }

    /// An error with a code other than [`Code::Hook`]; hooks rarely need it.
    pub fn with_code(code: Code, message: impl Into<String>) -> Error {
        Error {
            code,
            chain: vec![message.into()],
            detail: String::new(),
        }
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

    /// The same error with `message` as its outermost message.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Error {
        self.chain.insert(0, message.into());
        self
    }

    /// The origin of the error.
    pub fn code(&self) -> Code {
        self.code
    }

    /// All messages, outermost first; never empty.
    pub fn chain(&self) -> &[String] {
        &self.chain
    }

    /// The place in the source of a panic, otherwise empty.
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

// `Error` does not implement `std::error::Error`: that allows every other error to convert into it.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Error {
        let mut chain = vec![error.to_string()];
        let mut source = error.source();
        while let Some(inner) = source {
            chain.push(inner.to_string());
            source = inner.source();
        }
        Error {
            code: Code::Hook,
            chain,
            detail: String::new(),
        }
    }
}

/// Adds context to an error, or makes one of a missing value.
///
/// ```
/// # extern crate clusterdock_plugin_wire as clusterdock_plugin_api;
/// use clusterdock_plugin_api::{Context, Result};
///
/// let read: Result<String> = std::fs::read_to_string("/no/such/file").context("failed to read the license");
/// assert!(read.unwrap_err().to_string().starts_with("failed to read the license: "));
/// ```
///
/// Since 1.0.
pub trait Context<T> {
    /// Puts `message` in front of the error's own messages; for `None` it is the only one.
    ///
    /// # Errors
    /// The value is an error or missing.
    fn context(self, message: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, message: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.into().context(message))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, message: impl Into<String>) -> Result<T> {
        self.ok_or_else(|| Error::new(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_wire() {
        for number in 1..=9 {
            assert_eq!(u32::from(Code::from(number)), number);
        }
        assert_eq!(Code::from(99), Code::Host);
    }
}
