//! Whose code is running at this moment, for a watchdog to read.
//!
//! Everything in a simulation shares one thread, so code that blocks it stops virtual time as well, and no
//! timer of the simulation can notice. A watchdog on another thread can, and this tells it whom to blame.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A marker that one simulation's workers set and a watchdog reads. Clones share the marker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    running: Option<Running>,
    steps: u64,
}

/// Code of the user that is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    /// What kind of code it is.
    pub(crate) kind: RunningKind,
    /// The workflow type or the activity type.
    pub(crate) type_name: Arc<str>,
    /// The workflow id or the activity id.
    pub(crate) id: Arc<str>,
}

/// A kind of user code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunningKind {
    /// A workflow, between an activation and its commands.
    Workflow,
    /// An activity, between two of its awaits.
    Activity,
}

impl Progress {
    /// Marks that this code runs until the guard is dropped.
    pub(crate) fn enter(&self, running: Running) -> ProgressGuard<'_> {
        let mut state = self.lock();
        state.steps += 1;
        ProgressGuard { progress: self, outer: state.running.replace(running) }
    }

    /// How often user code was entered so far, and what is running. When two readings some time apart are
    /// equal and something is running, it has been running all that time.
    pub(crate) fn read(&self) -> (u64, Option<Running>) {
        let state = self.lock();
        (state.steps, state.running.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the mark of [`Progress::enter`] when dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct ProgressGuard<'a> {
    progress: &'a Progress,
    outer: Option<Running>,
}

impl Drop for ProgressGuard<'_> {
    fn drop(&mut self) {
        let outer = self.outer.take();
        self.progress.lock().running = outer;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_names_what_runs_and_only_while_it_runs() {
        let progress = Progress::default();
        let transfer =
            Running { kind: RunningKind::Workflow, type_name: "Transfer".into(), id: "order-1".into() };
        assert_eq!(progress.read(), (0, None));
        {
            let _running = progress.enter(transfer.clone());
            assert_eq!(progress.clone().read(), (1, Some(transfer)));
        }
        assert_eq!(progress.read(), (1, None));
    }
}
