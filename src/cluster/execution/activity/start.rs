//! A worker takes an activity task.

use temporalio_common::protos::temporal::api::{
    common::v1::{Priority, WorkerVersionStamp, WorkflowType},
    deployment::v1::WorkerDeploymentVersion,
    history::v1::{ActivityTaskScheduledEventAttributes, history_event::Attributes},
    workflowservice::v1::PollActivityTaskQueueResponse,
};

use super::pending::Started;
use crate::cluster::{
    execution::{Run, Transaction},
    namespaces::Namespace,
    token::{ActivityTaskToken, Token as _},
};

impl Run {
    /// Whether an activity task that was put on a task queue still stands for what the run waits for: the activity
    /// is pending, not paused, not started, and nothing has changed what its task means.
    pub(crate) fn is_activity_task_current(&self, scheduled_event_id: i64, attempt: i32, stamp: i32) -> bool {
        self.is_running()
            && self.activities.get(scheduled_event_id).is_some_and(|activity| {
                !activity.is_started()
                    && activity.pause.is_none()
                    && activity.attempt == attempt
                    && activity.stamp == stamp
            })
    }
}

impl Transaction<'_> {
    /// Gives the waiting attempt of an activity to a worker. If it is started already, nothing happens.
    ///
    /// No event is written: the history learns of the start when the activity closes.
    pub(super) fn start_activity(
        &mut self,
        scheduled_event_id: i64,
        request_id: String,
        identity: &str,
        version: Option<&WorkerDeploymentVersion>,
    ) {
        let time = self.now;
        self.run.activities.update(scheduled_event_id, |activity| {
            if activity.is_started() {
                return;
            }
            activity.started =
                Some(Started { time, identity: identity.to_owned(), request_id, worker_version: None });
            activity.last_started_identity = identity.to_owned();
            activity.last_version = version.cloned();
        });
    }
}

impl Transaction<'_> {
    /// The worker that answers for a started attempt says which build it is.
    pub(super) fn note_worker_of_activity(
        &mut self,
        scheduled_event_id: i64,
        worker_version: &Option<WorkerVersionStamp>,
    ) {
        self.run.activities.update(scheduled_event_id, |activity| {
            if let Some(started) = &mut activity.started {
                started.worker_version.clone_from(worker_version);
            }
        });
    }
}

impl Run {
    /// What a worker is told of the attempt that it has started; `None` if there is no started one.
    ///
    /// Timeouts are those of the ActivityTaskScheduled event, even if they have been changed since; the retry policy is
    /// the present one.
    pub(super) fn activity_task(
        &self,
        scheduled_event_id: i64,
        namespace: &Namespace,
    ) -> Option<PollActivityTaskQueueResponse> {
        let activity = self.activities.get(scheduled_event_id)?;
        let started_time = activity.started.as_ref()?.time;
        let event = self.history.get(scheduled_event_id)?;
        let scheduled = scheduled_attributes(self, scheduled_event_id)?;
        let token = ActivityTaskToken {
            namespace_id: namespace.id.clone(),
            workflow_id: self.workflow_id.clone(),
            run_id: self.run_id.clone(),
            scheduled_event_id,
            attempt: activity.attempt,
            activity_id: activity.activity_id.clone(),
        };
        Some(PollActivityTaskQueueResponse {
            task_token: token.to_bytes(),
            workflow_namespace: namespace.name.clone(),
            workflow_type: Some(WorkflowType { name: self.info.workflow_type.clone() }),
            workflow_execution: Some(self.execution()),
            activity_type: scheduled.activity_type.clone(),
            activity_id: activity.activity_id.clone(),
            header: scheduled.header.clone(),
            input: scheduled.input.clone(),
            heartbeat_details: activity.heartbeat_details.clone(),
            scheduled_time: event.event_time,
            current_attempt_scheduled_time: Some(activity.scheduled_time.to_proto()),
            started_time: Some(started_time.to_proto()),
            attempt: activity.attempt,
            schedule_to_close_timeout: scheduled.schedule_to_close_timeout,
            start_to_close_timeout: scheduled.start_to_close_timeout,
            heartbeat_timeout: scheduled.heartbeat_timeout,
            retry_policy: activity.options.retry_policy.clone(),
            priority: merge_priorities(
                self.state.options.priority.as_ref(),
                activity.options.priority.as_ref(),
            ),
            ..Default::default()
        })
    }
}

/// The attributes of an activity's ActivityTaskScheduled event.
pub(super) fn scheduled_attributes(
    run: &Run,
    scheduled_event_id: i64,
) -> Option<&ActivityTaskScheduledEventAttributes> {
    match run.history.get(scheduled_event_id)?.attributes.as_ref()? {
        Attributes::ActivityTaskScheduledEventAttributes(scheduled) => Some(scheduled),
        _ => None,
    }
}

/// What an activity leaves out of its priority it has from its workflow.
fn merge_priorities(workflow: Option<&Priority>, activity: Option<&Priority>) -> Option<Priority> {
    let (workflow, activity) = match (workflow, activity) {
        (Some(workflow), Some(activity)) => (workflow, activity),
        (workflow, activity) => return workflow.or(activity).cloned(),
    };
    let mut merged = activity.clone();
    if merged.priority_key == 0 {
        merged.priority_key = workflow.priority_key;
    }
    if merged.fairness_key.is_empty() {
        merged.fairness_key.clone_from(&workflow.fairness_key);
    }
    if merged.fairness_weight == 0.0 {
        merged.fairness_weight = workflow.fairness_weight;
    }
    Some(merged)
}
