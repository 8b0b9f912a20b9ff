//! Commands in running containers, as the engine runs them.

use super::EngineResult;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use std::pin::Pin;
use tokio::io::AsyncWrite;

/// A command to be run in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecSpec {
    /// Program and arguments; no shell is put in between.
    pub command: Vec<String>,
    /// `USER[:GROUP]`, names or numbers. Default: the container's.
    pub user: Option<String>,
    /// `NAME=VALUE`.
    pub environment: Vec<String>,
    /// Default: the container's.
    pub working_directory: Option<String>,
    /// Whether it gets a terminal: then its output is one stream, and Ctrl-P arrives (no detach keys).
    pub terminal: bool,
    /// Whether its standard input is connected.
    pub stdin: bool,
    /// Whether it is left running with nothing connected; its session then has no output.
    pub detached: bool,
    /// The terminal's rows and columns, where they are known from the start.
    pub size: Option<(u16, u16)>,
}

/// A command under way.
pub struct ExecSession {
    /// For its exit code and its size.
    pub id: String,
    /// What it writes; ends when it has closed its outputs.
    pub output: BoxStream<'static, EngineResult<Chunk>>,
    /// Its standard input; shut down for end of file.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// A piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Standard output, or all of a terminal's.
    Stdout(Bytes),
    /// Standard error.
    Stderr(Bytes),
}
