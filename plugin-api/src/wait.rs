//! Waiting for a condition that a closure checks again and again. If a [`Probe`](crate::Probe) can express it, prefer
//! that: the host then also notices nodes that die.

use std::fmt;
use std::time::{Duration, Instant};

use crate::calls::{self, HostRef};
use crate::{Code, Error, Result};

/// A wait for a condition, made by [`Cluster::wait`](crate::Cluster::wait). Nothing happens before
/// [`until`](Wait::until).
///
/// ```
/// use clusterdock_plugin_api::{Cluster, Result};
/// use std::time::Duration;
///
/// fn start(cluster: &Cluster) -> Result<()> {
///     let master = cluster.node("master")?;
///     let workers = cluster
///         .wait("three workers registered")
///         .timeout(Duration::from_secs(600))
///         .until(|| {
///             let workers = master.execute("list-workers")?;
///             Ok((workers.lines().count() >= 3).then(|| workers.text().to_string()))
///         })?;
///     cluster.closing(format!("The workers are {workers}"))
/// }
/// ```
///
/// Since 1.0.
#[must_use = "`until` waits"]
#[derive(Clone)]
pub struct Wait {
    host: HostRef,
    what: String,
    interval: Option<Duration>,
    timeout: Duration,
    steady: Duration,
}

/// Between the first checks, doubled up to the longest.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
const LONGEST_INTERVAL: Duration = Duration::from_secs(1);

impl Wait {
    pub(crate) fn new(host: HostRef, what: String) -> Wait {
        Wait {
            host,
            what,
            interval: None,
            timeout: Duration::from_secs(300),
            steady: Duration::ZERO,
        }
    }

    /// Sets the time between two checks. Default: 100 ms at first, growing to 1 s.
    pub fn interval(mut self, time: Duration) -> Wait {
        self.interval = Some(time);
        self
    }

    /// Sets the time limit; the last check is made at its end. Default: 5 minutes. The deadline of the hook counts besides.
    pub fn timeout(mut self, timeout: Duration) -> Wait {
        self.timeout = timeout;
        self
    }

    /// Sets how long the condition must hold without interruption. Default: 0, so that one check is enough.
    pub fn steady_for(mut self, time: Duration) -> Wait {
        self.steady = time;
        self
    }

    /// Waits until the condition returns `Some`, and returns that value. `None` means "not yet", and so does a command that
    /// exits with another code than 0: if the time is over, the error has it as its cause.
    ///
    /// # Errors
    /// [`Code::Timeout`] with what is waited for; any other error of the condition, immediately; [`Code::Cancelled`] if
    /// the user interrupts, even between two checks.
    pub fn until<T>(self, mut condition: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let began = Instant::now();
        // A test's host does not really pause, so that a condition that never holds ends at once.
        let mut paused = Duration::ZERO;
        let mut interval = self.interval.unwrap_or(SHORTEST_INTERVAL);
        let mut holds_since = None;
        loop {
            let (found, refusal) = match condition() {
                Ok(found) => (found, None),
                Err(error) if error.code() == Code::Command => (None, Some(error)),
                Err(error) => return Err(error.context(format!("failed to check: {}", self.what))),
            };
            let elapsed = began.elapsed().max(paused);
            match found {
                Some(value) => {
                    let since = *holds_since.get_or_insert(elapsed);
                    if elapsed - since >= self.steady {
                        return Ok(value);
                    }
                }
                None => holds_since = None,
            }
            let left = self.timeout.saturating_sub(elapsed);
            if left.is_zero() {
                return Err(self.timed_out(refusal));
            }
            let time = interval.min(left);
            let waiting_for = match &refusal {
                Some(error) => format!("{} ({error})", self.what),
                None => self.what.clone(),
            };
            calls::pause(&self.host, time, &waiting_for)?;
            paused += time;
            if self.interval.is_none() {
                interval = (interval * 2).min(LONGEST_INTERVAL);
            }
        }
    }

    fn timed_out(&self, refusal: Option<Error>) -> Error {
        let message = format!("timed out after {:?}: {}", self.timeout, self.what);
        let causes = refusal.iter().flat_map(|error| error.chain());
        causes.fold(Error::with_code(Code::Timeout, message), |error, cause| {
            error.cause(cause)
        })
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("what", &self.what)
            .field("interval", &self.interval)
            .field("timeout", &self.timeout)
            .field("steady", &self.steady)
            .finish_non_exhaustive()
    }
}
