//! `exec`: a command on one node, connected to this terminal or pipe, or on many in parallel with prefixed lines.

use super::attached::{exit_code, on, on_pipes, on_terminal};
use super::list;
use crate::cli::Exec;
use crate::cluster::{Cluster, Node};
use crate::engine::{Chunk, ExecSpec};
use crate::error::{Error, Kind, Result};
use crate::execution::command::Command;
use crate::execution::hook::Lines;
use crate::report::Stream;
use crate::select;
use crate::session::Session;
use crate::terminal;
use futures_util::future::join_all;

/// Runs a command; gives its exit code, over several nodes the first that is not 0 in node order.
pub async fn exec(session: &Session<'_>, args: &Exec) -> Result<u8> {
    let clusters = list::clusters(session).await?;
    let nodes = nodes(&clusters, args)?;
    let spec = ExecSpec {
        command: args.command.clone(),
        user: Some(args.user.clone()),
        environment: args.env.iter().map(|pair| environment(pair)).collect::<Result<_>>()?,
        working_directory: args.workdir.clone(),
        detached: args.detach,
        ..ExecSpec::default()
    };
    match (&args.node, &nodes[..]) {
        (Some(_), [node]) if !args.detach => on_one(session, node, spec, args).await,
        _ => on_many(session, &nodes, &spec, args).await,
    }
}

async fn on_one(session: &Session<'_>, node: &Node, spec: ExecSpec, args: &Exec) -> Result<u8> {
    match !args.no_tty && args.timeout.is_none() && terminal::is_interactive() {
        true => on_terminal(session, node, spec).await,
        false => on_pipes(session, node, spec, args.timeout).await,
    }
}

async fn on_many(session: &Session<'_>, nodes: &[&Node], spec: &ExecSpec, args: &Exec) -> Result<u8> {
    let width = nodes.iter().map(|node| node.fqdn.len()).max().unwrap_or_default();
    let results = join_all(nodes.iter().map(|node| async move {
        let command = Command {
            engine: session.engine,
            id: &node.container.id,
            spec,
            stdin: None,
            stop: session.stop,
            deadline: args.timeout,
        };
        let (mut out, mut err) = (Lines::default(), Lines::default());
        let prefixed = |line: &str| format!("{:<width$} | {line}\n", node.fqdn);
        // A stream that cannot be written any more does not end the command on the nodes.
        let say = |line: &str| drop(session.report.stream(Stream::Stdout, prefixed(line).as_bytes()));
        let say_error = |line: &str| drop(session.report.stream(Stream::Stderr, prefixed(line).as_bytes()));
        let result = command
            .run(|chunk| match chunk {
                Chunk::Stdout(bytes) => out.push(bytes, say),
                Chunk::Stderr(bytes) => err.push(bytes, say_error),
            })
            .await;
        out.finish(say);
        err.finish(say_error);
        result.map(|outcome| exit_code(outcome.exit_code)).map_err(|error| on(node, error))
    }))
    .await;
    let mut first = 0;
    for result in results {
        let code = result?;
        first = if first == 0 { code } else { first };
    }
    Ok(first)
}

fn nodes<'a>(clusters: &'a [Cluster], args: &Exec) -> Result<Vec<&'a Node>> {
    if let Some(name) = &args.node {
        return Ok(vec![select::running(select::node(clusters, name)?)?]);
    }
    if let Some(name) = &args.cluster {
        select::cluster(clusters, name)?;
    }
    let (cluster, group) = match args.group.as_deref().map(|group| group.split_once('/').ok_or(group)) {
        Some(Ok((cluster, group))) => (Some(cluster), Some(group)),
        Some(Err(group)) => (args.cluster.as_deref(), Some(group)),
        None => (args.cluster.as_deref(), None),
    };
    let chosen: Vec<&Node> = clusters
        .iter()
        .filter(|one| cluster.is_none_or(|name| one.name == name))
        .flat_map(|one| &one.nodes)
        .filter(|node| group.is_none_or(|name| node.group == name))
        .collect();
    if chosen.is_empty() {
        let what = group.map_or("no nodes".into(), |group| format!("no nodes in group `{group}`"));
        return Err(Error::new(Kind::NotFound, what).hint("`clusterdock ps` lists the nodes there are"));
    }
    chosen.into_iter().map(select::running).collect()
}

fn environment(pair: &str) -> Result<String> {
    if pair.split_once('=').is_some_and(|(name, _)| !name.is_empty()) {
        return Ok(pair.to_string());
    }
    // As Docker: a bare name takes its value from here.
    match std::env::var(pair) {
        Ok(value) => Ok(format!("{pair}={value}")),
        Err(_) => {
            Err(Error::new(Kind::Usage, format!("invalid environment variable `{pair}`")).hint("write NAME=VALUE"))
        }
    }
}
