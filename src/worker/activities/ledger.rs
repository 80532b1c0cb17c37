//! What activity code really did, attempt by attempt: the history of a run tells only what the server heard of it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use temporalio_common::protos::{coresdk::activity_task::Start, temporal::api::common::v1::Payload};

use crate::{
    clock::{self, Time},
    service::Service,
};

/// One attempt of an activity whose code a worker has run, seen from the worker: the server may have heard of it late or
/// never. Local activities are not among them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ActivityAttempt {
    /// The workflow that scheduled the activity.
    pub workflow_id: String,
    /// Its run.
    pub run_id: String,
    /// The id of the activity within the run.
    pub activity_id: String,
    /// The type of the activity.
    pub activity_type: String,
    /// Which attempt this was, from 1.
    pub attempt: u32,
    /// What the activity was called with.
    pub input: Vec<Payload>,
    /// When the code began.
    pub started: SystemTime,
    /// When the code ended; `None` if it was still running at the end of the simulation.
    pub ended: Option<SystemTime>,
    /// How the code ended.
    pub ending: AttemptEnding,
    /// Until when the server waited for it: the earliest of its timeouts, the heartbeat timeout counted from the last
    /// heartbeat that was accepted. `None` if it has none.
    pub lease: Option<Lease>,
}

/// How activity code ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptEnding {
    /// It was still running at the end of the simulation.
    Running,
    /// It returned a value: its work is done, whether or not the server has heard of it.
    Returned,
    /// It returned an error.
    Failed,
    /// It was lost together with its worker.
    Lost,
}

/// Until when the server waits for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The time.
    pub until: SystemTime,
    /// The timeout that ends it: `start-to-close`, `schedule-to-close` or `heartbeat`.
    pub timeout: &'static str,
}

/// The attempts of a simulation. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger(Option<Arc<Mutex<State>>>);

#[derive(Debug, Default)]
struct State {
    attempts: Vec<ActivityAttempt>,
    is_closed: bool,
}

impl Ledger {
    /// One that keeps what it is told; the default one does not.
    pub(crate) fn keeping() -> Self {
        Self(Some(Arc::default()))
    }

    /// All attempts so far, in the order in which they began.
    pub(crate) fn attempts(&self) -> Vec<ActivityAttempt> {
        self.0.as_deref().map(|state| lock(state).attempts.clone()).unwrap_or_default()
    }

    /// The simulation is over: what still runs is not lost, it runs.
    pub(crate) fn close(&self) {
        if let Some(state) = &self.0 {
            lock(state).is_closed = true;
        }
    }

    /// The code of an attempt begins.
    pub(super) fn begin(&self, start: &Start, service: &Service) -> Entry {
        let Some(state) = self.0.clone() else { return Entry::default() };
        let timeouts = Timeouts::of(start);
        let execution = start.workflow_execution.clone().unwrap_or_default();
        let mut open = lock(&state);
        open.attempts.push(ActivityAttempt {
            workflow_id: execution.workflow_id,
            run_id: execution.run_id,
            activity_id: start.activity_id.clone(),
            activity_type: start.activity_type.clone(),
            attempt: start.attempt,
            input: start.input.clone(),
            started: service.now().to_system_time(),
            ended: None,
            ending: AttemptEnding::Running,
            lease: timeouts.lease(None),
        });
        let index = open.attempts.len() - 1;
        drop(open);
        Entry { open: Some((state, index)), service: Some(service.clone()), timeouts }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The timeouts of an attempt as the server counts them.
#[derive(Debug, Clone, Copy, Default)]
struct Timeouts {
    started: Time,
    start_to_close: Option<Time>,
    schedule_to_close: Option<Time>,
    heartbeat: Option<Duration>,
}

impl Timeouts {
    fn of(start: &Start) -> Self {
        let positive = |timeout: Option<&prost_types::Duration>| {
            Some(clock::duration(timeout)).filter(|timeout| !timeout.is_zero())
        };
        let time = |timestamp: Option<&prost_types::Timestamp>| timestamp.map(Time::from_proto);
        let started = time(start.started_time.as_ref()).unwrap_or_default();
        let scheduled = time(start.scheduled_time.as_ref()).unwrap_or(started);
        Self {
            started,
            start_to_close: positive(start.start_to_close_timeout.as_ref()).map(|it| started + it),
            schedule_to_close: positive(start.schedule_to_close_timeout.as_ref()).map(|it| scheduled + it),
            heartbeat: positive(start.heartbeat_timeout.as_ref()),
        }
    }

    /// Until when the server waits, if it accepted the last heartbeat at this time.
    fn lease(&self, heartbeat: Option<Time>) -> Option<Lease> {
        let heartbeat = self.heartbeat.map(|timeout| heartbeat.unwrap_or(self.started) + timeout);
        let ends = [
            (self.start_to_close, "start-to-close"),
            (self.schedule_to_close, "schedule-to-close"),
            (heartbeat, "heartbeat"),
        ];
        let earliest = ends.into_iter().filter_map(|(until, timeout)| Some((until?, timeout))).min()?;
        Some(Lease { until: earliest.0.to_system_time(), timeout: earliest.1 })
    }
}

/// The entry of one attempt. When it is dropped before the code has ended, the code is lost.
#[derive(Default)]
pub(super) struct Entry {
    open: Option<(Arc<Mutex<State>>, usize)>,
    service: Option<Service>,
    timeouts: Timeouts,
}

impl Entry {
    /// The server has accepted a heartbeat.
    pub(super) fn heartbeat(&self, now: Time) {
        let lease = self.timeouts.lease(Some(now));
        self.change(|attempt| attempt.lease = lease);
    }

    /// The code has ended.
    pub(super) fn end(&mut self, now: Time, ending: AttemptEnding) {
        self.change(|attempt| {
            attempt.ended = Some(now.to_system_time());
            attempt.ending = ending;
        });
        self.service = None;
    }

    fn change(&self, change: impl FnOnce(&mut ActivityAttempt)) {
        let Some((state, index)) = &self.open else { return };
        let mut state = lock(state);
        if !state.is_closed
            && let Some(attempt) = state.attempts.get_mut(*index)
        {
            change(attempt);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(service) = self.service.take() {
            self.end(service.now(), AttemptEnding::Lost);
        }
    }
}
