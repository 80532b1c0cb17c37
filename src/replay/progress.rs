//! How far a replay has come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::drive::Replayed;
use crate::worker::machines::Observation;

/// How far the replays of a history have come, and of those after it, readable while the code holds its thread.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    steps: u64,
    started_event_id: i64,
    observations: Vec<Observation>,
    first: Option<Arc<Replayed>>,
    compares: bool,
}

/// Where the work on a history was given up.
pub(super) enum Stage {
    /// In the first replay.
    First,
    /// In another one, after this first one.
    Another(Arc<Replayed>),
    /// When the first replay was compared with the history.
    Comparison(Arc<Replayed>),
}

impl Progress {
    /// The code is about to get an activation of the task that began with this WorkflowTaskStarted event.
    pub(super) fn begin_activation(&self, started_event_id: i64) {
        let mut state = self.lock();
        state.steps += 1;
        state.started_event_id = started_event_id;
    }

    /// The replay has moved on without an activation.
    pub(super) fn step(&self) {
        self.lock().steps += 1;
    }

    /// Keeps what the machines have observed.
    pub(super) fn observe(&self, observations: Vec<Observation>) {
        self.lock().observations.extend(observations);
    }

    /// Takes everything that was observed in a replay.
    pub(super) fn take_observations(&self) -> Vec<Observation> {
        std::mem::take(&mut self.lock().observations)
    }

    /// Keeps the first replay, after which others begin.
    pub(super) fn end_first(&self, replayed: &Arc<Replayed>) {
        let mut state = self.lock();
        state.steps += 1;
        state.first = Some(replayed.clone());
    }

    /// The replays are over.
    pub(super) fn begin_comparison(&self) {
        let mut state = self.lock();
        state.steps += 1;
        state.compares = true;
    }

    /// There is an outcome, and another history may be next.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        *state = State { steps: state.steps + 1, ..State::default() };
    }

    /// Which part of the work on a history it has come to.
    pub(super) fn stage(&self) -> Stage {
        let mut state = self.lock();
        match (state.first.take(), state.compares) {
            (None, _) => Stage::First,
            (Some(first), false) => Stage::Another(first),
            (Some(first), true) => Stage::Comparison(first),
        }
    }

    /// The WorkflowTaskStarted event of the last activation.
    pub(super) fn started_event_id(&self) -> i64 {
        self.lock().started_event_id
    }

    /// How many steps the work has made.
    pub(super) fn steps(&self) -> u64 {
        self.lock().steps
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
