//! Chains of runs: a run that closes and is continued by the next one.

use std::{sync::Arc, time::Duration};

use temporalio_common::protos::temporal::api::{
    common::v1::Payloads,
    enums::v1::{ContinueAsNewInitiator, RetryState, TimeoutType},
    failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    history::v1::{
        WorkflowExecutionStartedEventAttributes, WorkflowExecutionTimedOutEventAttributes,
        history_event::Attributes,
    },
    workflow::v1::ResetPoints,
};

use super::{
    ExecutionInfo, RunKey, Transaction,
    begin::{RunSpec, begin_run},
};
use crate::{
    clock::{self, Time},
    cluster::{
        Cluster, cron, limits,
        retry::{self, FailedAttempt},
    },
    rules::failure_kind::FailureKind,
};

/// What the next run of a chain begins with.
pub(super) struct NextRun {
    /// What its first event says; what follows from the chain is filled in.
    pub(super) started: WorkflowExecutionStartedEventAttributes,
    /// How long its first workflow task is held back, at least; `None` if nothing asks for that.
    pub(super) backoff: Option<Duration>,
}

impl Transaction<'_> {
    /// The run is about to complete: begins the next one, if it has a cron schedule. Answers the next run's id
    /// for the close event.
    pub(crate) fn follow_completion(&mut self, result: Option<&Payloads>) -> String {
        self.follow_by_cron(result.cloned(), None)
    }

    /// The run is about to fail: begins the next attempt, if its retry policy allows one, or else the next run
    /// of its cron schedule. Answers the retry state and the next run's id for the close event.
    pub(crate) fn follow_failure(&mut self, failure: Failure) -> (RetryState, String) {
        self.follow(failure, false)
    }

    fn follow(&mut self, failure: Failure, timed_out: bool) -> (RetryState, String) {
        let started = self.run.started();
        let interval = match self.retry_interval(&failure) {
            Ok(interval) => interval,
            Err(state) => {
                let last_completion_result = started.last_completion_result.clone();
                return (state, self.follow_by_cron(last_completion_result, Some(failure)));
            }
        };
        let mut next = started.clone();
        next.attempt = started.attempt.saturating_add(1);
        next.initiator = ContinueAsNewInitiator::Retry as i32;
        next.continued_failure = Some(failure);
        if next.inherited_pinned_version.is_some() {
            next.inherited_pinned_version = self.run.state.inherited_version().0;
        }
        next.declined_target_version_upgrade = None;
        if !timed_out {
            // The server drops the earlier result here, but keeps it when a run times out.
            next.last_completion_result = None;
        }
        let next = NextRun { started: next, backoff: Some(interval) };
        (RetryState::InProgress, self.continue_with(next))
    }

    fn retry_interval(&self, failure: &Failure) -> Result<Duration, RetryState> {
        let started = self.run.started();
        let policy = started.retry_policy.as_ref().ok_or(RetryState::RetryPolicyNotSet)?;
        let failed = FailedAttempt {
            number: started.attempt,
            failure: FailureKind::of(Some(failure)),
            at: self.now,
            expiration: self.run.info.execution_expiration,
        };
        retry::workflow_backoff(policy, failed)
    }

    /// Begins the next run of a cron schedule, and answers its id; an empty one if there is no schedule.
    fn follow_by_cron(
        &mut self,
        last_completion_result: Option<Payloads>,
        continued_failure: Option<Failure>,
    ) -> String {
        let ExecutionInfo { cron_schedule, execution_time, .. } = &self.run.info;
        let Some(backoff) = cron::backoff(cron_schedule, *execution_time, self.now) else {
            return String::new();
        };
        let started = WorkflowExecutionStartedEventAttributes {
            attempt: 1,
            initiator: ContinueAsNewInitiator::CronSchedule as i32,
            last_completion_result,
            continued_failure,
            inherited_pinned_version: None,
            declined_target_version_upgrade: None,
            ..self.run.started().clone()
        };
        self.continue_with(NextRun { started, backoff: Some(backoff) })
    }

    /// Begins the next run of the chain, and answers its id.
    pub(super) fn continue_with(&mut self, next: NextRun) -> String {
        let NextRun { mut started, backoff } = next;
        let run_id = self.shared.run_ids.uuid();
        started.continued_execution_run_id.clone_from(&self.run.run_id);
        started.original_execution_run_id.clone_from(&run_id);
        started.first_execution_run_id.clone_from(&self.run.info.first_execution_run_id);
        started.identity.clear();
        started.eager_execution_accepted = false;
        started.priority.clone_from(&self.run.state.options.priority);
        // An override that goes with every version is for the run that has it.
        started.versioning_override = None;
        started.workflow_execution_expiration_time = self.run.info.execution_expiration.map(Time::to_proto);
        started.first_workflow_task_backoff = self.at_least_the_chain_interval(backoff).map(clock::to_proto);
        started.prev_auto_reset_points = Some(self.reset_points_of_closed_run());
        let spec = RunSpec {
            namespace: self.run.namespace,
            run_id: run_id.clone(),
            started,
            // Summary and details are those of the first run only.
            user_metadata: None,
            links: self.run.history.first().map(|event| event.links.clone()).unwrap_or_default(),
            create_request_id: self.shared.request_ids.uuid(),
        };
        let (run, effects) = begin_run(self.now, self.shared, spec, |tx| tx.schedule_first_workflow_task());
        self.start_run(run, effects);
        run_id
    }

    /// A chain starts a run at most once a second.
    fn at_least_the_chain_interval(&self, backoff: Option<Duration>) -> Option<Duration> {
        let lifetime = self.now.since(self.run.info.execution_time);
        if lifetime.saturating_add(backoff.unwrap_or_default()) < self.limits().chain_interval {
            Some(self.limits().chain_interval.saturating_sub(lifetime))
        } else {
            backoff
        }
    }

    /// The reset points that the next run takes over: this run's own expire when it is forgotten, which it tells of itself
    /// as well.
    fn reset_points_of_closed_run(&mut self) -> ResetPoints {
        let expire_time = self.now + limits::RETENTION;
        let points = self.run.state.auto_reset_points.iter().cloned().map(|mut point| {
            if point.run_id == self.run.run_id {
                point.expire_time = Some(expire_time.to_proto());
            }
            point
        });
        let points: Vec<_> = points.collect();
        self.run.state.auto_reset_points = Arc::new(points.clone());
        ResetPoints { points }
    }
}

impl Cluster {
    /// The run timeout, or the execution timeout of the whole chain, is over.
    pub(in crate::cluster) fn time_out_run(&mut self, now: Time, run: RunKey) {
        self.change(now, run, |tx| {
            tx.end_workflow_task_before_close();
            let chain_is_over = tx.run.info.execution_expiration.is_some_and(|expiration| now >= expiration);
            let (retry_state, new_execution_run_id) = if chain_is_over {
                (RetryState::Timeout, String::new())
            } else {
                tx.follow(run_timeout(), true)
            };
            let event = WorkflowExecutionTimedOutEventAttributes {
                retry_state: retry_state as i32,
                new_execution_run_id,
            };
            tx.close(Attributes::WorkflowExecutionTimedOutEventAttributes(event));
        });
    }
}

/// What a run that timed out failed with, for the run that follows it.
pub(crate) fn run_timeout() -> Failure {
    Failure {
        message: "workflow timeout".to_owned(),
        source: "Server".to_owned(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
            timeout_type: TimeoutType::StartToClose as i32,
            ..Default::default()
        })),
        ..Default::default()
    }
}
