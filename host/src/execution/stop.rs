//! The one way to end work early.

use crate::error::{Error, Kind, Result};
use std::future::Future;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a call to the engine that is under way may go on after a stop: longer than any call takes on an engine
/// that works, short enough for a user who pressed Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);

/// How long an engine may take to tell something, and to make or remove something, whatever deadlines of its own it
/// has: a call that never answers must not hold up a start, nor its undo, for good.
const LOOK: Duration = Duration::from_secs(60);
const CALL: Duration = Duration::from_secs(180);

/// How long an engine may take to get or give files, or to make an image: however much of it there is.
const TRANSFER: Duration = Duration::from_secs(2 * 3600);

/// Whether and why the work is to end. The first reason holds.
#[derive(Debug)]
pub struct Stop {
    reason: watch::Sender<Option<Error>>,
}

impl Default for Stop {
    fn default() -> Stop {
        Stop { reason: watch::Sender::new(None) }
    }
}

impl Stop {
    /// Nothing stops yet.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Ends the work; a second reason changes nothing.
    pub fn stop(&self, why: Error) {
        self.reason.send_if_modified(|reason| {
            let first = reason.is_none();
            reason.get_or_insert(why);
            first
        });
    }

    /// Why the work ends, if it does.
    pub fn reason(&self) -> Option<Error> {
        self.reason.borrow().clone()
    }

    /// An error once the work is to end.
    pub fn check(&self) -> Result<()> {
        self.reason().map_or(Ok(()), Err)
    }

    /// Completes when the work is to end.
    pub async fn stopped(&self) -> Error {
        let mut reason = self.reason.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let found = reason.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        found.unwrap_or_else(|| Error::new(Kind::Other, "stopped"))
    }

    /// A wait: given up as soon as the work is to end.
    pub async fn wait<T>(&self, wait: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            why = self.stopped() => Err(why),
            done = wait => done,
        }
    }

    /// A call to the engine that only looks: given up as soon as the work is to end, or after a minute.
    pub async fn look<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.wait(async { timeout(LOOK, call).await.unwrap_or_else(|_| Err(silent(LOOK))) }).await
    }

    /// A call to the engine that makes or removes something: not begun once the work is to end, and let finish, for
    /// [`GRACE`] at most, when it is under way. After three minutes it is given up in any case.
    pub async fn call<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.long_call(Duration::ZERO, call).await
    }

    /// The same of a call that moves files or makes an image, which may take two hours.
    pub async fn transfer<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.long_call(TRANSFER, call).await
    }

    /// The same of a call that may take so much longer.
    pub async fn long_call<T>(&self, longer: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.check()?;
        let deadline = CALL + longer;
        let call = async { timeout(deadline, call).await.unwrap_or_else(|_| Err(silent(deadline))) };
        tokio::pin!(call);
        tokio::select! {
            biased;
            done = &mut call => done,
            why = self.stopped() => timeout(GRACE, call).await.unwrap_or(Err(why)),
        }
    }

    /// Runs `work`, which looks at `other`; a stop here is a stop there too, but not the other way round.
    pub async fn also<T>(&self, other: &Stop, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => done,
            why = self.stopped() => {
                other.stop(why);
                work.await
            }
        }
    }

    /// Runs `work` and stops it, for the reason that `late` gives, when it takes longer than `deadline`.
    pub async fn within<T>(
        &self,
        deadline: Duration,
        late: impl FnOnce() -> Error,
        work: impl Future<Output = T>,
    ) -> T {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => done,
            () = tokio::time::sleep(deadline) => {
                self.stop(late());
                work.await
            }
        }
    }
}

fn silent(deadline: Duration) -> Error {
    Error::new(Kind::Timeout, "the engine does not answer")
        .cause(format!("a call has taken more than {}", humantime::format_duration(deadline)))
        .hint("look at the engine's load and its log")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    fn interrupted() -> Error {
        Error::new(Kind::Interrupted, "interrupted")
    }

    #[tokio::test]
    async fn the_first_reason_holds() {
        let stop = Stop::new();
        stop.check().unwrap();
        stop.stop(interrupted());
        stop.stop(Error::new(Kind::Timeout, "late"));
        assert_eq!(stop.check().unwrap_err().kind(), Kind::Interrupted);
    }

    #[tokio::test]
    async fn a_wait_ends_at_once_and_no_call_begins() {
        let stop = Stop::new();
        stop.stop(interrupted());
        assert_eq!(stop.wait(pending::<Result<()>>()).await.unwrap_err().kind(), Kind::Interrupted);
        let mut begun = false;
        let call = async {
            begun = true;
            Ok(())
        };
        stop.call(call).await.unwrap_err();
        assert!(!begun);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_under_way_is_let_finish_and_a_stalled_one_given_up() {
        let stop = Stop::new();
        let slow = async {
            stop.stop(interrupted());
            tokio::task::yield_now().await;
            Ok(7)
        };
        assert_eq!(stop.call(slow).await.unwrap(), 7);
        let stop = Stop::new();
        let stalled = async {
            stop.stop(interrupted());
            pending::<Result<()>>().await
        };
        assert_eq!(stop.call(stalled).await.unwrap_err().kind(), Kind::Interrupted);
        assert_eq!(Stop::new().call(ready(Ok(1))).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_answers_is_given_up_and_a_transfer_gets_its_time() {
        let after = async |seconds| {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok(())
        };
        let stop = Stop::new();
        assert_eq!(stop.look(after(61)).await.unwrap_err().kind(), Kind::Timeout);
        assert_eq!(stop.call(after(181)).await.unwrap_err().kind(), Kind::Timeout);
        stop.call(after(120)).await.unwrap();
        stop.transfer(after(3600)).await.unwrap();
        assert_eq!(stop.transfer(pending::<Result<()>>()).await.unwrap_err().kind(), Kind::Timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_stops_what_looks_at_the_stop() {
        let stop = Stop::new();
        let late = || Error::new(Kind::Timeout, "too late");
        let work = stop.within(Duration::from_secs(5), late, stop.wait(pending::<Result<()>>())).await;
        assert_eq!(work.unwrap_err().kind(), Kind::Timeout);
    }
}
