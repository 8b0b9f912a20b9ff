//! What a plugin prints. Its standard output and error are pipes to the parent, so that it can neither spoil the
//! answer on the parent's standard output nor break its live lines.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::task::JoinSet;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Takes a line, without its end. It may hold anything that a program prints, control characters too.
pub type OnLine = Arc<dyn Fn(Stream, &str) + Send + Sync>;

/// Longer lines are given in pieces.
const LONGEST: u64 = 64 * 1024;
/// How many lines of standard error are kept to tell of a death.
const KEPT: usize = 5;
/// How long the end of the output is awaited once the process has ended: what the plugin started may go on printing.
const LINGER: Duration = Duration::from_millis(200);

/// Reads what a process prints, until dropped.
pub(super) struct Printed {
    readers: tokio::sync::Mutex<JoinSet<()>>,
    last_errors: Arc<Mutex<VecDeque<String>>>,
}

impl Printed {
    pub(super) fn collect(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>, on_line: OnLine) -> Printed {
        let last_errors = Arc::new(Mutex::new(VecDeque::new()));
        let mut readers = JoinSet::new();
        if let Some(stdout) = stdout {
            let on_line = on_line.clone();
            readers.spawn(lines(stdout, move |line| on_line(Stream::Stdout, line)));
        }
        if let Some(stderr) = stderr {
            let last = last_errors.clone();
            readers.spawn(lines(stderr, move |line| {
                remember(&last, line);
                on_line(Stream::Stderr, line);
            }));
        }
        Printed { readers: readers.into(), last_errors }
    }

    /// Waits for the last of what an ended process printed.
    pub(super) async fn to_the_end(&self) {
        let mut readers = self.readers.lock().await;
        let ended = async { while readers.join_next().await.is_some() {} };
        // Passing the time is no error: somebody else holds the pipe.
        let _ = tokio::time::timeout(LINGER, ended).await;
    }

    /// The last lines of standard error, without empty ones.
    pub(super) fn last_errors(&self) -> Vec<String> {
        self.last_errors.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

fn remember(last: &Mutex<VecDeque<String>>, line: &str) {
    if line.trim().is_empty() {
        return;
    }
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    last.push_back(line.into());
    if last.len() > KEPT {
        last.pop_front();
    }
}

async fn lines(stream: impl AsyncRead + Unpin, on_line: impl Fn(&str)) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while (&mut stream).take(LONGEST).read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line);
        on_line(text.strip_suffix('\n').unwrap_or(&text));
        line.clear();
    }
}
