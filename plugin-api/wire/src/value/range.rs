//! Ranges of values, written as their user types values: `LOW..=HIGH`, `LOW..` or `..=HIGH`.

use crate::{Arg, ArgKind, Value};

/// The ends of a range, with their text.
pub(crate) struct Range<'a> {
    low: Option<(i128, &'a str)>,
    high: Option<(i128, &'a str)>,
}

/// Reads a range of values of this kind.
///
/// # Errors
/// The kind has no ranges, or the range has no ends, invalid ends, or is empty.
pub(crate) fn parse(kind: ArgKind, text: &str) -> Result<Range<'_>, String> {
    let malformed = || format!("invalid range `{text}`: expected LOW..=HIGH, LOW.. or ..=HIGH");
    let (low, rest) = text.split_once("..").ok_or_else(malformed)?;
    let high = match rest.strip_prefix('=') {
        Some(high) => end(kind, high, text)?,
        None if rest.is_empty() => None,
        None => return Err(malformed()),
    };
    let low = if low.is_empty() {
        None
    } else {
        end(kind, low, text)?
    };
    match (low, high) {
        (None, None) => Err(malformed()),
        (Some((low, _)), Some((high, _))) if low > high => {
            Err(format!("invalid range `{text}`: nothing is in it"))
        }
        _ => Ok(Range { low, high }),
    }
}

fn end<'a>(kind: ArgKind, end: &'a str, text: &str) -> Result<Option<(i128, &'a str)>, String> {
    let arg = Arg {
        kind,
        ..Arg::default()
    };
    let end = end.trim();
    let value = arg
        .parse(&[end])
        .map_err(|why| format!("invalid range `{text}`: {why}"))?;
    let number = number(&value)
        .ok_or_else(|| format!("a {} has no range, but `{text}` is given", kind.name()))?;
    Ok(Some((number, end)))
}

/// The number that a range compares.
fn number(value: &Value) -> Option<i128> {
    match value {
        Value::Integer(number) => Some((*number).into()),
        Value::Port(port) => Some(port.number.into()),
        Value::Milliseconds(time) => Some((*time).into()),
        Value::Bytes(bytes) => Some((*bytes).into()),
        _ => None,
    }
}

impl Range<'_> {
    /// Checks that a value is in the range.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        let Some(number) = number(value) else {
            return Err("only numbers have a range".into());
        };
        let is_in = self.low.is_none_or(|(low, _)| number >= low)
            && self.high.is_none_or(|(high, _)| number <= high);
        if is_in {
            return Ok(());
        }
        Err(match (self.low, self.high) {
            (Some((_, low)), Some((_, high))) => format!("must be from {low} to {high}"),
            (Some((_, low)), None) => format!("must be at least {low}"),
            (_, high) => format!("must be at most {}", high.map_or("", |(_, text)| text)),
        })
    }
}
