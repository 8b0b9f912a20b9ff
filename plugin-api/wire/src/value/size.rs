//! Sizes as Docker's users write them: `512m`, `2g`, `64k`, `1048576`.

/// Reads a size in bytes. Units are powers of 1024: `b`, `k`, `m`, `g` and `t` in either case, also as `kb` or `kib`.
pub fn parse(text: &str) -> Result<u64, String> {
    let malformed = || "expected a size such as 512m or 2g".to_string();
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(lower.len());
    let (number, unit) = lower.split_at(digits);
    let shift = match unit.trim().trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(malformed()),
    };
    let number: f64 = number.parse().map_err(|_| malformed())?;
    let bytes = number * (1u64 << shift) as f64;
    if bytes >= u64::MAX as f64 {
        return Err("too large".into());
    }
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_in_docker() {
        for (text, bytes) in [
            ("512m", 512 << 20),
            ("2G", 2 << 30),
            ("1.5k", 1536),
            ("64KiB", 64 << 10),
            ("7", 7),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for bad in ["", "m", "1x", "-1", "1..2"] {
            parse(bad).unwrap_err();
        }
    }
}
