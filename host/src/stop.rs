//! Ends work early, for one reason.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, Result};

/// Whether and why the work is to end. The first reason holds.
#[derive(Debug)]
pub struct Stop {
    reason: watch::Sender<Option<Error>>,
}

impl Default for Stop {
    fn default() -> Stop {
        Stop {
            reason: watch::Sender::new(None),
        }
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

    /// Completes when the work is to end; never if this is dropped before.
    pub fn stopped(&self) -> impl Future<Output = Error> + Send + use<> {
        let mut reason = self.reason.subscribe();
        async move {
            if let Ok(found) = reason.wait_for(Option::is_some).await
                && let Some(why) = found.clone()
            {
                return why;
            }
            std::future::pending().await
        }
    }

    /// Waits, unless the work is to end first.
    pub async fn wait<T>(&self, wait: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            why = self.stopped() => Err(why),
            done = wait => done,
        }
    }

    /// Runs `work`, which obeys `other`. Stopping this also stops `other`, but not the other way round.
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

    /// Runs `work` and stops it, for the reason that `timed_out` returns, if it takes longer than `deadline`.
    pub async fn within<T>(
        &self,
        deadline: Duration,
        timed_out: impl FnOnce() -> Error,
        work: impl Future<Output = T>,
    ) -> T {
        let time_limit = async {
            tokio::time::sleep(deadline).await;
            timed_out()
        };
        self.unless(time_limit, work).await
    }

    /// Runs `work`, and stops it if `trigger` completes first, with the reason to stop.
    pub async fn unless<T>(
        &self,
        trigger: impl Future<Output = Error>,
        work: impl Future<Output = T>,
    ) -> T {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => done,
            why = trigger => {
                self.stop(why);
                work.await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::error::Kind;

    fn interrupted() -> Error {
        Error::new(Kind::Interrupted, "interrupted")
    }

    #[tokio::test]
    async fn the_first_reason_to_stop_holds() {
        let stop = Stop::new();
        stop.check().unwrap();
        stop.stop(interrupted());
        stop.stop(Error::new(Kind::Timeout, "timed out"));
        assert_eq!(stop.check().unwrap_err().kind(), Kind::Interrupted);
    }

    #[tokio::test]
    async fn a_stop_ends_waits() {
        let stop = Stop::new();
        stop.stop(interrupted());
        let waited = stop.wait(pending::<Result<()>>()).await;
        assert_eq!(waited.unwrap_err().kind(), Kind::Interrupted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_ends_work_bound_to_it() {
        let stop = Stop::new();
        let timed_out = || Error::new(Kind::Timeout, "timed out");
        let work = stop
            .within(
                Duration::from_secs(5),
                timed_out,
                stop.wait(pending::<Result<()>>()),
            )
            .await;
        assert_eq!(work.unwrap_err().kind(), Kind::Timeout);
    }
}
