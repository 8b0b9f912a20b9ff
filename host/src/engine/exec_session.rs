//! Commands in running containers, as the engine runs them.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::io::AsyncWrite;

use super::EngineResult;

/// A command to be run in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecSpec {
    /// Program and arguments; no shell is involved.
    pub command: Vec<String>,
    /// `USER[:GROUP]`, names or numbers. Default: the container's.
    pub user: Option<String>,
    /// Environment variables in the form `NAME=VALUE`.
    pub environment: Vec<String>,
    /// Working directory. Default: the container's.
    pub working_directory: Option<String>,
    /// Whether it gets a terminal: its output is then a single stream, and Ctrl-P arrives (no detach keys).
    pub terminal: bool,
    /// Whether its standard input is connected.
    pub stdin: bool,
    /// Whether it runs in the background with nothing connected; its session then has no output.
    pub detached: bool,
    /// The terminal's rows and columns, if known from the start.
    pub size: Option<(u16, u16)>,
}

/// A running command, connected to us.
pub struct ExecSession {
    /// The engine's id of it, for its exit code and terminal size.
    pub id: String,
    /// Its output; ends when the command has closed its outputs.
    pub output: BoxStream<'static, EngineResult<Chunk>>,
    /// Its standard input; shutting it down sends end of file.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// A running command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningExec {
    /// The engine's id of it.
    pub id: String,
    /// Its process id on the engine's machine.
    pub pid: i64,
}

/// A piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Standard output, or all output of a terminal.
    Stdout(Bytes),
    /// Standard error.
    Stderr(Bytes),
}
