//! Provides the images of a start, with a separate plan.

use std::cell::RefCell;
use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::future::try_join_all;

use crate::cancellation::Cancellation;
use crate::engine::{Image, System};
use crate::error::{Error, Kind, Result};
use crate::execution::executor::{Execution, ExecutionContext, WORKERS};
use crate::execution::node_monitor::NodeMonitor;
use crate::execution::work::Work;
use crate::image::{Presence, Provider, Wanted};
use crate::plan::step::Plan;
use crate::plan::{explain, image_plan};

/// Images by reference.
pub type Images = BTreeMap<String, Image>;

/// Whether the engine has each wanted image, in the same order.
async fn presences(
    provider: &Provider<'_>,
    wanted: &[Wanted],
    found: &Images,
) -> Result<Vec<Presence>> {
    let look = async |one: &Wanted| Ok(one.presence(found.get(&one.reference)).await);
    provider
        .cancellation
        .wait(try_join_all(wanted.iter().map(look)))
        .await
}

/// The plan to provide those images that are wanted and not among those that the engine has.
///
/// # Errors
/// The command was interrupted.
pub async fn plan(provider: &Provider<'_>, wanted: &[Wanted], found: &Images) -> Result<Plan> {
    let presences = presences(provider, wanted, found).await?;
    Ok(plan_of(provider, wanted, &presences))
}

fn plan_of(provider: &Provider<'_>, wanted: &[Wanted], presences: &[Presence]) -> Plan {
    let steps = wanted.iter().zip(presences).filter_map(|(one, presence)| {
        let verb = one.step(*presence, provider.pull)?;
        Some((verb, one.reference.as_str()))
    });
    image_plan::plan(provider.engine.address(), steps)
}

/// Provides every image.
///
/// # Errors
/// [`Kind::Image`] for the first that is not available locally and cannot be pulled or built.
pub async fn provide(provider: &Provider<'_>, wanted: &[Wanted]) -> Result<Images> {
    let found = provider.look(wanted).await?;
    let presences = presences(provider, wanted, &found).await?;
    let plan = plan_of(provider, wanted, &presences);
    // If this plan is cancelled, what follows a failure must still run.
    let cancellation = Cancellation::new();
    let work = ImageWork {
        provider: Provider {
            cancellation: &cancellation,
            ..*provider
        },
        wanted,
        presences: &presences,
        images: RefCell::new(found),
    };
    let monitor = NodeMonitor::new(&provider.engine, provider.events);
    let context = ExecutionContext {
        engine: provider.engine,
        cancellation: &cancellation,
        monitor: &monitor,
        workers: WORKERS,
        keys: &BTreeMap::new(),
        work: &work,
        events: provider.events,
    };
    let execution = Execution::new(&plan, context);
    let outcome = provider
        .cancellation
        .also(&cancellation, execution.execute())
        .await;
    if !outcome.is_success() {
        return Err(explain::why(&plan, outcome));
    }
    let images = work.images.into_inner();
    match wanted
        .iter()
        .find(|one| !images.contains_key(&one.reference))
    {
        None => Ok(images),
        Some(one) => Err(Error::new(
            Kind::Image,
            format!("image `{}` is not available locally", one.reference),
        )
        .cause("--pull never disables pulling")
        .hint("build or pull it first, or omit --pull")),
    }
}

/// Provides images one by one.
struct ImageWork<'a> {
    provider: Provider<'a>,
    wanted: &'a [Wanted],
    /// One per wanted image.
    presences: &'a [Presence],
    images: RefCell<Images>,
}

#[async_trait(?Send)]
impl Work for ImageWork<'_> {
    async fn provide_image(&self, reference: &str) -> Result<()> {
        let mut wanted = self.wanted.iter().zip(self.presences);
        let wanted = wanted.find(|(one, _)| one.reference == reference);
        let (wanted, presence) = wanted.expect("the plan has images that are wanted alone");
        let image = self.provider.provide(wanted, *presence).await?;
        self.images.borrow_mut().insert(reference.into(), image);
        Ok(())
    }
}
