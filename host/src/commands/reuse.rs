//! `up` and `start --reuse`: what becomes of the cluster that exists already.

use super::{Console, lifecycle, rm};
use crate::cli::lifecycle_args::{ChangeArgs, Resume};
use crate::cli::output_args::DryRunArgs;
use crate::cli::selection::SelectionArgs;
use crate::cli::start_args::StartArgs;
use crate::cluster::observed::Observed;
use crate::cluster::{self, Cluster, ClusterState};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::image::pull::Pull;
use crate::image::{Presence, Provider};
use crate::plan::differences::{Asked, differences};
use crate::start::order::Order;
use crate::start::start_images;

/// What is left to do for a start.
pub enum Reuse {
    /// Everything: the cluster does not exist, or was removed to be started anew.
    Start,
    /// Nothing: the cluster runs.
    Runs(Box<Cluster>),
    /// Nothing: the plan was printed.
    Planned,
}

/// Resumes the cluster of an order if it exists, or removes it if it is to be started anew.
///
/// # Errors
/// [`Kind::Conflict`] for a cluster that is not the one that is ordered, or whose start was not completed.
pub async fn reuse(console: &Console<'_>, order: &Order<'_>, args: &StartArgs) -> Result<Reuse> {
    let name = &order.request.cluster;
    let observed = console.observe().await?;
    if !rm::exists(&observed, &cluster::clusters(&observed), name) {
        return Ok(Reuse::Start);
    }
    if args.recreate {
        return recreate(console, order, args).await;
    }
    let observed = console.with_records(observed).await?;
    let Some(cluster) = find(&observed, name) else {
        return Ok(Reuse::Start);
    };
    if cluster.state == ClusterState::Partial {
        return Err(partial(&cluster));
    }
    check_is_same(console, order, &observed).await?;
    let resume = Resume {
        change: ChangeArgs {
            selection: SelectionArgs {
                names: vec![name.clone()],
                ..SelectionArgs::default()
            },
            dry_run: DryRunArgs {
                dry_run: args.dry_run,
                format: args.output.format,
            },
        },
        timeout: args.timeout,
    };
    lifecycle::resume(console, &resume).await?;
    if args.dry_run {
        return Ok(Reuse::Planned);
    }
    let observed = console.with_records(console.observe().await?).await?;
    find(&observed, name).map_or_else(
        || Err(Error::new(Kind::Node, format!("cluster `{name}` is gone"))),
        |cluster| Ok(Reuse::Runs(Box::new(cluster))),
    )
}

fn find(observed: &Observed, name: &str) -> Option<Cluster> {
    let mut clusters = cluster::clusters(observed).into_iter();
    clusters.find(|cluster| cluster.name == *name)
}

fn partial(cluster: &Cluster) -> Error {
    let Cluster { name, size, .. } = cluster;
    let message = format!("cluster `{name}` is incomplete");
    let why = if cluster.nodes.len() < *size {
        format!("it has {} of {size} nodes", cluster.nodes.len())
    } else {
        "its start was not completed".into()
    };
    Error::new(Kind::Conflict, message).cause(why).hint(
        "if no start of it is running, remove it and start it anew: clusterdock up --recreate ...",
    )
}

/// Checks that a cluster is the one that is ordered.
async fn check_is_same(
    console: &Console<'_>,
    order: &Order<'_>,
    observed: &Observed,
) -> Result<()> {
    let events = |event| console.event(event);
    let provider = provider(console, order, &events);
    let images = if order.pull == Pull::Always && !order.dry_run {
        start_images::provide(&provider, &order.images).await?
    } else {
        provider.look(&order.images).await?
    };
    let name = &order.request.cluster;
    let asked = Asked {
        topology: &order.topology,
        request: &order.request,
        options: &order.options,
        specs: &order.specs,
        images: &images,
    };
    let mut found = differences(observed, name, &asked);
    for image in &order.images {
        let presence = image.presence(images.get(&image.reference));
        if console
            .cancellation
            .wait(async { Ok(presence.await) })
            .await?
            == Presence::Outdated
        {
            let reference = &image.reference;
            found.push(format!(
                "the files that image `{reference}` is built from have changed"
            ));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let error = Error::new(
        Kind::Conflict,
        format!("cluster `{name}` exists and differs"),
    );
    let error = found.into_iter().fold(error, Error::cause);
    Err(error.hint(
        "add --recreate to remove it and start it anew, or choose another --cluster-name; \
         `clusterdock resume` starts it as it is",
    ))
}

/// Removes a cluster that will be started anew. Its new images are provided before, so that it is not lost for nothing if
/// they cannot be.
async fn recreate(console: &Console<'_>, order: &Order<'_>, args: &StartArgs) -> Result<Reuse> {
    let name = &order.request.cluster;
    if args.dry_run {
        rm::remove_cluster(console, name, Some(args.output.format)).await?;
        let message = format!("Then cluster {name} is started anew.");
        console.event(Event::Notice { message });
        return Ok(Reuse::Planned);
    }
    let events = |event| console.event(event);
    start_images::provide(&provider(console, order, &events), &order.images).await?;
    rm::remove_cluster(console, name, None).await?;
    Ok(Reuse::Start)
}

fn provider<'a>(
    console: &'a Console<'_>,
    order: &Order<'_>,
    events: &'a (dyn Fn(Event) + Sync),
) -> Provider<'a> {
    Provider {
        engine: console.engine,
        registries: &console.registries,
        pull: order.pull,
        cancellation: console.cancellation,
        events,
    }
}
