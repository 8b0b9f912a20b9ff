//! The calls that the engine received, and what happens to some of them.

use std::fmt;
use std::future::pending;

use clusterdock::engine::{EngineError, EngineResult, Fault};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::FakeEngine;
use super::state::Holdings;

/// A call that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The trait's method.
    pub method: &'static str,
    /// Its subject: a name if the engine knows one, the labels of a list, or the given text.
    pub subject: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.method, self.subject)
    }
}

/// Selects one call: `7` has this index in [`FakeEngine::calls`], `("create_container", 1)` is the second of its
/// method, `("start_container", "node-2.cluster")` the next of this method and subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// By its index among all calls, from 0.
    Index(usize),
    /// By its index among those of its method, from 0.
    Nth(String, usize),
    /// The next of this method and subject.
    About(String, String),
}

impl From<usize> for Which {
    fn from(index: usize) -> Which {
        Which::Index(index)
    }
}

impl From<(&str, usize)> for Which {
    fn from((method, nth): (&str, usize)) -> Which {
        Which::Nth(method.into(), nth)
    }
}

impl From<(&str, &str)> for Which {
    fn from((method, subject): (&str, &str)) -> Which {
        Which::About(method.into(), subject.into())
    }
}

impl FakeEngine {
    /// All calls so far, in the order in which they began.
    pub fn calls(&self) -> Vec<Call> {
        self.holdings().ledger.calls.clone()
    }

    /// How many calls of a method began.
    pub fn count(&self, method: &str) -> usize {
        self.holdings().ledger.count(method)
    }

    /// The highest number of parallel calls of these methods.
    pub fn most_at_once(&self, methods: &[&str]) -> usize {
        self.holdings().ledger.most_at_once(methods)
    }

    /// Forgets the calls so far; indices begin at 0 again.
    pub fn forget_calls(&self) {
        self.change(|holdings| {
            holdings.ledger.calls.clear();
            holdings.ledger.edges.clear();
        });
    }

    /// Lets all further calls succeed: removes everything that was to happen to calls, including hooks.
    pub fn spare_calls(&self) {
        self.change(|holdings| holdings.ledger.traps.clear());
    }

    /// Fails a call, once, without effect.
    pub fn fail(&self, which: impl Into<Which>, error: EngineError) {
        self.befall(which, Fate::Before(Trouble::Fail(error)));
    }

    /// Fails a call, once, although it takes effect: as if the connection broke before the answer.
    pub fn fail_after_effect(&self, which: impl Into<Which>, error: EngineError) {
        self.befall(which, Fate::After(Trouble::Fail(error)));
    }

    /// Never answers a call, which has no effect.
    pub fn stall(&self, which: impl Into<Which>) {
        self.befall(which, Fate::Before(Trouble::Stall));
    }

    /// Never answers a call, which takes effect.
    pub fn stall_after_effect(&self, which: impl Into<Which>) {
        self.befall(which, Fate::After(Trouble::Stall));
    }

    /// Runs `hook`, once, when a call begins, before it has any effect. It may use the engine's handle freely.
    pub fn on_call(
        &self,
        which: impl Into<Which>,
        hook: impl FnOnce(&FakeEngine) + Send + 'static,
    ) {
        self.befall(which, Fate::Hook(Box::new(hook)));
    }

    /// Completes when a call begins.
    pub fn when_called(&self, which: impl Into<Which>) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        // The receiver may be gone.
        self.on_call(which, move |_| sender.send(()).unwrap_or_default());
        receiver
    }

    fn befall(&self, which: impl Into<Which>, fate: Fate) {
        let which = which.into();
        self.change(|holdings| holdings.ledger.traps.push(Trap { which, fate }));
    }

    /// Begins a call: records it, runs its hooks, and fails or stalls it if that is to happen before its effect.
    pub(super) async fn begin(
        &self,
        method: &'static str,
        subject: impl FnOnce(&Holdings) -> String + Send,
    ) -> EngineResult<UnderWay<'_>> {
        let fates = self.change(|holdings| {
            holdings.advance_programs();
            let subject = subject(holdings);
            holdings.ledger.begin(Call { method, subject })
        });
        let mut call = UnderWay {
            fake: self,
            method,
            after: None,
        };
        let mut before = None;
        for fate in fates {
            match fate {
                Fate::Hook(hook) => hook(self),
                Fate::Before(trouble) => before = Some(trouble),
                Fate::After(trouble) => call.after = Some(trouble),
            }
        }
        if let Some(trouble) = before {
            return Err(trouble.befall().await);
        }
        if !self.holdings().reachable {
            yield_now().await;
            return Err(EngineError::new(
                Fault::Unreachable,
                format!("nothing answers at {}", self.inner.address),
            ));
        }
        Ok(call)
    }

    /// A whole call. If dropped before its effect, it takes effect nonetheless.
    pub(super) async fn call<T: Send>(
        &self,
        method: &'static str,
        subject: impl FnOnce(&Holdings) -> String + Send,
        effect: impl FnOnce(&mut Holdings) -> EngineResult<T> + Send,
    ) -> EngineResult<T> {
        self.begin(method, subject).await?.carry_out(effect).await
    }
}

/// A call that has begun, and did not fail or stall before its effect.
pub(super) struct UnderWay<'a> {
    fake: &'a FakeEngine,
    method: &'static str,
    after: Option<Trouble>,
}

impl UnderWay<'_> {
    /// Takes effect, and answers.
    pub(super) async fn carry_out<T: Send>(
        self,
        effect: impl FnOnce(&mut Holdings) -> EngineResult<T> + Send,
    ) -> EngineResult<T> {
        let result = self.arrive(effect).await;
        self.answer(result).await
    }

    /// Takes effect.
    pub(super) async fn arrive<T: Send>(
        &self,
        effect: impl FnOnce(&mut Holdings) -> EngineResult<T> + Send,
    ) -> EngineResult<T> {
        let mut sent = Sent {
            fake: self.fake,
            effect: Some(effect),
        };
        yield_now().await;
        sent.arrive().expect("it arrives once")
    }

    /// Answers a call that took effect, or was refused.
    pub(super) async fn answer<T: Send>(mut self, result: EngineResult<T>) -> EngineResult<T> {
        yield_now().await;
        match self.after.take() {
            None => result,
            Some(trouble) => result.and(Err(trouble.befall().await)),
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let method = self.method;
        self.fake
            .change(|holdings| holdings.ledger.edges.push(Edge::End(method)));
    }
}

/// A request on its way to the engine: it arrives whether or not the answer is awaited.
struct Sent<'a, T, E: FnOnce(&mut Holdings) -> EngineResult<T>> {
    fake: &'a FakeEngine,
    effect: Option<E>,
}

impl<T, E: FnOnce(&mut Holdings) -> EngineResult<T>> Sent<'_, T, E> {
    fn arrive(&mut self) -> Option<EngineResult<T>> {
        self.effect.take().map(|effect| self.fake.change(effect))
    }
}

impl<T, E: FnOnce(&mut Holdings) -> EngineResult<T>> Drop for Sent<'_, T, E> {
    fn drop(&mut self) {
        drop(self.arrive());
    }
}

/// What happens to a call: its answer is delayed or lost, or something else happens when it begins.
enum Fate {
    Before(Trouble),
    After(Trouble),
    Hook(Box<dyn FnOnce(&FakeEngine) + Send>),
}

enum Trouble {
    Fail(EngineError),
    Stall,
}

impl Trouble {
    async fn befall(self) -> EngineError {
        yield_now().await;
        match self {
            Trouble::Fail(error) => error,
            Trouble::Stall => pending().await,
        }
    }
}

struct Trap {
    which: Which,
    fate: Fate,
}

enum Edge {
    Begin(&'static str),
    End(&'static str),
}

/// The calls so far, and the traps that wait for others.
#[derive(Default)]
pub(super) struct Ledger {
    calls: Vec<Call>,
    edges: Vec<Edge>,
    traps: Vec<Trap>,
}

impl Ledger {
    fn begin(&mut self, call: Call) -> Vec<Fate> {
        let index = self.calls.len();
        let nth = self.count(call.method);
        let springs = |trap: &mut Trap| match &trap.which {
            Which::Index(wanted) => *wanted == index,
            Which::Nth(method, wanted) => method == call.method && *wanted == nth,
            Which::About(method, subject) => method == call.method && *subject == call.subject,
        };
        let fates = self
            .traps
            .extract_if(.., springs)
            .map(|trap| trap.fate)
            .collect();
        self.edges.push(Edge::Begin(call.method));
        self.calls.push(call);
        fates
    }

    fn count(&self, method: &str) -> usize {
        self.calls
            .iter()
            .filter(|call| call.method == method)
            .count()
    }

    fn most_at_once(&self, methods: &[&str]) -> usize {
        let mut now = 0usize;
        let mut most = 0;
        for edge in &self.edges {
            match edge {
                Edge::Begin(method) if methods.contains(method) => now += 1,
                Edge::End(method) if methods.contains(method) => now = now.saturating_sub(1),
                Edge::Begin(_) | Edge::End(_) => {}
            }
            most = most.max(now);
        }
        most
    }
}
