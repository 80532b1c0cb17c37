//! Threads of this crate.

use std::thread;

/// A thread with the name of this one: test tools take the name of the thread for the name of the test.
pub(crate) fn namesake() -> thread::Builder {
    match thread::current().name() {
        Some(name) => thread::Builder::new().name(name.to_owned()),
        None => thread::Builder::new(),
    }
}
