//! Whose code is running at this moment, for a watchdog to read.
//!
//! Everything in a simulation shares one thread, so code that blocks it stops virtual time as well, and no
//! timer of the simulation can notice. A watchdog on another thread can, and this tells it whom to blame.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A marker that the workers of one simulation set and a watchdog reads.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    current: Option<Current>,
    steps: u64,
}

/// Code of the user that is running. Two readings are equal only if the code did not give up the thread
/// between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Current {
    running: Running,
    step: u64,
}

/// A piece of user code.
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
        let step = state.steps;
        ProgressGuard { progress: self, outer: state.current.replace(Current { running, step }) }
    }

    /// The code that is running.
    pub(crate) fn current(&self) -> Option<Current> {
        self.lock().current.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Current {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Running { kind, type_name, id } = &self.running;
        match kind {
            RunningKind::Workflow => write!(formatter, "workflow {type_name}, id {id:?}"),
            RunningKind::Activity => write!(formatter, "activity {type_name}, id {id:?}"),
        }
    }
}

/// Ends the mark of [`Progress::enter`] when dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct ProgressGuard<'a> {
    progress: &'a Progress,
    outer: Option<Current>,
}

impl Drop for ProgressGuard<'_> {
    fn drop(&mut self) {
        let outer = self.outer.take();
        self.progress.lock().current = outer;
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
        assert_eq!(progress.current(), None);
        let first = {
            let _running = progress.enter(transfer.clone());
            progress.current().expect("it runs")
        };
        assert_eq!(first.to_string(), "workflow Transfer, id \"order-1\"");
        assert_eq!(progress.current(), None);
        let _running = progress.enter(transfer);
        assert_ne!(progress.current(), Some(first), "it came back in between");
    }
}
