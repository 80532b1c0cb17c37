//! The model itself: options and a script in, a prediction out.

use std::{borrow::Cow, time::Duration};

use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions as ProtoActivityOptions, enums::v1::TimeoutType, failure::v1::Failure,
};

use super::{
    ActivityOptions, Attempt, AttemptEnd, AttemptOutcome, Ending, FinalOutcome, InvalidOptions, Prediction,
    WorkflowTimeouts,
};
use crate::{
    clock::{self, Time},
    rules::{
        activity_attempts::{AttemptTimes, EndedAttempt, NextStep},
        failure,
    },
};

/// How many attempts a prediction has at most, unless [`Model::most_attempts`] says otherwise.
const MOST_ATTEMPTS: u32 = 10_000;

/// The model of one activity.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    options: ActivityOptions,
    workflow: WorkflowTimeouts,
    scheduled_after: Duration,
    most_attempts: u32,
}

impl Model {
    /// An activity with these options, scheduled at the start of a workflow without timeouts.
    pub fn new(options: ActivityOptions) -> Self {
        Self {
            options,
            workflow: WorkflowTimeouts::default(),
            scheduled_after: Duration::ZERO,
            most_attempts: MOST_ATTEMPTS,
        }
    }

    /// The timeouts of the workflow. The run timeout caps those of the activity, and ends it with the run. The run is
    /// taken for the first of its chain.
    #[must_use]
    pub fn workflow_timeouts(mut self, workflow: WorkflowTimeouts) -> Self {
        self.workflow = workflow;
        self
    }

    /// How long after the start of its run the activity is scheduled. Default 0.
    #[must_use]
    pub fn scheduled_after(mut self, delay: Duration) -> Self {
        self.scheduled_after = delay;
        self
    }

    /// How many attempts are predicted at most; an activity that makes more of them counts as open. Default 10,000, at
    /// least 1.
    #[must_use]
    pub fn most_attempts(mut self, attempts: u32) -> Self {
        self.most_attempts = attempts.max(1);
        self
    }

    /// What becomes of the activity. The script has the outcome of each attempt; those after its end go as the last
    /// one, or succeed at once if it is empty.
    ///
    /// # Errors
    ///
    /// If the server would refuse the options; the words are the server's.
    pub fn predict(&self, script: &[AttemptOutcome]) -> Result<Prediction, InvalidOptions> {
        let at_once = AttemptOutcome::succeed();
        self.follow(|number, _| {
            let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
            Cow::Borrowed(script.get(index).or(script.last()).unwrap_or(&at_once))
        })
    }

    /// The same with outcomes that depend on the time: `outcome` gets the number of the attempt, and when it is put on its
    /// task queue, counted from the moment when the activity was scheduled.
    ///
    /// # Errors
    ///
    /// If the server would refuse the options; the words are the server's.
    pub fn predict_with(
        &self,
        mut outcome: impl FnMut(u32, Duration) -> AttemptOutcome,
    ) -> Result<Prediction, InvalidOptions> {
        self.follow(|number, scheduled| Cow::Owned(outcome(number, scheduled)))
    }

    fn follow<'a>(
        &self,
        outcome: impl FnMut(u32, Duration) -> Cow<'a, AttemptOutcome>,
    ) -> Result<Prediction, InvalidOptions> {
        let options = self.options.normalized(self.workflow)?;
        let run_expiration = self.workflow.effective_run_timeout().map(|timeout| {
            // The clock of a prediction starts when the activity is scheduled.
            let since = timeout.as_nanos() as i128 - self.scheduled_after.as_nanos() as i128;
            Time::from_nanos(since.max(0))
        });
        let schedule_to_close = clock::duration(options.schedule_to_close_timeout.as_ref());
        let expiration = (!schedule_to_close.is_zero()).then(|| START + schedule_to_close);
        let course = Course { options: &options, run_expiration, expiration };
        Ok(course.follow(outcome, self.most_attempts))
    }
}

/// When the activity is scheduled, on the clock of a prediction.
const START: Time = Time::from_nanos(0);

/// What does not change from attempt to attempt.
struct Course<'a> {
    options: &'a ProtoActivityOptions,
    run_expiration: Option<Time>,
    /// The instant after which no attempt may begin.
    expiration: Option<Time>,
}

/// What ends an attempt, or its wait for a worker.
enum Cut {
    Timeout(TimeoutType),
    WorkflowTimeout,
}

impl Course<'_> {
    fn follow<'a>(
        &self,
        mut outcome: impl FnMut(u32, Duration) -> Cow<'a, AttemptOutcome>,
        most_attempts: u32,
    ) -> Prediction {
        let mut attempts = Vec::new();
        let mut scheduled = START;
        let mut last_failure: Option<Failure> = None;
        for number in 1..=most_attempts {
            if let Some(closed) = self.run_expiration.filter(|&closed| closed < scheduled && number > 1) {
                let (outcome, closed_after) = (FinalOutcome::WorkflowTimedOut, Some(closed.since(START)));
                return Prediction { attempts, outcome, closed_after };
            }
            let run = self.run(scheduled, &outcome(number, scheduled.since(START)));
            let ended_attempt = |at| EndedAttempt {
                policy: self.options.retry_policy.as_ref(),
                number: i32::try_from(number).unwrap_or(i32::MAX),
                at,
                expiration: self.expiration,
                is_cancel_requested: false,
                is_paused: false,
            };
            let (outcome, next) = match (run.ended, &run.end) {
                (Some(at), AttemptEnd::Failed { .. }) => {
                    let failure = run.failure.unwrap_or_default();
                    match ended_attempt(at).after_failure(Some(&failure)) {
                        NextStep::Close(retry_state) => {
                            let failure = Box::new(failure);
                            (Some(FinalOutcome::Failed { failure, retry_state }), None)
                        }
                        next => (None, Some((next, failure))),
                    }
                }
                (Some(at), AttemptEnd::TimedOut(timeout_type)) => {
                    match ended_attempt(at).after_timeout(*timeout_type, last_failure.as_ref(), None) {
                        Ok(next) => (None, Some(next)),
                        Err(closing) => {
                            let failure = Box::new(closing.failure);
                            let retry_state = closing.retry_state;
                            (Some(FinalOutcome::TimedOut { failure, retry_state }), None)
                        }
                    }
                }
                (Some(_), AttemptEnd::Succeeded) => (Some(FinalOutcome::Completed), None),
                (Some(_), AttemptEnd::WorkflowTimedOut) => (Some(FinalOutcome::WorkflowTimedOut), None),
                (_, AttemptEnd::Open) | (None, _) => (Some(FinalOutcome::Open), None),
            };
            let retried_at = match &next {
                Some((NextStep::Retry(at), _)) => Some(*at),
                _ => None,
            };
            attempts.push(Attempt {
                number,
                scheduled: scheduled.since(START),
                started: run.started.map(|at| at.since(START)),
                ended: run.ended.map(|at| at.since(START)),
                end: run.end,
                backoff: run.ended.zip(retried_at).map(|(ended, retried)| retried.since(ended)),
            });
            match (outcome, next, retried_at) {
                (None, Some((_, failure)), Some(at)) => {
                    last_failure = Some(failure::kept(failure));
                    scheduled = at;
                }
                (outcome, ..) => {
                    let outcome = outcome.unwrap_or(FinalOutcome::Open);
                    let closed = run.ended.filter(|_| outcome != FinalOutcome::Open);
                    return Prediction { attempts, outcome, closed_after: closed.map(|at| at.since(START)) };
                }
            }
        }
        Prediction { attempts, outcome: FinalOutcome::Open, closed_after: None }
    }

    /// One attempt, from its scheduled time to its end.
    fn run(&self, scheduled: Time, outcome: &AttemptOutcome) -> Run {
        let waiting = self.times(scheduled, None, None);
        let cut = self.first_cut(&waiting);
        let starts = outcome.starts_after.map(|delay| scheduled + delay);
        let started = match (starts, cut) {
            (Some(starts), Some((at, _))) if starts < at => starts,
            (Some(starts), None) => starts,
            (_, Some((at, cut))) => return Run::cut(None, at, &cut),
            (None, None) => return Run::open(None),
        };
        let answers = outcome.ending.answers_after().map(|after| started + after);
        let last_heartbeat = self.last_heartbeat(scheduled, started, outcome, answers);
        let cut = self.first_cut(&self.times(scheduled, Some(started), last_heartbeat));
        match (answers, cut) {
            (Some(answers), Some((at, _))) if answers <= at => {
                Run::answered(started, answers, &outcome.ending)
            }
            (Some(answers), None) => Run::answered(started, answers, &outcome.ending),
            (_, Some((at, cut))) => Run::cut(Some(started), at, &cut),
            (None, None) => Run::open(Some(started)),
        }
    }

    /// The last heartbeat before the attempt is over or nobody waits for it any more.
    fn last_heartbeat(
        &self,
        scheduled: Time,
        started: Time,
        outcome: &AttemptOutcome,
        answers: Option<Time>,
    ) -> Option<Time> {
        let heartbeats = outcome.heartbeats?;
        let timeout = clock::duration(self.options.heartbeat_timeout.as_ref());
        let every = heartbeats.every.max(Duration::from_nanos(1));
        if timeout.is_zero() || every > timeout {
            return None;
        }
        let lost = match outcome.ending {
            Ending::WorkerLost { after } => Some(started + after),
            _ => None,
        };
        let stops = heartbeats.stop_after.map(|after| started + after);
        // As if heartbeats went on for ever: what else ends the attempt?
        let far_future = Time::from_nanos(i128::MAX / 2);
        let other = self.first_cut(&self.times(scheduled, Some(started), Some(far_future)));
        let until = [answers, lost, stops, other.map(|(at, _)| at)].into_iter().flatten().min()?;
        let lasts = until.since(started).as_nanos();
        let whole = lasts - lasts % every.as_nanos();
        Some(Time::from_nanos(started.as_nanos() + whole as i128)).filter(|_| whole > 0)
    }

    fn times(&self, scheduled: Time, started: Option<Time>, last_heartbeat: Option<Time>) -> AttemptTimes {
        AttemptTimes { first_scheduled: START, scheduled, started, last_heartbeat }
    }

    /// Which timeout is the first to expire, of the attempt, the activity and the workflow, and when.
    fn first_cut(&self, times: &AttemptTimes) -> Option<(Time, Cut)> {
        let first = times
            .timeouts(self.options)
            .min_by_key(|&(timeout_type, at)| (at, timeout_type))
            .map(|(timeout_type, at)| (at, Cut::Timeout(timeout_type)));
        match (first, self.run_expiration) {
            (Some((at, _)), Some(run)) if run < at => Some((run, Cut::WorkflowTimeout)),
            (None, Some(run)) => Some((run, Cut::WorkflowTimeout)),
            (first, _) => first,
        }
    }
}

/// What became of one attempt.
struct Run {
    started: Option<Time>,
    ended: Option<Time>,
    end: AttemptEnd,
    /// What it failed with.
    failure: Option<Failure>,
}

impl Run {
    fn answered(started: Time, at: Time, ending: &Ending) -> Self {
        let (end, failure) = match ending {
            Ending::Fail { failure, .. } => {
                (AttemptEnd::Failed { error_type: failure.error_type.clone() }, Some(failure.to_proto()))
            }
            _ => (AttemptEnd::Succeeded, None),
        };
        Self { started: Some(started), ended: Some(at), end, failure }
    }

    fn cut(started: Option<Time>, at: Time, cut: &Cut) -> Self {
        let end = match cut {
            Cut::Timeout(timeout_type) => AttemptEnd::TimedOut(*timeout_type),
            Cut::WorkflowTimeout => AttemptEnd::WorkflowTimedOut,
        };
        Self { started, ended: Some(at), end, failure: None }
    }

    fn open(started: Option<Time>) -> Self {
        Self { started, ended: None, end: AttemptEnd::Open, failure: None }
    }
}
