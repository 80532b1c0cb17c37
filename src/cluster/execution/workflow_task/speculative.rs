//! Speculative workflow tasks: they carry updates, and leave no trace if nothing comes of them.

use temporalio_common::protos::temporal::api::workflowservice::v1::RespondWorkflowTaskCompletedRequest;

use super::{WorkflowTask, WorkflowTaskKind};
use crate::cluster::{
    execution::{Transaction, update::Messages},
    limits,
    timers::Timer,
};

impl Transaction<'_> {
    /// Something else than an update is stored while a speculative workflow task is pending, so the task has to be stored as
    /// well: its events are written. Nothing happens unless the pending task has this stamp.
    pub(in crate::cluster::execution) fn make_speculative_task_normal(&mut self, stamp: u64) {
        let is_it = |task: &mut WorkflowTask| task.is_speculative() && task.stamp == stamp;
        if !self.run.is_running() {
            // Nothing is written behind a close event.
            return;
        }
        let Some(mut task) = self.run.state.workflow_task.take_if(is_it) else { return };
        if task.scheduled_event_id == self.run.history.next_event_id() {
            // The server does not remember who has started the task.
            let identity = std::mem::take(&mut task.identity);
            self.write_virtual_events(&mut task);
            task.identity = identity;
            task.kind = WorkflowTaskKind::Normal;
        }
        self.run.state.workflow_task = Some(task);
    }

    /// Whether the started workflow task can vanish: it is speculative, the worker rejects all updates and does nothing else,
    /// and the worker can go back to the last workflow task that is in the history.
    pub(in crate::cluster::execution) fn can_discard_workflow_task(
        &self,
        request: &RespondWorkflowTaskCompletedRequest,
    ) -> bool {
        let last_completed = self.run.state.last_completed_started_event_id;
        // At least the WorkflowTaskCompleted event follows the started one.
        let events_since = self.run.history.next_event_id().saturating_sub(last_completed + 2);
        let can_discard_events = request
            .capabilities
            .as_ref()
            .is_some_and(|capabilities| capabilities.discard_speculative_workflow_task_with_events);
        let most_events = if can_discard_events { limits::DISCARDED_EVENTS } else { 0 };
        self.run.state.workflow_task.as_ref().is_some_and(|task| task.is_started() && task.is_speculative())
            && request.commands.is_empty()
            && !request.force_create_new_workflow_task
            && Messages::are_rejections(&request.messages)
            && events_since <= most_events
    }

    /// Ends the started workflow task without a trace. Answers the WorkflowTaskStarted event that the worker goes back to; 0 if
    /// there is none, because a run that is held back by its start delay was updated.
    pub(in crate::cluster::execution) fn discard_workflow_task(&mut self) -> i64 {
        self.run.state.workflow_task = None;
        self.run.state.workflow_task_attempt = 1;
        self.run.state.close_attempted = false;
        let last_completed = self.run.state.last_completed_started_event_id;
        if last_completed == 0 {
            // The start delay goes on.
            self.run.state.had_workflow_task = false;
            let run = self.run.key;
            self.arm(self.run.info.execution_time.max(self.now), Timer::FirstWorkflowTaskBackoff { run });
        }
        last_completed
    }
}
