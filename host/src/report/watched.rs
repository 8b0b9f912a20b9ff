//! The answers of `top`, `stats` and `events`: what runs on nodes, what it uses, and what happens to them.

use serde::Serialize;

use super::schema::{document, lines};
use super::table::{GAP, Table, cut};
use super::{Format, Report, words};
use crate::cluster::Node;
use crate::engine::{Happening, Process, Usage};
use crate::error::Result;
use crate::printable;

/// The narrowest column of commands.
const NARROWEST: usize = 20;

#[derive(Serialize)]
struct Nodes<T> {
    nodes: Vec<T>,
}

#[derive(Serialize)]
struct NodeProcesses<'a> {
    node: &'a str,
    cluster: &'a str,
    processes: Vec<ProcessJson<'a>>,
}

#[derive(Serialize)]
struct ProcessJson<'a> {
    /// On the engine's machine, as all ids.
    pid: u32,
    parent_pid: u32,
    uid: u32,
    cpu_percent: f64,
    memory_bytes: u64,
    elapsed: &'a str,
    command: &'a str,
}

#[derive(Serialize)]
struct NodeUsage<'a> {
    node: &'a str,
    cluster: &'a str,
    cpu_percent: f64,
    memory_bytes: u64,
    memory_limit_bytes: u64,
    network_received_bytes: u64,
    network_sent_bytes: u64,
    processes: u64,
}

#[derive(Serialize)]
struct NodeHappening<'a> {
    time: String,
    cluster: &'a str,
    node: &'a str,
    container_id: &'a str,
    event: &'a str,
    exit_code: Option<i64>,
    signal: Option<i64>,
}

impl Report {
    /// Prints the processes of nodes.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn processes(&self, found: &[(&Node, Vec<Process>)], format: Format) -> Result<()> {
        let answers = || found.iter().map(|(node, all)| of_processes(node, all));
        self.answer(&match format {
            Format::Json => document(Nodes {
                nodes: answers().collect(),
            }),
            Format::Jsonl => lines(answers()),
            Format::Table | Format::Wide | Format::Quiet => {
                process_table(found, self.width().unwrap_or(usize::MAX))
            }
        })
    }

    /// Prints what nodes use.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn usages(&self, found: &[(&Node, Usage)], format: Format) -> Result<()> {
        let answers = || found.iter().map(|(node, usage)| of_usage(node, usage));
        self.answer(&match format {
            Format::Json => document(Nodes {
                nodes: answers().collect(),
            }),
            Format::Jsonl => lines(answers()),
            Format::Table | Format::Wide | Format::Quiet => usage_table(found),
        })
    }

    /// An event of a node as a line: JSON, unless people read it.
    pub fn happening(&self, node: &Node, happening: &Happening, format: Format) -> String {
        let time = format!("{:.3}", happening.time);
        if matches!(format, Format::Json | Format::Jsonl) {
            return lines([NodeHappening {
                time,
                cluster: &node.cluster,
                node: &node.name,
                container_id: &happening.id,
                event: &happening.what,
                exit_code: happening.exit_code,
                signal: happening.signal,
            }]);
        }
        let more = match (happening.exit_code, happening.signal) {
            (Some(code), _) => format!(" (exit code {code})"),
            (None, Some(signal)) => format!(" (signal {signal})"),
            (None, None) => String::new(),
        };
        let line = format!("{time}  {}  {}{more}", node.name, happening.what);
        printable::line(&line) + "\n"
    }
}

fn of_processes<'a>(node: &'a Node, processes: &'a [Process]) -> NodeProcesses<'a> {
    let json = |process: &'a Process| ProcessJson {
        pid: process.pid,
        parent_pid: process.parent,
        uid: process.uid,
        cpu_percent: process.cpu_percent,
        memory_bytes: process.memory,
        elapsed: &process.elapsed,
        command: &process.command,
    };
    NodeProcesses {
        node: &node.name,
        cluster: &node.cluster,
        processes: processes.iter().map(json).collect(),
    }
}

fn of_usage<'a>(node: &'a Node, usage: &Usage) -> NodeUsage<'a> {
    NodeUsage {
        node: &node.name,
        cluster: &node.cluster,
        cpu_percent: usage.cpu_percent,
        memory_bytes: usage.memory,
        memory_limit_bytes: usage.memory_limit,
        network_received_bytes: usage.received,
        network_sent_bytes: usage.sent,
        processes: usage.processes,
    }
}

/// A line per process. Commands are cut to the width.
fn process_table(found: &[(&Node, Vec<Process>)], width: usize) -> String {
    let rows: Vec<(&Node, &Process)> = found
        .iter()
        .flat_map(|(node, all)| all.iter().map(|process| (*node, process)))
        .collect();
    let column = |heading, cell: &dyn Fn(&Node, &Process) -> String| {
        let cells = rows
            .iter()
            .map(|(node, process)| printable::line(&cell(node, process)));
        (heading, cells.collect::<Vec<_>>())
    };
    let mut columns = vec![
        column("NODE", &|node, _| node.name.clone()),
        column("PID", &|_, process| process.pid.to_string()),
        column("PPID", &|_, process| process.parent.to_string()),
        column("UID", &|_, process| process.uid.to_string()),
        column("CPU", &|_, process| percent(process.cpu_percent)),
        column("MEMORY", &|_, process| words::bytes(process.memory)),
        column("TIME", &|_, process| process.elapsed.clone()),
    ];
    let left = width.saturating_sub(Table::of_columns(&columns).width() + GAP);
    columns.push(column("COMMAND", &|_, process| {
        cut(&printable::line(&process.command), left.max(NARROWEST))
    }));
    Table::of_columns(&columns).text()
}

fn usage_table(found: &[(&Node, Usage)]) -> String {
    let column = |heading, cell: &dyn Fn(&Usage) -> String| {
        let cells = found.iter().map(|(_, usage)| cell(usage));
        (heading, cells.collect::<Vec<_>>())
    };
    let names = found.iter().map(|(node, _)| printable::line(&node.name));
    Table::of_columns(&[
        ("NODE", names.collect()),
        column("CPU", &|usage| percent(usage.cpu_percent)),
        column("MEMORY", &|usage| {
            let (used, limit) = (usage.memory, usage.memory_limit);
            format!("{} of {}", words::bytes(used), words::bytes(limit))
        }),
        column("RECEIVED", &|usage| words::bytes(usage.received)),
        column("SENT", &|usage| words::bytes(usage.sent)),
        column("PROCESSES", &|usage| usage.processes.to_string()),
    ])
    .text()
}

fn percent(share: f64) -> String {
    format!("{share:.1}%")
}
