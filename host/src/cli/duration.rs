//! Times as users write them: `90s`, `5m`, `1h 30m`, or `90` for seconds, as `docker stop -t` has it.

use std::time::Duration;

/// The longest time that is taken for meant.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads a time.
pub fn parse(text: &str) -> Result<Duration, String> {
    let time = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text).map_err(|_| "write a time as 90s, 5m or 1h 30m".to_string())?,
    };
    if time > LONGEST {
        return Err("more than a year".into());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units_and_as_seconds_without() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("10"), Ok(Duration::from_secs(10)), "as `docker stop -t 10`");
        for bad in ["-1", "1.5", "", "fast", "9999999999h", "9999999999"] {
            parse(bad).unwrap_err();
        }
    }
}
