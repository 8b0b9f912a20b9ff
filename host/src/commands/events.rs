//! `events`: what happens to nodes, until the command is interrupted or a given time has come.

use std::collections::BTreeMap;

use futures_util::StreamExt;

use super::{Console, list};
use crate::cli::watch_args::{Events, selection_or_all};
use crate::cluster::select::{self, Selection};
use crate::cluster::{Cluster, Node, labels};
use crate::engine::Streams;
use crate::error::{Error, Result};
use crate::sink::{Sink, Stream};

/// Prints events of nodes.
pub async fn events(console: &Console<'_>, args: &Events) -> Result<()> {
    let selection = selection_or_all(&args.selection);
    let now = jiff::Timestamp::now();
    let (since, until) = (
        args.since.map(|since| since.seconds(now)),
        args.until.map(|until| until.seconds(now)),
    );
    // From now on, also what happens before the subscription is in place.
    let since = since.unwrap_or(now.as_second());
    let mut watched = Watched::default();
    let clusters = list::clusters(console).await?;
    watched.add(&clusters, &select::nodes(&clusters, &selection)?);
    let work = async {
        let mut happenings = console
            .engine
            .happenings(labels::ORIGIN, Some(since), until)
            .await?;
        while let Some(happening) = happenings.next().await {
            let happening = happening.map_err(Error::from)?;
            if !watched.knows(&happening.id) {
                watched
                    .look_again(console, &selection, &happening.id)
                    .await?;
            }
            let Some(node) = watched.node(&happening.id) else {
                continue;
            };
            let line = console.report.happening(node, &happening, args.form.format);
            if console
                .report
                .stream(Stream::Stdout, line.as_bytes())
                .await?
                .is_break()
            {
                break;
            }
        }
        Ok(())
    };
    console.cancellation.wait(work).await
}

/// Containers by id: the selected nodes, and others.
#[derive(Default)]
struct Watched {
    nodes: BTreeMap<String, Option<Node>>,
}

impl Watched {
    fn knows(&self, id: &str) -> bool {
        self.nodes.contains_key(id)
    }

    fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.get(id)?.as_ref()
    }

    /// Adds what exists. Of the nodes, only the selected ones are shown.
    fn add(&mut self, clusters: &[Cluster], selected: &[&Node]) {
        for node in clusters.iter().flat_map(|cluster| &cluster.nodes) {
            let id = &node.container.id;
            let is_selected = selected.iter().any(|one| one.container.id == *id);
            // Once selected, a node stays so, whatever else its name means later.
            if !matches!(self.nodes.get(id), Some(Some(_))) {
                self.nodes
                    .insert(id.clone(), is_selected.then(|| node.clone()));
            }
        }
    }

    /// Looks at the engine again, since it has a container that was not there before. If that is no node, it is not asked
    /// about again.
    async fn look_again(
        &mut self,
        console: &Console<'_>,
        selection: &Selection<'_>,
        id: &str,
    ) -> Result<()> {
        let clusters = list::clusters(console).await?;
        // What was named may be gone.
        let selected = select::nodes(&clusters, selection).unwrap_or_default();
        self.add(&clusters, &selected);
        self.nodes.entry(id.into()).or_default();
        Ok(())
    }
}
