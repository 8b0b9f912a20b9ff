//! Ends work early, for one reason.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, Result};

/// Whether and why the work is to end. The first reason holds.
#[derive(Debug)]
pub struct Cancellation {
    reason: watch::Sender<Option<Error>>,
}

impl Default for Cancellation {
    fn default() -> Cancellation {
        Cancellation {
            reason: watch::Sender::new(None),
        }
    }
}

impl Cancellation {
    /// Nothing is cancelled yet.
    pub fn new() -> Cancellation {
        Cancellation::default()
    }

    /// Cancels the work; a second reason changes nothing.
    pub fn cancel(&self, why: Error) {
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
    pub fn cancelled(&self) -> impl Future<Output = Error> + Send + use<> {
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
            why = self.cancelled() => Err(why),
            done = wait => done,
        }
    }

    /// Runs `work`, which obeys `other`. Stopping this also stops `other`, but not the other way round.
    pub async fn also<T>(&self, other: &Cancellation, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => done,
            why = self.cancelled() => {
                other.cancel(why);
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
                self.cancel(why);
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
    async fn the_first_reason_holds() {
        let cancellation = Cancellation::new();
        cancellation.check().unwrap();
        cancellation.cancel(interrupted());
        cancellation.cancel(Error::new(Kind::Timeout, "timed out"));
        assert_eq!(cancellation.check().unwrap_err().kind(), Kind::Interrupted);
    }

    #[tokio::test]
    async fn a_cancellation_ends_waits() {
        let cancellation = Cancellation::new();
        cancellation.cancel(interrupted());
        let waited = cancellation.wait(pending::<Result<()>>()).await;
        assert_eq!(waited.unwrap_err().kind(), Kind::Interrupted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_ends_work_bound_to_it() {
        let cancellation = Cancellation::new();
        let timed_out = || Error::new(Kind::Timeout, "timed out");
        let work = cancellation
            .within(
                Duration::from_secs(5),
                timed_out,
                cancellation.wait(pending::<Result<()>>()),
            )
            .await;
        assert_eq!(work.unwrap_err().kind(), Kind::Timeout);
    }
}
