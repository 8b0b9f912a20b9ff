//! Events in words, in the original's form: a source, a level and a sentence.

use std::time::Duration;

use super::words;
use crate::event::{Event, ImagePhase, NodePhase};
use crate::printable;

/// A line for people.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) source: Source,
    pub(super) message: String,
}

impl Line {
    fn new(level: Level, source: Source, message: impl Into<String>) -> Line {
        Line {
            level,
            source,
            message: message.into(),
        }
    }

    fn info(source: Source, message: impl Into<String>) -> Line {
        Line::new(Level::Info, source, message)
    }

    fn debug(source: Source, message: impl Into<String>) -> Line {
        Line::new(Level::Debug, source, message)
    }
}

/// The severity of a line.
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

/// The lines of an event. Only the beginning and the end of a start have several.
pub(super) fn lines(event: &Event) -> Vec<Line> {
    let line = match event {
        Event::Starting {
            cluster, network, ..
        } => return starting(cluster, network),
        Event::Started {
            total_ms, closing, ..
        } => return started(*total_ms, closing),
        Event::Image { image, phase } => return image_line(image, phase).into_iter().collect(),
        Event::Node { node, phase } => node_line(node, phase),
        Event::Compiling { plugin } => {
            Line::info(Source::Plugin, format!("Compiling plugin {plugin} ..."))
        }
        Event::Hook { hook, topology } => {
            let message = format!("Running the {hook} hook of topology {topology} ...");
            Line::info(Source::Topology, message)
        }
        Event::Progress { message } => Line::info(Source::Topology, message),
        Event::Output { source, line } => {
            let message = format!("{source} | {}", printable::lines(line));
            Line::info(Source::Topology, message)
        }
        Event::RollingBack { cluster } => Line::info(
            Source::Cluster,
            format!("Rolling back cluster {cluster} ..."),
        ),
        Event::Removing { what, .. } => {
            let message = format!("Stopping and removing {} ...", printable::line(what));
            Line::info(Source::Manage, message)
        }
        Event::Removed { kind, name } => {
            let level = if *kind == "network" {
                Level::Info
            } else {
                Level::Debug
            };
            let message = format!("Removed {kind} {}.", printable::line(name));
            Line::new(level, Source::Manage, message)
        }
        Event::Notice { message } | Event::StillWorking { message } | Event::Done { message } => {
            Line::info(Source::Host, message)
        }
        Event::Warning { message } => Line::new(Level::Warning, Source::Host, message),
        Event::Debug { message } => Line::debug(Source::Host, message),
        // Part of the error of a program that exits at once.
        Event::CleanUp { .. } => return Vec::new(),
    };
    vec![line]
}

fn starting(cluster: &str, network: &str) -> Vec<Line> {
    let messages = [
        format!("Starting cluster on network ({network}) ..."),
        format!("The cluster's name is {cluster}."),
    ];
    messages
        .map(|message| Line::info(Source::Cluster, message))
        .into()
}

fn started(total_ms: u64, closing: &[String]) -> Vec<Line> {
    let message = format!(
        "Cluster started successfully (total time: {}).",
        words::total_time(total_ms)
    );
    let mut lines = vec![Line::info(Source::Cluster, message)];
    let closing = closing
        .iter()
        .map(|message| Line::info(Source::Topology, message));
    lines.extend(closing);
    lines
}

/// The line of an image. Amounts of data have none: they change many times a second and are for a live display only.
fn image_line(image: &str, phase: &ImagePhase) -> Option<Line> {
    let took = |took_ms: &u64| words::took(Duration::from_millis(*took_ms));
    let message = match phase {
        ImagePhase::Progress {
            current: Some(_), ..
        } => return None,
        ImagePhase::Progress { part, status, .. } => {
            let message = if part.is_empty() {
                format!("{image}: {status}")
            } else {
                format!("{image}: {part}: {status}")
            };
            return Some(Line::debug(Source::Image, message));
        }
        ImagePhase::Assembling => {
            format!("Assembling image {image} from this machine's programs ...")
        }
        ImagePhase::Building => format!("Building image {image} ..."),
        ImagePhase::Pulling => format!("Pulling image {image} ..."),
        ImagePhase::Pushing => format!("Pushing image {image} ..."),
        ImagePhase::Ready { took_ms } => format!("Image {image} is ready ({}).", took(took_ms)),
        ImagePhase::Pushed { took_ms } => format!("Pushed image {image} ({}).", took(took_ms)),
    };
    Some(Line::info(Source::Image, message))
}

fn node_line(node: &str, phase: &NodePhase) -> Line {
    let (level, message) = match phase {
        NodePhase::Resuming => (Level::Info, format!("Starting node {node} again ...")),
        NodePhase::Creating => (Level::Info, format!("Starting node {node} ...")),
        NodePhase::Starting => (
            Level::Debug,
            format!("Created the container of node {node}."),
        ),
        NodePhase::Waiting { probe } => (
            Level::Debug,
            format!("Node {node} is running; waiting for {probe} ..."),
        ),
        NodePhase::Ready => (Level::Debug, format!("Node {node} is ready.")),
        NodePhase::Stopping => (Level::Info, format!("Stopping node {node} ...")),
        NodePhase::Stopped => (Level::Debug, format!("Node {node} has stopped.")),
        NodePhase::Failed { why } => (Level::Error, format!("Node {node} failed: {why}")),
    };
    Line::new(level, Source::Cluster, message)
}
