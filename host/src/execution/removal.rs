//! Carries out the plan of a removal. Everything that can be removed is, whatever fails in between; removing what is
//! gone already is success.

use super::Stop;
use crate::engine::{Engine, EngineResult, Fault};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::plan::RemovalPlan;
use crate::plan::removal::Named;
use futures_util::StreamExt;
use futures_util::stream;
use std::future::Future;
use std::time::Duration;
use tokio::time::sleep;

/// Removals under way at once: more only makes the engine slower (measured on Docker 20.10 to 28).
const WORKERS: usize = 6;

/// A thing that is still in use, or whose removal is under way elsewhere, is tried again after each of these.
const RETRIES: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(2)];

/// What of a plan has not been removed.
#[derive(Debug, Default)]
pub struct Left {
    /// What could not be removed, and why.
    refused: Vec<Error>,
    /// What was not tried, since the work was to end or something else has to go first.
    untried: Vec<String>,
    /// Why the engine did not tell what there is.
    unseen: Option<Error>,
}

impl Left {
    /// Whether everything is gone.
    pub fn is_empty(&self) -> bool {
        self.refused.is_empty() && self.untried.is_empty() && self.unseen.is_none()
    }

    /// Notes that the engine did not tell what there is, and why.
    pub fn unseen(&mut self, why: Error) {
        self.unseen = Some(why);
    }

    /// Adds to an error what is left, a cause each.
    #[must_use]
    pub fn listed(&self, error: Error) -> Error {
        let error = self.unseen.iter().chain(&self.refused).fold(error, Error::cause);
        match self.untried.is_empty() {
            true => error,
            false => error.cause(format!("not tried: {}", self.untried.join(", "))),
        }
    }
}

/// Removes what the plan says.
///
/// # Errors
/// [`Kind::Left`] listing what remains and why, once everything else is gone; or why the work was to end, with the same
/// list.
pub async fn carry_out(
    engine: &dyn Engine,
    plan: &RemovalPlan,
    stop: &Stop,
    events: &(dyn Fn(Event) + Sync),
) -> Result<()> {
    let left = remove_all(engine, plan, stop, events).await;
    let count = left.refused.len() + left.untried.len();
    let error = match stop.reason() {
        _ if count == 0 => return Ok(()),
        Some(why) => why,
        None => Error::new(Kind::Left, format!("{} could not be removed", plural(count))),
    };
    Err(left.listed(error).hint("do it again once the cause is gone: what is gone already is no error"))
}

/// Removes all that it can of a plan. Volumes go last, and only when everything else is gone: as long as one marks a
/// cluster as half-made, nobody takes what is left of it for a whole one.
pub async fn remove_all(engine: &dyn Engine, plan: &RemovalPlan, stop: &Stop, events: &(dyn Fn(Event) + Sync)) -> Left {
    let mut left = Left::default();
    let mut removals: Vec<_> = stream::iter(&plan.containers)
        .map(|Named { id, name }| remove(stop, events, ("container", name), || engine.remove_container(id)))
        .buffer_unordered(WORKERS)
        .collect()
        .await;
    for Named { id, name } in &plan.networks {
        removals.push(remove(stop, events, ("network", name), || engine.remove_network(id)).await);
    }
    removals.into_iter().for_each(|removal| left.add(removal));
    for name in &plan.volumes {
        let removal = match left.is_empty() {
            true => remove(stop, events, ("volume", name), || engine.remove_volume(name)).await,
            false => Removal::Untried(thing("volume", name)),
        };
        left.add(removal);
    }
    left
}

/// How a removal ended.
enum Removal {
    Gone,
    Refused(Error),
    Untried(String),
}

impl Left {
    fn add(&mut self, removal: Removal) {
        match removal {
            Removal::Gone => {}
            Removal::Refused(error) => self.refused.push(error),
            Removal::Untried(thing) => self.untried.push(thing),
        }
    }
}

async fn remove<F: Future<Output = EngineResult<()>>>(
    stop: &Stop,
    events: &(dyn Fn(Event) + Sync),
    (kind, name): (&'static str, &str),
    call: impl Fn() -> F,
) -> Removal {
    if stop.reason().is_some() {
        return Removal::Untried(thing(kind, name));
    }
    match until_gone(stop, call).await {
        Ok(()) => {
            events(Event::Removed { kind, name: name.to_string() });
            Removal::Gone
        }
        Err(error) => Removal::Refused(error.context(thing(kind, name))),
    }
}

/// Makes the call again while something still uses the thing, as long as that takes mostly.
async fn until_gone<F: Future<Output = EngineResult<()>>>(stop: &Stop, call: impl Fn() -> F) -> Result<()> {
    let mut retries = RETRIES.iter();
    loop {
        let error = match stop.call(async { Ok(call().await) }).await? {
            Ok(()) => return Ok(()),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => error,
        };
        let Some(pause) = retries.next().filter(|_| error.fault == Fault::InUse) else { return Err(error.into()) };
        let pause = async {
            sleep(*pause).await;
            Ok(())
        };
        stop.wait(pause).await?;
    }
}

fn thing(kind: &str, name: &str) -> String {
    format!("{kind} `{name}`")
}

fn plural(count: usize) -> String {
    if count == 1 { "1 thing".into() } else { format!("{count} things") }
}
