//! Settings tried in whole simulations.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

use super::{
    Exploration, Explored, Score,
    score::{Course, Tally},
};
use crate::{
    clock::Time,
    faults::Plan,
    history::History,
    invariants::{Finished, Invariant},
    policy::ActivityOptions,
    simulation::{Builder, Failure},
};

/// What one simulation of an exploration has to do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Setting {
    /// The options to give to the activity, for example with
    /// [`override_activity_options`](crate::Simulation::override_activity_options).
    pub options: ActivityOptions,
    /// When to start a workflow that schedules the activity, counted from the start of the simulation.
    pub arrivals: Vec<Duration>,
}

impl Exploration {
    /// Tries all combinations, or those of the [sample](Self::sample), in a simulation of your own each. It gets a builder that
    /// has the seed and the outage, and what to do; it has to start its workflows at the arrivals, with the options, and to go
    /// on until they have closed. The score is that of all activities of the outage's type, as the histories tell it.
    ///
    /// How long an attempt takes is up to the simulation. One that the outage makes fail takes no time, so
    /// [`attempt_takes`](Self::attempt_takes) zero makes the model say the same.
    ///
    /// # Errors
    ///
    /// The failure of the first combination, in the order of the axes, whose simulation failed.
    pub fn simulate(
        &self,
        options: &ActivityOptions,
        simulation: impl Fn(Builder, Setting) -> Result<(), Failure> + Sync,
    ) -> Result<Explored, Failure> {
        self.explore(options, |options| {
            let score: Arc<Mutex<Option<Score>>> = Arc::default();
            let read = Invariant::from_violations("the score can be read", {
                let (score, outage) = (score.clone(), self.outage.clone());
                move |finished| {
                    let mut tally = Tally::new(outage.until);
                    for history in finished.histories() {
                        add(&mut tally, history, &outage.activity_type, finished);
                    }
                    *score.lock().unwrap_or_else(PoisonError::into_inner) = Some(tally.finish());
                    Vec::new()
                }
            });
            let plan = Plan::new([self.outage.clone().into()]);
            let builder = Builder::planned(self.seed.0, plan).invariants([read]);
            let setting = Setting { options: options.clone(), arrivals: self.arrivals.clone() };
            simulation(builder, setting)?;
            let score = score.lock().unwrap_or_else(PoisonError::into_inner).take();
            // One that runs no simulation has no activities.
            Ok(score.unwrap_or_else(|| Tally::new(self.outage.until).finish()))
        })
    }
}

/// Adds the activities of this type that a run has scheduled.
fn add(tally: &mut Tally, history: &History, activity_type: &str, finished: &Finished<'_>) {
    let mut activities: BTreeMap<i64, Activity> = BTreeMap::new();
    for event in history.events() {
        let at = time(event);
        match &event.attributes {
            Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled))
                if scheduled.activity_type.as_ref().is_some_and(|it| it.name == activity_type) =>
            {
                let retried = history.retried_attempts().iter();
                let retried = retried.filter(|attempt| attempt.scheduled_event_id == event.event_id);
                let attempts = retried
                    .filter_map(|attempt| Some((instant(attempt.started_time?), instant(attempt.end_time))));
                activities.insert(
                    event.event_id,
                    Activity { scheduled: at, attempts: attempts.collect(), ..Activity::default() },
                );
            }
            Some(Attributes::ActivityTaskStartedEventAttributes(started)) => {
                if let Some(activity) = activities.get_mut(&started.scheduled_event_id) {
                    activity.attempts.push((at, at));
                }
            }
            Some(Attributes::ActivityTaskCompletedEventAttributes(closed)) => {
                close(&mut activities, closed.scheduled_event_id, at, true);
            }
            Some(Attributes::ActivityTaskFailedEventAttributes(closed)) => {
                close(&mut activities, closed.scheduled_event_id, at, false);
            }
            Some(Attributes::ActivityTaskTimedOutEventAttributes(closed)) => {
                close(&mut activities, closed.scheduled_event_id, at, false);
            }
            Some(Attributes::ActivityTaskCanceledEventAttributes(closed)) => {
                close(&mut activities, closed.scheduled_event_id, at, false);
            }
            _ => {}
        }
    }
    let start = instant(finished.start_time());
    for activity in activities.values() {
        tally.add(activity.scheduled.since(start), &activity.course());
    }
}

/// An activity as its history tells of it.
#[derive(Debug, Default)]
struct Activity {
    scheduled: Time,
    /// When each attempt started and ended.
    attempts: Vec<(Time, Time)>,
    /// When it closed, and whether it completed.
    closed: Option<(Time, bool)>,
}

impl Activity {
    fn course(&self) -> Course {
        let mut silent_since = self.scheduled;
        let mut longest_silence = Duration::ZERO;
        for &(started, ended) in &self.attempts {
            longest_silence = longest_silence.max(started.since(silent_since));
            silent_since = ended;
        }
        if let Some((closed, _)) = self.closed {
            longest_silence = longest_silence.max(closed.since(silent_since));
        }
        Course {
            attempts: self.attempts.len() as u64,
            longest_silence,
            completed_after: self
                .closed
                .filter(|(_, completed)| *completed)
                .map(|(at, _)| at.since(self.scheduled)),
        }
    }
}

fn close(activities: &mut BTreeMap<i64, Activity>, scheduled_event_id: i64, at: Time, completed: bool) {
    let Some(activity) = activities.get_mut(&scheduled_event_id) else { return };
    activity.closed = Some((at, completed));
    // An attempt is under way until its activity closes; one that had waited for its backoff had ended before.
    if let Some((started, ended)) = activity.attempts.last_mut()
        && started == ended
    {
        *ended = at;
    }
}

fn time(event: &HistoryEvent) -> Time {
    event.event_time.as_ref().map(Time::from_proto).unwrap_or_default()
}

fn instant(time: SystemTime) -> Time {
    Time::from_system_time(time)
}
