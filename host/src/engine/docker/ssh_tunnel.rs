//! An engine over ssh: runs `ssh HOST docker system dial-stdio`, as the docker CLI does, so that the user's ssh
//! configuration, keys and agent apply. Each connection is a process.
//!
//! This ssh has no terminal: asking for a password there would garble the report's display and swallow what the user
//! types to a node. It does not receive Ctrl-C, since the rollback needs the engine. It does not outlive this process: it
//! is started through this program, which arranges that and becomes ssh. Its standard error explains why a connection
//! ended.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitCode, Stdio};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;
use rustix::process::{Signal, setsid};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::process::die_with;

/// The first argument of a process that becomes ssh. Not for users.
const ARGUMENT: &str = "__ssh";
/// How many seconds ssh may take to reach the host.
const CONNECT_SECONDS: u8 = 20;
/// How long ssh may take to exit after its input has ended, before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How much of ssh's standard error is shown.
const WORDS: usize = 4096;

/// The destination of an `ssh://` address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    user: Option<String>,
    /// A host's name or address, or a name from ssh's configuration.
    pub(super) host: String,
    port: Option<u16>,
    /// The engine's socket on that host, unless it is the default one.
    socket: Option<String>,
}

impl Destination {
    /// Parses `[USER@]HOST[:PORT][/PATH]`.
    pub(super) fn parse(text: &str) -> Result<Destination, &'static str> {
        let (authority, socket) = match text.split_once('/') {
            Some((authority, path)) => (
                authority,
                Some(format!("/{path}")).filter(|path| path != "/"),
            ),
            None => (text, None),
        };
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_string()), place),
            None => (None, authority),
        };
        let (host, port) = match place
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or("invalid host")?)),
            None => place
                .split_once(':')
                .map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let port = port
            .map(|port| port.parse().map_err(|_| "invalid port"))
            .transpose()?;
        // ssh would read these as its options.
        if host.starts_with('-') || user.as_ref().is_some_and(|user| user.starts_with('-')) {
            return Err("neither host nor user can begin with `-`");
        }
        if user.as_ref().is_some_and(|user| user.contains(':')) {
            return Err("passwords are not allowed in the address: use ssh keys");
        }
        let odd = |text: &str| {
            text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control())
        };
        if odd(host) || user.as_deref().is_some_and(odd) {
            return Err("it has no host");
        }
        Ok(Destination {
            user,
            host: host.into(),
            port,
            socket,
        })
    }

    /// The arguments of ssh. A shell on the host reads those after the host.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(user) = &self.user {
            arguments.extend(["-l".into(), user.clone()]);
        }
        if let Some(port) = self.port {
            arguments.extend(["-p".into(), port.to_string()]);
        }
        arguments.extend([
            "-o".into(),
            format!("ConnectTimeout={CONNECT_SECONDS}"),
            "-T".into(),
            "--".into(),
        ]);
        arguments.extend([self.host.clone(), "docker".into()]);
        if let Some(socket) = &self.socket {
            arguments.extend([
                "--host".into(),
                format!("'unix://{}'", socket.replace('\'', r"'\''")),
            ]);
        }
        arguments.extend(["system".into(), "dial-stdio".into()]);
        arguments
    }

    /// The command for the user to try.
    pub(super) fn by_hand(&self) -> String {
        let user = self
            .user
            .as_ref()
            .map_or(String::new(), |user| format!("{user}@"));
        let port = self
            .port
            .map_or(String::new(), |port| format!("-p {port} "));
        format!("ssh {port}{user}{} docker version", self.host)
    }
}

/// Becomes ssh if these arguments (without the program's name) ask for it; only returns if that fails or is not asked
/// for. `main` calls this first, and exits with the returned code.
pub fn maybe_become(arguments: &[OsString]) -> Option<ExitCode> {
    let [first, parent, program, rest @ ..] = arguments else {
        return None;
    };
    if first != ARGUMENT {
        return None;
    }
    // A new session has no terminal.
    if setsid().is_ok() && die_with(parent, Signal::TERM).is_ok() {
        let failed = std::process::Command::new(program).args(rest).exec();
        return Some(ExitCode::from(
            if failed.kind() == io::ErrorKind::NotFound {
                127
            } else {
                126
            },
        ));
    }
    Some(ExitCode::FAILURE)
}

/// Starts an ssh to the engine. Must be called from a thread that outlives the connection.
pub(super) fn open(destination: &Destination, executable: &Path) -> io::Result<Tunnel> {
    let mut child = Command::new(executable)
        .args([ARGUMENT, &std::process::id().to_string()])
        .arg(program()?)
        .args(destination.arguments())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let missing = || io::Error::other("ssh has no pipes");
    let (input, output) = (
        child.stdin.take().ok_or_else(missing)?,
        child.stdout.take().ok_or_else(missing)?,
    );
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let (closing, closed) = oneshot::channel();
    let (ending, ended) = oneshot::channel();
    tokio::spawn(async move {
        // If the connection was closed first, nobody waits for this.
        drop(ending.send(attended(child, stderr, closed).await));
    });
    let ended = ended.shared();
    Ok(Tunnel {
        input: Some(input),
        output,
        ended_for_reader: ended.clone(),
        ended_for_writer: ended,
        _closing: closing,
    })
}

fn program() -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("ssh"))
        .find(|file| file.is_file());
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no `ssh` is on the PATH"))
}

/// Waits until ssh exits: by itself, or killed soon after the connection is closed. Returns what it reported if it
/// failed.
async fn attended(
    mut child: Child,
    mut stderr: ChildStderr,
    mut closed: oneshot::Receiver<()>,
) -> Option<String> {
    let mut words = Vec::new();
    let mut piece = Vec::with_capacity(WORDS);
    let mut silent = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            _ = &mut closed => {
                if timeout(GRACE, child.wait()).await.is_err() {
                    drop(child.kill().await);
                }
                return None;
            }
            read = stderr.read_buf(&mut piece), if !silent => {
                silent = !read.is_ok_and(|length| length > 0);
                words.extend_from_slice(&piece);
                words.drain(..words.len().saturating_sub(WORDS));
                piece.clear();
            }
        }
    };
    // Its last output is still in the pipe. A master connection that it leaves running may hold the other end open.
    drop(timeout(GRACE, stderr.take(WORDS as u64).read_to_end(&mut words)).await);
    let words = String::from_utf8_lossy(&words);
    let lines: Vec<&str> = words
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    match status {
        Ok(status) if status.success() => None,
        Ok(status) if lines.is_empty() => Some(format!("ssh ended with {status}")),
        Ok(_) => Some(lines.join("; ")),
        Err(error) => Some(error.to_string()),
    }
}

/// A connection through ssh. Dropping it ends the process.
pub(super) struct Tunnel {
    /// `None` once it is shut down.
    input: Option<ChildStdin>,
    output: ChildStdout,
    // One per half, since each remembers a single waiting task.
    ended_for_reader: Ended,
    ended_for_writer: Ended,
    _closing: oneshot::Sender<()>,
}

type Ended = Shared<oneshot::Receiver<Option<String>>>;

/// What ssh reported when it failed.
#[derive(Debug)]
struct LastWords(String);

impl fmt::Display for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LastWords {}

/// Why the stream ended: an error, or nothing if ssh succeeded.
fn end(ended: &mut Ended, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    Poll::Ready(match ready!(ended.poll_unpin(context)) {
        Ok(Some(words)) => Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            LastWords(words),
        )),
        Ok(None) | Err(_) => Ok(()),
    })
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.output).poll_read(context, buffer))?;
        if buffer.filled().len() > before || buffer.remaining() == 0 {
            Poll::Ready(Ok(()))
        } else {
            end(&mut self.ended_for_reader, context)
        }
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(input) = &mut self.input else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        match ready!(Pin::new(input).poll_write(context, bytes)) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                ready!(end(&mut self.ended_for_writer, context))?;
                Poll::Ready(Err(error))
            }
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A pipe has no buffer.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> String {
        Destination::parse(text).unwrap().arguments().join(" ")
    }

    #[test]
    fn ssh_gets_the_destination_and_the_command() {
        assert_eq!(
            arguments("box"),
            "-o ConnectTimeout=20 -T -- box docker system dial-stdio"
        );
        assert_eq!(
            arguments("me@box:2222/"),
            "-l me -p 2222 -o ConnectTimeout=20 -T -- box docker system dial-stdio"
        );
        assert_eq!(
            arguments("[fe80::1]:22/run/it's.sock"),
            r"-p 22 -o ConnectTimeout=20 -T -- fe80::1 docker --host 'unix:///run/it'\''s.sock' system dial-stdio"
        );
    }

    #[test]
    fn no_part_of_an_address_becomes_an_ssh_option() {
        for bad in [
            "-oProxyCommand=x",
            "-x@box",
            "me@-x",
            "",
            "me@",
            "@box",
            "box:x",
            "box:",
            "a b",
            "u:p@box",
            "[::1]x",
        ] {
            assert!(Destination::parse(bad).is_err(), "{bad}");
        }
    }
}
