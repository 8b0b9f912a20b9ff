//! An in-memory engine that behaves like Docker, so that tests of whole commands need no Docker and see every call:
//! they count calls, let any of them fail or stall, and compare what the engine has before and after.
//!
//! Its behaviour was measured on Docker: names, subnets, addresses and ports clash when and where Docker's do. It knows
//! nothing about the clusters and labels of clusterdock, except how to place what the original would have left
//! ([`Seed::original_cluster`]).
//!
//! ```no_run
//! let fake = FakeEngine::new();
//! fake.seed().image("debian:12");
//! fake.program("node-2.cluster", Program::dies(3).complains("no space left"));
//! fake.fail(("start_container", 1), EngineError::new(Fault::Other, "out of luck"));
//! let before = fake.snapshot();
//! start(&fake).await.unwrap_err();
//! assert_eq!(fake.snapshot(), before);
//! ```
//!
//! [`for_every_call`] does this for every call and every kind of failure.
//!
//! **Calls.** Every call yields to the scheduler twice: before its effect and before its answer. So calls of one task
//! interleave like real ones, and a future can be dropped at both points. If it is dropped before its effect, it takes
//! effect nonetheless: the request was sent, and Docker does not stop for a client that has hung up.
//!
//! **Time.** Nothing sleeps. Times come from the machine's clock or [`FakeEngine::set_clock`]; snapshots contain none.

mod calls;
mod container;
mod engine;
mod exec;
mod files;
mod image;
mod image_calls;
mod life;
mod network;
mod port;
mod program;
mod seed;
mod signal;
mod snapshot;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod trial;
mod usage;
mod volume;

pub use calls::{Call, Which};
pub use clusterdock::engine::State;
pub use exec::{ExecAnswer, ExecCall};
pub use program::Program;
pub use seed::Seed;
pub use trial::{Mishap, Trial, for_every_call};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clusterdock::engine::{EngineInfo, id_word};
use tokio::sync::watch;

use state::Holdings;

/// An engine in memory. A clone is another handle on the same engine.
#[derive(Clone)]
pub struct FakeEngine {
    inner: Arc<Inner>,
}

struct Inner {
    address: String,
    generation: EngineGeneration,
    holdings: Mutex<Holdings>,
    /// Notified after every change, so that streams look again.
    changed: watch::Sender<()>,
}

/// Docker's generations, as far as their differences matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EngineGeneration {
    /// 20.10: two parallel creates of the same network name both succeed; a capability that the engine lacks makes the
    /// start fail unless it is dropped.
    V20,
    /// 26.1: network names are unique; a fixed address is already checked at the creation of the container; dropping a
    /// capability that the engine lacks is refused.
    V26,
    /// 29: like 26.1, but a start that fails on a busy port disconnects the container from its network.
    V29,
}

impl Default for FakeEngine {
    fn default() -> FakeEngine {
        FakeEngine::new()
    }
}

impl FakeEngine {
    /// A local engine of Docker 26.1's generation, with only the networks that every engine has.
    pub fn new() -> FakeEngine {
        FakeEngine::of(EngineGeneration::V26)
    }

    /// The same with another generation.
    pub fn of(generation: EngineGeneration) -> FakeEngine {
        FakeEngine::at("unix:///run/fake.sock", generation)
    }

    /// The same at another address, which is local if it begins with `unix://`.
    pub fn at(address: &str, generation: EngineGeneration) -> FakeEngine {
        let inner = Inner {
            address: address.into(),
            generation,
            holdings: Mutex::new(Holdings::new(generation)),
            changed: watch::Sender::new(()),
        };
        FakeEngine {
            inner: Arc::new(inner),
        }
    }

    /// Stops the engine's clock at this time, in Unix seconds. Default: the machine's clock.
    pub fn set_clock(&self, time: i64) {
        self.change(|holdings| holdings.clock = Some(time));
    }

    /// Sets whether the engine answers. While it does not, every call fails with `Unreachable` and without effect, and
    /// open streams end with an error.
    pub fn set_reachable(&self, reachable: bool) {
        self.change(|holdings| {
            holdings.reachable = reachable;
            holdings.connection += u64::from(!reachable);
        });
    }

    /// Breaks all open streams (deaths, logs, output of commands); the engine stays reachable.
    pub fn break_streams(&self) {
        self.change(|holdings| holdings.connection += 1);
    }

    fn describe(&self) -> EngineInfo {
        let (version, api_version) = match self.inner.generation {
            EngineGeneration::V20 => ("20.10.24", "1.41"),
            EngineGeneration::V26 => ("26.1.5", "1.45"),
            EngineGeneration::V29 => ("29.0.0", "1.52"),
        };
        EngineInfo {
            id: id_word("", "", &self.inner.address),
            version: version.into(),
            api_version: api_version.into(),
            cgroup_version: 2,
            operating_system: "Fake GNU/Linux".into(),
            architecture: "x86_64".into(),
            logging_driver: "json-file".into(),
        }
    }

    /// The engine's state, locked. A panic while it was locked leaves it intact: rules are checked before changes.
    fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.inner
            .holdings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Holdings) -> T) -> T {
        let result = change(&mut self.holdings());
        self.inner.changed.send_replace(());
        result
    }
}
