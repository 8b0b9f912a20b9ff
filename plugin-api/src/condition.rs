//! Waiting for what only the topology can tell: a closure is asked again and again. What a probe can tell
//! ([`Probe`](crate::Probe)) is better waited for with [`wait_for`](crate::Cluster::wait_for), which looks at the
//! nodes' lives meanwhile.

use crate::{ops, Code, Error, Host, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A wait for a condition, made by [`Cluster::wait_for_condition`](crate::Cluster::wait_for_condition). Nothing is done
/// before [`wait`](Condition::wait).
///
/// ```
/// use clusterdock_plugin_api::testing::FakeHost;
/// use std::time::Duration;
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let cluster = FakeHost::new().node("masters", "master").answer("cat /leader", "master\n").cluster();
/// let master = cluster.node("master")?;
/// cluster
///     .wait_for_condition("a leader is elected", || Ok(master.execute("cat /leader")?.text() == "master"))
///     .time_between_checks(Duration::from_secs(2))
///     .timeout(Duration::from_secs(120))
///     .on_success(|elapsed| println!("a leader after {elapsed:?}"))
///     .wait()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "`wait` waits"]
pub struct Condition<'a> {
    host: Arc<dyn Host>,
    description: String,
    holds: Box<dyn FnMut() -> Result<bool> + 'a>,
    time_between_checks: Duration,
    timeout: Duration,
    time_to_success: Duration,
    on_success: Box<dyn FnOnce(Duration) + 'a>,
    on_failure: Box<dyn FnOnce(Duration) + 'a>,
}

impl<'a> Condition<'a> {
    pub(crate) fn new(
        host: Arc<dyn Host>,
        description: String,
        holds: impl FnMut() -> Result<bool> + 'a,
    ) -> Condition<'a> {
        Condition {
            host,
            description,
            holds: Box::new(holds),
            time_between_checks: Duration::from_secs(1),
            timeout: Duration::from_secs(60),
            time_to_success: Duration::ZERO,
            on_success: Box::new(|_| ()),
            on_failure: Box::new(|_| ()),
        }
    }

    /// How long to wait between two checks. Default: 1 s.
    pub fn time_between_checks(mut self, time: Duration) -> Condition<'a> {
        self.time_between_checks = time;
        self
    }

    /// When to give up; a check is made at the very end, too. Default: 60 s.
    pub fn timeout(mut self, timeout: Duration) -> Condition<'a> {
        self.timeout = timeout;
        self
    }

    /// For how long every check must find the condition true before it counts. Default: 0, once is enough.
    pub fn time_to_success(mut self, time: Duration) -> Condition<'a> {
        self.time_to_success = time;
        self
    }

    /// Called when the condition holds, with the time that it took.
    pub fn on_success(mut self, call: impl FnOnce(Duration) + 'a) -> Condition<'a> {
        self.on_success = Box::new(call);
        self
    }

    /// Called when time is up, with the time that was given; [`wait`](Condition::wait) fails after it.
    pub fn on_failure(mut self, call: impl FnOnce(Duration) + 'a) -> Condition<'a> {
        self.on_failure = Box::new(call);
        self
    }

    /// Waits until the condition holds; gives the time that it took.
    ///
    /// # Errors
    /// [`Code::Timeout`] with the description; whatever the condition fails with, at once; [`Code::Cancelled`] when the
    /// user interrupts, also between two checks.
    pub fn wait(mut self) -> Result<Duration> {
        let began = Instant::now();
        let mut holds_since = None;
        loop {
            let holds =
                (self.holds)().map_err(|error| error.context(format!("failed to check: {}", self.description)))?;
            let elapsed = began.elapsed();
            if holds {
                let since = *holds_since.get_or_insert(elapsed);
                if elapsed - since >= self.time_to_success {
                    (self.on_success)(elapsed);
                    return Ok(elapsed);
                }
            } else {
                holds_since = None;
            }
            let left = self.timeout.saturating_sub(elapsed);
            if left.is_zero() {
                (self.on_failure)(self.timeout);
                let late = format!("it did not hold within {:?}: {}", self.timeout, self.description);
                return Err(Error::with_code(Code::Timeout, late));
            }
            self.pause(self.time_between_checks.min(left))?;
        }
    }

    /// The host waits, since it knows when the user interrupts.
    fn pause(&self, time: Duration) -> Result<()> {
        ops::call(&*self.host, &ops::Pause { time_ms: ops::milliseconds(time).max(1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeHost;
    use crate::Cluster;
    use std::cell::{Cell, RefCell};

    fn cluster() -> (FakeHost, Cluster) {
        let host = FakeHost::new().node("nodes", "node-1");
        let cluster = host.cluster();
        (host, cluster)
    }

    #[test]
    fn it_is_asked_until_it_holds() {
        let (host, cluster) = cluster();
        let asked = Cell::new(0);
        let took = RefCell::new(None);
        let condition = cluster.wait_for_condition("ready", || {
            asked.set(asked.get() + 1);
            Ok(asked.get() == 3)
        });
        let elapsed = condition.on_success(|time| *took.borrow_mut() = Some(time)).wait().unwrap();
        assert_eq!((asked.get(), took.into_inner()), (3, Some(elapsed)));
        assert_eq!(host.calls(), ["pause 1000 ms", "pause 1000 ms"], "a second between checks unless told otherwise");
    }

    #[test]
    fn time_that_is_up_is_told_with_the_description() {
        let (_, cluster) = cluster();
        let (asked, given) = (Cell::new(0), Cell::new(None));
        let never = cluster.wait_for_condition("the sun is green", || {
            asked.set(asked.get() + 1);
            Ok(false)
        });
        let late = never.timeout(Duration::ZERO).on_failure(|time| given.set(Some(time))).wait().unwrap_err();
        assert_eq!(late.code(), Code::Timeout);
        assert_eq!(late.to_string(), "it did not hold within 0ns: the sun is green");
        assert_eq!((asked.get(), given.get()), (1, Some(Duration::ZERO)), "it is asked once, however short the time");
    }

    #[test]
    fn it_has_to_hold_without_a_break() {
        let (_, cluster) = cluster();
        let asked = Cell::new(0);
        // True, false, and then true until enough time has gone by.
        let condition = cluster.wait_for_condition("steady", || {
            asked.set(asked.get() + 1);
            Ok(asked.get() != 2)
        });
        let stable = Duration::from_millis(1);
        condition.time_to_success(stable).time_between_checks(stable).wait().unwrap();
        assert!(asked.get() > 3, "the first did not count: {}", asked.get());
    }

    #[test]
    fn an_error_and_an_interruption_end_it_at_once() {
        let (host, cluster) = cluster();
        let broken = cluster.wait_for_condition("ready", || Err(Error::new("no such thing"))).wait().unwrap_err();
        assert_eq!(broken.to_string(), "failed to check: ready: no such thing");
        host.fail("pause", Error::with_code(Code::Cancelled, "the command was interrupted"));
        let cancelled = cluster.wait_for_condition("ready", || Ok(false)).wait().unwrap_err();
        assert_eq!(cancelled.code(), Code::Cancelled);
    }
}
