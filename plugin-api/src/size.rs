//! Amounts of bytes.

use std::fmt;

/// An amount of bytes, typed as `512m` or `2g`, which counts by 1024.
///
/// ```
/// use clusterdock_plugin_api::Size;
///
/// let heap = Size::from_mib(1536);
/// assert_eq!((heap.bytes(), heap.mib()), (1_610_612_736, 1536));
/// assert_eq!(format!("-Xmx{heap}"), "-Xmx1536m");
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// An amount of bytes.
    pub const fn from_bytes(bytes: u64) -> Size {
        Size(bytes)
    }

    /// An amount of mebibytes; more than a size can hold is the largest size.
    pub const fn from_mib(mib: u64) -> Size {
        Size(mib.saturating_mul(1 << 20))
    }

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// In mebibytes, rounded down.
    pub const fn mib(self) -> u64 {
        self.0 >> 20
    }
}

/// In the largest unit that is exact, as it is typed: `1536m`, `2g`, `1000`.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = [(40, "t"), (30, "g"), (20, "m"), (10, "k")]
            .into_iter()
            .find(|(bits, _)| self.0 > 0 && self.0 % (1_u64 << bits) == 0);
        match exact {
            Some((bits, unit)) => write!(f, "{}{unit}", self.0 >> bits),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_shown_as_it_is_typed() {
        for (bytes, shown) in [
            (0, "0"),
            (1000, "1000"),
            (1 << 10, "1k"),
            (3 << 20, "3m"),
            (5 << 30, "5g"),
            (1 << 40, "1t"),
            ((1 << 30) + 1, "1073741825"),
        ] {
            assert_eq!(Size::from_bytes(bytes).to_string(), shown);
        }
        assert_eq!(Size::from_mib(u64::MAX).bytes(), u64::MAX);
    }
}
