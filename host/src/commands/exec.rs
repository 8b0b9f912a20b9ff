//! `exec`: a command on one node, connected to this terminal or pipe, or on many in parallel with prefixed lines.

use super::Console;
use super::attached::{on_pipes, on_terminal};
use super::list;
use super::running::running;
use super::several::on_several;
use crate::cli::exec_args::Exec;
use crate::cluster::select::{self, Selection};
use crate::cluster::{Cluster, Node};
use crate::engine::ExecSpec;
use crate::error::{Error, Kind, Result};
use crate::shell::quoted;
use crate::terminal;

/// Runs a command and returns its exit code. Of several nodes, the first in order whose code is not 0 decides.
pub async fn exec(console: &Console<'_>, args: &Exec) -> Result<u8> {
    let clusters = list::clusters(console).await?;
    check_is_meant(&clusters, args)?;
    let target = target(console, &clusters, args)?;
    let spec = ExecSpec {
        command: args.command.clone(),
        user: Some(args.user.clone()),
        environment: args
            .env
            .iter()
            .map(|pair| environment(pair))
            .collect::<Result<_>>()?,
        working_directory: args.workdir.clone(),
        stdin: args.interactive,
        detached: args.detach,
        ..ExecSpec::default()
    };
    match target {
        Target::Node(node) if !args.detach => on_one(console, node, spec, args).await,
        Target::Node(node) => on_several(console, &[node], &spec, args.timeout).await,
        Target::Several(nodes) => on_several(console, &nodes, &spec, args.timeout).await,
    }
}

async fn on_one(console: &Console<'_>, node: &Node, spec: ExecSpec, args: &Exec) -> Result<u8> {
    if !args.tty {
        return on_pipes(console, node, spec, args.timeout).await;
    }
    if args.interactive && !terminal::can_type() {
        return Err(Error::new(Kind::Usage, "standard input is not a terminal").hint("omit -t"));
    }
    on_terminal(console, node, spec, args.timeout).await
}

/// Where to run the command.
enum Target<'a> {
    /// On one node that was named, which can have the terminal.
    Node(&'a Node),
    /// On several nodes, or on a cluster or group that happens to have one.
    Several(Vec<&'a Node>),
}

/// Checks that a command without `--` is for one node: the name of a cluster in that place may be a mistake, and all of
/// its nodes would run the command.
fn check_is_meant(clusters: &[Cluster], args: &Exec) -> Result<()> {
    let [name] = &args.selection.names[..] else {
        return Ok(());
    };
    if !args.is_bare || !clusters.iter().any(|cluster| cluster.name == *name) {
        return Ok(());
    }
    let command: Vec<String> = args.command.iter().map(|word| quoted(word)).collect();
    Err(
        Error::new(Kind::Usage, format!("`{name}` is a cluster, not a node")).hint(format!(
            "for all of its nodes: clusterdock exec --all -c {name} {}",
            command.join(" ")
        )),
    )
}

/// The nodes to run on: a single node, which must be running, or those selected nodes that are running.
fn target<'a>(console: &Console<'_>, clusters: &'a [Cluster], args: &Exec) -> Result<Target<'a>> {
    let nodes = selected(clusters, args)?;
    if let [node] = nodes[..]
        && args.selection.selection().names_only_nodes(clusters)
    {
        return Ok(Target::Node(select::running(node)?));
    }
    if args.interactive || args.tty {
        return Err(Error::new(Kind::Usage, "-i and -t require a single node")
            .cause("a cluster, a group or several nodes are selected"));
    }
    running(console, nodes).map(Target::Several)
}

fn selected<'a>(clusters: &'a [Cluster], args: &Exec) -> Result<Vec<&'a Node>> {
    let selection = args.selection.selection();
    let nodes = match &args.cluster {
        Some(cluster) => {
            select::cluster(clusters, cluster)?;
            let names = std::slice::from_ref(cluster);
            select::nodes(clusters, &Selection { names, ..selection })?
        }
        None => select::nodes(clusters, &selection).map_err(|error| before_dashes(error, args))?,
    };
    Ok(nodes)
}

/// The error for a name that does not exist. If it is not the first, it may begin the command.
fn before_dashes(error: Error, args: &Exec) -> Error {
    let Some((first, others)) = args.selection.names.split_first() else {
        return error;
    };
    let is_unknown = |name: &&String| error.message().contains(&format!("`{name}`"));
    let has_guess = error
        .next_step()
        .is_some_and(|hint| hint.starts_with("did you mean"));
    match others.iter().find(is_unknown) {
        Some(word) if error.kind() == Kind::NotFound && !has_guess => error.hint(format!(
            "all words before `--` are names; if `{word}` begins the command: clusterdock exec {first} -- {word} ..."
        )),
        _ => error,
    }
}

fn environment(pair: &str) -> Result<String> {
    if pair
        .split_once('=')
        .is_some_and(|(name, _)| !name.is_empty())
    {
        return Ok(pair.to_string());
    }
    // A bare name takes its value from this process's environment, as in docker.
    match std::env::var(pair) {
        Ok(value) => Ok(format!("{pair}={value}")),
        Err(_) => Err(Error::new(
            Kind::Usage,
            format!("invalid environment variable `{pair}`"),
        )
        .hint("use NAME=VALUE")),
    }
}
