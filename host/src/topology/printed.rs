//! The output of a plugin. Its standard output and error are pipes to the parent, so that it can neither corrupt the
//! parent's standard output nor its live lines.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::task::JoinSet;

use crate::sink::Stream;

/// Receives a line without its end, and the stream that it was written to. The future resolves when it is ready for
/// more. A line may contain anything, including control characters.
pub type OnLine = Arc<dyn Fn(Stream, &str) -> BoxFuture<'static, ()> + Send + Sync>;

/// Longer lines are split.
const LONGEST: u64 = 64 * 1024;

/// How many lines of standard error are kept for the error of a crash.
const KEPT: usize = 5;

/// How long to wait for more output once the process has ended: processes that the plugin started may keep the pipe open.
const LINGER: Duration = Duration::from_millis(200);

/// Reads the output of a process until dropped.
pub(super) struct Printed {
    readers: tokio::sync::Mutex<JoinSet<()>>,
    last_errors: Arc<Mutex<VecDeque<String>>>,
}

impl Printed {
    pub(super) fn collect(
        stdout: Option<ChildStdout>,
        stderr: Option<ChildStderr>,
        on_line: OnLine,
    ) -> Printed {
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
                on_line(Stream::Stderr, line)
            }));
        }
        Printed {
            readers: readers.into(),
            last_errors,
        }
    }

    /// Waits for the last output of a process that has ended.
    pub(super) async fn to_the_end(&self) {
        let mut readers = self.readers.lock().await;
        let ended = async { while readers.join_next().await.is_some() {} };
        // A timeout is not an error: another process holds the pipe.
        tokio::time::timeout(LINGER, ended).await.ok();
    }

    /// The last lines of standard error that are not empty.
    pub(super) fn last_errors(&self) -> Vec<String> {
        self.last_errors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
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

/// Reads a stream line by line, no faster than `on_line` accepts. A read error counts as the end.
pub(super) async fn lines(
    stream: impl AsyncRead + Unpin,
    on_line: impl Fn(&str) -> BoxFuture<'static, ()>,
) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while (&mut stream)
        .take(LONGEST)
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|read| read > 0)
    {
        let text = String::from_utf8_lossy(&line);
        on_line(text.strip_suffix('\n').unwrap_or(&text)).await;
        line.clear();
    }
}
