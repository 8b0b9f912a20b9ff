//! Durations as users write them: `90s`, `5m`, `1h 30m`, or seconds such as `90`, as in `docker stop -t`.

use std::time::Duration;

/// The longest duration; a longer one is a mistake.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads a duration.
pub fn parse(text: &str) -> Result<Duration, String> {
    let time = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text)
            .map_err(|_| "expected a duration such as 90s, 5m or 1h 30m".to_string())?,
    };
    if time > LONGEST {
        return Err("longer than a year".into());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_without_unit_is_in_seconds() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(
            parse("10"),
            Ok(Duration::from_secs(10)),
            "as `docker stop -t 10`"
        );
        for bad in ["-1", "1.5", "", "fast", "9999999999h", "9999999999"] {
            parse(bad).unwrap_err();
        }
    }
}
