//! Reads and writes clusters' records: the files of a completed start, and what `ls` and `ps` show.

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::archive::only_file;
use crate::cluster::observed::Observed;
use crate::cluster::record::{self, Record};
use crate::cluster::{self, Cluster, Node};
use crate::engine::{Engine, EngineResult};
use crate::error::{Error, Kind, Result};
use crate::event::Event;

/// Records asked for at once.
const LOOKS: usize = 16;

/// The most bytes that an archive of one small file has besides its contents: headers, padding and end marker.
const ARCHIVE_OVERHEAD: usize = 16 << 10;

/// Writes the files of a record, through a container that has it.
pub async fn write(engine: &dyn Engine, id: &str, archive: Vec<u8>) -> EngineResult<()> {
    engine
        .put_archive(
            id,
            record::FOLDER,
            stream::iter([Ok(Bytes::from(archive))]).boxed(),
        )
        .await
}

/// Asks the engine for the records of clusters: the status of one file per cluster with nodes. The file's contents are
/// only read if nodes are missing.
pub async fn with_records(
    engine: &dyn Engine,
    mut observed: Observed,
    events: &(dyn Fn(Event) + Sync),
) -> Observed {
    let clusters = cluster::clusters(&observed);
    let looks = clusters
        .iter()
        .filter_map(|cluster| Some((cluster, keeper(cluster)?)));
    let looks = looks.map(
        async |(cluster, keeper)| match read(engine, cluster, keeper).await {
            Ok(record) => (cluster.name.clone(), record),
            Err(error) => {
                let message = format!(
                    "the record of cluster `{}` cannot be read: {error}",
                    cluster.name
                );
                events(Event::Warning { message });
                // Nothing shows that its start was completed.
                (cluster.name.clone(), Record::default())
            }
        },
    );
    observed.records = stream::iter(looks).buffer_unordered(LOOKS).collect().await;
    observed
}

/// The container through which a cluster's record is read: the engine is faster with a running one.
fn keeper(cluster: &Cluster) -> Option<&Node> {
    let ours = || cluster.nodes.iter().filter(|node| node.is_ours());
    ours()
        .find(|node| node.is_running())
        .or_else(|| ours().next())
}

async fn read(engine: &dyn Engine, cluster: &Cluster, keeper: &Node) -> Result<Record> {
    let id = &keeper.container.id;
    let complete = record::is_complete(engine.file(id, record::COMPLETE).await?.as_ref());
    if complete && cluster.nodes.len() < cluster.size {
        record::parse(&json(engine, id).await?)
    } else {
        Ok(Record {
            complete,
            ..Record::default()
        })
    }
}

/// The whole record of a cluster; `None` if its start was not completed, or if it has no container.
///
/// # Errors
/// It cannot be read.
pub async fn whole(engine: &dyn Engine, cluster: &Cluster) -> Result<Option<Record>> {
    let Some(keeper) = keeper(cluster) else {
        return Ok(None);
    };
    let id = &keeper.container.id;
    let complete = engine.file(id, record::COMPLETE).await?;
    if !record::is_complete(complete.as_ref()) {
        return Ok(None);
    }
    record::parse(&json(engine, id).await?).map(Some)
}

/// The record's JSON, read up to the size that it may have.
async fn json(engine: &dyn Engine, id: &str) -> Result<Vec<u8>> {
    let mut pieces = engine.get_archive(id, record::FILE).await?;
    let mut archive = Vec::new();
    while let Some(piece) = pieces.next().await {
        archive.extend_from_slice(
            &piece.map_err(|error| Error::new(Kind::Engine, error.to_string()))?,
        );
        if archive.len() > record::MAX_BYTES + ARCHIVE_OVERHEAD {
            return Err(record::too_large());
        }
    }
    let file = only_file(&archive)?;
    file.map(|file| file.contents)
        .ok_or_else(|| Error::new(Kind::Other, "it is a link"))
}
