//! Every failure at every call: repeats the same work, with the next call going wrong each time.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clusterdock::engine::{EngineError, Fault};
use futures_util::FutureExt;

use super::FakeEngine;

/// How long one trial may take; of a paused clock, so that it is over at once when nothing moves any more.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// The most calls of one trial: more means that its work never ends.
const MOST_CALLS: usize = 10_000;

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// It fails and had no effect.
    Fails,
    /// It fails and had its effect.
    FailsAfterEffect,
    /// It never answers and has no effect.
    Stalls,
    /// It never answers and had its effect.
    StallsAfterEffect,
    /// The user interrupts when it begins; the call itself continues.
    Interrupts,
    /// The work is dropped when it begins, as when its process is killed; the request still arrives.
    Abandons,
}

impl Mishap {
    /// All mishaps after which the program can still clean up.
    pub const RECOVERABLE: [Mishap; 5] = [
        Mishap::Fails,
        Mishap::FailsAfterEffect,
        Mishap::Stalls,
        Mishap::StallsAfterEffect,
        Mishap::Interrupts,
    ];
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mishap::Fails => "fails",
            Mishap::FailsAfterEffect => "fails after its effect",
            Mishap::Stalls => "stalls",
            Mishap::StallsAfterEffect => "stalls after its effect",
            Mishap::Interrupts => "is interrupted",
            Mishap::Abandons => "is abandoned",
        })
    }
}

/// One run of the work, with one call that goes wrong.
pub struct Trial {
    /// The engine, fresh from the seed.
    pub fake: FakeEngine,
    /// What goes wrong.
    pub mishap: Mishap,
    /// At which call, counted from the seed on.
    pub call: usize,
    before: String,
    interrupt: Interrupt,
    struck: Arc<AtomicBool>,
}

type Interrupt = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

impl Trial {
    fn new(fake: FakeEngine, mishap: Mishap, call: usize) -> Trial {
        fake.forget_calls();
        let before = fake.snapshot();
        let struck = Arc::<AtomicBool>::default();
        let trial = Trial {
            fake,
            mishap,
            call,
            before,
            interrupt: Interrupt::default(),
            struck: Arc::clone(&struck),
        };
        trial
            .fake
            .on_call(call, move |_| struck.store(true, Ordering::Relaxed));
        let failure = || EngineError::new(Fault::Other, "the fake was told to fail");
        match mishap {
            Mishap::Fails => trial.fake.fail(call, failure()),
            Mishap::FailsAfterEffect => trial.fake.fail_after_effect(call, failure()),
            Mishap::Stalls => trial.fake.stall(call),
            Mishap::StallsAfterEffect => trial.fake.stall_after_effect(call),
            Mishap::Interrupts => {
                let interrupt = Arc::clone(&trial.interrupt);
                trial.fake.on_call(call, move |_| {
                    let interrupt = interrupt
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .take();
                    interrupt
                        .expect("a trial that can be interrupted says how (Trial::on_interrupt)")(
                    );
                });
            }
            Mishap::Abandons => {}
        }
        trial
    }

    /// Sets how the work is interrupted; must be set before its first call.
    pub fn on_interrupt(&self, interrupt: impl FnOnce() + Send + 'static) {
        *self
            .interrupt
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Box::new(interrupt));
    }

    /// Runs the work that the trial is about; `None` if the mishap dropped it. Calls after it neither count nor go
    /// wrong, so that `trial` can look at the outcome, and clean up.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let done = if self.mishap == Mishap::Abandons {
            let begun = self.fake.when_called(self.call);
            tokio::select! {
                biased;
                Ok(()) = begun => None,
                done = work => Some(done),
            }
        } else {
            Some(work.await)
        };
        self.fake.spare_calls();
        done
    }

    /// Whether the mishap occurred: the work has made that many calls.
    pub fn struck(&self) -> bool {
        self.struck.load(Ordering::Relaxed)
    }

    /// What the engine had when the trial began.
    pub fn before(&self) -> &str {
        &self.before
    }

    /// Whether the engine has just what it had when the trial began.
    pub fn is_rolled_back(&self) -> bool {
        self.fake.snapshot() == self.before
    }

    /// Checks that the engine has just what it had when the trial began.
    ///
    /// # Panics
    /// When it has not, naming what came and what went.
    pub fn assert_rolled_back(&self) {
        let after = self.fake.snapshot();
        let lines = |text: &str, others: &str, sign: &str| {
            let own = text
                .lines()
                .filter(|line| !others.lines().any(|other| other == *line));
            own.map(|line| format!("\n  {sign} {line}"))
                .collect::<String>()
        };
        let went = lines(&self.before, &after, "-");
        let came = lines(&after, &self.before, "+");
        assert!(
            after == self.before,
            "the engine is not what it was:{went}{came}"
        );
    }
}

/// Runs `trial` on a fresh engine from `seed` for every mishap and for every call in turn: the first run has its first
/// call go wrong, the next its second, and so on until a run makes no call that could. That last run of each mishap
/// is untroubled (`!trial.struck()`), so `trial` sees the work succeed too. Returns how many trials there were.
///
/// Calls that `seed` makes do not count, nor do those after [`Trial::run`]. Calls that stall make the work wait for its
/// own deadlines: use this under `#[tokio::test(start_paused = true)]`.
///
/// # Panics
/// When a trial does, or does not end: the message names mishap and call.
pub async fn for_every_call(
    mishaps: &[Mishap],
    seed: impl AsyncFn() -> FakeEngine,
    trial: impl AsyncFn(&Trial),
) -> usize {
    let mut trials = 0;
    for mishap in mishaps {
        for call in 0..MOST_CALLS {
            let this = Trial::new(seed().await, *mishap, call);
            let run = AssertUnwindSafe(tokio::time::timeout(DEADLINE, trial(&this))).catch_unwind();
            let complaint = match run.await {
                Ok(Ok(())) => None,
                Ok(Err(_)) => Some("it does not end".to_string()),
                Err(panic) => Some(message(&*panic)),
            };
            let about = || match this.fake.calls().get(call) {
                Some(about) => format!("when call {call} ({about}) {mishap}"),
                None => "when nothing goes wrong".into(),
            };
            if let Some(complaint) = complaint {
                panic!("{}: {complaint}", about());
            }
            trials += 1;
            if !this.struck() {
                break;
            }
            assert!(
                call + 1 < MOST_CALLS,
                "the work makes more than {MOST_CALLS} calls"
            );
        }
    }
    trials
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_string()
}
