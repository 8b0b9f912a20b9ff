//! The types that an argument can have.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::wire::{self, ArgKind, Value};
use crate::{Arg, Choice, Port, Secret, Size};

/// A type that an argument can have.
///
/// | type | typed as |
/// |---|---|
/// | `String` | any text |
/// | [`Secret`] | any text, shown nowhere |
/// | `bool` | `--name`, without a value |
/// | `u8` to `u64`, `i8` to `i64`, `usize` | a whole number |
/// | [`Port`] | `2379`, or `53/udp` |
/// | [`Duration`] | `90s`, `5m` or `1h 30m` |
/// | [`Size`] | `512m` or `2g` |
/// | `PathBuf` | a local path |
/// | an enum with [`Choice`] | the name of a variant |
/// | `Vec<String>`, `Vec` of such an enum | `--name a b`, `--name a,b`, or repeated |
/// | `BTreeMap<String, Vec<String>>` | `--name a=x,y`, repeated |
/// | `Option` of one of the first nine | `None` if it was not given |
///
/// Implemented here and by `#[derive(Choice)]` only. Since 1.0.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of an argument",
    label = "not a type of arguments",
    note = "use String, Secret, bool, an integer, Port, Duration, Size, PathBuf, an enum with #[derive(Choice)], \
            Option of these, Vec<String> or BTreeMap<String, Vec<String>>"
)]
pub trait ArgValue: Sized {
    /// An argument of this type, still without a name.
    #[doc(hidden)]
    fn arg() -> Arg;

    /// Its value; `None` if it is missing or of another kind.
    #[doc(hidden)]
    fn read(value: Option<&wire::Value>) -> Option<Self>;
}

macro_rules! values {
    ($($type:ty: $kind:ident, $pattern:pat => $value:expr;)*) => {$(
        impl ArgValue for $type {
            fn arg() -> Arg {
                Arg::new(ArgKind::$kind)
            }

            fn read(value: Option<&Value>) -> Option<$type> {
                match value? {
                    $pattern => Some($value),
                    _ => None,
                }
            }
        }
    )*};
}

values! {
    String: Text, Value::Text(text) => text.clone();
    Secret: Secret, Value::Secret(secret) => Secret::from(secret.clone());
    PathBuf: Path, Value::Path(path) => path.clone();
    Duration: Duration, Value::Milliseconds(time) => Duration::from_millis(*time);
    Size: Size, Value::Bytes(bytes) => Size::from_bytes(*bytes);
    Port: Port, Value::Port(port) => Port::new(port.number, port.protocol.into());
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl ArgValue for $type {
            fn arg() -> Arg {
                let largest = i64::try_from(<$type>::MAX).unwrap_or(i64::MAX);
                Arg::new(ArgKind::Integer).range(format!("{}..={largest}", <$type>::MIN))
            }

            fn read(value: Option<&Value>) -> Option<$type> {
                match value? {
                    Value::Integer(number) => <$type>::try_from(*number).ok(),
                    _ => None,
                }
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 usize i8 i16 i32 i64);

impl ArgValue for bool {
    fn arg() -> Arg {
        optional(Arg::new(ArgKind::Flag))
    }

    fn read(value: Option<&Value>) -> Option<bool> {
        match value {
            None => Some(false),
            Some(Value::Flag(flag)) => Some(*flag),
            Some(_) => None,
        }
    }
}

impl<T: ArgValue> ArgValue for Option<T> {
    fn arg() -> Arg {
        optional(T::arg())
    }

    fn read(value: Option<&Value>) -> Option<Option<T>> {
        match value {
            None => Some(None),
            given => T::read(given).map(Some),
        }
    }
}

impl<T: Choice> ArgValue for T {
    fn arg() -> Arg {
        Arg::new(ArgKind::Choice).choices(T::CHOICES.iter().copied())
    }

    fn read(value: Option<&Value>) -> Option<T> {
        match value? {
            Value::Text(name) => T::from_name(name),
            _ => None,
        }
    }
}

impl ArgValue for Vec<String> {
    fn arg() -> Arg {
        optional(Arg::new(ArgKind::List))
    }

    fn read(value: Option<&Value>) -> Option<Vec<String>> {
        match value {
            None => Some(Vec::new()),
            Some(Value::List(list)) => Some(list.clone()),
            Some(_) => None,
        }
    }
}

impl<T: Choice> ArgValue for Vec<T> {
    fn arg() -> Arg {
        optional(Arg::new(ArgKind::List).choices(T::CHOICES.iter().copied()))
    }

    fn read(value: Option<&Value>) -> Option<Vec<T>> {
        let names: Vec<String> = ArgValue::read(value)?;
        names.iter().map(|name| T::from_name(name)).collect()
    }
}

impl ArgValue for BTreeMap<String, Vec<String>> {
    fn arg() -> Arg {
        optional(Arg::new(ArgKind::Map))
    }

    fn read(value: Option<&Value>) -> Option<BTreeMap<String, Vec<String>>> {
        match value {
            None => Some(BTreeMap::new()),
            Some(Value::Map(map)) => Some(map.clone()),
            Some(_) => None,
        }
    }
}

fn optional(mut arg: Arg) -> Arg {
    arg.0.required = false;
    arg
}
