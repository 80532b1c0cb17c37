//! A worker takes a workflow task.

use temporalio_common::protos::temporal::api::{
    common::v1::WorkerVersionStamp,
    enums::v1::{EventType, SuggestContinueAsNewReason},
    history::v1::{HistoryEvent, WorkflowTaskStartedEventAttributes, history_event::Attributes},
};

use super::{STARTED_AFTER_SCHEDULED, WorkflowTask, WorkflowTaskKind, schedule::scheduled_attributes};
use crate::{
    clock::Time,
    cluster::{
        execution::{Event, Run, Transaction},
        timers::Timer,
    },
};

impl Transaction<'_> {
    /// Starts the scheduled workflow task for a worker, which may say its build. Without a scheduled one nothing happens.
    pub(crate) fn start_workflow_task(
        &mut self,
        request_id: String,
        identity: &str,
        worker_version: Option<WorkerVersionStamp>,
    ) {
        let Some(mut task) = self.run.state.workflow_task.take_if(|task| !task.is_started()) else { return };
        // A speculative task that starts is still nothing that a server stores.
        if task.is_speculative() {
            self.keep_in_memory();
        }
        if task.is_virtual() && task.scheduled_event_id != self.run.history.next_event_id() {
            // The history has grown since, so this is no mere repetition.
            task.attempt = 1;
            task.kind = WorkflowTaskKind::Normal;
            self.run.state.workflow_task_attempt = 1;
            task.scheduled_event_id = self.write_workflow_task_scheduled(&task, self.now);
        }
        task.request_id = request_id;
        task.identity = identity.to_owned();
        task.worker_version = worker_version;
        task.started_time = Some(self.now);
        task.history_size = self.run.history.size() as i64;
        task.suggest_continue_as_new = self.reasons_to_continue_as_new();
        task.target_version_changed = self.target_version_has_changed();
        task.started_event_id = if task.is_virtual() {
            task.scheduled_event_id + STARTED_AFTER_SCHEDULED
        } else {
            self.write_workflow_task_started(&task, self.now)
        };
        self.arm(
            self.now + task.start_to_close_timeout,
            Timer::WorkflowTaskStartToClose { run: self.run.key, stamp: task.stamp },
        );
        self.run.state.workflow_task = Some(task);
    }

    /// Why the workflow should continue as new, if it should.
    fn reasons_to_continue_as_new(&self) -> Vec<SuggestContinueAsNewReason> {
        use SuggestContinueAsNewReason as Reason;
        let (limits, history) = (self.limits(), &self.run.history);
        let is_large = history.size() >= limits.history_size_suggest_continue_as_new;
        let is_long = history.next_event_id() >= limits.history_count_suggest_continue_as_new;
        let reasons = [
            (is_large, Reason::HistorySizeTooLarge),
            (is_long, Reason::TooManyHistoryEvents),
            (self.run.has_many_updates(limits), Reason::TooManyUpdates),
        ];
        reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect()
    }

    /// Writes the event of a task that was started at `time`, and answers its id.
    pub(super) fn write_workflow_task_started(&mut self, task: &WorkflowTask, time: Time) -> i64 {
        let attributes = started_attributes(task);
        self.add_event(Event::new(Attributes::WorkflowTaskStartedEventAttributes(attributes)).at(time))
    }
}

fn started_attributes(task: &WorkflowTask) -> WorkflowTaskStartedEventAttributes {
    WorkflowTaskStartedEventAttributes {
        scheduled_event_id: task.scheduled_event_id,
        identity: task.identity.clone(),
        request_id: task.request_id.clone(),
        worker_version: task.worker_version.clone(),
        suggest_continue_as_new: !task.suggest_continue_as_new.is_empty(),
        suggest_continue_as_new_reasons: task
            .suggest_continue_as_new
            .iter()
            .map(|&reason| reason as i32)
            .collect(),
        history_size_bytes: task.history_size,
        target_worker_deployment_version_changed: task.target_version_changed,
        ..Default::default()
    }
}

impl Run {
    /// The scheduled and started events that the pending workflow task would have, if they are not in the
    /// history: a reader of the history needs them to make sense of the task.
    pub(crate) fn virtual_events(&self, with_identity: bool) -> Vec<HistoryEvent> {
        let Some(task) = self.state.workflow_task.as_ref().filter(|task| task.is_virtual()) else {
            return Vec::new();
        };
        if !self.is_running() || task.scheduled_event_id != self.history.next_event_id() {
            return Vec::new();
        }
        let mut events = vec![HistoryEvent {
            event_id: task.scheduled_event_id,
            event_time: Some(task.scheduled_time.to_proto()),
            event_type: EventType::WorkflowTaskScheduled as i32,
            attributes: Some(Attributes::WorkflowTaskScheduledEventAttributes(scheduled_attributes(task))),
            ..Default::default()
        }];
        if let Some(started_time) = task.started_time {
            let mut attributes =
                WorkflowTaskStartedEventAttributes { worker_version: None, ..started_attributes(task) };
            if !with_identity {
                attributes.identity.clear();
            }
            events.push(HistoryEvent {
                event_id: task.started_event_id,
                event_time: Some(started_time.to_proto()),
                event_type: EventType::WorkflowTaskStarted as i32,
                attributes: Some(Attributes::WorkflowTaskStartedEventAttributes(attributes)),
                ..Default::default()
            });
        }
        events
    }
}
