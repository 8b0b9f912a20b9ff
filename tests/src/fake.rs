//! An engine in memory that behaves as Docker does, so that tests of whole commands need no Docker and see every
//! call: they count them, fail or stall any one of them, and compare what the engine has before and after.
//!
//! What it does is what engine-facts.md measured and what was measured besides: names, subnets, addresses and ports
//! clash when and where Docker's do. It knows nothing of clusters or labels of clusterdock, apart from placing what
//! the original would have left ([`Seed::original_cluster`]).
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
//! [`for_every_call`] does this for every call and every mishap.
//!
//! **Calls.** Every call yields to the scheduler twice: before its effect and before its answer. So calls of one
//! task interleave as real ones do, and a future can be dropped at both places. One dropped before its effect takes
//! effect nonetheless: its request was sent, and Docker does not stop for a client that hung up.
//!
//! **Time.** Nothing sleeps. Times are the machine's clock's, or [`FakeEngine::set_clock`]'s; none shows in a
//! snapshot.

mod calls;
mod container;
mod engine;
mod exec;
mod files;
mod image;
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
mod volume;

pub use calls::{Call, Which};
pub use clusterdock::engine::State;
pub use exec::{ExecAnswer, ExecCall};
pub use program::Program;
pub use seed::Seed;
pub use trial::{Mishap, Trial, for_every_call};

use clusterdock::engine::EngineInfo;
use state::Holdings;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// An engine in memory. A clone is another handle on the same engine.
#[derive(Clone)]
pub struct FakeEngine {
    inner: Arc<Inner>,
}

struct Inner {
    address: String,
    generation: EngineGeneration,
    holdings: Mutex<Holdings>,
    /// Told after every change, so that streams look again.
    changed: watch::Sender<()>,
}

/// Docker's generations, as far as they differ in what we meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EngineGeneration {
    /// 20.10: two creates of one network name that are under way at once both go through; a capability that the
    /// engine lacks makes the start fail unless it is left out.
    V20,
    /// 26.1: a network's name is unique; a fixed address is looked at when the container is made, too; leaving out a
    /// capability that the engine lacks is refused.
    V26,
    /// 29: as 26.1, but a start that fails on a busy port costs the container its network.
    V29,
}

impl Default for FakeEngine {
    fn default() -> FakeEngine {
        FakeEngine::new()
    }
}

impl FakeEngine {
    /// A local engine of Docker 26.1's generation, with the networks that every engine has and nothing else.
    pub fn new() -> FakeEngine {
        FakeEngine::of(EngineGeneration::V26)
    }

    /// The same of another generation.
    pub fn of(generation: EngineGeneration) -> FakeEngine {
        FakeEngine::at("unix:///run/fake.sock", generation)
    }

    /// The same at another address; it is local when the address begins with `unix://`.
    pub fn at(address: &str, generation: EngineGeneration) -> FakeEngine {
        let inner = Inner {
            address: address.into(),
            generation,
            holdings: Mutex::new(Holdings::new(generation)),
            changed: watch::Sender::new(()),
        };
        FakeEngine { inner: Arc::new(inner) }
    }

    /// Stops the engine's clock at this time, Unix seconds. Default: the machine's clock.
    pub fn set_clock(&self, time: i64) {
        self.change(|holdings| holdings.clock = Some(time));
    }

    /// Says whether the engine answers. While it does not, every call ends with `Unreachable` and without effect;
    /// streams that were open end with an error.
    pub fn set_reachable(&self, reachable: bool) {
        self.change(|holdings| {
            holdings.reachable = reachable;
            holdings.connection += u64::from(!reachable);
        });
    }

    /// Breaks every stream that is open (deaths, logs, output of commands); the engine stays reachable.
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
            version: version.into(),
            api_version: api_version.into(),
            cgroup_version: 2,
            operating_system: "Fake GNU/Linux".into(),
            architecture: "x86_64".into(),
        }
    }

    /// What the engine has, locked. A test that panicked with it left it whole: rules check before they change.
    fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.inner.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Holdings) -> T) -> T {
        let result = change(&mut self.holdings());
        self.inner.changed.send_replace(());
        result
    }
}
