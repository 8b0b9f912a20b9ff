//! What runs in the fake's containers, what it uses, and what happened to them.

use async_trait::async_trait;
use clusterdock::engine::{
    EngineError, EngineResult, Fault, Happening, Labels, Process, Usage, Usages,
};
use futures_util::stream::BoxStream;

use super::FakeEngine;
use super::container::HeldContainer;
use super::state::Holdings;
use super::stream::Step;

/// Something that happened to a container with these labels.
pub(super) struct Noted {
    happening: Happening,
    labels: Labels,
}

#[async_trait]
impl Usages for FakeEngine {
    async fn processes(&self, id: &str) -> EngineResult<Vec<Process>> {
        self.call(
            "processes",
            |holdings| holdings.name_of(id),
            |holdings| Ok(vec![process(holdings.running(id)?)]),
        )
        .await
    }

    async fn usage(&self, id: &str) -> EngineResult<Usage> {
        self.call(
            "usage",
            |holdings| holdings.name_of(id),
            |holdings| holdings.running(id).map(|_| usage()),
        )
        .await
    }
}

/// The only process of a container.
fn process(held: &HeldContainer) -> Process {
    Process {
        pid: held
            .pid
            .and_then(|pid| pid.try_into().ok())
            .unwrap_or_default(),
        parent: 1,
        uid: 0,
        cpu_percent: 0.5,
        memory: 2 << 20,
        elapsed: "01:02".into(),
        command: held.spec.name.clone() + " --serve",
    }
}

fn usage() -> Usage {
    Usage {
        cpu_percent: 12.5,
        memory: 3 << 20,
        memory_limit: 1 << 30,
        received: 1500,
        sent: 200,
        processes: 4,
    }
}

impl Holdings {
    fn running(&mut self, key: &str) -> EngineResult<&HeldContainer> {
        let held = self.container_mut(key)?;
        if held.is_up() {
            Ok(held)
        } else {
            let message = format!("container {} is not running", held.id);
            Err(EngineError::new(Fault::WrongState, message))
        }
    }

    /// Notes what happens to a container.
    pub(super) fn note(&mut self, id: &str, what: &str, exit_code: Option<i64>) {
        let now = self.now();
        let Some(held) = self.containers.get(id) else {
            return;
        };
        self.happenings.push(Noted {
            happening: Happening {
                time: jiff::Timestamp::from_second(now).unwrap_or_default(),
                id: held.id.clone(),
                what: what.into(),
                exit_code,
                signal: None,
            },
            labels: held.spec.labels.clone(),
        });
    }
}

impl FakeEngine {
    /// What happened to containers with a label: from a time on or from now on; with an end, only what has happened.
    pub(super) fn happening_stream(
        &self,
        key: String,
        since: Option<i64>,
        until: Option<i64>,
    ) -> BoxStream<'static, EngineResult<Happening>> {
        let mut next = since.map_or_else(|| self.holdings().happenings.len(), |_| 0);
        self.breakable(move |holdings| {
            while let Some(noted) = holdings.happenings.get(next) {
                next += 1;
                let time = noted.happening.time.as_second();
                let is_wanted = noted.labels.contains_key(&key)
                    && since.is_none_or(|since| time >= since)
                    && until.is_none_or(|until| time <= until);
                if is_wanted {
                    return Step::Give(noted.happening.clone());
                }
            }
            if until.is_some() {
                Step::End
            } else {
                Step::Wait
            }
        })
    }
}
