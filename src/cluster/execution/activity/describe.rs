//! What DescribeWorkflowExecution tells of a pending activity.

use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions,
    common::v1::{ActivityType, RetryPolicy},
    enums::v1::PendingActivityState,
    taskqueue::v1::TaskQueue,
    workflow::v1::{
        PendingActivityInfo,
        pending_activity_info::{
            PauseInfo,
            pause_info::{Manual, PausedBy},
        },
    },
};

use super::pending::PendingActivity;
use crate::{
    clock::{self, Time},
    cluster::execution::{Run, versioning::old_notation},
};

/// What DescribeWorkflowExecution tells of the activities of a run, in the order in which they were scheduled.
pub(crate) fn describe(run: &Run, now: Time) -> Vec<PendingActivityInfo> {
    run.activities.iter().map(|activity| activity.describe(now)).collect()
}

impl PendingActivity {
    /// What DescribeWorkflowExecution tells of the activity.
    fn describe(&self, now: Time) -> PendingActivityInfo {
        let state = self.state();
        // Known only while the next attempt is backing off.
        let next_attempt = Some(self.scheduled_time)
            .filter(|&at| now < at && state == PendingActivityState::Scheduled && self.pause.is_none());
        // After a timeout of the first attempt no worker has completed one yet, and the server counts from the epoch.
        let last_complete = self.last_attempt_complete_time.unwrap_or_default();
        let started_identity = &self.last_started_identity;
        PendingActivityInfo {
            activity_id: self.activity_id.clone(),
            activity_type: Some(ActivityType { name: self.activity_type.clone() }),
            state: state.into(),
            heartbeat_details: self.last_heartbeat_time.and(self.heartbeat_details.clone()),
            last_heartbeat_time: self.last_heartbeat_time.map(Time::to_proto),
            last_started_time: self.started.as_ref().map(|started| started.time.to_proto()),
            attempt: self.attempt.max(1),
            maximum_attempts: self.options.retry_policy.as_ref().map_or(0, |policy| policy.maximum_attempts),
            scheduled_time: Some(self.scheduled_time.to_proto()),
            expiration_time: self.retry_expiration_time.map(Time::to_proto),
            last_failure: self.last_failure.clone(),
            last_worker_identity: if started_identity.is_empty() {
                self.last_worker_identity.clone()
            } else {
                started_identity.clone()
            },
            current_retry_interval: next_attempt.map(|at| clock::to_proto(at.since(last_complete))),
            last_attempt_complete_time: self.last_attempt_complete_time.map(Time::to_proto),
            next_attempt_schedule_time: next_attempt.map(Time::to_proto),
            paused: self.pause.is_some(),
            priority: self.options.priority.clone(),
            pause_info: self.pause.as_ref().map(|pause| PauseInfo {
                pause_time: Some(pause.time.to_proto()),
                paused_by: Some(PausedBy::Manual(Manual {
                    identity: pause.identity.clone(),
                    reason: pause.reason.clone(),
                })),
            }),
            activity_options: Some(self.described_options()),
            last_worker_deployment_version: self.last_version.as_ref().map(old_notation).unwrap_or_default(),
            last_deployment_version: self.last_version.clone(),
            ..Default::default()
        }
    }

    /// A cancel request hides everything else, a pause only says what it is a pause of.
    fn state(&self) -> PendingActivityState {
        match (self.cancel_requested(), self.is_started(), self.pause.is_some()) {
            (true, _, _) => PendingActivityState::CancelRequested,
            (_, true, false) => PendingActivityState::Started,
            (_, true, true) => PendingActivityState::PauseRequested,
            (_, false, false) => PendingActivityState::Scheduled,
            (_, false, true) => PendingActivityState::Paused,
        }
    }

    /// The options with the task queue and the retry policy as far as the server shows them.
    fn described_options(&self) -> ActivityOptions {
        let name = self.options.task_queue.as_ref().map(|queue| queue.name.clone()).unwrap_or_default();
        ActivityOptions {
            task_queue: Some(TaskQueue { normal_name: name.clone(), name, ..Default::default() }),
            retry_policy: self
                .options
                .retry_policy
                .clone()
                .map(|policy| RetryPolicy { non_retryable_error_types: Vec::new(), ..policy }),
            ..self.options.clone()
        }
    }
}
