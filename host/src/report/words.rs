//! Numbers for people: durations, ages, counts and amounts of data.

use std::time::Duration;

use jiff::Timestamp;

/// `00:00:01.621`, as in the original's closing line. Hours may have more than two digits.
pub fn total_time(milliseconds: u64) -> String {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    format!(
        "{:02}:{:02}:{:02}.{rest:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// `0.4s`, `1m05s`, `2h03m`: at most six characters for anything under a hundred hours.
pub fn took(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    let seconds = tenths / 10;
    match seconds {
        0..60 => format!("{seconds}.{}s", tenths % 10),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// `3 minutes ago`, from RFC 3339; empty if `then` is not a time. A time in the future, as clocks differ, is `just now`.
pub fn age(then: &str, now: Timestamp) -> String {
    let Ok(then) = then.parse::<Timestamp>() else {
        return String::new();
    };
    let seconds = u64::try_from(now.as_second() - then.as_second()).unwrap_or(0);
    let (amount, unit) = match seconds {
        0..5 => return "just now".into(),
        5..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        86_400..1_209_600 => (seconds / 86_400, "day"),
        1_209_600..5_184_000 => (seconds / 604_800, "week"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    format!("{} ago", count(amount, unit))
}

/// `1 node`, `2 nodes`.
pub fn count(number: impl TryInto<u64>, noun: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

/// `45.2 of 120.0 MB`, both in the unit of the whole.
pub fn share(current: u64, total: u64) -> String {
    let (unit, name) = match total {
        0..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    format!(
        "{:.1} of {:.1} {name}",
        current as f64 / unit,
        total as f64 / unit
    )
}

/// `45.2 MB`; bytes one by one below a kilobyte.
pub fn bytes(amount: u64) -> String {
    let (unit, name) = match amount {
        0..1_000 => return count(amount, "byte"),
        1_000..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    format!("{:.1} {name}", amount as f64 / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_time_has_the_originals_form() {
        assert_eq!(total_time(1621), "00:00:01.621");
        assert_eq!(total_time(0), "00:00:00.000");
        assert_eq!(total_time(3_723_004), "01:02:03.004");
        assert_eq!(total_time(360_000_000), "100:00:00.000");
    }

    #[test]
    fn a_duration_is_as_exact_as_it_is_short() {
        let took_ms = |milliseconds| took(Duration::from_millis(milliseconds));
        assert_eq!(took_ms(0), "0.0s");
        assert_eq!(took_ms(449), "0.4s");
        assert_eq!(took_ms(59_949), "59.9s");
        assert_eq!(took_ms(59_950), "1m00s");
        assert_eq!(took_ms(65_000), "1m05s");
        assert_eq!(took_ms(3_599_000), "59m59s");
        assert_eq!(took_ms(7_380_000), "2h03m");
    }

    #[test]
    fn an_age_is_in_its_largest_fitting_unit() {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        assert_eq!(age("2026-11-24T11:59:57Z", now), "just now");
        assert_eq!(age("2026-11-24T11:59:20Z", now), "40 seconds ago");
        assert_eq!(age("2026-11-24T11:58:30Z", now), "1 minute ago");
        assert_eq!(age("2026-11-24T09:00:00.25Z", now), "3 hours ago");
        assert_eq!(age("2026-11-22T12:00:00Z", now), "2 days ago");
        assert_eq!(age("2026-10-24T12:00:00Z", now), "4 weeks ago");
        assert_eq!(age("2026-01-24T12:00:00Z", now), "10 months ago");
        assert_eq!(age("2020-11-24T12:00:00Z", now), "6 years ago");
    }

    #[test]
    fn an_unknown_age_is_empty() {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        assert_eq!(age("", now), "");
        assert_eq!(age("yesterday", now), "");
        assert_eq!(age("2027-01-01T00:00:00Z", now), "just now");
    }

    #[test]
    fn counts_and_amounts() {
        assert_eq!(count(1_usize, "node"), "1 node");
        assert_eq!(count(0_u64, "node"), "0 nodes");
        assert_eq!(share(45_210_000, 120_000_000), "45.2 of 120.0 MB");
        assert_eq!(share(500, 2_000), "0.5 of 2.0 kB");
        assert_eq!(share(1_500_000_000, 3_000_000_000), "1.5 of 3.0 GB");
    }
}
