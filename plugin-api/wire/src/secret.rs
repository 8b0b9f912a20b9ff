//! Text that is only visible to the two sides of the boundary: `Debug` and serialization print `***`, except for what
//! [`encode`](crate::json::encode) sends to the other side.

use std::cell::Cell;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is printed in place of a secret.
pub const MASK: &str = "***";

thread_local! {
    /// Whether this thread encodes a message for the other side.
    static EXPOSES: Cell<bool> = const { Cell::new(false) };
}

/// A secret text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides this text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Runs `encode`, in which serialization shows secrets.
pub(crate) fn exposed<T>(encode: impl FnOnce() -> T) -> T {
    struct Reset(bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            EXPOSES.with(|exposes| exposes.set(self.0));
        }
    }
    let _reset = Reset(EXPOSES.with(|exposes| exposes.replace(true)));
    encode()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_exposed = EXPOSES.with(Cell::get);
        serializer.serialize_str(if is_exposed { &self.0 } else { MASK })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn only_the_other_side_gets_the_text() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"");
        let sent = json::encode(&secret).unwrap();
        assert_eq!(sent, "\"hunter2\"");
        assert_eq!(json::decode::<Secret>(&sent, "a secret").unwrap(), secret);
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"***\"", "again");
    }
}
