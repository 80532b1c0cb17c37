//! The model itself: options and a script in, a prediction out.

use std::{borrow::Borrow, time::Duration};

use temporalio_common::protos::temporal::api::{
    common::v1::RetryPolicy as ProtoRetryPolicy, enums::v1::TimeoutType, failure::v1::Failure,
};

use super::{
    ActivityOptions, Attempt, AttemptEnd, AttemptFailure, AttemptOutcome, Ending, FinalOutcome, Heartbeats,
    InvalidOptions, Prediction, WorkflowTimeouts,
};
use crate::{
    clock::Time,
    rules::{
        activity_attempts::{
            AttemptTimes, EndedAttempt, NextStep, Timeouts, closing_timeout_failure, timeout_failure,
        },
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
            script.get(index).or(script.last()).unwrap_or(&at_once)
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
        outcome: impl FnMut(u32, Duration) -> AttemptOutcome,
    ) -> Result<Prediction, InvalidOptions> {
        self.follow(outcome)
    }

    fn follow<O: Borrow<AttemptOutcome>>(
        &self,
        outcome: impl FnMut(u32, Duration) -> O,
    ) -> Result<Prediction, InvalidOptions> {
        let options = self.options.normalized(self.workflow)?;
        let run_expiration = self.workflow.effective_run_timeout().map(|timeout| {
            // The clock of a prediction starts when the activity is scheduled.
            let since = timeout.as_nanos() as i128 - self.scheduled_after.as_nanos() as i128;
            Time::from_nanos(since.max(0))
        });
        let timeouts = Timeouts::of(&options);
        let course = Course {
            policy: options.retry_policy.as_ref(),
            timeouts,
            run_expiration,
            expiration: timeouts.schedule_to_close.map(|timeout| START + timeout),
        };
        Ok(course.follow(outcome, self.most_attempts))
    }
}

/// When the activity is scheduled, on the clock of a prediction.
const START: Time = Time::from_nanos(0);

/// What does not change from attempt to attempt.
struct Course<'a> {
    policy: Option<&'a ProtoRetryPolicy>,
    timeouts: Timeouts,
    run_expiration: Option<Time>,
    /// The instant after which no attempt may begin.
    expiration: Option<Time>,
}

impl Course<'_> {
    fn follow<O: Borrow<AttemptOutcome>>(
        &self,
        mut outcome: impl FnMut(u32, Duration) -> O,
        most_attempts: u32,
    ) -> Prediction {
        let mut attempts = Vec::new();
        let mut scheduled = START;
        let mut last_failure: Option<LastFailure<O>> = None;
        for number in 1..=most_attempts {
            if let Some(closed) = self.run_expiration.filter(|&closed| closed < scheduled && number > 1) {
                let (outcome, closed_after) = (FinalOutcome::WorkflowTimedOut, Some(closed.since(START)));
                return Prediction { attempts, outcome, closed_after };
            }
            let outcome = outcome(number, scheduled.since(START));
            let run = self.run(scheduled, outcome.borrow());
            let next = self.next_step(number, &run);
            let retried_at = match next {
                Some(NextStep::Retry(at)) => Some(at),
                _ => None,
            };
            attempts.push(Attempt {
                number,
                scheduled: scheduled.since(START),
                started: run.started.map(|at| at.since(START)),
                ended: run.ended.map(|at| at.since(START)),
                end: run.end.as_attempt_end(),
                backoff: run.ended.zip(retried_at).map(|(ended, retried)| retried.since(ended)),
            });
            let Some(at) = retried_at else {
                let closed = run.ended.map(|at| at.since(START));
                let outcome = run.end.as_final_outcome(next, last_failure);
                let closed_after = closed.filter(|_| outcome != FinalOutcome::Open);
                return Prediction { attempts, outcome, closed_after };
            };
            scheduled = at;
            last_failure = Some(match run.end {
                End::TimedOut(timeout_type) => LastFailure::Timeout(timeout_type),
                _ => LastFailure::Of(outcome),
            });
        }
        Prediction { attempts, outcome: FinalOutcome::Open, closed_after: None }
    }

    /// What follows an attempt that did not succeed; `None` if it did, or is not over.
    fn next_step(&self, number: u32, run: &Run<'_>) -> Option<NextStep> {
        let ended = EndedAttempt {
            policy: self.policy,
            number: i32::try_from(number).unwrap_or(i32::MAX),
            at: run.ended?,
            expiration: self.expiration,
            is_cancel_requested: false,
            is_paused: false,
        };
        match run.end {
            End::Failed(failure) => Some(ended.after_failure(failure.kind())),
            End::TimedOut(timeout_type) => Some(ended.after_timeout(timeout_type)),
            End::Succeeded | End::WorkflowTimedOut | End::Open => None,
        }
    }

    /// One attempt, from its scheduled time to its end.
    fn run<'a>(&self, scheduled: Time, outcome: &'a AttemptOutcome) -> Run<'a> {
        let cut = self.first_cut(self.times(scheduled, None, None));
        let starts = outcome.starts_after.map(|delay| scheduled + delay);
        let started = match (starts, cut) {
            (Some(starts), Some((at, _))) if starts < at => starts,
            (Some(starts), None) => starts,
            (_, Some((at, cut))) => return Run { started: None, ended: Some(at), end: cut },
            (None, None) => return Run { started: None, ended: None, end: End::Open },
        };
        let answers = outcome.ending.answers_after().map(|after| started + after);
        let last_heartbeat = outcome
            .heartbeats
            .and_then(|heartbeats| self.last_heartbeat(heartbeats, scheduled, started, outcome, answers));
        let cut = self.first_cut(self.times(scheduled, Some(started), last_heartbeat));
        let (ended, end) = match (answers, cut) {
            (Some(answers), Some((at, _))) if answers <= at => (Some(answers), End::answered(outcome)),
            (Some(answers), None) => (Some(answers), End::answered(outcome)),
            (_, Some((at, cut))) => (Some(at), cut),
            (None, None) => (None, End::Open),
        };
        Run { started: Some(started), ended, end }
    }

    /// The last heartbeat before the attempt is over or nobody waits for it any more.
    fn last_heartbeat(
        &self,
        heartbeats: Heartbeats,
        scheduled: Time,
        started: Time,
        outcome: &AttemptOutcome,
        answers: Option<Time>,
    ) -> Option<Time> {
        let every = heartbeats.every.max(Duration::from_nanos(1));
        if every > self.timeouts.heartbeat? {
            return None;
        }
        let lost = match outcome.ending {
            Ending::WorkerLost { after } => Some(started + after),
            _ => None,
        };
        let stops = heartbeats.stop_after.map(|after| started + after);
        // As if heartbeats went on for ever: what else ends the attempt?
        let far_future = Time::from_nanos(i128::MAX / 2);
        let other = self.first_cut(self.times(scheduled, Some(started), Some(far_future)));
        let until = [answers, lost, stops, other.map(|(at, _)| at)].into_iter().flatten().min()?;
        let lasts = until.since(started).as_nanos();
        let whole = lasts - lasts % every.as_nanos();
        Some(Time::from_nanos(started.as_nanos() + whole as i128)).filter(|_| whole > 0)
    }

    fn times(&self, scheduled: Time, started: Option<Time>, last_heartbeat: Option<Time>) -> AttemptTimes {
        AttemptTimes { first_scheduled: START, scheduled, started, last_heartbeat }
    }

    /// Which timeout is the first to expire, of the attempt, the activity and the workflow, and when.
    // Wherever it is called, it is known which of the timeouts are armed.
    #[inline(always)]
    fn first_cut(&self, times: AttemptTimes) -> Option<(Time, End<'static>)> {
        let first = times.expirations(&self.timeouts).into_iter().flatten().min();
        let first = first.map(|(at, timeout_type)| (at, End::TimedOut(timeout_type)));
        match (first, self.run_expiration) {
            (Some((at, _)), Some(run)) if run < at => Some((run, End::WorkflowTimedOut)),
            (None, Some(run)) => Some((run, End::WorkflowTimedOut)),
            (first, _) => first,
        }
    }
}

/// What became of one attempt.
struct Run<'a> {
    started: Option<Time>,
    ended: Option<Time>,
    end: End<'a>,
}

/// How an attempt ended, or its wait for a worker: [`AttemptEnd`] without copies.
#[derive(Clone, Copy)]
enum End<'a> {
    Succeeded,
    Failed(&'a AttemptFailure),
    TimedOut(TimeoutType),
    WorkflowTimedOut,
    Open,
}

impl<'a> End<'a> {
    fn answered(outcome: &'a AttemptOutcome) -> Self {
        match &outcome.ending {
            Ending::Fail { failure, .. } => Self::Failed(failure),
            _ => Self::Succeeded,
        }
    }

    fn as_attempt_end(self) -> AttemptEnd {
        match self {
            Self::Succeeded => AttemptEnd::Succeeded,
            Self::Failed(failure) => AttemptEnd::Failed { error_type: failure.error_type.clone() },
            Self::TimedOut(timeout_type) => AttemptEnd::TimedOut(timeout_type),
            Self::WorkflowTimedOut => AttemptEnd::WorkflowTimedOut,
            Self::Open => AttemptEnd::Open,
        }
    }

    /// How the activity closes with the attempt, if it does.
    fn as_final_outcome<O: Borrow<AttemptOutcome>>(
        self,
        next: Option<NextStep>,
        last_failure: Option<LastFailure<O>>,
    ) -> FinalOutcome {
        match (self, next) {
            (Self::Succeeded, _) => FinalOutcome::Completed,
            (Self::WorkflowTimedOut, _) => FinalOutcome::WorkflowTimedOut,
            (Self::Failed(failure), Some(NextStep::Close(retry_state))) => {
                FinalOutcome::Failed { failure: Box::new(failure.to_proto()), retry_state }
            }
            (Self::TimedOut(timeout_type), Some(NextStep::Close(retry_state))) => {
                let cause = last_failure.map(|it| failure::kept(it.to_proto()));
                let failure = closing_timeout_failure(timeout_type, retry_state, cause, None);
                FinalOutcome::TimedOut { failure: Box::new(failure), retry_state }
            }
            _ => FinalOutcome::Open,
        }
    }
}

/// What the attempt before failed with. Most of them never matter, so that it becomes a [`Failure`] only at the end.
enum LastFailure<O> {
    /// The failure that the outcome ends with.
    Of(O),
    Timeout(TimeoutType),
}

impl<O: Borrow<AttemptOutcome>> LastFailure<O> {
    fn to_proto(&self) -> Failure {
        match self {
            Self::Of(outcome) => match &outcome.borrow().ending {
                Ending::Fail { failure, .. } => failure.to_proto(),
                _ => Failure::default(),
            },
            Self::Timeout(timeout_type) => timeout_failure(*timeout_type),
        }
    }
}
