//! The one error of the host: what kind it is (which decides the exit code), what it is about, what caused it, and
//! what the user can do next.
//!
//! Messages are fragments: lowercase, the thing in backticks, no full stop, and no repetition of the cause. Showing
//! an error is the report's job; nothing here writes anywhere.

use std::fmt;

/// What the host's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Something that stopped a command.
#[derive(Debug, Clone)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: Kind,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

/// The families of errors, one for each exit code that a script may branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Anything that has no kind of its own.
    Other,
    /// A flag, value, host name, port or manifest that can never work.
    Usage,
    /// A folder, file, node or cluster that is not there.
    NotFound,
    /// A name, port or network in use, or a node in the wrong state.
    Conflict,
    /// The engine cannot be reached, is not permitted, or is too old.
    Engine,
    /// An image that is neither local, nor buildable, nor to be pulled.
    Image,
    /// A deadline passed.
    Timeout,
    /// A node died, or never became ready for a reason other than time.
    Node,
    /// A plugin that could not be found, built or loaded.
    Plugin,
    /// A hook that failed, panicked or crashed.
    Hook,
    /// Something of ours remains in the engine.
    Left,
    /// The user interrupted (Ctrl-C).
    Interrupted,
    /// Somebody asked the process to end (SIGTERM).
    Terminated,
}

impl Kind {
    /// The exit code of a command that ends with an error of this kind. Scripts rely on these: they never change.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Other => 1,
            Kind::Usage => 2,
            Kind::NotFound => 3,
            Kind::Conflict => 4,
            Kind::Engine => 5,
            Kind::Image => 6,
            Kind::Timeout => 7,
            Kind::Node => 8,
            Kind::Plugin => 9,
            Kind::Hook => 10,
            Kind::Left => 12,
            Kind::Interrupted => 130,
            Kind::Terminated => 143,
        }
    }
}

impl Error {
    /// An error of `kind`; `message` names the thing in backticks.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error(Box::new(Parts { kind, message: message.into(), causes: Vec::new(), hint: None }))
    }

    /// The same error with one more cause below those it has, on a line of its own when shown.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Error {
        self.0.causes.push(cause.to_string());
        self
    }

    /// The same error with the user's next step. The innermost hint wins, since it knows most.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint.get_or_insert(hint.into());
        self
    }

    /// The same error seen from further out: `message` becomes what happened, and what it said before its cause.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Error {
        let inner = std::mem::replace(&mut self.0.message, message.into());
        self.0.causes.insert(0, inner);
        self
    }

    /// The same error counted among another family.
    #[must_use]
    pub fn kind_of(mut self, kind: Kind) -> Error {
        self.0.kind = kind;
        self
    }

    /// The family, which decides the exit code.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What happened, without causes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Why, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.0.causes
    }

    /// What the user can do next.
    pub fn next_step(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

/// The message and its causes on one line; the report shows them on several.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        self.0.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_goes_outside_and_the_innermost_hint_stays() {
        let error = Error::new(Kind::Conflict, "port `80` is taken")
            .cause("address already in use")
            .hint("choose another port")
            .hint("ask somebody")
            .context("failed to start node `node-1.cluster`");
        assert_eq!(error.message(), "failed to start node `node-1.cluster`");
        assert_eq!(error.causes(), ["port `80` is taken", "address already in use"]);
        assert_eq!(error.next_step(), Some("choose another port"));
        assert_eq!(error.kind().exit_code(), 4);
    }
}
