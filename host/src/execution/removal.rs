//! Carries out the plan of a removal. Everything that can be removed is, whatever fails in between; removing what is
//! gone already is success.

use super::Stop;
use crate::engine::{Engine, EngineError, EngineResult, Fault};
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

/// Removes what the plan says.
///
/// # Errors
/// [`Kind::Left`] listing what remains and why, once everything else is gone.
pub async fn carry_out(
    engine: &dyn Engine,
    plan: &RemovalPlan,
    stop: &Stop,
    events: &(dyn Fn(Event) + Sync),
) -> Result<()> {
    let mut left = Vec::new();
    let removed = stream::iter(&plan.containers)
        .map(|Named { id, name }| async move {
            remove(stop, events, "container", name, || engine.remove_container(id)).await
        })
        .buffer_unordered(WORKERS);
    left.extend(removed.filter_map(|result| async { result.err() }).collect::<Vec<Error>>().await);
    for Named { id, name } in &plan.networks {
        left.extend(remove(stop, events, "network", name, || engine.remove_network(id)).await.err());
    }
    for name in &plan.volumes {
        left.extend(remove(stop, events, "volume", name, || engine.remove_volume(name)).await.err());
    }
    stop.check()?;
    match left.is_empty() {
        true => Ok(()),
        false => Err(remains(&left)),
    }
}

async fn remove<F: Future<Output = EngineResult<()>>>(
    stop: &Stop,
    events: &(dyn Fn(Event) + Sync),
    kind: &'static str,
    name: &str,
    call: impl Fn() -> F,
) -> Result<()> {
    let mut retries = RETRIES.iter();
    loop {
        let result = stop.call(async { Ok(call().await) }).await?;
        match result {
            Ok(()) => break,
            Err(error) if error.is_not_found() => break,
            Err(error) => match retries.next().filter(|_| error.fault == Fault::InUse) {
                Some(pause) => {
                    let pause = async {
                        sleep(*pause).await;
                        Ok(())
                    };
                    stop.wait(pause).await?;
                }
                None => return Err(failed(kind, name, error)),
            },
        }
    }
    events(Event::Removed { kind, name: name.to_string() });
    Ok(())
}

fn failed(kind: &str, name: &str, error: EngineError) -> Error {
    Error::from(error).context(format!("{kind} `{name}`"))
}

fn remains(left: &[Error]) -> Error {
    let error = Error::new(Kind::Left, format!("{} could not be removed", plural(left.len())));
    left.iter()
        .fold(error, |error, one| error.cause(one))
        .hint("once the cause is gone, `clusterdock manage nuke` removes what is clusterdock's")
}

fn plural(count: usize) -> String {
    if count == 1 { "1 thing".into() } else { format!("{count} things") }
}
