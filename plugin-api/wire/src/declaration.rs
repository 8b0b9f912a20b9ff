//! The declaration of a topology: its node groups, arguments, hooks and verbs, from which the host creates the command
//! line.

use serde::{Deserialize, Serialize};

use crate::Hook;

/// What a topology says about itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Declaration {
    /// Node groups, in the order in which help lists them.
    pub groups: Vec<Group>,
    /// Arguments, in the order in which help lists them.
    pub args: Vec<Arg>,
    /// The hooks that are implemented. Without `build`, `clusterdock build` only builds the images of the manifest.
    pub hooks: Vec<Hook>,
    /// The topology's own commands, for `clusterdock action`.
    pub verbs: Vec<Verb>,
}

impl Declaration {
    /// Whether a hook is implemented.
    pub fn has(&self, hook: Hook) -> bool {
        self.hooks.contains(&hook)
    }

    /// The arguments of `clusterdock start`.
    pub fn start_args(&self) -> Vec<Arg> {
        self.args.iter().filter(|arg| arg.start).cloned().collect()
    }

    /// The arguments of `clusterdock build`.
    pub fn build_args(&self) -> Vec<Arg> {
        self.args.iter().filter(|arg| arg.build).cloned().collect()
    }
}

/// A group of nodes with the same role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Group {
    /// Also the name of the argument.
    pub name: String,
    /// The help text. Default: ``Nodes of the `NAME` group``.
    pub help: String,
    /// The nodes if the user names none.
    pub nodes: DefaultNodes,
    /// The minimum number of nodes; 0 makes the group optional. Default: 1.
    pub min: usize,
    /// The maximum number of nodes. Default: no limit.
    pub max: Option<usize>,
    /// Groups whose nodes must be ready before nodes of this one start.
    pub after: Vec<String>,
}

impl Default for Group {
    fn default() -> Group {
        Group {
            name: String::new(),
            help: String::new(),
            nodes: DefaultNodes::default(),
            min: 1,
            max: None,
            after: Vec::new(),
        }
    }
}

/// The default nodes of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DefaultNodes {
    /// Nodes with these host names; if empty, the user must name them unless the group is optional.
    Named(Vec<String>),
    /// `PREFIX-1` to `PREFIX-COUNT`; the user can give another count.
    Sized {
        /// What host names begin with.
        prefix: String,
        /// How many.
        count: usize,
    },
}

impl Default for DefaultNodes {
    fn default() -> DefaultNodes {
        DefaultNodes::Named(Vec::new())
    }
}

impl DefaultNodes {
    /// Their host names.
    pub fn names(&self) -> Vec<String> {
        match self {
            DefaultNodes::Named(names) => names.clone(),
            DefaultNodes::Sized { prefix, count } => numbered(prefix, *count),
        }
    }
}

/// Host names `PREFIX-1` to `PREFIX-COUNT`.
pub(crate) fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("{prefix}-{number}"))
        .collect()
}

/// An argument of the topology, `--NAME`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Arg {
    /// Without the dashes.
    pub name: String,
    /// The kind of its values.
    pub kind: ArgKind,
    /// The help text.
    pub help: String,
    /// The placeholder of the value in help. Default: from the kind.
    pub metavar: String,
    /// The default value, as the user would type it.
    pub default: Option<String>,
    /// Whether it is required.
    pub required: bool,
    /// The allowed values of a choice, or of each item of a list (if empty, all).
    pub choices: Vec<String>,
    /// The allowed values of an integer, port, duration or size: `LOW..=HIGH`, as the user would type them; both ends are
    /// optional.
    pub range: Option<String>,
    /// A regular expression that a whole text, secret or path matches, or each item of a list.
    pub pattern: Option<String>,
    /// Whether it is an argument of `clusterdock start`.
    pub start: bool,
    /// Whether it is an argument of `clusterdock build`, and passed to the manifest's Dockerfiles as a build argument, e.g.
    /// `kafka-version` as `ARG KAFKA_VERSION`.
    pub build: bool,
}

impl Default for Arg {
    fn default() -> Arg {
        Arg {
            name: String::new(),
            kind: ArgKind::default(),
            help: String::new(),
            metavar: String::new(),
            default: None,
            required: false,
            choices: Vec::new(),
            range: None,
            pattern: None,
            start: true,
            build: false,
        }
    }
}

/// The kind of an argument's values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgKind {
    /// No value: given or not.
    Flag,
    /// Any text.
    #[default]
    Text,
    /// A text that is never printed, logged or recorded; `@FILE` reads it from a file.
    Secret,
    /// A whole number.
    Integer,
    /// A port from 1 to 65535: `80` or `53/udp`.
    Port,
    /// A time such as `90s`, `5m` or `1h 30m`.
    Duration,
    /// An amount of bytes such as `512m` or `2g`.
    Size,
    /// One of the [`choices`](Arg::choices).
    Choice,
    /// One value or several: `--NAME a b`, `--NAME a,b`, or repeated.
    List,
    /// Names to values: `--NAME a=x,y` repeated, or the original's `{a: [x, y], b: z}`.
    Map,
    /// A path on the user's machine; a relative one is made absolute.
    Path,
}

impl ArgKind {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            ArgKind::Flag => "flag",
            ArgKind::Text => "text",
            ArgKind::Secret => "secret",
            ArgKind::Integer => "integer",
            ArgKind::Port => "port",
            ArgKind::Duration => "duration",
            ArgKind::Size => "size",
            ArgKind::Choice => "choice",
            ArgKind::List => "list",
            ArgKind::Map => "map",
            ArgKind::Path => "path",
        }
    }
}

/// A command of the topology: `clusterdock action CLUSTER NAME`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verb {
    /// What the user types.
    pub name: String,
    /// The help text.
    pub help: String,
    /// Its arguments.
    pub args: Vec<Arg>,
}
