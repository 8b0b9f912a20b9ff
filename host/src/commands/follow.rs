//! Follows the logs of several nodes. The engine ends a followed log when its container stops; this module follows a node
//! through restarts, until no node is running any more.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::future::pending;
use std::time::Duration;

use futures_util::future::{FutureExt, select_all};
use futures_util::stream::{self, BoxStream, LocalBoxStream, StreamExt};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Console;
use super::log_piece::{Piece, pieces};
use crate::cluster::Node;
use crate::engine::{ContainerState, Inventory, LogOptions, State, Streams};
use crate::error::Error;
use crate::event::Event;
use crate::execution::ready::{self, Starts};

/// How long to wait for a node to start before following ends: a restart of a whole cluster stops all its nodes for a
/// moment.
const LULL: Duration = Duration::from_secs(3);

/// Follows the logs of nodes.
pub(super) struct Follower<'a> {
    console: &'a Console<'a>,
    nodes: &'a [&'a Node],
    options: LogOptions,
    /// When it began, in Unix seconds.
    since: i64,
    starts: Starts,
    /// How many nodes are running.
    running: watch::Sender<usize>,
    /// Whether any was running at the start.
    ran: bool,
}

/// How far the log of a node has been followed.
#[derive(Default)]
struct LogPosition {
    /// The open log. `None` between two runs, and at first.
    log: Option<BoxStream<'static, Piece>>,
    /// The time of the last line passed on, in the engine's form, whose text order is its time order.
    last: String,
    /// How many pieces have that time: all pieces of a long line have the same.
    at_last: usize,
    /// How many pieces with the time `last` a reopened log repeats, beside all earlier ones.
    known: usize,
    /// Whether it has been opened before.
    opened: bool,
    /// Whether it could not be read.
    failed: bool,
    /// Whether the node is running, as far as is known.
    runs: bool,
}

impl LogPosition {
    /// Whether a piece has been passed on before. The engine's `since` has a resolution of a second, so a reopened log
    /// repeats lines of the previous run.
    fn is_known(&mut self, piece: &Piece) -> bool {
        match piece.time.cmp(&self.last) {
            Ordering::Less => self.known > 0,
            Ordering::Equal if self.known > 0 => {
                self.known -= 1;
                true
            }
            Ordering::Equal => {
                self.at_last += 1;
                false
            }
            Ordering::Greater => {
                self.last.clone_from(&piece.time);
                self.at_last = 1;
                self.known = 0;
                false
            }
        }
    }
}

impl<'a> Follower<'a> {
    pub(super) fn new(
        console: &'a Console<'a>,
        nodes: &'a [&'a Node],
        options: LogOptions,
    ) -> Follower<'a> {
        let running = nodes.iter().filter(|node| node.is_running()).count();
        Follower {
            console,
            nodes,
            options: LogOptions {
                timestamps: true,
                follow: true,
                ..options
            },
            since: jiff::Timestamp::now().as_second(),
            starts: Starts::default(),
            running: watch::Sender::new(running),
            ran: running > 0,
        }
    }

    /// The pieces of all logs, in the order of arrival.
    pub(super) fn pieces(&self) -> impl StreamExt<Item = Piece> + Unpin {
        stream::select_all((0..self.nodes.len()).map(|index| self.of_node(index)))
    }

    /// Watches for starts of the nodes. Returns only if the engine's events are lost for good.
    pub(super) async fn watch(&self) -> Error {
        let labels: BTreeSet<&(String, String)> =
            self.nodes.iter().map(|node| &node.event_label).collect();
        let watches = labels.into_iter().map(|(key, value)| {
            ready::watch_starts(&self.console.engine, (key, value), self.since, &self.starts)
                .boxed_local()
        });
        let watches: Vec<_> = watches.collect();
        if watches.is_empty() {
            pending().await
        } else {
            select_all(watches).await.0
        }
    }

    fn of_node(&self, index: usize) -> LocalBoxStream<'_, Piece> {
        let position = LogPosition {
            runs: self.nodes[index].is_running(),
            ..LogPosition::default()
        };
        stream::unfold(position, move |position| self.next(index, position)).boxed_local()
    }

    async fn next(&self, index: usize, mut position: LogPosition) -> Option<(Piece, LogPosition)> {
        while !position.failed {
            let mut log = match position.log.take() {
                Some(log) => log,
                None => self.open(index, &mut position).await?,
            };
            while let Some(piece) = log.next().await {
                if piece.content.is_err() {
                    self.stops(&mut position);
                    position.failed = true;
                } else if position.is_known(&piece) {
                    continue;
                }
                position.log = Some(log);
                return Some((piece, position));
            }
        }
        None
    }

    /// Opens the log of a node: at first, and again after each restart.
    async fn open(
        &self,
        index: usize,
        position: &mut LogPosition,
    ) -> Option<BoxStream<'static, Piece>> {
        let (node, engine) = (self.nodes[index], self.console.engine);
        let mut options = self.options.clone();
        if position.opened {
            self.runs_again(node, position).await?;
            let last: Option<jiff::Timestamp> = position.last.parse().ok();
            options.since = last.map(|last| last.as_second()).or(options.since);
            options.tail = None;
            position.known = position.at_last;
        }
        position.opened = true;
        Some(pieces(
            index,
            engine.logs(&node.container.id, &options).await,
        ))
    }

    /// Waits until a node whose log has ended is running again. Returns `None` if nothing is left to wait for.
    async fn runs_again(&self, node: &Node, position: &mut LogPosition) -> Option<()> {
        let mut state = self.look(node, position).await?;
        if self.stops(position) {
            self.notice(node, &ended(&state));
        }
        while !is_up(state.state) {
            tokio::select! {
                biased;
                () = self.starts.of(&node.container.id) => self.starts.forget(&node.container.id),
                () = self.is_over() => return None,
            }
            state = self.look(node, position).await?;
        }
        position.runs = true;
        self.running.send_modify(|running| *running += 1);
        self.notice(node, "has started again");
        Some(())
    }

    /// Records that a node has stopped, or is no longer followed. Returns whether it was running.
    fn stops(&self, position: &mut LogPosition) -> bool {
        let ran = std::mem::take(&mut position.runs);
        if ran {
            self.running.send_modify(|running| *running -= 1);
        }
        ran
    }

    /// The state of a node. `None`, and the reason shown, if it is no longer followed.
    async fn look(&self, node: &Node, position: &mut LogPosition) -> Option<ContainerState> {
        let look = self.console.engine.container_state(&node.container.id);
        let why = match look.await {
            Ok(state) => return Some(state),
            Err(error) if error.is_not_found() => "was removed".to_string(),
            Err(error) => format!("is no longer followed: {error}"),
        };
        if self.stops(position) {
            self.notice(node, &why);
        }
        None
    }

    /// Completes once no node has been running for a while, so that none is about to be restarted.
    async fn is_over(&self) {
        let mut running = self.running.subscribe();
        loop {
            // The sender lives as long as `self`, so waiting cannot fail.
            running.wait_for(|running| *running == 0).await.ok();
            if !self.ran
                || timeout(LULL, running.wait_for(|running| *running > 0))
                    .await
                    .is_err()
            {
                return;
            }
        }
    }

    fn notice(&self, node: &Node, what: &str) {
        self.console.event(Event::Notice {
            message: format!("Node {} {what}.", node.name),
        });
    }
}

fn is_up(state: State) -> bool {
    matches!(state, State::Running | State::Paused)
}

/// What happened to a node whose log has ended.
fn ended(state: &ContainerState) -> String {
    match state.exit_code {
        Some(code) if !is_up(state.state) => format!("stopped (exit code {code})"),
        // It is running again by now.
        _ => "stopped".into(),
    }
}
