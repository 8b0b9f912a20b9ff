//! Copies files and folders between the local machine and nodes, as `docker cp` does, and from node to node. Data is
//! streamed, so memory use does not depend on its size.
//!
//! First both sides are inspected, then [`placement`] decides where the copy goes and what it is called, and then bytes
//! move. Blocking work (local files, rewriting archives) runs on its own thread, connected to the engine by
//! [`channel`]. However a copy ends, that thread is awaited, since it may have a half-written file to remove.

pub mod channel;
pub mod local_side;
pub mod node_side;
pub mod placement;
pub mod side;
pub mod typed_path;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::archive::pack::pack;
use crate::archive::reader::Reader;
use crate::archive::relay::relay;
use crate::archive::unpack::unpack;
use crate::archive::{Copied, Owners, Top};
use crate::cancellation::Cancellation;
use crate::cluster::Node;
use crate::engine::{Files, GuardedEngine};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::sink::{Sink, Stream};
use channel::{inlet, outlet};
use side::Side;

/// Everything a copy needs besides its two sides.
#[derive(Clone, Copy)]
pub struct Transfer<'a> {
    /// The engine.
    pub engine: GuardedEngine<'a>,
    /// Ends it early.
    pub cancellation: &'a Cancellation,
    /// Receives warnings about skipped files, and the tar for standard output.
    pub sink: &'a Arc<dyn Sink>,
    /// The owners of the copies.
    pub owners: Owners,
    /// Whether to follow a symbolic link in the source.
    pub follow: bool,
}

/// The outcome of blocking work.
struct Worked {
    result: Result<Copied>,
    /// Whether the stream on its other side ended, which then has the better error.
    is_cut_off: bool,
}

impl Transfer<'_> {
    /// Copies `from` to `to`, at least one of which is on a node.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for a missing source or destination folder; [`Kind::Usage`] if the rules do not allow the
    /// copy or neither side is a node; otherwise whatever failed on the way.
    pub async fn copy(&self, from: &Side<'_>, to: &Side<'_>) -> Result<Copied> {
        match (from, to) {
            (Side::Local(from), Side::Node(node, to)) => self.host_to_node(from, node, to).await,
            (Side::Node(node, from), Side::Local(to)) => self.node_to_host(node, from, to).await,
            (Side::Node(origin, from), Side::Node(node, to)) => {
                self.node_to_node(origin, from, node, to).await
            }
            (Side::Pipe, Side::Node(node, to)) => self.pipe_to_node(node, to).await,
            (Side::Node(node, from), Side::Pipe) => self.node_to_pipe(node, from).await,
            (Side::Local(_) | Side::Pipe, Side::Local(_) | Side::Pipe) => Err(no_node()),
        }
    }

    async fn host_to_node(&self, from: &Path, node: &Node, to: &str) -> Result<Copied> {
        let source = local_side::Source::find(from, self.follow)?;
        let to = node_side::Destination::find(&self.guarded(), node, to).await?;
        let (folder, top) = to.place(source.what, &source.name)?;
        self.send(source, to.id(), folder, top).await
    }

    /// Copies a local file or the contents of a local folder to exactly this path of a node. Missing folders are
    /// created.
    ///
    /// # Errors
    /// See [`copy`](Transfer::copy), except that missing folders are not an error.
    pub async fn put(&self, from: &Path, node: &Node, to: &str) -> Result<Copied> {
        let source = local_side::Source::find(from, self.follow)?;
        let to = node_side::Destination::look(&self.guarded(), node, to).await?;
        let (folder, top) = to.exactly(source.what)?;
        self.send(source, to.id(), folder, top).await
    }

    async fn send(
        &self,
        source: local_side::Source,
        id: &str,
        folder: &str,
        top: Top,
    ) -> Result<Copied> {
        let (mut out, pieces) = outlet();
        let owners = self.owners;
        let mut on_skip = self.warnings();
        let work = spawn_blocking(move || {
            let result = pack(&source.path, &top, owners, &mut out, &mut on_skip);
            let is_cut_off = out.is_closed();
            if result.is_err() {
                out.fail();
            }
            Worked { result, is_cut_off }
        });
        let put = self.guarded().put_archive(id, folder, pieces).await;
        settle(put.map_err(Error::from), work).await
    }

    async fn node_to_host(&self, node: &Node, from: &str, to: &Path) -> Result<Copied> {
        let engine = self.guarded();
        let source = node_side::Source::find(&engine, node, from, self.follow).await?;
        let (folder, top) = local_side::Destination::find(to)?.place(source.what, &source.name)?;
        let (path, root) = source.archive();
        let pieces = engine.get_archive(&node.container.id, &path).await?;
        let (feed, mut inlet) = inlet();
        let owners = self.owners;
        let mut on_skip = self.warnings();
        let work = spawn_blocking(move || {
            let result = unpack(
                Reader::new(&mut inlet, root),
                &folder,
                &top,
                owners,
                &mut on_skip,
            );
            Worked {
                result,
                is_cut_off: inlet.is_at_end(),
            }
        });
        // What takes the pieces may wait for a disk of this machine.
        let moved = self
            .cancellation
            .wait(async { Ok(feed.pass_on(pieces).await?) })
            .await;
        settle(moved, work).await
    }

    async fn node_to_node(
        &self,
        origin: &Node,
        from: &str,
        node: &Node,
        to: &str,
    ) -> Result<Copied> {
        let engine = self.guarded();
        let (source, to) = tokio::try_join!(
            node_side::Source::find(&engine, origin, from, self.follow),
            node_side::Destination::find(&engine, node, to)
        )?;
        let (folder, top) = to.place(source.what, &source.name)?;
        if origin.container.id == node.container.id && source.contains(folder, &top) {
            return Err(Error::new(
                Kind::Usage,
                format!("cannot copy `{}:{from}` into itself", node.fqdn),
            ));
        }
        let (path, root) = source.archive();
        let pieces = engine.get_archive(&origin.container.id, &path).await?;
        let (feed, mut inlet) = inlet();
        let (mut out, passed_on) = outlet();
        let owners = self.owners;
        let mut on_skip = self.warnings();
        let work = spawn_blocking(move || {
            let result = relay(
                Reader::new(&mut inlet, root),
                &top,
                owners,
                &mut out,
                &mut on_skip,
            );
            let is_cut_off = inlet.is_at_end() || out.is_closed();
            if result.is_err() {
                out.fail();
            }
            Worked { result, is_cut_off }
        });
        let put = engine.put_archive(to.id(), folder, passed_on);
        let both = async {
            let (got, put) = tokio::join!(feed.pass_on(pieces), put);
            Ok(got.and(put)?)
        };
        let moved = self.cancellation.wait(both).await;
        settle(moved, work).await
    }

    /// Passes a tar on unchanged, with its owners and its compression.
    async fn pipe_to_node(&self, node: &Node, to: &str) -> Result<Copied> {
        if rustix::termios::isatty(rustix::stdio::stdin()) {
            return Err(Error::new(Kind::Usage, "standard input is a terminal")
                .hint("pipe a tar into the command"));
        }
        let engine = self.guarded();
        let to = node_side::Destination::find(&engine, node, to).await?;
        let folder = to.folder()?;
        let bytes = Arc::new(AtomicU64::new(0));
        let count = bytes.clone();
        let pieces = channel::standard_input().inspect(move |piece| {
            let length = piece.as_ref().map_or(0, |piece| piece.len());
            count.fetch_add(length as u64, Ordering::Relaxed);
        });
        engine.put_archive(to.id(), folder, pieces.boxed()).await?;
        Ok(Copied {
            bytes: bytes.load(Ordering::Relaxed),
            ..Copied::default()
        })
    }

    async fn node_to_pipe(&self, node: &Node, from: &str) -> Result<Copied> {
        if rustix::termios::isatty(rustix::stdio::stdout()) {
            return Err(Error::new(Kind::Usage, "standard output is a terminal")
                .hint("redirect it to a file or to tar"));
        }
        let engine = self.guarded();
        let source = node_side::Source::find(&engine, node, from, self.follow).await?;
        let (path, _) = source.archive();
        let pieces = engine.get_archive(&node.container.id, &path).await?;
        let write = async {
            let mut pieces = pieces;
            let mut bytes = 0;
            while let Some(piece) = pieces.next().await {
                let piece = piece?;
                bytes += piece.len() as u64;
                // The reader has left, as `tar` does at the end of an archive.
                if self.sink.stream(Stream::Stdout, &piece).await?.is_break() {
                    break;
                }
            }
            Ok(bytes)
        };
        let bytes = self.cancellation.wait(write).await?;
        Ok(Copied {
            bytes,
            ..Copied::default()
        })
    }

    /// The engine, whose calls end with the work.
    fn guarded(&self) -> GuardedEngine<'_> {
        self.engine.with_cancellation(self.cancellation)
    }

    /// Reports messages as warnings, from any thread.
    fn warnings(&self) -> impl FnMut(String) + Send + use<> {
        let sink = self.sink.clone();
        move |message| sink.event(Event::Warning { message })
    }
}

/// The result of a copy once its streams and its blocking work have ended. Of several errors, the first cause wins.
async fn settle(moved: Result<()>, work: JoinHandle<Worked>) -> Result<Copied> {
    let worked = work
        .await
        .map_err(|error| Error::new(Kind::Other, "the copy panicked").cause(error))?;
    match (moved, worked.result) {
        (Err(error), _)
            if matches!(
                error.kind(),
                Kind::Interrupted | Kind::Terminated | Kind::Timeout
            ) =>
        {
            Err(error)
        }
        (_, Err(error)) if !worked.is_cut_off => Err(error),
        (Err(error), _) => Err(error),
        (Ok(()), result) => result,
    }
}

/// The error of a copy between two local paths.
pub fn no_node() -> Error {
    Error::new(Kind::Usage, "neither side of the copy is a node")
        .hint("write NODE:PATH for a path on a node")
}
