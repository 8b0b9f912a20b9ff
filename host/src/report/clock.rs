//! The report's clock: one reading of the wall clock when the command begins, and a monotonic count from then on. So the
//! times of lines never go backwards, and a test can stop the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// A clock. Its clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    begun: Timestamp,
    zone: TimeZone,
    run: Run,
}

#[derive(Debug, Clone)]
enum Run {
    Steady(Instant),
    /// How far a test has moved it, in milliseconds.
    ByHand(Arc<AtomicU64>),
}

impl Clock {
    /// This machine's clock and time zone.
    pub fn system() -> Clock {
        Clock {
            begun: Timestamp::now(),
            zone: TimeZone::system(),
            run: Run::Steady(Instant::now()),
        }
    }

    /// A clock for tests that is stopped at `begun` and moved by [`advance`](Clock::advance).
    pub fn stopped(begun: Timestamp, zone: TimeZone) -> Clock {
        Clock {
            begun,
            zone,
            run: Run::ByHand(Arc::default()),
        }
    }

    /// Moves a stopped clock and its clones forward. Has no effect on a running clock.
    pub fn advance(&self, milliseconds: u64) {
        if let Run::ByHand(moved) = &self.run {
            moved.fetch_add(milliseconds, Ordering::Relaxed);
        }
    }

    /// The time since the clock was created.
    pub fn elapsed(&self) -> Duration {
        match &self.run {
            Run::Steady(begun) => begun.elapsed(),
            Run::ByHand(moved) => Duration::from_millis(moved.load(Ordering::Relaxed)),
        }
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::MAX);
        self.begun.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// The current local time in the original's form: `2026-11-24 08:31:02 AM`.
    pub fn local(&self) -> String {
        self.now()
            .to_zoned_datetime(self.zone.clone())
            .strftime("%Y-%m-%d %I:%M:%S %p")
            .to_string()
    }

    /// The current time in RFC 3339, UTC, with milliseconds.
    pub fn utc(&self) -> String {
        format!("{:.3}", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_local_time_and_programs_utc() {
        let berlin = TimeZone::fixed(jiff::tz::offset(1));
        let clock = Clock::stopped("2026-11-24T12:31:02.5Z".parse().unwrap(), berlin);
        assert_eq!(clock.local(), "2026-11-24 01:31:02 PM");
        assert_eq!(clock.utc(), "2026-11-24T12:31:02.500Z");
        clock.clone().advance(3_600_000 * 11);
        assert_eq!(clock.local(), "2026-11-25 12:31:02 AM");
    }

    #[test]
    fn a_running_clock_is_not_moved_by_hand() {
        let clock = Clock::system();
        clock.advance(3_600_000);
        assert!(clock.elapsed() < Duration::from_secs(3600));
    }
}
