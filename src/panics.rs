//! What code panics with, and where.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

/// A panic that was caught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caught {
    /// What it said.
    pub(crate) message: String,
    /// The place in the source, `src/transfer.rs:17:9`; `None` if somebody has put a panic hook in the place of ours.
    pub(crate) location: Option<String>,
}

thread_local! {
    /// Whether somebody catches the panics of this thread who has something better to say about them.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
    /// The place of the last panic on this thread, while somebody is going to ask for it.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs code that may panic.
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Caught> {
    note_locations();
    LOCATION.take();
    panic::catch_unwind(AssertUnwindSafe(run))
        .map_err(|panic| Caught { message: message(&*panic), location: LOCATION.take() })
}

/// What a panic says. One that says it in no words gets those of the official worker.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("Couldn't turn panic into a string").to_owned()
}

/// From here on to the end of the guard, panics of this thread are not shown, and [`place`] has them.
pub(crate) fn quiet() -> Quiet {
    note_locations();
    Quiet { before: IS_QUIET.replace(true) }
}

/// Panics are not shown.
pub(crate) struct Quiet {
    before: bool,
}

impl Drop for Quiet {
    fn drop(&mut self) {
        IS_QUIET.set(self.before);
    }
}

/// The place of the last panic on this thread.
pub(crate) fn place() -> Option<String> {
    LOCATION.take()
}

/// Only a panic hook is told where a panic happens. The one that is there goes on to be called.
fn note_locations() {
    static NOTED: Once = Once::new();
    NOTED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            // A thread that is ending has no place for it any more.
            let _ = LOCATION.try_with(|location| {
                if let (Ok(mut location), Some(place)) = (location.try_borrow_mut(), panic.location()) {
                    *location = Some(place.to_string());
                }
            });
            if !IS_QUIET.try_with(Cell::get).unwrap_or(false) {
                previous(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_has_a_place() {
        let (line, caught) = (line!() + 1, catch(|| -> () { panic!("no {}", "rows") }));
        let Caught { message, location } = caught.unwrap_err();
        assert_eq!(message, "no rows");
        let location = location.expect("the hook is ours");
        assert!(location.starts_with(&format!("src/panics.rs:{}:", line - 1)), "{location}");
        assert_eq!(catch(|| 7), Ok(7));
    }
}
