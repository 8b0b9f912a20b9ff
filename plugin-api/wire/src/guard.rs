//! Turns a panic of the topology's code into an error with its message and location. A panic that left a method of the
//! wire would end the whole process without a message to the host.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::{Code, Error, Result};

thread_local! {
    /// Number of guards active on this thread.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Message and location of the last panic inside of a guard.
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// Runs `body`; a panic in it becomes an error of [`Code::Panic`] whose detail is `file:line:column`.
///
/// Interrupted work is left as it was, as with a poisoned lock, since the caller is about to give up.
pub fn guard<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    install_hook();
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    DEPTH.with(|depth| depth.set(depth.get() - 1));
    result.unwrap_or_else(|payload| Err(panicked(payload)))
}

fn panicked(payload: Box<dyn Any + Send>) -> Error {
    let message = message_of(&*payload);
    // Dropping the panic's payload runs code of the topology, which may panic again.
    std::mem::forget(payload);
    match LAST.with(|last| last.borrow_mut().take()) {
        Some((recorded, place)) if recorded == message => {
            Error::with_code(Code::Panic, message).at(place)
        }
        // Resumed with `resume_unwind`, like a panic of a scoped thread, whose location was printed there.
        _ => Error::with_code(Code::Panic, message),
    }
}

/// Inside a guard a panic is recorded; elsewhere, e.g. in a thread of the topology, it is printed as usual. A plugin has
/// its own standard library, so this does not affect the host.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if DEPTH.try_with(Cell::get).unwrap_or(0) == 0 {
                return previous(info);
            }
            let place = info
                .location()
                .map_or_else(String::new, ToString::to_string);
            let _ = LAST
                .try_with(|last| *last.borrow_mut() = Some((message_of(info.payload()), place)));
        }));
    });
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).into()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message_and_place() {
        let error = guard::<()>(|| panic!("no {}", "disk")).unwrap_err();
        assert_eq!(error.code(), Code::Panic);
        assert_eq!(error.chain(), ["no disk"]);
        assert!(error.detail().starts_with(file!()), "{}", error.detail());
    }

    #[test]
    fn unusual_and_resumed_panics_are_errors_too() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        assert_eq!(
            guard::<()>(|| panic::panic_any(Bomb)).unwrap_err().chain(),
            ["a panic without a message"]
        );

        let thrown = guard::<()>(|| panic::resume_unwind(Box::new("from a thread"))).unwrap_err();
        assert_eq!(
            (thrown.chain()[0].as_str(), thrown.detail()),
            ("from a thread", "")
        );
    }

    #[test]
    fn results_pass_through_and_a_caught_panic_is_forgotten() {
        let value = guard(|| {
            let _ = panic::catch_unwind(|| panic!("the topology's own business"));
            Ok(1)
        });
        assert_eq!(value.unwrap(), 1);
        assert_eq!(
            guard::<()>(|| Err(Error::new("refused")))
                .unwrap_err()
                .code(),
            Code::Hook
        );
    }
}
