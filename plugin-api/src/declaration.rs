//! What a topology says of itself: its node groups and its arguments, from which the host makes the command line.

use serde::{Deserialize, Serialize};

/// The node groups and arguments of a topology.
///
/// ```
/// use clusterdock_plugin_api::{Arg, Declaration, Group};
///
/// Declaration::new()
///     .group(Group::new("brokers").default_nodes(["broker-1", "broker-2"]).help("Nodes that run a broker"))
///     .start_arg(Arg::text("kafka-version").metavar("ver").default_value("3.9").help("Version to install"))
///     .start_arg(Arg::flag("tls").help("Encrypt the listeners"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Declaration {
    /// Node groups, in the order in which help lists them.
    pub groups: Vec<Group>,
    /// Arguments of `clusterdock start`.
    pub start_args: Vec<Arg>,
    /// Arguments of `clusterdock build`.
    pub build_args: Vec<Arg>,
    /// Whether [`Topology::build`](crate::Topology::build) does something: without it, `clusterdock build` builds the
    /// manifest's images and starts no cluster.
    pub builds: bool,
}

impl Declaration {
    /// A topology without groups or arguments.
    pub fn new() -> Declaration {
        Declaration::default()
    }

    /// Adds a node group, which becomes the argument `--NAME node [node ...]`.
    #[must_use]
    pub fn group(mut self, group: Group) -> Declaration {
        self.groups.push(group);
        self
    }

    /// Adds an argument of `clusterdock start`.
    #[must_use]
    pub fn start_arg(mut self, arg: Arg) -> Declaration {
        self.start_args.push(arg);
        self
    }

    /// Says that [`Topology::build`](crate::Topology::build) does something.
    #[must_use]
    pub fn builds(mut self) -> Declaration {
        self.builds = true;
        self
    }

    /// Adds an argument of `clusterdock build`. The manifest's Dockerfiles get it too, as a build argument: `ARG
    /// KAFKA_VERSION` has the value of `kafka-version`.
    #[must_use]
    pub fn build_arg(mut self, arg: Arg) -> Declaration {
        self.build_args.push(arg);
        self
    }
}

/// Nodes that play one part, and what they are called unless the user says otherwise.
///
/// ```
/// use clusterdock_plugin_api::Group;
///
/// Group::new("workers").default_nodes(["worker-1", "worker-2"]).max(64).help("Nodes that run a worker");
/// Group::new("gateways").min(0); // none unless the user names some
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Also the name of the argument.
    pub name: String,
    /// Host names of the nodes when the argument is not given.
    pub default_nodes: Vec<String>,
    /// What help says.
    pub help: String,
    /// The fewest nodes that make sense. Default: 1.
    pub min: usize,
    /// The most nodes that make sense. Default: no limit.
    pub max: Option<usize>,
}

impl Group {
    /// A group of at least one node, which the user has to name unless there are
    /// [`default_nodes`](Group::default_nodes).
    pub fn new(name: impl Into<String>) -> Group {
        Group { name: name.into(), min: 1, ..Group::default() }
    }

    /// Host names of the nodes when the user names none.
    #[must_use]
    pub fn default_nodes<S: Into<String>>(mut self, nodes: impl IntoIterator<Item = S>) -> Group {
        self.default_nodes = nodes.into_iter().map(Into::into).collect();
        self
    }

    /// What help says. Default: ``Nodes of the `NAME` group``.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Group {
        self.help = help.into();
        self
    }

    /// The fewest nodes; 0 makes the group optional. Default: 1.
    #[must_use]
    pub fn min(mut self, min: usize) -> Group {
        self.min = min;
        self
    }

    /// The most nodes. Default: no limit.
    #[must_use]
    pub fn max(mut self, max: usize) -> Group {
        self.max = Some(max);
        self
    }
}

/// An argument of the topology, `--NAME`.
///
/// ```
/// use clusterdock_plugin_api::Arg;
///
/// Arg::text("java").choices(["8", "11", "17"]).default_value("17").help("Version of Java");
/// Arg::size("heap").metavar("size").default_value("512m").help("Heap of a broker");
/// Arg::map("node-disks").help("Devices by node");
/// Arg::text("license").required();
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Arg {
    /// Without the dashes.
    pub name: String,
    /// What values it takes.
    pub kind: ArgKind,
    /// The value when it is not given, as the user would type it.
    pub default: Option<String>,
    /// The only values allowed; empty: any.
    pub choices: Vec<String>,
    /// What stands for the value in help. Default: from the kind.
    pub metavar: String,
    /// What help says.
    pub help: String,
    /// Whether the command is refused without it.
    pub required: bool,
}

/// What values an argument takes.
///
/// ```
/// use clusterdock_plugin_api::{Arg, ArgKind};
///
/// assert_eq!(Arg::list("include").kind, ArgKind::List);
/// ```
///
/// How to read one: the method of the same name on
/// [`Request`](crate::Request).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ArgKind {
    /// No value: given or not.
    Flag,
    /// Any text.
    #[default]
    Text,
    /// A whole number.
    Integer,
    /// One value or several: `--NAME a b`, `--NAME a,b`, or repeated.
    List,
    /// Names to values: `--NAME a=x,y` repeated, or the original's `{a: [x, y], b: z}`.
    Map,
    /// A time such as `90s`, `5m` or `1h 30m`.
    Duration,
    /// An amount of bytes such as `512m` or `2g`.
    Size,
}

impl Arg {
    fn new(kind: ArgKind, name: impl Into<String>) -> Arg {
        Arg { name: name.into(), kind, ..Arg::default() }
    }

    /// An argument without a value; read with [`Request::flag`](crate::Request::flag).
    pub fn flag(name: impl Into<String>) -> Arg {
        Arg::new(ArgKind::Flag, name)
    }

    /// An argument of any text; read with [`Request::text`](crate::Request::text).
    pub fn text(name: impl Into<String>) -> Arg {
        Arg::new(ArgKind::Text, name)
    }

    /// A whole number; read with [`Request::integer`](crate::Request::integer).
    pub fn integer(name: impl Into<String>) -> Arg {
        Arg::new(ArgKind::Integer, name)
    }

    /// Values in the order given; read with [`Request::list`](crate::Request::list).
    pub fn list(name: impl Into<String>) -> Arg {
        Arg::new(ArgKind::List, name)
    }

    /// Names to values; read with [`Request::map`](crate::Request::map).
    pub fn map(name: impl Into<String>) -> Arg {
        Arg::new(ArgKind::Map, name)
    }

    /// A time; read with [`Request::duration`](crate::Request::duration).
    pub fn duration(name: impl Into<String>) -> Arg {
        Arg::new(ArgKind::Duration, name)
    }

    /// An amount of bytes; read with [`Request::size`](crate::Request::size).
    pub fn size(name: impl Into<String>) -> Arg {
        Arg::new(ArgKind::Size, name)
    }

    /// The value when the argument is not given, as the user would type it. Help shows it.
    #[must_use]
    pub fn default_value(mut self, default: impl Into<String>) -> Arg {
        self.default = Some(default.into());
        self
    }

    /// The only values allowed.
    #[must_use]
    pub fn choices<S: Into<String>>(mut self, choices: impl IntoIterator<Item = S>) -> Arg {
        self.choices = choices.into_iter().map(Into::into).collect();
        self
    }

    /// What stands for the value in help.
    #[must_use]
    pub fn metavar(mut self, metavar: impl Into<String>) -> Arg {
        self.metavar = metavar.into();
        self
    }

    /// What help says.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Arg {
        self.help = help.into();
        self
    }

    /// Refuses the command when the argument is not given.
    #[must_use]
    pub fn required(mut self) -> Arg {
        self.required = true;
        self
    }
}
