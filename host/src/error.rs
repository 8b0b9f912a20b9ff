//! The error type of the host: a kind, which decides the exit code, a message, its causes, and a hint for the next step.
//!
//! Messages are fragments: lowercase, the thing in backticks, no full stop, and no repetition of the cause. Showing
//! an error is the report's job; nothing here writes anywhere.

use std::fmt;

/// The result of the host's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    kind: Kind,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    /// Whether it is why the whole work ends, rather than about any part of it.
    is_of_the_whole: bool,
}

/// The kinds of errors, one for each exit code that a script may branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any other error.
    Other,
    /// An invalid flag, value, host name, port or manifest.
    Usage,
    /// A folder, file, node or cluster that does not exist.
    NotFound,
    /// A name, port or network in use, or a node in the wrong state.
    Conflict,
    /// An engine that is unreachable, not permitted or too old.
    Engine,
    /// An image that is not available locally and cannot be built or pulled.
    Image,
    /// A deadline passed.
    Timeout,
    /// A node died, or never became ready for a reason other than time.
    Node,
    /// A plugin that could not be found, built or loaded.
    Plugin,
    /// A hook that failed, panicked or crashed.
    Hook,
    /// An incomplete clean-up.
    Leftovers,
    /// The user interrupted (Ctrl-C).
    Interrupted,
    /// The process was asked to end (SIGTERM).
    Terminated,
}

impl Kind {
    /// The exit code for an error of this kind. Scripts rely on these codes, so they never change.
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
            Kind::Leftovers => 12,
            Kind::Interrupted => 130,
            Kind::Terminated => 143,
        }
    }
}

impl Error {
    /// An error of `kind`; `message` names the thing in backticks.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error(Box::new(Parts {
            kind,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            is_of_the_whole: false,
        }))
    }

    /// Marks the error as the reason why all work ends. The calls and waits that end with it are not to blame, so it keeps
    /// its message and kind on the way up.
    #[must_use]
    pub fn of_the_whole(mut self) -> Error {
        self.0.is_of_the_whole = true;
        self
    }

    /// Adds a cause below the existing ones.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Error {
        self.0.causes.push(cause.to_string());
        self
    }

    /// Adds the user's next step. The innermost hint wins, since it knows most.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint.get_or_insert(hint.into());
        self
    }

    /// Replaces the message, and makes the previous one the first cause.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Error {
        if self.0.is_of_the_whole {
            return self;
        }
        let inner = std::mem::replace(&mut self.0.message, message.into());
        self.0.causes.insert(0, inner);
        self
    }

    /// Changes the kind.
    #[must_use]
    pub fn kind_of(mut self, kind: Kind) -> Error {
        if !self.0.is_of_the_whole {
            self.0.kind = kind;
        }
        self
    }

    /// The same error with all its texts changed.
    #[must_use]
    pub fn map_text(&self, change: impl Fn(&str) -> String) -> Error {
        let mut error = self.clone();
        let Parts {
            message,
            causes,
            hint,
            ..
        } = &mut *error.0;
        for text in [message].into_iter().chain(causes).chain(hint) {
            *text = change(text);
        }
        error
    }

    /// The kind, which decides the exit code.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The message, without causes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The causes, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.0.causes
    }

    /// The user's next step. If too many files are open, raising that limit comes before anything else.
    pub fn next_step(&self) -> Option<&str> {
        let mentions = |text: &str| {
            self.0
                .causes
                .iter()
                .chain([&self.0.message])
                .any(|part| part.contains(text))
        };
        if mentions("(os error 24)") {
            return Some("raise this shell's open-file limit: ulimit -n 4096");
        }
        if mentions("(os error 23)") {
            return Some("raise the system's open-file limit: sysctl fs.file-max");
        }
        self.0.hint.as_deref()
    }
}

/// Shows the message and its causes on one line; the report shows them on several.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        self.0
            .causes
            .iter()
            .try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_open_files_decide_the_next_step() {
        let limit = |number| {
            let error = std::io::Error::from_raw_os_error(number);
            Error::new(Kind::Engine, "cannot reach the engine")
                .cause(error)
                .hint("start Docker")
                .context("in `ls`")
        };
        assert_eq!(
            limit(24).next_step(),
            Some("raise this shell's open-file limit: ulimit -n 4096")
        );
        assert_eq!(
            limit(23).next_step(),
            Some("raise the system's open-file limit: sysctl fs.file-max")
        );
        assert_eq!(limit(2).next_step(), Some("start Docker"));
    }

    #[test]
    fn context_is_outermost_and_the_innermost_hint_stays() {
        let error = Error::new(Kind::Conflict, "port `80` is in use")
            .cause("address already in use")
            .hint("choose another port")
            .hint("find out what uses it")
            .context("failed to start node `node-1.cluster`");
        assert_eq!(error.message(), "failed to start node `node-1.cluster`");
        assert_eq!(
            error.causes(),
            ["port `80` is in use", "address already in use"]
        );
        assert_eq!(error.next_step(), Some("choose another port"));
        assert_eq!(error.kind().exit_code(), 4);
    }
}
