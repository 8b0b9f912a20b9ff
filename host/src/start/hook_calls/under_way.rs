//! What a hook is waiting for, for the error if it times out: the calls that have no answer yet, and the condition that
//! it polls.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clusterdock_plugin_wire::ops::{self, Operation};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

/// The longest description of a call.
const LONGEST: usize = 200;

/// What a hook is waiting for.
#[derive(Debug, Default)]
pub struct UnderWay(Mutex<Calls>);

#[derive(Debug, Default)]
struct Calls {
    next: u64,
    /// What each is about, and since when.
    calls: BTreeMap<u64, (String, Instant)>,
    /// The condition that the hook checks, and since when.
    condition: Option<(String, Instant)>,
}

/// A call that has no answer yet.
pub(super) struct Call<'a> {
    under_way: &'a UnderWay,
    id: u64,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.under_way.calls().calls.remove(&self.id);
    }
}

impl UnderWay {
    /// Notes that a call has begun.
    pub(super) fn begin(&self, name: &str, input: &str) -> Call<'_> {
        let now = Instant::now();
        let mut calls = self.calls();
        calls.note_condition(name, input, now);
        let id = calls.next;
        calls.next += 1;
        if let Some(what) = describe(name, input) {
            calls.calls.insert(id, (shortened(&what), now));
        }
        Call {
            under_way: self,
            id,
        }
    }

    /// One line per wait, the longest wait first.
    pub(in crate::start) fn lines(&self) -> Vec<String> {
        let calls = self.calls();
        let mut waits: Vec<_> = calls.condition.iter().chain(calls.calls.values()).collect();
        waits.sort_by_key(|(_, since)| *since);
        let line = |(what, since): &(String, Instant)| {
            let seconds = since.elapsed().as_secs();
            let time = humantime::format_duration(std::time::Duration::from_secs(seconds));
            format!("it was waiting for {what}, for {time}")
        };
        waits.into_iter().map(line).collect()
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Calls {
    /// A condition is checked by commands and files, with pauses in between that name it. Anything else ends it.
    fn note_condition(&mut self, name: &str, input: &str, now: Instant) {
        match name {
            ops::Pause::NAME => {
                let named = read::<ops::Pause>(input).and_then(|pause| pause.waiting_for);
                let is_same =
                    |what: &String| matches!(&self.condition, Some((known, _)) if known == what);
                if !named.as_ref().is_some_and(is_same) {
                    self.condition = named.map(|what| (shortened(&what), now));
                }
            }
            ops::ExecOn::NAME | ops::GetFile::NAME | ops::Log::NAME => {}
            _ => self.condition = None,
        }
    }
}

/// What a call is about; `None` if it does not wait, or cannot be read.
fn describe(name: &str, input: &str) -> Option<String> {
    match name {
        ops::ExecOn::NAME => {
            let on = read::<ops::ExecOn>(input)?;
            Some(format!("`{}` on {}", on.exec.command, on.nodes.join(", ")))
        }
        ops::WaitFor::NAME => {
            let wait = read::<ops::WaitFor>(input)?;
            Some(format!("{} of {}", wait.probe, wait.nodes.join(", ")))
        }
        ops::Pause::NAME | ops::Progress::NAME | ops::Closing::NAME | ops::Log::NAME => None,
        name => Some(format!("the call `{name}`")),
    }
}

fn read<T: DeserializeOwned>(input: &str) -> Option<T> {
    serde_json::from_str(input).ok()
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXEC: &str = r#"{"nodes":["a.net","b.net"],"exec":{"command":{"argv":["etcdctl","endpoint","health"]}}}"#;

    #[tokio::test(start_paused = true)]
    async fn what_a_hook_waits_for_is_named_with_its_time() {
        let under_way = UnderWay::default();
        let pause = |what: &str| format!(r#"{{"time_ms":1000,"waiting_for":"{what}"}}"#);
        for _ in 0..3 {
            drop(under_way.begin("exec", EXEC));
            drop(under_way.begin("pause", &pause("a leader")));
            tokio::time::advance(std::time::Duration::from_secs(30)).await;
        }
        let exec = under_way.begin("exec", EXEC);
        tokio::time::advance(std::time::Duration::from_secs(5)).await;
        assert_eq!(
            under_way.lines(),
            [
                "it was waiting for a leader, for 1m 35s",
                "it was waiting for `etcdctl endpoint health` on a.net, b.net, for 5s",
            ]
        );
        drop(exec);
        drop(under_way.begin("progress", r#"{"message":"next"}"#));
        assert_eq!(under_way.lines(), [""; 0]);
        let wait = r#"{"nodes":["a.net"],"probe":{"port":80},"timeout_ms":1}"#;
        let _wait = under_way.begin("wait-for", wait);
        assert_eq!(
            under_way.lines(),
            ["it was waiting for port 80 of a.net, for 0s"]
        );
    }
}
