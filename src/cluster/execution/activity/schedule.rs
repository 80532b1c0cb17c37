//! Scheduling an activity: the ScheduleActivityTask command.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions,
    command::v1::ScheduleActivityTaskCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{ActivityTaskScheduledEventAttributes, history_event::Attributes},
    sdk::v1::UserMetadata,
};

use super::{options, pending::PendingActivity};
use crate::{
    clock,
    cluster::{
        execution::{
            Event, FollowUp, Transaction,
            completed::{CommandFailure, Completion},
        },
        timers::Timer,
    },
};

/// The ScheduleActivityTask command.
///
/// An activity that the worker asks to execute eagerly is not put on its task queue, whatever queue that is: it is started
/// when the commands are done, and the worker gets it in the answer.
#[allow(deprecated, reason = "the server still copies `use_workflow_build_id` into the event")]
pub(crate) fn schedule_activity_task(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<ScheduleActivityTaskCommandAttributes>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    let bad = |message: String| CommandFailure::new(Cause::BadScheduleActivityAttributes, message);
    let command = attributes.ok_or_else(|| {
        bad("ScheduleActivityTaskCommandAttributes is not set on ScheduleActivityTaskCommand.".to_owned())
    })?;
    let activity_type = command.activity_type.unwrap_or_default();
    let mut options = ActivityOptions {
        task_queue: command.task_queue,
        schedule_to_close_timeout: command.schedule_to_close_timeout,
        schedule_to_start_timeout: command.schedule_to_start_timeout,
        start_to_close_timeout: command.start_to_close_timeout,
        heartbeat_timeout: command.heartbeat_timeout,
        retry_policy: command.retry_policy,
        priority: command.priority,
        ..Default::default()
    };
    let run_timeout = clock::to_proto(tx.run.info.run_timeout);
    options::normalize(
        &command.activity_id,
        &activity_type.name,
        &mut options,
        Some(run_timeout),
        tx.limits().id_length,
    )
    .map_err(|invalid| bad(invalid.to_string()))?;
    if command.input.as_ref().is_some_and(|input| input.encoded_len() > tx.limits().blob_size) {
        return Err(CommandFailure::terminate(
            Cause::BadScheduleActivityAttributes,
            "ScheduleActivityTaskCommandAttributes.Input exceeds size limit.",
        ));
    }
    if tx.run.activities.len() >= tx.limits().pending_activities {
        return Err(CommandFailure::new(
            Cause::PendingActivitiesLimitExceeded,
            format!(
                "the number of pending activities, {}, has reached the per-workflow limit of {}",
                tx.run.activities.len(),
                tx.limits().pending_activities
            ),
        ));
    }
    if tx.run.activities.find(&command.activity_id).is_some() {
        return Err(CommandFailure::new(
            Cause::ScheduleActivityDuplicateId,
            format!(
                "invalid history builder state for action: add-activitytask-scheduled-event, ActivityID: {}",
                command.activity_id
            ),
        ));
    }
    let scheduled = ActivityTaskScheduledEventAttributes {
        activity_id: command.activity_id.clone(),
        activity_type: Some(activity_type.clone()),
        task_queue: options.task_queue.clone(),
        header: command.header,
        input: command.input,
        schedule_to_close_timeout: options.schedule_to_close_timeout,
        schedule_to_start_timeout: options.schedule_to_start_timeout,
        start_to_close_timeout: options.start_to_close_timeout,
        heartbeat_timeout: options.heartbeat_timeout,
        workflow_task_completed_event_id: completion.completed_event_id,
        retry_policy: options.retry_policy.clone(),
        use_workflow_build_id: command.use_workflow_build_id,
        priority: options.priority.clone(),
    };
    let attributes = Attributes::ActivityTaskScheduledEventAttributes(scheduled);
    let scheduled_event_id = tx.add_event(Event::new(attributes).user_metadata(user_metadata));
    let activity =
        PendingActivity::new(scheduled_event_id, command.activity_id, activity_type.name, options, tx.now);
    tx.run.activities.insert(activity);
    if tx.run.state.is_paused() {
        // It waits until the run goes on.
    } else if command.request_eager_execution {
        completion.eager_activities.push(scheduled_event_id);
    } else {
        tx.dispatch_activity(scheduled_event_id);
    }
    Ok(())
}

impl Transaction<'_> {
    /// Puts the current attempt of an activity on its task queue.
    pub(in crate::cluster::execution) fn dispatch_activity(&mut self, scheduled_event_id: i64) {
        if let Some(activity) = self.run.activities.get(scheduled_event_id) {
            let (attempt, stamp) = (activity.attempt, activity.stamp);
            let run = self.run.key;
            self.follow_up(FollowUp::DispatchActivityTask { run, scheduled_event_id, attempt, stamp });
        }
    }

    /// Puts the attempts that wait on their task queues, each when its scheduled time has come.
    pub(in crate::cluster::execution) fn dispatch_waiting_activities(&mut self) {
        let waits = |activity: &&PendingActivity| !activity.is_started() && activity.pause.is_none();
        let waiting: Vec<_> =
            self.run.activities.iter().filter(waits).map(|activity| activity.scheduled_event_id).collect();
        for scheduled_event_id in waiting {
            self.dispatch_activity_when_scheduled(scheduled_event_id);
        }
    }

    /// Puts the current attempt of an activity on its task queue when its scheduled time has come.
    pub(super) fn dispatch_activity_when_scheduled(&mut self, scheduled_event_id: i64) {
        let Some(activity) = self.run.activities.get(scheduled_event_id) else { return };
        if activity.scheduled_time <= self.now {
            return self.dispatch_activity(scheduled_event_id);
        }
        let (run, attempt, stamp) = (self.run.key, activity.attempt, activity.stamp);
        self.arm(activity.scheduled_time, Timer::ActivityRetry { run, scheduled_event_id, attempt, stamp });
    }
}
