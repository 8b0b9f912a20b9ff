//! Answers a hook's calls while the hook runs.

use super::plugin::HostCalls;
use clusterdock_plugin_api::{Code, Error, Result};
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use tokio::sync::mpsc::UnboundedReceiver;

/// A call that waits for its answer. Dropping it answers nothing: who dropped it knows what to tell the caller.
pub(super) struct Call {
    pub(super) name: String,
    pub(super) input: String,
    pub(super) payload: Vec<u8>,
    pub(super) answer: Answer,
}

/// Takes the output and bytes of an operation.
pub(super) type Answer = Box<dyn FnOnce(Result<(String, Vec<u8>)>) + Send>;

/// Answers calls by `host`, all at once, until the hook is `done`; those still waiting are dropped then.
pub(super) async fn answer_until<T>(
    done: impl Future<Output = T>,
    calls: &mut UnboundedReceiver<Call>,
    host: &dyn HostCalls,
) -> T {
    let mut done = pin!(done);
    let mut pending = FuturesUnordered::new();
    loop {
        tokio::select! {
            result = &mut done => return result,
            Some(call) = calls.recv() => pending.push(answer(call, host)),
            Some(()) = pending.next() => {}
        }
    }
}

async fn answer(call: Call, host: &dyn HostCalls) {
    let work = host.call(&call.name, &call.input, call.payload);
    // A panic of ours must not take the hook's process for a failed one, nor skip the undoing of what it began.
    let result = AssertUnwindSafe(work).catch_unwind().await;
    (call.answer)(result.unwrap_or_else(|_| {
        Err(Error::with_code(Code::HostPanic, format!("clusterdock panicked in operation `{}`", call.name)))
    }));
}
