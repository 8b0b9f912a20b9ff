//! The calls of a hook into the host: the operations of the wire behind the methods of clusters and nodes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::file::Contents;
use crate::wire::ops::{self, call, call_with, FileFacts};
use crate::wire::{self, Host};
use crate::{Code, Error, Exec, File, Node, Output, Probe, Result};

/// The host that a cluster's calls go to.
pub(crate) type HostRef = Arc<dyn Host>;

/// The last lines of a failed command that its error has.
const LAST_LINES: usize = 10;

/// Runs a command on nodes of one cluster.
pub(crate) fn execute(nodes: &[Node], exec: &Exec) -> Result<Vec<Output>> {
    let Some(host) = host(nodes) else {
        return Ok(Vec::new());
    };
    let on = ops::ExecOn {
        nodes: fqdns(nodes),
        exec: exec.to_wire(),
    };
    let (found, bytes) = call_with(host, &on, &exec.stdin)?;
    let outputs = outputs(&found, &bytes)?;
    if !exec.may_fail {
        if let Some((failed, together)) = outputs.iter().find(|(output, _)| !output.success()) {
            return Err(command_failed(exec, failed, together));
        }
    }
    Ok(outputs.into_iter().map(|(output, _)| output).collect())
}

/// The outputs of several nodes, whose bytes follow each other, each with both of its streams as they arrived.
fn outputs(found: &[wire::Output], mut bytes: &[u8]) -> Result<Vec<(Output, Vec<u8>)>> {
    let mut outputs = Vec::new();
    for output in found {
        let (mut stdout, mut stderr, mut together) = (Vec::new(), Vec::new(), Vec::new());
        for chunk in &output.chunks {
            let length = usize::try_from(chunk.length)?;
            let invalid =
                || Error::with_code(Code::Host, "the host gave less output than it announced");
            let piece = bytes.get(..length).ok_or_else(invalid)?;
            bytes = &bytes[length..];
            together.extend_from_slice(piece);
            match chunk.stream {
                wire::Stream::Stdout => stdout.extend_from_slice(piece),
                wire::Stream::Stderr => stderr.extend_from_slice(piece),
            }
        }
        let output = Output::new(&output.node, output.exit_code, stdout, stderr);
        outputs.push((output, together));
    }
    Ok(outputs)
}

fn command_failed(exec: &Exec, output: &Output, together: &[u8]) -> Error {
    let message = format!(
        "command `{}` on node `{}` exited with {}",
        exec.command, output.node, output.exit_code
    );
    let text = String::from_utf8_lossy(together);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    last.iter()
        .fold(Error::with_code(Code::Command, message), |error, line| {
            error.cause(line)
        })
}

pub(crate) fn put(nodes: &[Node], file: File) -> Result<()> {
    let Some(host) = host(nodes) else {
        return Ok(());
    };
    let File {
        path,
        contents,
        mode,
        owner,
    } = file;
    let nodes = fqdns(nodes);
    match contents {
        Contents::Bytes(bytes) => {
            let put = ops::PutFile {
                nodes,
                path,
                mode: mode.unwrap_or(File::MODE),
                owner,
            };
            call_with(host, &put, &bytes).map(|((), _)| ())
        }
        Contents::Local(local) => {
            let put = ops::PutLocal {
                nodes,
                local: absolute(&local)?,
                path,
                mode,
                owner,
            };
            call(host, &put)
        }
    }
}

pub(crate) fn put_folder(nodes: &[Node], local: &Path, path: &str) -> Result<()> {
    if local.is_dir() {
        put(nodes, File::local(local, path))
    } else {
        Err(Error::new(format!("no folder `{}`", local.display())))
    }
}

pub(crate) fn read(node: &Node, path: &str) -> Result<(FileFacts, Vec<u8>)> {
    let get = ops::GetFile {
        node: node.fqdn().into(),
        path: path.into(),
    };
    call_with(&*node.host, &get, &[])
}

pub(crate) fn get_folder(node: &Node, path: &str, local: &Path) -> Result<()> {
    let get = ops::GetFolder {
        node: node.fqdn().into(),
        path: path.into(),
        local: absolute(local)?,
    };
    call(&*node.host, &get)
}

pub(crate) fn wait_for(nodes: &[Node], probe: &Probe, timeout: Duration) -> Result<()> {
    let Some(host) = host(nodes) else {
        return Ok(());
    };
    let wait = ops::WaitFor {
        nodes: fqdns(nodes),
        probe: probe.clone().into_wire(),
        timeout_ms: ops::milliseconds(timeout),
    };
    call(host, &wait)
}

/// Waits, unless the user interrupts. `waiting_for` is told if the hook runs out of time meanwhile.
pub(crate) fn pause(host: &HostRef, time: Duration, waiting_for: &str) -> Result<()> {
    let pause = ops::Pause {
        time_ms: ops::milliseconds(time).max(1),
        waiting_for: Some(waiting_for.into()),
    };
    call(&**host, &pause)
}

pub(crate) fn commit(node: &Node, image: &str, push: bool) -> Result<String> {
    let commit = ops::Commit {
        node: node.fqdn().into(),
        image: image.into(),
        push,
    };
    call(&*node.host, &commit)
}

pub(crate) fn stop(nodes: &[Node]) -> Result<()> {
    let Some(host) = host(nodes) else {
        return Ok(());
    };
    let nodes = fqdns(nodes);
    call(host, &ops::Stop { nodes })
}

pub(crate) fn remove(node: &Node) -> Result<()> {
    let nodes = vec![node.fqdn().into()];
    call(&*node.host, &ops::Remove { nodes })
}

/// A local path for the host, which may have another working directory.
pub(crate) fn absolute(local: &Path) -> Result<PathBuf> {
    Ok(std::env::current_dir()?.join(local))
}

fn fqdns(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| node.fqdn().to_string()).collect()
}

/// The host of nodes of one cluster; `None` if there are no nodes, so that there is nothing to do.
fn host(nodes: &[Node]) -> Option<&dyn Host> {
    nodes.first().map(|node| &*node.host)
}
