//! A cluster that exists, with what is needed to run a hook of its topology: its record, and where it comes from.

use std::path::Path;

use clusterdock_plugin_wire::Request;

use super::session::Session;
use super::signing::verified;
use crate::cluster::labels::RunId;
use crate::cluster::labels::read::Problem;
use crate::cluster::provenance::Provenance;
use crate::cluster::record::{self, Record};
use crate::cluster::{self, Cluster, select};
use crate::error::{Error, Kind, Result};
use crate::execution::records;

/// A cluster, and where it comes from.
pub struct FoundCluster {
    /// As the engine shows it now.
    pub cluster: Cluster,
    /// What its record says; none if its start was not completed.
    pub record: Option<Record>,
    /// The start that created it.
    pub run: RunId,
    /// SHA-256 of the library that it was started with.
    pub digest: String,
    provenance: Result<Provenance, Problem>,
}

impl FoundCluster {
    /// Looks for it.
    ///
    /// # Errors
    /// There is no such cluster, it is one of the original's, or its record cannot be read.
    pub async fn find(session: &Session<'_>, name: &str) -> Result<FoundCluster> {
        let observed = session.observe().await?;
        let clusters = cluster::clusters(&observed);
        let cluster = select::cluster(&clusters, name)?.clone();
        let started = cluster
            .nodes
            .iter()
            .find_map(|node| Some((node.run.as_ref()?.id.clone(), node.plugin_digest.clone())));
        let (run, digest) = started.ok_or_else(|| {
            Error::new(
                Kind::Conflict,
                format!("cluster `{name}` was started by the original clusterdock"),
            )
            .cause("its topology has no hooks that this clusterdock could run")
        })?;
        let volume = record::volume_name(name);
        let record = observed.volumes.iter().find(|one| one.name == volume);
        let provenance = record.map_or_else(
            || Err("it has no record".into()),
            |record| record.provenance.clone(),
        );
        let guarded = session.guarded();
        let record = records::whole(&guarded, &cluster).await?;
        Ok(FoundCluster {
            record,
            cluster,
            run,
            digest,
            provenance,
        })
    }

    /// The folder or library of its topology, as its record names it: not to be looked at before
    /// [`request`](FoundCluster::request) is known.
    ///
    /// # Errors
    /// Its record does not say it.
    pub fn topology(&self) -> Result<&Path> {
        Ok(&self.provenance()?.topology)
    }

    /// The request of its start, if that was one of this user.
    ///
    /// # Errors
    /// It was not, or the record does not say it.
    pub fn request(&self, session: &Session<'_>) -> Result<Request> {
        let (config, cluster) = (&session.paths.config, &self.cluster.name);
        verified(config, &self.run, cluster, self.provenance()?, &self.digest)
    }

    fn provenance(&self) -> Result<&Provenance> {
        self.provenance.as_ref().map_err(|why| {
            let message = format!("the topology of cluster `{}` is unknown", self.cluster.name);
            Error::new(Kind::Other, message)
                .cause(why)
                .hint("start the cluster again with this clusterdock")
        })
    }
}
