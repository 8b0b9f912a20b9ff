//! A bound on one call to the engine, and the error of a call that exceeds it.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use super::{EngineError, EngineResult, Fault};

/// One call, not begun yet.
pub(super) trait Call<T>: Future<Output = EngineResult<T>> + Send {}

impl<T, F: Future<Output = EngineResult<T>> + Send> Call<T> for F {}

pub(super) async fn within<T>(
    deadline: Duration,
    what: &str,
    call: impl Call<T>,
) -> EngineResult<T> {
    timeout(deadline, call).await.unwrap_or_else(|_| {
        let given = humantime::format_duration(deadline);
        Err(timed_out(format!(
            "the engine did not {what} within {given}"
        )))
    })
}

pub(super) fn silent(longest_silence: Duration, what: &str) -> EngineError {
    let silence = humantime::format_duration(longest_silence);
    timed_out(format!(
        "the engine did not {what}: nothing has moved for {silence}"
    ))
}

fn timed_out(message: String) -> EngineError {
    EngineError::new(Fault::Timeout, message).hint("look at the engine's load and its log")
}
