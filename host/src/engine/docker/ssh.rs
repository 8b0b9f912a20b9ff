//! An engine behind ssh: `ssh HOST docker system dial-stdio`, as Docker's command line does it, so that the user's own
//! configuration, keys and agent hold. Each connection is a process.
//!
//! ssh has no terminal to ask for a password on, which would tear up what the report shows and take what is typed for a
//! node. It hears no Ctrl-C, since undoing needs the engine. It does not outlive us: it is started through this
//! program, which asks for that and becomes ssh. What it writes on its standard error is why a connection ended.

use crate::machine::parent::die_with;
use futures_util::FutureExt;
use futures_util::future::Shared;
use rustix::process::{Signal, setsid};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitCode, Stdio};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The first argument of a process that is to become ssh. Not for users.
const ARGUMENT: &str = "__ssh";
/// What ssh may take to reach the host, in seconds.
const CONNECT_SECONDS: u8 = 20;
/// How long ssh may take to end once its input has, before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How much of what ssh writes on its standard error is told.
const WORDS: usize = 4096;

/// Whom an `ssh://` address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    user: Option<String>,
    /// A host's name or address, or a name from ssh's configuration.
    pub(super) host: String,
    port: Option<u16>,
    /// The engine's socket there, where it is not the usual one.
    socket: Option<String>,
}

impl Destination {
    /// Reads `[USER@]HOST[:PORT][/PATH]`.
    pub(super) fn parse(text: &str) -> Result<Destination, &'static str> {
        let (authority, socket) = match text.split_once('/') {
            Some((authority, path)) => (authority, Some(format!("/{path}")).filter(|path| path != "/")),
            None => (text, None),
        };
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_string()), place),
            None => (None, authority),
        };
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or("its host makes no sense")?)),
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map(|port| port.parse().map_err(|_| "its port makes no sense")).transpose()?;
        // ssh would take these for its own options.
        if host.starts_with('-') || user.as_ref().is_some_and(|user| user.starts_with('-')) {
            return Err("neither host nor user can begin with `-`");
        }
        if user.as_ref().is_some_and(|user| user.contains(':')) {
            return Err("a password does not belong into an address: ssh takes keys");
        }
        let odd = |text: &str| text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control());
        if odd(host) || user.as_deref().is_some_and(odd) {
            return Err("it names no host");
        }
        Ok(Destination { user, host: host.into(), port, socket })
    }

    /// The arguments of ssh. What comes after the host is for a shell there.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(user) = &self.user {
            arguments.extend(["-l".into(), user.clone()]);
        }
        if let Some(port) = self.port {
            arguments.extend(["-p".into(), port.to_string()]);
        }
        arguments.extend(["-o".into(), format!("ConnectTimeout={CONNECT_SECONDS}"), "-T".into(), "--".into()]);
        arguments.extend([self.host.clone(), "docker".into()]);
        if let Some(socket) = &self.socket {
            arguments.extend(["--host".into(), format!("'unix://{}'", socket.replace('\'', r"'\''"))]);
        }
        arguments.extend(["system".into(), "dial-stdio".into()]);
        arguments
    }

    /// What the user can try by hand.
    pub(super) fn by_hand(&self) -> String {
        let user = self.user.as_ref().map_or(String::new(), |user| format!("{user}@"));
        let port = self.port.map_or(String::new(), |port| format!("-p {port} "));
        format!("ssh {port}{user}{} docker version", self.host)
    }
}

/// Becomes ssh when that is what these arguments (those after the program's name) ask for; comes back only when that
/// fails. `main` calls this before anything else and ends with what it returns.
pub fn maybe_become(arguments: &[OsString]) -> Option<ExitCode> {
    let [first, parent, program, rest @ ..] = arguments else { return None };
    if first != ARGUMENT {
        return None;
    }
    // A session of its own has no terminal.
    if setsid().is_ok() && die_with(parent, Signal::TERM).is_ok() {
        let failed = std::process::Command::new(program).args(rest).exec();
        return Some(ExitCode::from(if failed.kind() == io::ErrorKind::NotFound { 127 } else { 126 }));
    }
    Some(ExitCode::FAILURE)
}

/// Starts an ssh to the engine there. Must be called from a thread that outlives the connection.
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
    let (input, output) = (child.stdin.take().ok_or_else(missing)?, child.stdout.take().ok_or_else(missing)?);
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let (closing, closed) = oneshot::channel();
    let (ending, ended) = oneshot::channel();
    tokio::spawn(async move {
        // Nobody asks how it ended when the connection was closed before.
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
    let found = std::env::split_paths(&path).map(|folder| folder.join("ssh")).find(|file| file.is_file());
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no `ssh` is on the PATH"))
}

/// Waits for the end of an ssh, which comes by itself soon after the connection is closed, or else by force. Gives what
/// it says it died of; none after a good end.
async fn attended(mut child: Child, mut stderr: ChildStderr, mut closed: oneshot::Receiver<()>) -> Option<String> {
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
    // What it said last is in the pipe. A master that it leaves behind for later connections may hold the other end.
    drop(timeout(GRACE, stderr.take(WORDS as u64).read_to_end(&mut words)).await);
    let words = String::from_utf8_lossy(&words);
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match status {
        Ok(status) if status.success() => None,
        Ok(status) if lines.is_empty() => Some(format!("ssh ended with {status}")),
        Ok(_) => Some(lines.join("; ")),
        Err(error) => Some(error.to_string()),
    }
}

/// A connection through ssh. Closing it ends the process.
pub(super) struct Tunnel {
    /// Until it is shut down.
    input: Option<ChildStdin>,
    output: ChildStdout,
    // One for each half: each remembers one task that waits for it.
    ended_for_reader: Ended,
    ended_for_writer: Ended,
    _closing: oneshot::Sender<()>,
}

type Ended = Shared<oneshot::Receiver<Option<String>>>;

/// What ssh said when it ended by itself.
#[derive(Debug)]
struct LastWords(String);

impl fmt::Display for LastWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LastWords {}

/// Why the stream ended: an error, or nothing after a good end.
fn end(ended: &mut Ended, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    Poll::Ready(match ready!(ended.poll_unpin(context)) {
        Ok(Some(words)) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, LastWords(words))),
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
        match buffer.filled().len() > before || buffer.remaining() == 0 {
            true => Poll::Ready(Ok(())),
            false => end(&mut self.ended_for_reader, context),
        }
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(input) = &mut self.input else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        match ready!(Pin::new(input).poll_write(context, bytes)) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                ready!(end(&mut self.ended_for_writer, context))?;
                Poll::Ready(Err(error))
            }
            written => Poll::Ready(written),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A pipe holds nothing back.
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
    fn ssh_is_told_whom_to_reach_and_what_to_run() {
        assert_eq!(arguments("box"), "-o ConnectTimeout=20 -T -- box docker system dial-stdio");
        assert_eq!(arguments("me@box:2222/"), "-l me -p 2222 -o ConnectTimeout=20 -T -- box docker system dial-stdio");
        assert_eq!(
            arguments("[fe80::1]:22/run/it's.sock"),
            r"-p 22 -o ConnectTimeout=20 -T -- fe80::1 docker --host 'unix:///run/it'\''s.sock' system dial-stdio"
        );
    }

    #[test]
    fn nothing_in_an_address_becomes_an_option_of_ssh() {
        for bad in
            ["-oProxyCommand=x", "-x@box", "me@-x", "", "me@", "@box", "box:x", "box:", "a b", "u:p@box", "[::1]x"]
        {
            assert!(Destination::parse(bad).is_err(), "{bad}");
        }
    }
}
