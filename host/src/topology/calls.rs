//! Answers a hook's calls while the hook runs.

use std::panic::AssertUnwindSafe;
use std::pin::pin;

use clusterdock_plugin_wire::{Code, Error, Result};
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;

use super::plugin::HostCalls;

/// A call that waits for its answer. Dropping it sends none; the code that drops it gives the caller the reason.
pub(super) struct Call {
    pub(super) name: String,
    pub(super) input: String,
    pub(super) payload: Vec<u8>,
    pub(super) answer: Answer,
}

/// Receives the output and bytes of an operation.
pub(super) type Answer = Box<dyn FnOnce(Result<(String, Vec<u8>)>) + Send>;

/// Answers calls with `host`, in parallel, until the hook is `done`. Calls still pending are dropped then.
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
    // A panic of the host must neither count as a failure of the hook's process nor skip the rollback.
    let result = AssertUnwindSafe(work).catch_unwind().await;
    (call.answer)(result.unwrap_or_else(|_| {
        Err(Error::with_code(
            Code::HostPanic,
            format!("clusterdock panicked in operation `{}`", call.name),
        ))
    }));
}
