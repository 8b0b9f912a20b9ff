//! The hooks that `stop`, `resume`, `restart` and `wait` run on whole clusters, with the library that was kept when the
//! cluster was started. A hook whose library is gone, or cannot be used, is skipped with a warning.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use async_trait::async_trait;
use clusterdock_plugin_wire::Request;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::found_cluster::FoundCluster;
use super::hook_again::HookRun;
use super::kept_library;
use super::session::Session;
use crate::cancellation::Cancellation;
use crate::cluster::Node;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::probe;
use crate::execution::retired::Retired;
use crate::execution::work::{Ids, Work};
use crate::topology::plugin::Hook;
use crate::topology::plugin_process::PluginProcess;

/// Runs hooks of whole clusters.
pub struct ClusterHooks<'a> {
    session: &'a Session<'a>,
    /// Ends the hooks and their calls.
    cancellation: &'a Cancellation,
    /// How long a hook may take; and a cluster until it passes its check, from the beginning on.
    limit: Duration,
    began: Instant,
    /// The plugins that have been loaded, by cluster.
    opened: RefCell<BTreeMap<String, Rc<PluginProcess>>>,
    /// The hooks that run, by cluster.
    running: RefCell<BTreeMap<String, Hook>>,
    /// What the topologies want the user to know.
    closing: RefCell<Vec<String>>,
}

/// A hook with all that it takes.
struct Prepared {
    found: FoundCluster,
    plugin: Rc<PluginProcess>,
    request: Request,
}

#[async_trait(?Send)]
impl Work for ClusterHooks<'_> {
    async fn run_hook(&self, cluster: &str, hook: Hook, _: &Ids, retired: &Retired) -> Result<()> {
        self.running.borrow_mut().insert(cluster.into(), hook);
        let found = FoundCluster::find(self.session, cluster).await;
        let ran = match found {
            Ok(found) => match self.prepare(found, hook).await {
                Ok(prepared) => self.run(&prepared, hook, retired).await,
                Err(why) => {
                    self.skip(cluster, hook, &why);
                    Ok(Vec::new())
                }
            },
            Err(error) => Err(error),
        };
        self.running.borrow_mut().remove(cluster);
        match ran {
            Ok(closing) => self.closing.borrow_mut().extend(closing),
            // The nodes are to stop, so they do.
            Err(error) if hook == Hook::OnStop => self.warn(format!(
                "the {hook} hook of cluster `{cluster}` failed; its nodes stop nevertheless: {error}"
            )),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl<'a> ClusterHooks<'a> {
    /// Begins now: the time for a check counts from here.
    pub fn new(
        session: &'a Session<'a>,
        cancellation: &'a Cancellation,
        limit: Duration,
    ) -> ClusterHooks<'a> {
        ClusterHooks {
            session,
            cancellation,
            limit,
            began: Instant::now(),
            opened: RefCell::default(),
            running: RefCell::default(),
            closing: RefCell::default(),
        }
    }

    /// The hooks that run, in one line; none if no hook runs.
    pub fn in_words(&self) -> Option<String> {
        let running = self.running.borrow();
        let hooks = running.iter();
        let hooks: Vec<String> = hooks
            .map(|(cluster, hook)| format!("the {hook} hook of cluster {cluster}"))
            .collect();
        (!hooks.is_empty()).then(|| format!("Running {}", hooks.join(", ")))
    }

    /// Lets the plugins end. Returns what the topologies want the user to know.
    pub async fn close(&self) -> Vec<String> {
        let opened = self.opened.take().into_values();
        let opened = opened.filter_map(Rc::into_inner);
        join_all(opened.map(PluginProcess::shut_down)).await;
        self.closing.take()
    }

    /// Loads the library of a cluster.
    ///
    /// # Errors
    /// Why the hook cannot be run.
    async fn prepare(&self, found: FoundCluster, hook: Hook) -> Result<Prepared> {
        let request = found.request(self.session)?;
        // A check says whether a start that is under way has come to its end.
        if found.record.is_none() && hook != Hook::Check {
            let name = &found.cluster.name;
            let message = format!("the start of cluster `{name}` was not completed");
            return Err(Error::new(Kind::Conflict, message));
        }
        let plugin = self.plugin(&found).await?;
        Ok(Prepared {
            found,
            plugin,
            request,
        })
    }

    async fn plugin(&self, found: &FoundCluster) -> Result<Rc<PluginProcess>> {
        let cluster = &found.cluster.name;
        let opened = self.opened.borrow().get(cluster).cloned();
        if let Some(plugin) = opened.filter(|plugin| plugin.is_usable()) {
            return Ok(plugin);
        }
        let plugin = Rc::new(kept_library::open(self.session, &found.digest).await?);
        let replaced = self
            .opened
            .borrow_mut()
            .insert(cluster.clone(), plugin.clone());
        if let Some(unusable) = replaced.and_then(Rc::into_inner) {
            unusable.shut_down().await;
        }
        Ok(plugin)
    }

    async fn run(&self, prepared: &Prepared, hook: Hook, retired: &Retired) -> Result<Vec<String>> {
        let run = HookRun {
            plugin: &*prepared.plugin,
            topology: &prepared.found.cluster.topology,
            found: &prepared.found,
            request: prepared.request.clone(),
            hook,
            timeout: self.limit,
        };
        // Hooks know nodes by their FQDNs, which several clusters may have.
        let own = Retired::default();
        let nodes = &prepared.found.cluster.nodes;
        if hook == Hook::Check {
            let passes = self.until_passed(&prepared.plugin, run, &own);
            return told(&own, nodes, retired, passes).await;
        }
        run.announce(self.session);
        let late = |waits| run.late(waits);
        let attempt = run.attempt(self.session, self.cancellation, &own, &late);
        if hook != Hook::OnStop {
            return told(&own, nodes, retired, attempt).await;
        }
        // A node that the hook has stopped is started again by a restart, and waited for.
        let ran = attempt.await;
        let removed = own.removed();
        let removed = nodes.iter().filter(|node| removed.contains(&node.fqdn));
        removed.for_each(|node| retired.add(&node.name, true));
        ran
    }

    /// Runs a check again and again until it passes.
    async fn until_passed(
        &self,
        plugin: &PluginProcess,
        mut run: HookRun<'_>,
        retired: &Retired,
    ) -> Result<Vec<String>> {
        run.announce(self.session);
        let found = run.found;
        let cluster = &found.cluster.name;
        let mut last: Option<Error> = None;
        let mut pause = probe::FIRST_PAUSE;
        loop {
            run.timeout = self.left();
            let late = |waits| self.unhealthy(cluster, last.as_ref(), waits);
            let attempt = run.attempt(self.session, self.cancellation, retired, &late);
            let error = match attempt.await {
                Ok(closing) => return Ok(closing),
                Err(error) => error,
            };
            // A plugin that has crashed never passes, and one whose time is over has said so.
            if !plugin.is_usable() || self.cancellation.reason().is_some() {
                return Err(error);
            }
            sleep(pause.min(self.left())).await;
            if self.left().is_zero() {
                return Err(self.unhealthy(cluster, Some(&error), Vec::new()));
            }
            pause = probe::next_pause(pause);
            last = Some(error);
        }
    }

    /// How much is left of the time for a check.
    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.began.elapsed())
    }

    /// The error of a check that has not passed in time: why not, and what it was waiting for.
    fn unhealthy(&self, cluster: &str, last: Option<&Error>, waits: Vec<String>) -> Error {
        let limit = humantime::format_duration(self.limit);
        let message = format!("cluster `{cluster}` did not pass its check in time");
        let mut error = Error::new(Kind::Timeout, message)
            .cause(format!("after {limit}"))
            .hint("allow more time with --timeout");
        if let Some(last) = last {
            error = last
                .causes()
                .iter()
                .fold(error.cause(last.message()), Error::cause);
        }
        waits.into_iter().fold(error, Error::cause)
    }

    /// Tells that a hook did not run, and how it can be run.
    fn skip(&self, cluster: &str, hook: Hook, why: &Error) {
        let hint = why.next_step().map_or_else(
            || {
                format!(
                    "`clusterdock hook {cluster} {hook}` runs it with the topology as it is now"
                )
            },
            String::from,
        );
        self.warn(format!(
            "the {hook} hook of cluster `{cluster}` is skipped: {why}; {hint}"
        ));
    }

    fn warn(&self, message: String) {
        self.session.event(Event::Warning { message });
    }
}

/// Runs a hook, and tells the plan at once which nodes it stops or removes: nobody is to wait for them.
async fn told<T>(
    own: &Retired,
    nodes: &[Node],
    retired: &Retired,
    hook: impl Future<Output = T>,
) -> T {
    let tell = nodes.iter().map(|node| async {
        own.has(&node.fqdn).await;
        retired.add(&node.name, own.removed().contains(&node.fqdn));
    });
    let tell = async {
        join_all(tell).await;
        pending().await
    };
    tokio::select! {
        biased;
        done = tell => done,
        done = hook => done,
    }
}
