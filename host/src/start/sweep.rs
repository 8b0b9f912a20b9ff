//! Sweeps what this machine keeps of clusters that no longer exist: blocks of its hosts file, ssh keys, and notes of the
//! libraries that they need. A cluster can be removed without clusterdock (`docker rm -f`, `docker system prune`), and
//! its names would later lead to other nodes.
//!
//! Only what belongs to the engine in use is swept, since nothing is known about others. What a start is about to need
//! is spared: a start holds the lock on its cluster's name from before it keeps anything until its containers exist, so
//! the engine is inspected again under that lock.

use std::collections::BTreeSet;
use std::io;

use super::library_notes;
use super::session::Session;
use crate::cluster::identity::Identity;
use crate::cluster::labels::RunId;
use crate::cluster::observe;
use crate::cluster::observed::Observed;
use crate::error::Result;
use crate::event::Event;
use crate::files::lock;
use crate::keys;
use crate::machine::hosts_file;

/// Sweeps what is kept of clusters that are not among those observed. `own` is a cluster on whose name the caller has
/// the lock. What cannot be swept is only reported: it is not what the user asked for.
pub async fn sweep(session: &Session<'_>, observed: &Observed, own: Option<&str>) {
    if let Err(error) = sweep_unless(session, observed, own).await {
        session.event(Event::Debug {
            message: format!("nothing was swept: {error}"),
        });
    }
}

async fn sweep_unless(session: &Session<'_>, observed: &Observed, own: Option<&str>) -> Result<()> {
    let kept = Kept::find(session).await?;
    let stale = kept.without(&Living::among(observed));
    if stale.is_empty() {
        return Ok(());
    }
    let config = &session.paths.config;
    let lock = |cluster: &String| lock::try_take(config, &format!("cluster-{cluster}"));
    let is_own = |cluster: &String| own == Some(cluster.as_str());
    let (own, others): (BTreeSet<String>, BTreeSet<String>) =
        stale.clusters().into_iter().partition(is_own);
    let locks: Vec<_> = others
        .into_iter()
        .filter_map(|cluster| Some((lock(&cluster)?, cluster)))
        .collect();
    let locked = own
        .into_iter()
        .chain(locks.iter().map(|(_, cluster)| cluster.clone()))
        .collect();
    let now = observe::ours(&session.guarded()).await?;
    stale
        .within(&locked)
        .without(&Living::among(&now))
        .remove(session)
        .await;
    Ok(())
}

/// The clusters that the engine has.
struct Living {
    clusters: BTreeSet<String>,
    runs: BTreeSet<RunId>,
}

impl Living {
    /// Clusters with nodes, and the starts that created those. Nodes whose labels cannot be read count, too.
    fn among(observed: &Observed) -> Living {
        let (mut clusters, mut runs) = (BTreeSet::new(), BTreeSet::new());
        for one in &observed.containers {
            match &one.identity {
                Identity::Node(node) => {
                    clusters.insert(node.run.cluster.clone());
                    runs.insert(node.run.id.clone());
                }
                Identity::Damaged(damage) => {
                    clusters.extend(damage.cluster.clone());
                    runs.extend(damage.run.clone());
                }
                _ => {}
            }
        }
        Living { clusters, runs }
    }
}

/// What this machine keeps for clusters on the engine in use.
#[derive(Default)]
struct Kept {
    /// Clusters with a block in the hosts file.
    names: BTreeSet<String>,
    /// Starts with keys, or with a note of the library that they need: cluster and run.
    runs: BTreeSet<(String, RunId)>,
}

impl Kept {
    async fn find(session: &Session<'_>) -> Result<Kept> {
        let owners = hosts_file::owners(&session.paths.hosts_file)
            .await
            .unwrap_or_default();
        // Usually nothing is kept, so the engine's id need not be requested.
        let config = &session.paths.config;
        if owners.is_empty() && !keys::any(config) && !library_notes::any(config) {
            return Ok(Kept::default());
        }
        let engine = &session.engine_info().await?.id;
        let here = owners
            .into_iter()
            .filter(|(_, of)| of == engine)
            .map(|(cluster, _)| cluster);
        let keys = keys::kept(config, engine).unwrap_or_default();
        let notes = library_notes::noted(config, engine).unwrap_or_default();
        Ok(Kept {
            names: here.collect(),
            runs: keys.into_iter().chain(notes).collect(),
        })
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.runs.is_empty()
    }

    fn clusters(&self) -> BTreeSet<String> {
        self.names
            .iter()
            .chain(self.runs.iter().map(|(cluster, _)| cluster))
            .cloned()
            .collect()
    }

    fn without(mut self, living: &Living) -> Kept {
        self.names
            .retain(|cluster| !living.clusters.contains(cluster));
        self.runs.retain(|(_, run)| !living.runs.contains(run));
        self
    }

    fn within(mut self, clusters: &BTreeSet<String>) -> Kept {
        self.names.retain(|cluster| clusters.contains(cluster));
        self.runs.retain(|(cluster, _)| clusters.contains(cluster));
        self
    }

    async fn remove(self, session: &Session<'_>) {
        session.forget_runs(&self.runs);
        if self.names.is_empty() {
            return;
        }
        let clusters = self.names.iter().cloned().collect::<Vec<_>>().join(", ");
        let message = match session.remove_blocks(&self.names).await {
            Ok(()) => format!("removed the names of clusters that no longer exist: {clusters}"),
            // They were written by another user, or root, who may remove them.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                format!("names of clusters that no longer exist are kept: {clusters}: {error}")
            }
            Err(error) => {
                let message = format!(
                    "names of clusters that no longer exist cannot be removed: {clusters}: {error}"
                );
                return session.event(Event::Warning { message });
            }
        };
        session.event(Event::Debug { message });
    }
}
