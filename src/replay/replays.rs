//! The replays of one history, and what they come to.

use std::{sync::Arc, time::Duration};

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

/// What the replays of a history come to.
pub(super) struct Outcome {
    /// The first of them.
    pub(super) first: Arc<Replayed>,
    pub(super) production: Production,
    pub(super) found: Vec<Divergence>,
    pub(super) instability: Option<Instability>,
}

/// How to replay.
pub(super) struct Replays<'a> {
    pub(super) lanes: &'a Lanes,
    pub(super) setup: Setup,
    pub(super) reading: Reading,
    /// How often.
    pub(super) count: usize,
    /// How long the code may hold its thread.
    pub(super) limit: Duration,
}

impl Replays<'_> {
    /// Replays a history and compares it with what the code did. All of it is one piece of work for a thread, unless the code
    /// does not come back: then the comparison is another one's.
    pub(super) fn of(self, history: &Arc<History>) -> Outcome {
        let progress = Arc::new(Progress::default());
        let (count, setup, reading, shared) =
            (self.count, self.setup.clone(), self.reading.clone(), history.clone());
        let ended = self.lanes.watch(self.limit, &progress, move |progress| async move {
            let events: Vec<_> = shared.events().iter().cloned().map(Arc::new).collect();
            let first = Arc::new(drive::drive(&shared, &events, &setup, &progress).await);
            progress.end_first(&first);
            let mut instability = None;
            for _ in 1..count {
                let other = drive::drive(&shared, &events, &setup, &progress).await;
                instability = stability::compare(&shared, &first, &other);
                if instability.is_some() {
                    break;
                }
            }
            progress.begin_comparison();
            let found = findings::divergences(&shared, &first, &reading, &progress).await;
            (first, instability, found)
        });
        let (first, instability, found) = match ended {
            Ok((first, instability, found)) => (first, instability, Ok(found)),
            Err(stopped) => match progress.stage() {
                Stage::First => {
                    let first = Arc::new(self.stopped(&stopped, &progress));
                    let found = self.compare(history, &first);
                    (first, None, found)
                }
                Stage::Another(first) => {
                    let instability = stability::compare(history, &first, &self.stopped(&stopped, &progress));
                    let found = self.compare(history, &first);
                    (first, instability, found)
                }
                Stage::Comparison(first) => (first, None, Err(stopped)),
            },
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

    /// On a thread of its own too, because a codec is code of the user.
    fn compare(&self, history: &Arc<History>, replayed: &Arc<Replayed>) -> Result<Vec<Divergence>, Stopped> {
        let (history, replayed, reading) = (history.clone(), replayed.clone(), self.reading.clone());
        self.lanes.watch(self.limit, &Arc::default(), |progress| async move {
            findings::divergences(&history, &replayed, &reading, &progress).await
        })
    }
}
