//! The machine's /etc/hosts: one marked block per cluster and engine, so that nodes can be reached by name from this
//! machine. Nothing else in the file is touched, and what was added is removed byte for byte.
//!
//! The file is written in place, not replaced: in containers it is a mount, which cannot be. A lock on the file itself
//! serialises all clusterdock processes of the machine, whatever their config folder. Any user may lock the file, so the
//! wait for a lock is limited to two seconds.

mod block;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::net::Ipv4Addr;
use std::path::Path;

use clap::ValueEnum;

use crate::files::file_lock::{exclusive, in_time, shared};
use crate::files::regular_file;
use block::BlockOwner;

/// Whether to add nodes to the machine's hosts file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum UpdateHosts {
    /// If permitted and the engine is local.
    #[default]
    Auto,
    /// Always; the start fails if it cannot.
    Always,
    /// Never.
    Never,
}

/// Adds a cluster's block to the file, in place of an older one of the same cluster and engine. Returns the names that
/// the file had before, each with its cluster, if it is in a cluster's block: of two lines with a name, the first counts.
///
/// # Errors
/// The file cannot be read, written or locked.
pub async fn add(
    path: &Path,
    engine: &str,
    cluster: &str,
    nodes: &[(Ipv4Addr, String)],
) -> io::Result<BTreeMap<String, Option<String>>> {
    let owner = BlockOwner { cluster, engine };
    let mut known = BTreeMap::new();
    in_time(change(path, |text| {
        let others = block::without(text, owner);
        known = block::known(&others, nodes.iter().map(|(_, fqdn)| fqdn.as_str()));
        block::with(&others, owner, nodes)
    }))
    .await?;
    Ok(known)
}

/// Removes nodes, each with its cluster, from the file, and a block with its last node. A file without them is not written,
/// and need not be writable.
///
/// # Errors
/// The file cannot be read, written or locked.
pub async fn remove_nodes(path: &Path, engine: &str, nodes: &[(String, String)]) -> io::Result<()> {
    change_if_needed(path, |text| block::without_nodes(text, engine, nodes)).await
}

/// Removes the blocks of clusters on this engine. A file without them is not written, and need not be writable.
///
/// # Errors
/// The file cannot be read, written or locked.
pub async fn remove_clusters(
    path: &Path,
    engine: &str,
    clusters: &BTreeSet<String>,
) -> io::Result<()> {
    let without = |text: &[u8]| {
        let removed =
            |text: Vec<u8>, cluster: &String| block::without(&text, BlockOwner { cluster, engine });
        clusters.iter().fold(text.to_vec(), removed)
    };
    change_if_needed(path, without).await
}

/// The clusters with a block, each with its engine's id.
///
/// # Errors
/// The file cannot be read or locked.
pub async fn owners(path: &Path) -> io::Result<BTreeSet<(String, String)>> {
    in_time(async {
        let text = read(&mut shared(regular_file::open(path)?).await?)?;
        let owned = |owner: BlockOwner<'_>| (owner.cluster.to_string(), owner.engine.to_string());
        Ok(block::owners(&text).map(owned).collect())
    })
    .await
}

async fn change_if_needed(path: &Path, changed: impl Fn(&[u8]) -> Vec<u8>) -> io::Result<()> {
    in_time(async {
        let text = read(&mut shared(regular_file::open(path)?).await?)?;
        if changed(&text) == text {
            Ok(())
        } else {
            change(path, changed).await
        }
    })
    .await
}

async fn change(path: &Path, changed: impl FnOnce(&[u8]) -> Vec<u8>) -> io::Result<()> {
    let file = regular_file::open_with(path, File::options().read(true).write(true))?;
    let mut file = exclusive(file).await?;
    let text = read(&mut file)?;
    let changed = changed(&text);
    if changed == text {
        return Ok(());
    }
    file.rewind()?;
    file.write_all(&changed)?;
    file.set_len(changed.len() as u64)
}

fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const ENGINE: &str = "ABCD:EFGH";

    fn nodes(last: u8) -> Vec<(Ipv4Addr, String)> {
        vec![(
            Ipv4Addr::new(10, 1, 2, last),
            format!("node-{last}.cluster"),
        )]
    }

    fn of(cluster: &str, last: u8) -> (String, String) {
        (cluster.into(), format!("node-{last}.cluster"))
    }

    #[tokio::test]
    async fn a_block_goes_with_its_last_node() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        std::fs::write(&path, "").unwrap();
        add(&path, ENGINE, "a", &[nodes(1), nodes(2)].concat())
            .await
            .unwrap();
        remove_nodes(&path, ENGINE, &[of("a", 1), of("b", 2)])
            .await
            .unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("node-2.cluster") && !text.contains("node-1.cluster"),
            "{text}"
        );
        remove_nodes(&path, ENGINE, &[of("a", 2)]).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }

    #[tokio::test]
    async fn a_block_comes_and_goes_and_nothing_else_changes() {
        let latin: &[u8] = b"10.0.0.1 caf\xe9 # \xff\xfe\x00\r\n\x80";
        for before in [
            b"127.0.0.1 localhost\n",
            &b"127.0.0.1 localhost"[..],
            b"",
            b"\n\n",
            latin,
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("hosts");
            std::fs::write(&path, before).unwrap();
            add(&path, ENGINE, "a", &nodes(1)).await.unwrap();
            add(&path, ENGINE, "b", &nodes(2)).await.unwrap();
            add(&path, ENGINE, "a", &nodes(3)).await.unwrap();
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(
                text.contains("10.1.2.3 node-3.cluster\n") && !text.contains("node-1.cluster"),
                "{text}"
            );
            remove_nodes(&path, ENGINE, &[of("b", 2), of("b", 3)])
                .await
                .unwrap();
            remove_nodes(&path, ENGINE, &[of("a", 3), of("never", 1)])
                .await
                .unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), before);
        }
    }

    #[tokio::test]
    async fn a_block_belongs_to_its_cluster_and_engine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        std::fs::write(&path, "").unwrap();
        for engine in [ENGINE, "other"] {
            add(&path, engine, "a", &nodes(1)).await.unwrap();
        }
        add(&path, ENGINE, "b", &nodes(2)).await.unwrap();
        let owned = |cluster: &str, engine: &str| (cluster.to_string(), engine.to_string());
        let all = BTreeSet::from([owned("a", ENGINE), owned("b", ENGINE), owned("a", "other")]);
        assert_eq!(owners(&path).await.unwrap(), all);
        remove_clusters(
            &path,
            ENGINE,
            &BTreeSet::from(["a".to_string(), "never".to_string()]),
        )
        .await
        .unwrap();
        assert_eq!(
            owners(&path).await.unwrap(),
            BTreeSet::from([owned("b", ENGINE), owned("a", "other")])
        );
        remove_nodes(&path, "third", &[of("b", 2), of("a", 1)])
            .await
            .unwrap();
        assert_eq!(owners(&path).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn existing_names_in_the_file_are_returned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        std::fs::write(&path, "10.9.9.9 other node-9.cluster # node-8.cluster\n").unwrap();
        let name = |last: u8| format!("node-{last}.cluster");
        let own = |last: u8| (Ipv4Addr::new(10, 3, 3, last), name(last));
        assert!(add(&path, ENGINE, "a", &nodes(1)).await.unwrap().is_empty());
        let again = add(&path, ENGINE, "a", &nodes(1)).await.unwrap();
        assert!(again.is_empty(), "its own: {again:?}");
        let known = add(&path, ENGINE, "b", &[own(1), own(8), own(9)]).await;
        let of_a = (name(1), Some("a".to_string()));
        assert_eq!(known.unwrap(), BTreeMap::from([of_a, (name(9), None)]));
        remove_nodes(&path, ENGINE, &[of("a", 1)]).await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("10.3.3.1 node-1.cluster\n") && !text.contains("10.1.2.1 "),
            "the other cluster's line counts from now on: {text}"
        );
    }

    #[test]
    fn twenty_parallel_changes_restore_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        let before = "127.0.0.1 localhost\n# mine";
        std::fs::write(&path, before).unwrap();
        thread::scope(|scope| {
            for number in 0..20 {
                let path = &path;
                scope.spawn(move || {
                    let cluster = format!("cluster-{number}");
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    for _ in 0..20 {
                        runtime
                            .block_on(add(path, ENGINE, &cluster, &nodes(number)))
                            .unwrap();
                        runtime
                            .block_on(remove_nodes(path, ENGINE, &[of(&cluster, number)]))
                            .unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    }
}
