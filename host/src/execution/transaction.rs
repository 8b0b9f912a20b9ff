//! A start as one transaction: images, locks, a look at the engine, a plan, its execution, the hook; and either all
//! of it stands in the end, or nothing of it.

use super::hook::Made;
use super::order::Order;
use super::start::{self, Again, Start, StartFailed};
use super::{Stop, finish, undo};
use crate::cluster::{self, Cluster, Observed};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::image::Provider;
use crate::keys;
use crate::labels::Run;
use crate::machine::port::HeldPorts;
use crate::machine::{lock, port, route};
use crate::naming;
use crate::plan::start::StartInputs;
use crate::plan::{self, StartPlan};
use crate::session::Session;
use crate::topology::plugin::Hook;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often a start that another one got in the way of looks again and plans anew.
const ATTEMPTS: usize = 5;

/// A cluster that stands.
#[derive(Debug)]
pub struct Started {
    /// As the engine shows it.
    pub cluster: Cluster,
    /// From the first look at the engine on; images not counted.
    pub total: Duration,
    /// What the topology wants the user to know.
    pub closing: Vec<String>,
    /// Images that its hook made.
    pub made: Vec<Made>,
}

/// Starts a cluster; none when the plan was only to be printed.
///
/// # Errors
/// What went wrong. Nothing of the start remains then, unless it was to be kept, or the error says so
/// ([`Kind::Left`]).
pub async fn start(session: &Session<'_>, mut order: Order<'_>) -> Result<Option<Started>> {
    let events = |event| session.event(event);
    let (engine, pull, stop) = (session.engine, order.pull, session.stop);
    let provider = Provider { engine, registries: &session.registries, pull, stop, events: &events };
    let images = match order.dry_run {
        true => {
            let images = provider.look(&order.images).await?;
            let steps = order.images.iter().filter_map(|wanted| {
                let step = wanted.step(images.contains_key(&wanted.reference), order.pull)?;
                Some(format!("{step:<17} {}\n", wanted.reference))
            });
            session.report.answer(&steps.collect::<String>())?;
            images
        }
        false => provider.provide(&order.images).await?,
    };
    let began = Instant::now();
    let made_up = order.request.cluster.is_empty();
    let mut guesses = plan::capability::GUESSES.iter();
    let mut attempts = ATTEMPTS;
    loop {
        if made_up {
            order.request.cluster = naming::cluster_name(|_| false);
        }
        let (error, again) = match attempt_start(session, &order, &images, began).await {
            Attempt::Ended(result) => return result,
            Attempt::NameTaken(error) if !made_up => return Err(error),
            Attempt::NameTaken(error) => (error, Again::Raced),
            Attempt::Failed(error, again) => (error, again),
        };
        // Who interrupts while an attempt is undone wants no other.
        session.stop.check()?;
        attempts -= 1;
        match again {
            Again::Capability => match guesses.next() {
                Some(guess) => order.leave_out = guess.iter().map(ToString::to_string).collect(),
                None => return Err(error),
            },
            Again::Raced if attempts == 0 => return Err(error),
            Again::Raced => {}
        }
        session.event(Event::Debug { message: format!("planning anew: {error}") });
    }
}

enum Attempt {
    Ended(Result<Option<Started>>),
    /// Nothing of it remains, and another attempt may succeed.
    Failed(Error, Again),
    /// The cluster's name is in use.
    NameTaken(Error),
}

async fn attempt_start(
    session: &Session<'_>,
    order: &Order<'_>,
    images: &BTreeMap<String, crate::engine::Image>,
    began: Instant,
) -> Attempt {
    let run = new_run(session, order);
    let planned = prepare(session, order, images, &run).await;
    let prepared = match planned {
        Ok(prepared) => prepared,
        Err(Refused { error, name_taken: true }) => return Attempt::NameTaken(error),
        Err(Refused { error, .. }) => return Attempt::Ended(Err(error)),
    };
    for message in &prepared.plan.warnings {
        session.event(Event::Warning { message: message.clone() });
    }
    if order.dry_run {
        return Attempt::Ended(session.report.answer(&prepared.plan.to_string()).map(|()| None));
    }
    match carry_out(session, order, prepared, began).await {
        Ok(started) => Attempt::Ended(Ok(Some(started))),
        Err(failed) => give_up(session, order, &run, failed).await,
    }
}

fn new_run(session: &Session<'_>, order: &Order<'_>) -> Run {
    let id = uuid::Uuid::new_v4().simple().to_string();
    Run {
        id: id[..16].to_string(),
        cluster: order.request.cluster.clone(),
        created: jiff::Timestamp::now()
            .round(jiff::Unit::Second)
            .unwrap_or_else(|_| jiff::Timestamp::now())
            .to_string(),
        location: session.places.executable.display().to_string(),
        size: order.specs.len(),
    }
}

/// A plan, and what is held until it is carried out far enough.
struct Prepared {
    plan: StartPlan,
    locks: Vec<lock::Lock>,
    ports: HeldPorts,
}

struct Refused {
    error: Error,
    name_taken: bool,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused { error, name_taken: false }
    }
}

async fn prepare(
    session: &Session<'_>,
    order: &Order<'_>,
    images: &BTreeMap<String, crate::engine::Image>,
    run: &Run,
) -> Result<Prepared, Refused> {
    let config = &session.places.config;
    let (cluster, network) = (format!("cluster-{}", run.cluster), format!("network-{}", order.request.network));
    // Always in this order, so that two starts never wait for each other.
    let locks = async { Ok(vec![lock::take(config, &cluster).await?, lock::take(config, &network).await?]) };
    let locks = session.stop.wait(locks).await?;
    let observed = session.observe().await?;
    let name_taken = cluster::clusters(&observed).iter().any(|cluster| cluster.name == run.cluster);
    let mut capabilities_missing =
        session.stop.look(async { Ok(session.engine.missing_capabilities().await?) }).await?;
    capabilities_missing.extend(
        order.leave_out.iter().filter(|name| !capabilities_missing.contains(name)).cloned().collect::<Vec<_>>(),
    );
    let cgroup_version = match order.specs.iter().any(|spec| spec.settings.systemd) {
        true => session.stop.look(async { Ok(session.engine.info().await?) }).await?.cgroup_version,
        false => 0,
    };
    let local = session.engine.is_local();
    // Names in use are told before ports are looked for.
    let ports = match (name_taken, local) {
        (true, _) => HeldPorts::default(),
        (_, true) => port::hold(&order.ports, order.bind)?,
        (_, false) => port::choose_unheld(&order.ports, order.bind)?,
    };
    let inputs = StartInputs {
        run,
        topology: &order.topology,
        network: &order.request.network,
        image: &order.request.image,
        specs: &order.specs,
        ports: &ports.ports,
        limits: order.limits,
        observed: &observed,
        routes: &if local { route::routes() } else { Vec::new() },
        images,
        capabilities_missing: &capabilities_missing,
        cgroup_version,
        // What a build's nodes have gets into images, and no key may.
        keys: order.hook == Hook::Start,
    };
    let plan = plan::start::plan(&inputs).map_err(|error| Refused { error, name_taken })?;
    Ok(Prepared { plan, locks, ports })
}

async fn carry_out(
    session: &Session<'_>,
    order: &Order<'_>,
    prepared: Prepared,
    began: Instant,
) -> Result<Started, StartFailed> {
    let Prepared { plan, locks, ports } = prepared;
    let cluster = &plan.run.cluster;
    *session.clean_up.lock().expect("nobody panics with it") = Some(format!("clusterdock rm {cluster}"));
    let nodes = plan.nodes.iter().map(|node| node.fqdn().to_string()).collect();
    session.event(Event::Starting { cluster: cluster.clone(), network: plan.network.name().into(), nodes });
    let events = |event| session.event(event);
    let files = keys::make(&session.places.config, session.engine.address(), &plan)?;
    // What ends this attempt must not end the next one.
    let stop = Stop::new();
    let work = Start {
        engine: session.engine,
        plan: &plan,
        files: &files,
        stop: &stop,
        workers: order.workers,
        timeout: order.timeout,
        since: jiff::Timestamp::now().as_second(),
        events: &events,
    };
    let ids = session.stop.also(&stop, start::carry_out(work, || drop(locks))).await?;
    drop(ports);
    let facts = finish::facts(session, order, &plan, &ids).await?;
    finish::write_names(session, order, &facts)?;
    let closing = finish::run_hook(session, order, &ids, &facts).await?;
    let containers = finish::last_look(session, &plan, &closing.stopped).await?;
    let observed = Observed { containers, ..Observed::default() };
    let cluster = cluster::clusters(&observed).pop().ok_or_else(|| Error::new(Kind::Node, "the nodes are gone"))?;
    session.clean_up.lock().expect("nobody panics with it").take();
    Ok(Started { cluster, total: began.elapsed(), closing: closing.messages, made: closing.made })
}

async fn give_up(session: &Session<'_>, order: &Order<'_>, run: &Run, failed: StartFailed) -> Attempt {
    let StartFailed { error, nodes, again } = failed;
    let cluster = &run.cluster;
    if order.keep && again.is_none() {
        let message = format!("what was made of cluster `{cluster}` is kept; `clusterdock rm {cluster}` removes it");
        session.event(Event::Warning { message });
        return Attempt::Ended(Err(error));
    }
    session.event(Event::Undoing { cluster: cluster.clone() });
    let logs = undo::save_logs(session.engine, &run.id, cluster, &nodes, &session.places.config).await;
    let undone = undo::undo(session.engine, &run.id, cluster, &|event| session.event(event)).await;
    let names =
        order.specs.iter().map(|spec| (cluster.clone(), format!("{}.{}", spec.hostname, order.request.network)));
    session.forget_names(&names.collect::<Vec<_>>());
    session.forget_keys([&(cluster.clone(), run.id.clone())]);
    let error = match logs {
        Some(folder) => error.hint(format!("whole logs of what failed: {}", folder.display())),
        None => error,
    };
    match undone {
        Err(left) => Attempt::Ended(Err(left.cause(format!("it was being removed since {error}")))),
        Ok(()) => {
            session.clean_up.lock().expect("nobody panics with it").take();
            match again {
                Some(again) => Attempt::Failed(error, again),
                None => Attempt::Ended(Err(error)),
            }
        }
    }
}
