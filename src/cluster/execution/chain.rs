//! Chains of runs: a run that closes and is continued by the next one.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    command::v1::ContinueAsNewWorkflowExecutionCommandAttributes,
    enums::v1::TimeoutType,
    enums::v1::{ContinueAsNewInitiator, RetryState, WorkflowTaskFailedCause as Cause},
    failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    history::v1::{
        WorkflowExecutionStartedEventAttributes, WorkflowExecutionTimedOutEventAttributes,
        history_event::Attributes,
    },
    sdk::v1::UserMetadata,
    workflow::v1::ResetPoints,
};

use super::{
    RunKey, Transaction,
    begin::{RunSpec, begin_run},
    completed::{CommandFailure, Completion},
};
use crate::{
    clock::{self, Time},
    cluster::{
        Cluster, limits,
        retry::{self, FailedAttempt},
    },
};

/// The ContinueAsNewWorkflowExecution command.
pub(crate) fn continue_as_new(
    _tx: &mut Transaction<'_>,
    completion: &mut Completion,
    _attributes: Option<ContinueAsNewWorkflowExecutionCommandAttributes>,
    _user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    super::close::check_nothing_is_unhandled(completion)?;
    Err(CommandFailure::new(
        Cause::BadContinueAsNewAttributes,
        "temporal-sim does not serve the command ContinueAsNewWorkflowExecution",
    ))
}

impl Transaction<'_> {
    /// The run is about to fail: begins the next attempt, if its retry policy allows one. Answers the retry
    /// state and the next run's id for the close event.
    pub(crate) fn retry_after_failure(&mut self, failure: &Failure) -> (RetryState, String) {
        self.retry(failure, false)
    }

    fn retry(&mut self, failure: &Failure, timed_out: bool) -> (RetryState, String) {
        let started = self.run.started();
        let Some(policy) = &started.retry_policy else {
            return (RetryState::RetryPolicyNotSet, String::new());
        };
        let failed = FailedAttempt {
            number: started.attempt,
            failure: Some(failure),
            at: self.now,
            expiration: self.run.info.execution_expiration,
        };
        let interval = retry::workflow_backoff(policy, failed);
        let interval = match interval {
            Ok(interval) => interval,
            Err(state) => return (state, String::new()),
        };
        let mut next = started.clone();
        next.attempt = started.attempt.saturating_add(1);
        next.initiator = ContinueAsNewInitiator::Retry as i32;
        next.continued_failure = Some(failure.clone());
        if !timed_out {
            // The server drops the earlier result here, but keeps it when a run times out.
            next.last_completion_result = None;
        }
        (RetryState::InProgress, self.continue_with(next, interval))
    }

    /// Begins the next run of the chain, and answers its id. `started` is what its first event says; what
    /// follows from the chain is filled in.
    fn continue_with(
        &mut self,
        mut started: WorkflowExecutionStartedEventAttributes,
        backoff: Duration,
    ) -> String {
        let run_id = self.shared.run_ids.uuid();
        started.continued_execution_run_id.clone_from(&self.run.run_id);
        started.original_execution_run_id.clone_from(&run_id);
        started.first_execution_run_id.clone_from(&self.run.info.first_execution_run_id);
        started.identity.clear();
        started.eager_execution_accepted = false;
        let backoff = self.at_least_the_chain_interval(backoff);
        started.first_workflow_task_backoff = Some(clock::to_proto(backoff));
        started.prev_auto_reset_points = Some(self.reset_points_of_closed_run());
        let spec = RunSpec {
            namespace: self.run.namespace,
            run_id: run_id.clone(),
            started,
            user_metadata: self.run.info.user_metadata.clone(),
            links: Vec::new(),
            create_request_id: self.shared.request_ids.uuid(),
        };
        let (run, effects) = begin_run(self.now, self.shared, spec, |tx| tx.schedule_first_workflow_task());
        self.start_run(run, effects);
        run_id
    }

    /// A chain starts a run at most once a second.
    fn at_least_the_chain_interval(&self, backoff: Duration) -> Duration {
        let lifetime = self.now.since(self.run.info.execution_time);
        if lifetime.saturating_add(backoff) < limits::CHAIN_INTERVAL {
            limits::CHAIN_INTERVAL.saturating_sub(lifetime)
        } else {
            backoff
        }
    }

    /// The reset points that the next run takes over: this run's own expire when it is forgotten.
    fn reset_points_of_closed_run(&self) -> ResetPoints {
        let expire_time = self.now + limits::RETENTION;
        let points = self.run.state.auto_reset_points.iter().cloned().map(|mut point| {
            if point.run_id == self.run.run_id {
                point.expire_time = Some(expire_time.to_proto());
            }
            point
        });
        ResetPoints { points: points.collect() }
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
                tx.retry(&run_timeout(), true)
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
fn run_timeout() -> Failure {
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
