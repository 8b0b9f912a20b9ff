//! The trait of topologies.

use crate::{Arguments, Change, Cluster, Error, Group, Plan, Result, Verb};

/// A kind of cluster: its groups and arguments, what its nodes run, and what to do with the whole.
///
/// ```
/// use clusterdock_plugin_api::{Group, Plan, Probe, Result, Topology};
///
/// const SERVERS: Group = Group::new("servers").sized("server", 2);
///
/// struct Web;
///
/// impl Topology for Web {
///     type Args = ();
///     const GROUPS: &'static [Group] = &[SERVERS];
///
///     fn nodes(&self, plan: &Plan) -> Result<()> {
///         for server in plan.group(SERVERS) {
///             server
///                 .command(["python3", "-m", "http.server", "8000"])
///                 .publish(8000)
///                 .serves_when(Probe::http(8000, "/"));
///         }
///         Ok(())
///     }
/// }
/// ```
///
/// Put `#[topology(manifest = "..")]` on the block to export it, see [`topology`](macro@crate::topology).
///
/// # When the methods are called
///
/// | method | when | if it fails |
/// |---|---|---|
/// | [`nodes`](Topology::nodes) | before anything is created, and for `--dry-run` | nothing is created |
/// | [`start`](Topology::start) | all nodes are ready | the cluster is removed (unless `--retain`) |
/// | [`build`](Topology::build) | `clusterdock build`, all nodes are ready | the cluster is removed |
/// | [`check`](Topology::check) | `wait CLUSTER`, `hook CLUSTER check`, `topology test` | `wait` calls it again; the others fail |
/// | [`on_stop`](Topology::on_stop) | before the first node of a whole cluster stops | a warning; the nodes stop |
/// | [`on_resume`](Topology::on_resume) | all nodes of a whole cluster are ready again | the command fails; the nodes run |
/// | [`scale`](Topology::scale) * | new nodes are ready, or nodes are about to go | the change is undone |
/// | [`verbs`](Topology::verbs) | the library is loaded | the library is refused |
///
/// Those with a `*`, and the methods of verbs, are declared to the host, but no clusterdock calls them yet. Their contract
/// is fixed, so that a library which has them needs no change when one does.
///
/// **Later hooks.** `check`, `on_stop` and `on_resume` are called by commands on a cluster that exists, with the library
/// that it was started with: clusterdock keeps a copy. If that is gone or cannot be loaded, or if another user started the
/// cluster, the hook is skipped with a warning, and the command goes on. The engine, `docker restart` and commands for
/// single nodes call no hook. These hooks have the arguments of the start, secrets excepted, and the outputs of earlier
/// hooks.
///
/// **Threads and process.** The host calls one method at a time, on the main thread of a process of its own. Methods are
/// plain blocking code; see the [crate](crate#what-an-implementor-can-rely-on) for threads, panics and crashes, which
/// hold for all of them alike.
///
/// All of this since 1.0.
pub trait Topology: Sized + Send + Sync + 'static {
    /// The arguments of users: a struct with `#[derive(Args)]`, or `()` for none.
    type Args: Arguments;

    /// The node groups, in the order in which help lists them and nodes are created.
    const GROUPS: &'static [Group];

    /// The hooks that the implementation has. Set by [`topology`](macro@crate::topology).
    #[doc(hidden)]
    const HOOKS: &'static [&'static str] = &[];

    /// Sets what the nodes run. Called before anything exists, also for `clusterdock build` and `--dry-run`, so it must not
    /// start anything, and must give the same answer for the same plan. It has a deadline of 30 seconds. Default: all
    /// nodes run the command of their image.
    ///
    /// # Errors
    /// Why the request is invalid. The user sees the messages; nothing has been created.
    fn nodes(&self, plan: &Plan<Self::Args>) -> Result<()> {
        let _ = plan;
        Ok(())
    }

    /// Does what needs the whole cluster. Called once per cluster when every node is ready; afterwards the host awaits the
    /// nodes' [`serves_when`](crate::PlannedNode::serves_when). It may use every call of [`Cluster`] and [`Node`](crate::Node),
    /// and has the time of the user's `--timeout`. Default: nothing.
    ///
    /// It does not run again when the cluster is resumed or restarted: what must be there then belongs into the nodes'
    /// commands and files.
    ///
    /// # Errors
    /// Any error ends `clusterdock start` with exit code 10 and removes the cluster, except with `--retain`.
    fn start(&self, cluster: &Cluster<Self::Args>) -> Result<()> {
        let _ = cluster;
        Ok(())
    }

    /// Provisions nodes and commits them to images. Called by `clusterdock build` when every node is ready, after the
    /// images of the manifest have been built. The cluster is removed afterwards. Without it, `clusterdock build` starts
    /// no cluster.
    ///
    /// # Errors
    /// Any error ends `clusterdock build` with exit code 10 and removes the cluster.
    fn build(&self, cluster: &Cluster<Self::Args>) -> Result<()> {
        let _ = cluster;
        Err(Error::new("this topology has no `build` hook"))
    }

    /// Whether the cluster as a whole is healthy. Called any number of times, by `clusterdock hook CLUSTER check`,
    /// `topology test`, and `wait CLUSTER`, which calls it once all probes hold, and then again and again, with pauses of
    /// up to a second, until it passes or the user's `--timeout` is over. So it asks once and returns rather than waits,
    /// and must not change anything. `wait` may call it while [`start`](Topology::start) still runs. Default: it is, if
    /// its nodes are.
    ///
    /// # Errors
    /// Why it is not (yet). `wait` shows the last one if the time is over, with exit code 7; a crash ends it at once, with
    /// exit code 10.
    fn check(&self, cluster: &Cluster<Self::Args>) -> Result<()> {
        let _ = cluster;
        Ok(())
    }

    /// Prepares a stop. Called by `stop` and `restart` of the whole cluster, before the first node stops. It is skipped with
    /// a warning if a node does not run, and has the time of the user's `--timeout`. It may stop nodes itself, in its own
    /// order. Default: nothing.
    ///
    /// # Errors
    /// Shown as a warning; the nodes stop nevertheless. If the user interrupts, no node stops.
    fn on_stop(&self, cluster: &Cluster<Self::Args>) -> Result<()> {
        let _ = cluster;
        Ok(())
    }

    /// Completes a resume. Called by `resume` and `restart` of the whole cluster when all of its nodes are ready again,
    /// unless they all ran anyway; afterwards the host awaits the nodes'
    /// [`serves_when`](crate::PlannedNode::serves_when), as after [`start`](Topology::start). It has the time of the user's
    /// `--timeout`. Default: nothing.
    ///
    /// What a single node needs belongs into its command, since users also restart single nodes, and the engine does.
    ///
    /// # Errors
    /// Any error fails the command with exit code 10; the nodes keep running. `clusterdock hook CLUSTER on_resume` runs it
    /// again.
    fn on_resume(&self, cluster: &Cluster<Self::Args>) -> Result<()> {
        let _ = cluster;
        Ok(())
    }

    /// Follows a change of the cluster's size: nodes that were added are ready, nodes that go are still running. Not called
    /// yet by this version. Default: an error, so that the cluster cannot be scaled.
    ///
    /// # Errors
    /// Any error undoes the change: added nodes are removed, others stay.
    fn scale(&self, cluster: &Cluster<Self::Args>, change: &Change) -> Result<()> {
        let _ = (cluster, change);
        Err(Error::new("this topology cannot be scaled"))
    }

    /// The actions on a started cluster, for `clusterdock action CLUSTER VERB`, which this version does not have yet. Called
    /// when the library is loaded; names that are used twice are refused. Default: none.
    fn verbs(&self) -> Vec<Verb<Self>> {
        Vec::new()
    }
}
