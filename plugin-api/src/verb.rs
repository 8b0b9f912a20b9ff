//! Actions that a topology offers on its clusters.

use std::fmt;

use crate::{wire, Arguments, Cluster, Result, Topology, Values};

/// An action on a started cluster, for `clusterdock action CLUSTER VERB`; this version declares it, and does not run it
/// yet. Its answer goes to [`Cluster::closing`].
///
/// ```
/// use clusterdock_plugin_api::{Args, Cluster, Group, Result, Topology, Verb};
///
/// struct Database;
///
/// #[derive(Args)]
/// struct Promote {
///     /// Node to promote
///     node: String,
/// }
///
/// impl Database {
///     fn leader(&self, cluster: &Cluster) -> Result<()> {
///         cluster.closing(cluster.nodes().first()?.execute("db leader")?.text())
///     }
///
///     fn promote(&self, cluster: &Cluster, args: &Promote) -> Result<()> {
///         cluster.node(&args.node)?.execute("db promote").map(drop)
///     }
/// }
///
/// impl Topology for Database {
///     type Args = ();
///     const GROUPS: &'static [Group] = &[Group::new("servers").sized("server", 2)];
///
///     fn verbs(&self) -> Vec<Verb<Database>> {
///         vec![
///             Verb::new("leader", "Print the leader", Database::leader),
///             Verb::with_args("promote", "Make a node the leader", Database::promote),
///         ]
///     }
/// }
/// ```
///
/// Since 1.0.
pub struct Verb<T: Topology> {
    pub(crate) declared: wire::Verb,
    run: Box<Run<T>>,
}

type Run<T> = dyn Fn(&T, &Cluster<<T as Topology>::Args>, &Values) -> Result<()>;

impl<T: Topology> Verb<T> {
    /// A verb without arguments: its name, its help (an imperative fragment without a full stop), and the method that
    /// runs it.
    pub fn new(name: &str, help: &str, run: fn(&T, &Cluster<T::Args>) -> Result<()>) -> Verb<T> {
        let run: Box<Run<T>> = Box::new(move |topology, cluster, _| run(topology, cluster));
        Verb::of::<()>(name, help, run)
    }

    /// A verb with its own arguments.
    pub fn with_args<A: Arguments>(
        name: &str,
        help: &str,
        run: fn(&T, &Cluster<T::Args>, &A) -> Result<()>,
    ) -> Verb<T> {
        let run: Box<Run<T>> =
            Box::new(move |topology, cluster, values| run(topology, cluster, &A::read(values)?));
        Verb::of::<A>(name, help, run)
    }

    fn of<A: Arguments>(name: &str, help: &str, run: Box<Run<T>>) -> Verb<T> {
        let declared = wire::Verb {
            name: name.into(),
            help: help.into(),
            args: A::declare().into_iter().map(|arg| arg.0).collect(),
        };
        Verb { declared, run }
    }

    pub(crate) fn run(
        &self,
        topology: &T,
        cluster: &Cluster<T::Args>,
        given: &wire::VerbCall,
    ) -> Result<()> {
        let values = Values::new(&given.args, &self.declared.args)?;
        (self.run)(topology, cluster, &values)
    }
}

impl<T: Topology> fmt::Debug for Verb<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.declared.fmt(f)
    }
}
