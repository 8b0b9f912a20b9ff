//! Carries out the plan of a removal. Everything that can be removed is, whatever fails in between; removing what is
//! gone already is success.

use super::Stop;
use crate::engine::{Engine, EngineResult, Fault, Filter};
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
    Err(left.listed(error).hint("do it again: what is gone already is no error"))
}

/// Removes all that it can of a plan. Volumes go last, and only when everything else is gone: as long as one marks a
/// cluster as half-made, nobody takes what is left of it for a whole one.
pub async fn remove_all(engine: &dyn Engine, plan: &RemovalPlan, stop: &Stop, events: &(dyn Fn(Event) + Sync)) -> Left {
    let work = Work { engine, plan, stop, events };
    let containers = stream::iter(&plan.containers).map(|container| work.remove_container(container));
    let mut left: Left = containers.buffer_unordered(WORKERS).collect().await;
    for network in &plan.networks {
        left.extend([work.remove_network(network).await]);
    }
    for volume in &plan.volumes {
        left.extend([match left.is_empty() {
            true => work.remove("volume", volume, || engine.remove_volume(volume)).await,
            false => Removal::Untried(thing("volume", volume)),
        }]);
    }
    left
}

/// How a removal ended.
enum Removal {
    /// It is gone, or is to stay.
    Done,
    Refused(Error),
    Untried(String),
}

impl Extend<Removal> for Left {
    fn extend<I: IntoIterator<Item = Removal>>(&mut self, removals: I) {
        for removal in removals {
            match removal {
                Removal::Done => {}
                Removal::Refused(error) => self.refused.push(error),
                Removal::Untried(thing) => self.untried.push(thing),
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Work<'a> {
    engine: &'a dyn Engine,
    plan: &'a RemovalPlan,
    stop: &'a Stop,
    events: &'a (dyn Fn(Event) + Sync),
}

impl Work<'_> {
    async fn remove_container(self, Named { id, name }: &Named) -> Removal {
        self.remove("container", name, || self.engine.remove_container(id)).await
    }

    /// Removes a network. One that another start has joined since the plan was made stays, as if the plan had seen it.
    async fn remove_network(self, network: &Named) -> Removal {
        let removal = self.remove("network", &network.name, || self.engine.remove_network(&network.id)).await;
        let Removal::Refused(_) = removal else { return removal };
        let look = self.stop.look(async { Ok(self.engine.containers(&Filter::all()).await?) }).await;
        match look.as_deref().map(|containers| self.plan.holder(network, containers)) {
            Ok(Some(holder)) => {
                let message = format!("network {} stays: {} is on it", network.name, holder.name);
                (self.events)(Event::Debug { message });
                Removal::Done
            }
            _ => removal,
        }
    }

    async fn remove<F>(self, kind: &'static str, name: &str, call: impl Fn() -> F) -> Removal
    where
        F: Future<Output = EngineResult<()>>,
    {
        if self.stop.reason().is_some() {
            return Removal::Untried(thing(kind, name));
        }
        match self.until_gone(call).await {
            Ok(()) => {
                (self.events)(Event::Removed { kind, name: name.to_string() });
                Removal::Done
            }
            Err(error) => Removal::Refused(error.context(thing(kind, name))),
        }
    }

    /// Makes the call again while something still uses the thing, for as long as that takes mostly.
    async fn until_gone<F>(self, call: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = EngineResult<()>>,
    {
        let mut retries = RETRIES.iter();
        loop {
            let error = match self.stop.call(async { Ok(call().await) }).await? {
                Ok(()) => return Ok(()),
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => error,
            };
            let Some(pause) = retries.next().filter(|_| error.fault == Fault::InUse) else { return Err(error.into()) };
            let pause = async {
                sleep(*pause).await;
                Ok(())
            };
            self.stop.wait(pause).await?;
        }
    }
}

fn thing(kind: &str, name: &str) -> String {
    format!("{kind} `{name}`")
}

fn plural(count: usize) -> String {
    if count == 1 { "1 thing".into() } else { format!("{count} things") }
}
