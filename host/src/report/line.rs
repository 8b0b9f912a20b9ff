//! What each event says in words, in the original's way: where it comes from, how grave it is, and a sentence.

use super::words;
use crate::event::{Event, ImagePhase, NodePhase};

/// A line for people.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) source: Source,
    pub(super) message: String,
}

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

impl Level {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
        }
    }
}

/// The part of clusterdock that a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Host,
    Cluster,
    Image,
    Plugin,
    Topology,
    Manage,
}

impl Source {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Source::Host => "clusterdock",
            Source::Cluster => "clusterdock.cluster",
            Source::Image => "clusterdock.image",
            Source::Plugin => "clusterdock.plugin",
            Source::Topology => "clusterdock.topology",
            Source::Manage => "clusterdock.manage",
        }
    }
}

/// What `event` says. One that ends a start says several things.
pub(super) fn lines(event: &Event) -> Vec<Line> {
    use Level::{Debug, Info, Warning};
    let one = |level, source, message| vec![Line { level, source, message }];
    match event {
        Event::Compiling { plugin } => one(Info, Source::Plugin, format!("Compiling plugin {plugin} ...")),
        Event::Image { image, phase } => image_line(image, phase).into_iter().collect(),
        Event::Starting { cluster, network, .. } => vec![
            Line {
                level: Info,
                source: Source::Cluster,
                message: format!("Starting cluster on network ({network}) ..."),
            },
            Line { level: Debug, source: Source::Cluster, message: format!("The cluster's name is {cluster}.") },
        ],
        Event::Node { node, phase } => vec![node_line(node, phase)],
        Event::Hook { hook, topology } => {
            one(Info, Source::Topology, format!("Running the {hook} hook of topology {topology} ..."))
        }
        Event::Progress { message } => one(Info, Source::Topology, message.clone()),
        Event::Output { source, line } => one(Info, Source::Topology, format!("{source} | {}", words::printable(line))),
        Event::Warning { message } => one(Warning, Source::Host, message.clone()),
        Event::Debug { message } => one(Debug, Source::Host, message.clone()),
        Event::Undoing { cluster } => {
            one(Info, Source::Cluster, format!("Removing what was begun of cluster {cluster} ..."))
        }
        Event::Removing { what, .. } => one(Info, Source::Manage, format!("Stopping and removing {what} ...")),
        Event::Removed { kind: "network", name } => one(Info, Source::Manage, format!("Removed network {name}.")),
        Event::Removed { kind, name } => one(Debug, Source::Manage, format!("Removed {kind} {name}.")),
        Event::Started { total_ms, closing, .. } => {
            let mut lines = one(Info, Source::Cluster, started(*total_ms));
            lines.extend(closing.iter().map(|message| Line {
                level: Info,
                source: Source::Topology,
                message: message.clone(),
            }));
            lines
        }
        Event::Done { message } => one(Info, Source::Host, message.clone()),
    }
}

fn image_line(image: &str, phase: &ImagePhase) -> Option<Line> {
    let (level, message) = match phase {
        ImagePhase::Assembling => (Level::Info, format!("Assembling image {image} from this machine's programs ...")),
        ImagePhase::Building => (Level::Info, format!("Building image {image} ...")),
        ImagePhase::Pulling => (Level::Info, format!("Pulling image {image} ...")),
        ImagePhase::Pushing => (Level::Info, format!("Pushing image {image} ...")),
        // Amounts of data change many times a second: for a live display only.
        ImagePhase::Progress { current: Some(_), .. } => return None,
        ImagePhase::Progress { part, status, .. } if part.is_empty() => (Level::Debug, format!("{image}: {status}")),
        ImagePhase::Progress { part, status, .. } => (Level::Debug, format!("{image}: {part}: {status}")),
        ImagePhase::Ready { took_ms } => {
            let took = words::took(std::time::Duration::from_millis(*took_ms));
            (Level::Info, format!("Image {image} is ready ({took})."))
        }
        ImagePhase::Pushed { took_ms } => {
            let took = words::took(std::time::Duration::from_millis(*took_ms));
            (Level::Info, format!("Image {image} is in its registry ({took})."))
        }
    };
    Some(Line { level, source: Source::Image, message })
}

fn node_line(node: &str, phase: &NodePhase) -> Line {
    let (level, message) = match phase {
        NodePhase::Resuming => (Level::Info, format!("Starting node {node} again ...")),
        NodePhase::Creating => (Level::Info, format!("Starting node {node} ...")),
        NodePhase::Starting => (Level::Debug, format!("Node {node} has its container.")),
        NodePhase::Waiting { probe } => (Level::Debug, format!("Node {node} runs; waiting for {probe} ...")),
        NodePhase::Ready => (Level::Debug, format!("Node {node} is ready.")),
        NodePhase::Stopping => (Level::Info, format!("Stopping node {node} ...")),
        NodePhase::Stopped => (Level::Debug, format!("Node {node} has stopped.")),
        NodePhase::Failed { why } => (Level::Error, format!("Node {node} failed: {why}")),
    };
    Line { level, source: Source::Cluster, message }
}

fn started(total_ms: u64) -> String {
    format!("Cluster started successfully (total time: {}).", words::total_time(total_ms))
}
