//! The replays of histories, and what they come to.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    Divergence, Instability, Production,
    drive::{self, End, Replayed, Setup},
    fields::Reading,
    findings,
    lane::{Lanes, Stopped},
    progress::{Progress, Stage},
    stability,
};
use crate::history::History;

/// A history, and the code that it is replayed with.
pub(super) struct Task {
    pub(super) history: Arc<History>,
    pub(super) setup: Setup,
}

/// What the replays of a history come to.
pub(super) struct Outcome {
    /// The first of them.
    pub(super) first: Arc<Replayed>,
    pub(super) production: Production,
    pub(super) found: Vec<Divergence>,
    pub(super) instability: Option<Instability>,
}

/// How to replay.
#[derive(Clone)]
pub(super) struct Replays {
    pub(super) lanes: Lanes,
    pub(super) reading: Reading,
    /// How often.
    pub(super) count: usize,
    /// How long the code may hold its thread.
    pub(super) limit: Duration,
}

impl Replays {
    /// Replays histories and compares each with what the code did; one outcome for each. All of it is one piece of work for a
    /// thread, unless code does not come back: then the rest is another one's.
    pub(super) fn of(&self, tasks: &Arc<Vec<Task>>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(tasks.len());
        while outcomes.len() < tasks.len() {
            let (progress, ended) = (Arc::new(Progress::default()), Arc::new(Mutex::new(Vec::new())));
            let watched = self.lanes.watch(self.limit, &progress, {
                let (replays, tasks, begin, ended) =
                    (self.clone(), tasks.clone(), outcomes.len(), ended.clone());
                move |progress| async move {
                    for task in tasks.iter().skip(begin) {
                        let outcome = replays.replay(task, &progress).await;
                        ended.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                        progress.end();
                    }
                }
            });
            outcomes.append(&mut ended.lock().unwrap_or_else(PoisonError::into_inner));
            if let (Err(stopped), Some(given_up)) = (watched, tasks.get(outcomes.len())) {
                outcomes.push(self.given_up(given_up, &stopped, &progress));
            }
        }
        outcomes
    }

    async fn replay(&self, task: &Task, progress: &Progress) -> Outcome {
        let Task { history, setup } = task;
        let first = Arc::new(drive::drive(history, setup, progress).await);
        progress.end_first(&first);
        let mut instability = None;
        for _ in 1..self.count {
            let other = drive::drive(history, setup, progress).await;
            instability = stability::compare(history, &first, &other);
            if instability.is_some() {
                break;
            }
        }
        progress.begin_comparison();
        let found = findings::divergences(history, &first, &self.reading, progress).await;
        Outcome { production: findings::production(history, &first), first, found, instability }
    }

    /// What comes of a history whose replay was given up. What could not be compared any more is compared by another thread,
    /// because a codec is code of the user too.
    fn given_up(&self, task: &Task, stopped: &Stopped, progress: &Progress) -> Outcome {
        let Task { history, .. } = task;
        let (first, instability, found) = match progress.stage() {
            Stage::First => {
                let first = Arc::new(self.stopped(stopped, progress));
                let found = self.compare(history, &first);
                (first, None, found)
            }
            Stage::Another(first) => {
                let instability = stability::compare(history, &first, &self.stopped(stopped, progress));
                let found = self.compare(history, &first);
                (first, instability, found)
            }
            Stage::Comparison(first) => (first, None, Err(stopped.clone())),
        };
        let (production, found) = match found {
            Ok(found) => (findings::production(history, &first), found),
            Err(Stopped::Panicked(reason)) => (Production::Failed { reason }, Vec::new()),
            Err(Stopped::Blocked) => {
                let reason = "the payload codec does not give the thread back".to_owned();
                (Production::Failed { reason }, Vec::new())
            }
        };
        Outcome { first, production, found, instability }
    }

    /// The replay that was given up, as far as it came.
    fn stopped(&self, stopped: &Stopped, progress: &Progress) -> Replayed {
        let end = match stopped {
            Stopped::Blocked => {
                End::Blocked { started_event_id: progress.started_event_id(), limit: self.limit }
            }
            Stopped::Panicked(reason) => End::Broken { reason: reason.clone() },
        };
        Replayed { observations: progress.take_observations(), end, woken_from_outside: false }
    }

    fn compare(&self, history: &Arc<History>, replayed: &Arc<Replayed>) -> Result<Vec<Divergence>, Stopped> {
        let (history, replayed, reading) = (history.clone(), replayed.clone(), self.reading.clone());
        self.lanes.watch(self.limit, &Arc::default(), |progress| async move {
            findings::divergences(&history, &replayed, &reading, &progress).await
        })
    }
}
