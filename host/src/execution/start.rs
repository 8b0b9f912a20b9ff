//! Carries out the plan of a start, up to the moment when every node is ready.

use super::Stop;
use super::ready::{self, Awaited, Deaths, Waiting};
use crate::engine::{Engine, EngineError, Fault};
use crate::error::{Error, Kind, Result};
use crate::event::{Event, NodePhase};
use crate::labels;
use crate::plan::{NetworkPlan, NodePlan, StartPlan};
use bytes::Bytes;
use futures_util::future::{self, FutureExt, Shared, join_all};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// What a start is carried out with.
#[derive(Clone, Copy)]
pub struct Start<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// The plan.
    pub plan: &'a StartPlan,
    /// Files for nodes before they start: archives by FQDN, unpacked at the root.
    pub files: &'a BTreeMap<String, Bytes>,
    /// Ends it early.
    pub stop: &'a Stop,
    /// Calls to the engine under way at once.
    pub workers: usize,
    /// How long the nodes may take to become ready.
    pub timeout: Duration,
    /// When it began, Unix seconds: deaths are looked for from then on.
    pub since: i64,
    /// Told what happens.
    pub events: &'a (dyn Fn(Event) + Sync),
}

/// A start that did not get through.
#[derive(Debug)]
pub struct StartFailed {
    /// Why.
    pub error: Error,
    /// Nodes that died or did not become ready, whose logs are worth keeping.
    pub nodes: Vec<String>,
    /// Why looking again and planning anew may succeed, if it may.
    pub again: Option<Again>,
}

/// Why another attempt may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Another start got in between.
    Raced,
    /// The engine lacks a capability, and does not say which.
    Capability,
}

impl From<Error> for StartFailed {
    fn from(error: Error) -> StartFailed {
        StartFailed { error, nodes: Vec::new(), again: None }
    }
}

/// The containers' ids by FQDN.
pub type Ids = BTreeMap<String, String>;

/// Makes what the plan says; returns the containers' ids when every node is ready. `created` is called once, when
/// all containers are there: other starts may look then.
pub async fn carry_out(start: Start<'_>, created: impl FnOnce()) -> Result<Ids, StartFailed> {
    let deaths = Deaths::default();
    let nodes = Nodes {
        start,
        places: Semaphore::new(start.workers.max(1)),
        deaths: &deaths,
        unready: watch::Sender::new(start.plan.nodes.len()),
        waiting: Waiting::default(),
        failed: RefCell::default(),
        again: Cell::default(),
    };
    let result = start.stop.within(start.timeout, || nodes.late(), nodes.run(created)).await;
    // A node that fails stops the others; what they then say is not the reason.
    let result = result.map_err(|error| start.stop.reason().unwrap_or(error));
    result.map_err(|error| StartFailed { error, nodes: nodes.failed.take(), again: nodes.again.get() })
}

struct Nodes<'a> {
    start: Start<'a>,
    places: Semaphore,
    deaths: &'a Deaths,
    /// How many nodes are not ready yet.
    unready: watch::Sender<usize>,
    waiting: Waiting,
    failed: RefCell<Vec<String>>,
    again: Cell<Option<Again>>,
}

impl Nodes<'_> {
    async fn run(&self, created: impl FnOnce()) -> Result<Ids> {
        let Start { engine, plan, stop, since, .. } = self.start;
        let marker = async { engine.create_volume(&plan.marker).await.map_err(Error::from) };
        stop.call(marker).await.map_err(|error| error.context("failed to mark the start as begun"))?;
        let work = self.make(created);
        tokio::pin!(work);
        // The watch ends only by losing the engine; then the work has to end too.
        tokio::select! {
            ids = &mut work => ids,
            error = ready::watch_deaths(engine, (labels::RUN, &plan.run.id), since, self.deaths) => {
                stop.stop(error);
                work.await
            }
        }
    }

    /// The error of a start that takes too long: which nodes are awaited, and for what.
    fn late(&self) -> Error {
        let (cluster, given) = (&self.start.plan.run.cluster, humantime::format_duration(self.start.timeout));
        let late = Error::new(Kind::Timeout, format!("cluster `{cluster}` was not ready in time"))
            .cause(format!("it was given {given}"))
            .hint("give it longer with --timeout");
        self.failed.borrow_mut().extend(self.waiting.borrow().keys().cloned());
        ready::still_waiting(late, &self.waiting)
    }

    async fn make(&self, created: impl FnOnce()) -> Result<Ids> {
        let plan = self.start.plan;
        self.make_helpers().await?;
        let (first, others) = plan.nodes.split_first().expect("a plan has nodes");
        let first_id = self.or_stop(first, self.create(first)).await?;
        let network = self.network().boxed_local().shared();
        let left = Cell::new(others.len());
        let created = Cell::new(Some(created));
        let count = || {
            if left.get() == 0
                && let Some(created) = created.take()
            {
                created();
            }
        };
        count();
        let mut streams = FuturesUnordered::new();
        streams.push(self.start_node(first, future::ready(Ok(first_id)).boxed_local(), network.clone()).boxed_local());
        for node in others {
            let create = async {
                let id = self.or_stop(node, self.create(node)).await?;
                left.set(left.get() - 1);
                count();
                Ok(id)
            };
            streams.push(self.start_node(node, create.boxed_local(), network.clone()).boxed_local());
        }
        let mut ids = Ids::new();
        let mut error = None;
        // All streams are drained, also after a failure: their calls under way have to end before anything is undone.
        while let Some(done) = streams.next().await {
            match done {
                Ok((fqdn, id)) => drop(ids.insert(fqdn, id)),
                Err(failed) => drop(error.get_or_insert(failed)),
            }
        }
        drop(streams);
        // The network may be under way although no node waits for it any more.
        network.await?;
        error.map_or(Ok(ids), Err)
    }

    /// Makes the containers whose volumes nodes have.
    async fn make_helpers(&self) -> Result<()> {
        let helpers = self.start.plan.helpers.iter().map(async |helper| {
            let _place = self.places.acquire().await;
            self.start.stop.check()?;
            let call = async { Ok(self.start.engine.create_container(helper).await) };
            let made = self.start.stop.call(call).await.and_then(|made| made.map_err(Error::from));
            let made = made.map_err(|error| {
                let error = if error.kind() == Kind::NotFound { error.kind_of(Kind::Image) } else { error };
                error.context(format!("failed to make the volumes of image `{}`", helper.image))
            });
            if let Err(error) = &made {
                self.start.stop.stop(error.clone());
            }
            made
        });
        // All calls under way have to end before anything is undone.
        join_all(helpers).await.into_iter().collect::<Result<Vec<_>>>().map(drop)
    }

    async fn start_node(
        &self,
        node: &NodePlan,
        created: impl Future<Output = Result<String>>,
        network: Shared<impl Future<Output = Result<()>>>,
    ) -> Result<(String, String)> {
        let id = created.await?;
        // Both come to an end, also where one fails.
        let (put, network) = future::join(self.or_stop(node, self.put_files(node, &id)), network).await;
        put.and(network)?;
        self.or_stop(node, self.start_container(node, &id)).await?;
        let ready = self.is_ready_with_all(node, &id).await;
        if let Err(error) = &ready
            && self.start.stop.reason().is_none()
        {
            self.failed.borrow_mut().push(node.fqdn().to_string());
            self.fail(node, error.clone());
        }
        ready.map(|()| (node.fqdn().to_string(), id))
    }

    /// Waits until a node is ready, and watches over it until all are: others may wait for it in vain.
    async fn is_ready_with_all(&self, node: &NodePlan, id: &str) -> Result<()> {
        let Start { engine, stop, events, .. } = self.start;
        let awaited = Awaited {
            engine,
            fqdn: node.fqdn(),
            id,
            probes: &node.probes,
            deaths: self.deaths,
            waiting: &self.waiting,
            events,
        };
        stop.wait(awaited.is_ready()).await?;
        self.tell(node, NodePhase::Ready);
        self.unready.send_modify(|unready| *unready -= 1);
        let mut unready = self.unready.subscribe();
        let or_death = async {
            tokio::select! {
                biased;
                error = awaited.dies() => Err(error),
                _ = unready.wait_for(|unready| *unready == 0) => Ok(()),
            }
        };
        stop.wait(or_death).await
    }

    async fn create(&self, node: &NodePlan) -> Result<String> {
        let _place = self.places.acquire().await;
        self.start.stop.check()?;
        self.tell(node, NodePhase::Creating);
        let call = async { Ok(self.start.engine.create_container(&node.container).await) };
        self.start.stop.call(call).await?.map_err(|error| self.explain(node, error))
    }

    async fn put_files(&self, node: &NodePlan, id: &str) -> Result<()> {
        let Some(files) = self.start.files.get(node.fqdn()).cloned() else { return Ok(()) };
        let _place = self.places.acquire().await;
        let archive = stream::iter([Ok(files)]).boxed();
        let call = async { Ok(self.start.engine.put_archive(id, "/", archive).await?) };
        let put = self.start.stop.call(call).await;
        put.map_err(|error| error.context(format!("failed to put ssh keys on node `{}`", node.fqdn())))
    }

    async fn start_container(&self, node: &NodePlan, id: &str) -> Result<()> {
        let _place = self.places.acquire().await;
        self.start.stop.check()?;
        self.tell(node, NodePhase::Starting);
        let call = async { Ok(self.start.engine.start_container(id).await) };
        self.start.stop.call(call).await?.map_err(|error| self.explain(node, error))
    }

    async fn network(&self) -> Result<()> {
        let NetworkPlan::Create(spec) = &self.start.plan.network else { return Ok(()) };
        let call = async { Ok(self.start.engine.create_network(spec).await) };
        let result = self.start.stop.call(call).await.and_then(|created| {
            created.map_err(|error| {
                if matches!(error.fault, Fault::NetworkExists | Fault::SubnetTaken) {
                    self.again.set(Some(Again::Raced));
                }
                Error::from(error).context(format!("failed to create network `{}`", spec.name))
            })
        });
        if let Err(error) = &result {
            self.start.stop.stop(error.clone());
        }
        result.map(drop)
    }

    /// Runs one step of a node; its failure stops the others.
    async fn or_stop<T>(&self, node: &NodePlan, step: impl Future<Output = Result<T>>) -> Result<T> {
        let result = step.await;
        if let Err(error) = &result
            && self.start.stop.reason().is_none()
        {
            self.fail(node, error.clone());
        }
        result
    }

    fn fail(&self, node: &NodePlan, error: Error) {
        let why = error.causes().first().map_or(error.message(), String::as_str);
        self.tell(node, NodePhase::Failed { why: why.to_string() });
        self.start.stop.stop(error);
    }

    fn tell(&self, node: &NodePlan, phase: NodePhase) {
        (self.start.events)(Event::Node { node: node.fqdn().to_string(), phase });
    }

    /// The engine's refusal as the user should read it, and whether another start caused it.
    fn explain(&self, node: &NodePlan, error: EngineError) -> Error {
        let network = self.start.plan.network.name();
        let gone = error.fault == Fault::NotFound && !error.message.to_lowercase().contains("no such image");
        if gone || error.fault == Fault::AddressTaken {
            self.again.set(Some(Again::Raced));
        }
        if error.fault == Fault::CapabilityMissing {
            self.again.set(Some(Again::Capability));
        }
        let message = format!("failed to start node `{}`", node.fqdn());
        match error.fault {
            Fault::NameTaken => Error::new(Kind::Conflict, format!("host name `{}` is in use", node.fqdn()))
                .cause("another start took it a moment ago")
                .hint(format!("choose other host names, or another network than `{network}` with -n")),
            Fault::PortTaken => {
                Error::from(error).context(message).hint("choose another host port, or leave it out: -p NODE:CONTAINER")
            }
            Fault::NotFound if !gone => Error::from(error).kind_of(Kind::Image).context(message),
            _ => Error::from(error).context(message),
        }
    }
}
