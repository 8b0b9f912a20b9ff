//! Streams that continue while the engine changes: deaths and logs.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};
use clusterdock::engine::{Death, EngineError, EngineResult, Fault, Labels, LogLine, LogOptions};
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, unfold};

use super::FakeEngine;
use super::container::HeldContainer;
use super::network::rfc3339;
use super::state::Holdings;

/// How many past events, of any kind, the engine replays to a subscriber.
const REPLAYED_EVENTS: u64 = 256;

/// The next step of a stream.
pub(super) enum Step<T> {
    Give(T),
    Wait,
    End,
}

/// Deaths so far, and the number of events of any kind.
#[derive(Default)]
pub(super) struct Deaths {
    told: Vec<Told>,
    events: u64,
}

struct Told {
    death: Death,
    labels: Labels,
    time: i64,
    /// Its index among all events.
    event: u64,
}

impl Deaths {
    /// Counts an event that is not a death: it pushes old ones out of the replay.
    pub(super) fn other_event(&mut self) {
        self.events += 1;
    }

    pub(super) fn tell(&mut self, container: &HeldContainer, exit_code: i64, time: i64) {
        self.events += 1;
        let death = Death {
            id: container.id.clone(),
            name: container.spec.name.clone(),
            exit_code,
        };
        self.told.push(Told {
            death,
            labels: container.spec.labels.clone(),
            time,
            event: self.events,
        });
    }

    /// The replay for a new subscriber that asks for events since a time.
    fn replay(&self, label: &(String, String), since: i64) -> VecDeque<Death> {
        let recent = self
            .told
            .iter()
            .filter(|told| told.event + REPLAYED_EVENTS > self.events && told.time >= since);
        recent
            .filter(|told| told.carries(label))
            .map(|told| told.death.clone())
            .collect()
    }
}

impl Told {
    fn carries(&self, (key, value): &(String, String)) -> bool {
        self.labels.get(key) == Some(value)
    }
}

impl FakeEngine {
    /// A stream that looks at the engine after every change.
    pub(super) fn stream<T: Send + 'static>(
        &self,
        step: impl FnMut(&Holdings) -> Step<T> + Send + 'static,
    ) -> BoxStream<'static, T> {
        let changes = self.inner.changed.subscribe();
        unfold(
            (self.clone(), changes, step),
            |(fake, mut changes, mut step)| async move {
                loop {
                    changes.mark_unchanged();
                    let next = step(&fake.holdings());
                    match next {
                        Step::Give(item) => return Some((item, (fake, changes, step))),
                        Step::End => return None,
                        Step::Wait => changes.changed().await.ok()?,
                    }
                }
            },
        )
        .boxed()
    }

    /// The same for a stream that breaks with the connection.
    pub(super) fn breakable<T: Send + 'static>(
        &self,
        mut step: impl FnMut(&Holdings) -> Step<T> + Send + 'static,
    ) -> BoxStream<'static, EngineResult<T>> {
        let connection = self.holdings().connection;
        let mut broken = false;
        self.stream(move |holdings| {
            if broken {
                return Step::End;
            }
            if holdings.connection != connection {
                broken = true;
                return Step::Give(Err(EngineError::new(
                    Fault::Unreachable,
                    "the connection to the engine broke",
                )));
            }
            match step(holdings) {
                Step::Give(item) => Step::Give(Ok(item)),
                Step::Wait => Step::Wait,
                Step::End => Step::End,
            }
        })
    }

    /// Deaths, as Docker reports them: the call is answered before the subscription is active, which is when the stream
    /// is first polled. Deaths in between are only reported as far as they are replayed.
    pub(super) fn death_stream(
        &self,
        label: (String, String),
        since: i64,
    ) -> BoxStream<'static, EngineResult<Death>> {
        let mut subscription: Option<(VecDeque<Death>, usize)> = None;
        self.breakable(move |holdings| {
            let Deaths { told, .. } = &holdings.deaths;
            let subscribe = || (holdings.deaths.replay(&label, since), told.len());
            let (replayed, next) = subscription.get_or_insert_with(subscribe);
            if let Some(death) = replayed.pop_front() {
                return Step::Give(death);
            }
            match told[*next..].iter().position(|told| told.carries(&label)) {
                Some(ahead) => {
                    *next += ahead + 1;
                    Step::Give(told[*next - 1].death.clone())
                }
                None => {
                    *next = told.len();
                    Step::Wait
                }
            }
        })
    }

    /// Containers that are started or unpaused: running ones since a time, then each new one.
    pub(super) fn start_stream(
        &self,
        (key, value): (String, String),
        since: i64,
    ) -> BoxStream<'static, EngineResult<String>> {
        let mut told: BTreeMap<String, u32> = BTreeMap::new();
        self.breakable(move |holdings| {
            let mut labelled = holdings
                .containers
                .values()
                .filter(|held| held.spec.labels.get(&key) == Some(&value));
            let new = labelled.find(|held| {
                let before = told.get(&held.id).copied().unwrap_or_default();
                held.revived >= Some(since) && held.revivals > before
            });
            match new {
                Some(held) => {
                    told.insert(held.id.clone(), held.revivals);
                    Step::Give(held.id.clone())
                }
                None => Step::Wait,
            }
        })
    }

    /// A container's log; if followed, until the container ends.
    pub(super) fn log_stream(
        &self,
        id: String,
        options: LogOptions,
    ) -> BoxStream<'static, EngineResult<LogLine>> {
        let mut next: Option<usize> = None;
        self.breakable(move |holdings| {
            let Some(held) = holdings.containers.get(&id) else {
                return Step::End;
            };
            let wanted = |line: &(i64, LogLine)| {
                options.since.is_none_or(|since| line.0 >= since)
                    && options.until.is_none_or(|until| line.0 <= until)
            };
            let next = next.get_or_insert_with(|| beginning(held, options.tail));
            while let Some(line) = held.log.get(*next) {
                *next += 1;
                if wanted(line) {
                    return Step::Give(shown(line, options.timestamps));
                }
            }
            if options.follow && held.is_up() {
                Step::Wait
            } else {
                Step::End
            }
        })
    }
}

fn beginning(held: &HeldContainer, tail: Option<u32>) -> usize {
    tail.map_or(0, |tail| held.log.len().saturating_sub(tail as usize))
}

fn shown((time, line): &(i64, LogLine), timestamps: bool) -> LogLine {
    if !timestamps {
        return line.clone();
    }
    let mut bytes = BytesMut::from(rfc3339(*time).as_bytes());
    bytes.extend_from_slice(b" ");
    bytes.extend_from_slice(&line.bytes);
    LogLine {
        is_stderr: line.is_stderr,
        bytes: Bytes::from(bytes),
    }
}
