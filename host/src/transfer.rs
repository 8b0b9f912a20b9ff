//! Copies files and folders between this machine and nodes, as `docker cp` does and from node to node as well, as a
//! stream: however large they are, little of them is held at a time.
//!
//! First both sides are looked at, then the rules say where the copy goes and what it is called ([`place`]); after that
//! bytes move. What blocks (files here, rewriting of archives) has a thread of its own, and [`stream`] between it and
//! the engine. Whatever ends a copy, that thread is waited for, since it may have a half-written file to remove.

pub mod here;
pub mod node;
pub mod place;
pub mod side;
pub mod stream;
pub mod typed;

use crate::archive::pack::pack;
use crate::archive::read::Reader;
use crate::archive::relay::relay;
use crate::archive::unpack::unpack;
use crate::archive::{Copied, Owners, Top};
use crate::cluster::Node;
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::Stop;
use crate::report::{Report, Stream};
use futures_util::StreamExt;
use side::Side;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stream::{Pulse, inlet, outlet};
use tokio::task::{JoinHandle, spawn_blocking};

/// A copy, and what it is done with.
#[derive(Clone, Copy)]
pub struct Transfer<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// Ends it early.
    pub stop: &'a Stop,
    /// Told of what is left out; and where a tar on standard output goes.
    pub report: &'a Arc<Report>,
    /// Whose the copies are.
    pub owners: Owners,
    /// Whether what a link leads to is copied, when the source itself is a link.
    pub follow: bool,
}

/// What blocking work came to.
struct Worked {
    result: Result<Copied>,
    /// Whether a side that it had no hand in ended: then that one knows why it failed.
    is_cut_off: bool,
}

impl Transfer<'_> {
    /// Copies; at least one side is a node.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for what is not there, the destination's folder included; [`Kind::Usage`] where the rules
    /// have no place for the copy, or no side is a node; else whatever broke on the way.
    pub async fn copy(&self, from: &Side<'_>, to: &Side<'_>) -> Result<Copied> {
        match (from, to) {
            (Side::Here(from), Side::Node(node, to)) => self.host_to_node(from, node, to).await,
            (Side::Node(node, from), Side::Here(to)) => self.node_to_host(node, from, to).await,
            (Side::Node(origin, from), Side::Node(node, to)) => self.between(origin, from, node, to).await,
            (Side::Pipe, Side::Node(node, to)) => self.pipe_to_node(node, to).await,
            (Side::Node(node, from), Side::Pipe) => self.node_to_pipe(node, from).await,
            (Side::Here(_) | Side::Pipe, Side::Here(_) | Side::Pipe) => Err(no_node()),
        }
    }

    async fn host_to_node(&self, from: &Path, node: &Node, to: &str) -> Result<Copied> {
        let source = here::Source::find(from, self.follow)?;
        let to = self.stop.look(node::Destination::find(self.engine, node, to)).await?;
        let (folder, top) = to.place(source.what, &source.name)?;
        self.send(source, to.id(), folder, top).await
    }

    /// Copies a file, or what is in a folder, of this machine to exactly this path of a node, whose folders are made.
    ///
    /// # Errors
    /// As [`copy`](Transfer::copy), but for folders that are missing.
    pub async fn put(&self, from: &Path, node: &Node, to: &str) -> Result<Copied> {
        let source = here::Source::find(from, self.follow)?;
        let to = self.stop.look(node::Destination::look(self.engine, node, to)).await?;
        let (folder, top) = to.exactly(source.what)?;
        self.send(source, to.id(), folder, top).await
    }

    async fn send(&self, source: here::Source, id: &str, folder: &str, top: Top) -> Result<Copied> {
        let pulse = Pulse::default();
        let (mut out, pieces) = outlet(&pulse);
        let (owners, mut told) = (self.owners, self.told());
        let work = spawn_blocking(move || {
            let result = pack(&source.path, &top, owners, &mut out, &mut told);
            let is_cut_off = out.is_closed();
            if result.is_err() {
                out.fail();
            }
            Worked { result, is_cut_off }
        });
        let put = async { Ok(self.engine.put_archive(id, folder, pieces).await?) };
        let moved = self.moves(&pulse, put).await;
        settle(moved, work).await
    }

    async fn node_to_host(&self, node: &Node, from: &str, to: &Path) -> Result<Copied> {
        let source = self.stop.look(node::Source::find(self.engine, node, from, self.follow)).await?;
        let (folder, top) = here::Destination::find(to)?.place(source.what, &source.name)?;
        let (path, root) = source.archive();
        let pieces = self.stop.look(async { Ok(self.engine.get_archive(&node.container.id, &path).await?) }).await?;
        let pulse = Pulse::default();
        let (feed, mut inlet) = inlet(&pulse);
        let (owners, mut told) = (self.owners, self.told());
        let work = spawn_blocking(move || {
            let result = unpack(Reader::new(&mut inlet, root), &folder, &top, owners, &mut told);
            Worked { result, is_cut_off: inlet.is_at_end() }
        });
        let moved = self.moves(&pulse, feed.pass_on(pieces)).await;
        settle(moved, work).await
    }

    async fn between(&self, origin: &Node, from: &str, node: &Node, to: &str) -> Result<Copied> {
        let look = async {
            tokio::try_join!(
                node::Source::find(self.engine, origin, from, self.follow),
                node::Destination::find(self.engine, node, to)
            )
        };
        let (source, to) = self.stop.look(look).await?;
        let (folder, top) = to.place(source.what, &source.name)?;
        if origin.container.id == node.container.id && source.contains(folder, &top) {
            return Err(Error::new(Kind::Usage, format!("cannot copy `{}:{from}` into itself", node.fqdn)));
        }
        let (path, root) = source.archive();
        let get = async { Ok(self.engine.get_archive(&origin.container.id, &path).await?) };
        let pieces = self.stop.look(get).await?;
        let pulse = Pulse::default();
        let ((feed, mut inlet), (mut out, passed_on)) = (inlet(&pulse), outlet(&pulse));
        let (owners, mut told) = (self.owners, self.told());
        let work = spawn_blocking(move || {
            let result = relay(Reader::new(&mut inlet, root), &top, owners, &mut out, &mut told);
            let is_cut_off = inlet.is_at_end() || out.is_closed();
            if result.is_err() {
                out.fail();
            }
            Worked { result, is_cut_off }
        });
        let put = async { Ok(self.engine.put_archive(to.id(), folder, passed_on).await?) };
        let both = async {
            let (got, put) = tokio::join!(feed.pass_on(pieces), put);
            got.and(put)
        };
        let moved = self.moves(&pulse, both).await;
        settle(moved, work).await
    }

    /// Passes a tar on as it is: its owners are its own business, and so is whether it is compressed.
    async fn pipe_to_node(&self, node: &Node, to: &str) -> Result<Copied> {
        if rustix::termios::isatty(rustix::stdio::stdin()) {
            return Err(Error::new(Kind::Usage, "standard input is a terminal").hint("pipe a tar into this command"));
        }
        let to = self.stop.look(node::Destination::find(self.engine, node, to)).await?;
        let folder = to.folder()?;
        let bytes = Arc::new(AtomicU64::new(0));
        let count = bytes.clone();
        let pieces = stream::standard_input().inspect(move |piece| {
            let length = piece.as_ref().map_or(0, |piece| piece.len());
            count.fetch_add(length as u64, Ordering::Relaxed);
        });
        // Who writes to the pipe takes all the time in the world.
        let put = async { Ok(self.engine.put_archive(to.id(), folder, pieces.boxed()).await?) };
        self.stop.wait(put).await?;
        Ok(Copied { bytes: bytes.load(Ordering::Relaxed), ..Copied::default() })
    }

    async fn node_to_pipe(&self, node: &Node, from: &str) -> Result<Copied> {
        if rustix::termios::isatty(rustix::stdio::stdout()) {
            return Err(
                Error::new(Kind::Usage, "standard output is a terminal").hint("redirect it to a file or to tar")
            );
        }
        let source = self.stop.look(node::Source::find(self.engine, node, from, self.follow)).await?;
        let (path, _) = source.archive();
        let pieces = self.stop.look(async { Ok(self.engine.get_archive(&node.container.id, &path).await?) }).await?;
        let pulse = Pulse::default();
        let (feed, mut inlet) = inlet(&pulse);
        let report = self.report.clone();
        let work = spawn_blocking(move || {
            let result = match inlet.write_to(&mut report.writer(Stream::Stdout)) {
                // Nobody reads any more, as `tar` at the end of an archive.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Copied::default()),
                Err(error) => Err(Error::new(Kind::Other, "cannot write to standard output").cause(error)),
                Ok(bytes) => Ok(Copied { bytes, ..Copied::default() }),
            };
            Worked { result, is_cut_off: inlet.is_at_end() }
        });
        self.stop.wait(feed.pass_on(pieces)).await?;
        settle(Ok(()), work).await
    }

    /// Moves bytes until they are moved, nothing moves any more, or the user ends it.
    async fn moves(&self, pulse: &Pulse, moving: impl Future<Output = Result<()>>) -> Result<()> {
        let moving = async {
            tokio::select! {
                moved = moving => moved,
                silent = pulse.silence() => Err(silent),
            }
        };
        self.stop.wait(moving).await
    }

    /// Tells the user, from any thread.
    fn told(&self) -> impl FnMut(String) + Send + use<> {
        let report = self.report.clone();
        move |message| report.event(Event::Warning { message })
    }
}

/// What came of a copy, when bytes have ceased to move and the work has ended. Of several reasons the first is told.
async fn settle(moved: Result<()>, work: JoinHandle<Worked>) -> Result<Copied> {
    let worked = work.await.map_err(|error| Error::new(Kind::Other, "the copy panicked").cause(error))?;
    match (moved, worked.result) {
        (Err(error), _) if matches!(error.kind(), Kind::Interrupted | Kind::Terminated | Kind::Timeout) => Err(error),
        (_, Err(error)) if !worked.is_cut_off => Err(error),
        (Err(error), _) => Err(error),
        (Ok(()), result) => result,
    }
}

/// The error of a copy that has nothing to do with nodes.
pub fn no_node() -> Error {
    Error::new(Kind::Usage, "neither side of the copy is a node").hint("write NODE:PATH for a path of a node")
}
