//! A workflow task ends: it completes or it fails.

use temporalio_common::protos::temporal::api::{
    enums::v1::WorkflowTaskFailedCause,
    failure::v1::Failure,
    history::v1::{
        WorkflowTaskCompletedEventAttributes, WorkflowTaskFailedEventAttributes, history_event::Attributes,
    },
};

use super::{HISTORY_SERVICE, WorkflowTask, WorkflowTaskKind, problems::Problem};
use crate::cluster::execution::Transaction;

/// Why a workflow task failed.
#[derive(Debug, Clone)]
pub(crate) struct WorkflowTaskFailure {
    pub(crate) cause: WorkflowTaskFailedCause,
    pub(crate) failure: Option<Failure>,
    pub(crate) identity: String,
    pub(crate) binary_checksum: String,
    /// The run that is reset, and the run that it is reset to, if that is why.
    pub(crate) reset: Option<(String, String)>,
}

impl WorkflowTaskFailure {
    /// The server itself ends the task.
    pub(crate) fn by_the_server(cause: WorkflowTaskFailedCause) -> Self {
        Self {
            cause,
            failure: None,
            identity: HISTORY_SERVICE.to_owned(),
            binary_checksum: String::new(),
            reset: None,
        }
    }
}

impl Transaction<'_> {
    /// Ends the started workflow task as completed, and answers the id of its WorkflowTaskCompleted event.
    /// `completed` has everything but the ids. Without a started workflow task nothing happens.
    pub(crate) fn complete_workflow_task(
        &mut self,
        mut completed: WorkflowTaskCompletedEventAttributes,
    ) -> Option<i64> {
        let mut task = self.run.state.workflow_task.take_if(|task| task.is_started())?;
        task.identity.clone_from(&completed.identity);
        if task.is_virtual() {
            let stamp = completed.worker_version.as_ref();
            task.worker_version = stamp.filter(|stamp| !stamp.use_versioning).cloned();
        }
        self.write_virtual_events(&mut task);
        completed.scheduled_event_id = task.scheduled_event_id;
        completed.started_event_id = task.started_event_id;
        let completed_event_id = self.add(Attributes::WorkflowTaskCompletedEventAttributes(completed));
        self.run.state.complete_workflow_task(task.started_event_id);
        self.forget_problems();
        Some(completed_event_id)
    }

    /// Ends the pending workflow task as failed. The next one is not scheduled here.
    pub(crate) fn fail_workflow_task(&mut self, failure: WorkflowTaskFailure) {
        let Some(mut task) = self.run.state.workflow_task.take() else { return };
        let cause = failure.cause;
        let (base_run_id, new_run_id) = failure.reset.unwrap_or_default();
        if task.attempt == 1 {
            if task.kind == WorkflowTaskKind::Speculative {
                // The server does not remember who has started the task.
                task.identity.clone_from(&failure.identity);
                self.write_virtual_events(&mut task);
            }
            self.add(Attributes::WorkflowTaskFailedEventAttributes(WorkflowTaskFailedEventAttributes {
                scheduled_event_id: task.scheduled_event_id,
                started_event_id: task.started_event_id,
                cause: cause as i32,
                failure: failure.failure,
                identity: failure.identity,
                binary_checksum: failure.binary_checksum,
                base_run_id,
                new_run_id,
                ..Default::default()
            }));
            self.note_problem(Problem::Failed(cause));
        }
        self.next_attempt(&task);
        let state = &mut self.run.state;
        match cause {
            WorkflowTaskFailedCause::ResetWorkflow | WorkflowTaskFailedCause::FailoverCloseCommand => {
                state.workflow_task_attempt = 1;
            }
            WorkflowTaskFailedCause::UnhandledCommand => state.close_attempted = true,
            _ => {}
        }
    }

    /// Too much has happened while a worker had the task: takes it away, so that the next one sees it all.
    ///
    /// What was held back is written before the next task is scheduled, so that the next one is a second
    /// attempt like any other.
    pub(crate) fn force_fail_workflow_task(&mut self) {
        self.fail_workflow_task(WorkflowTaskFailure::by_the_server(
            WorkflowTaskFailedCause::ForceCloseCommand,
        ));
        self.flush_buffered_events();
        self.schedule_workflow_task();
    }

    /// Before the server itself closes the run: ends a started workflow task and writes what was held back.
    /// A task that is only scheduled stays as it is.
    pub(crate) fn end_workflow_task_before_close(&mut self) {
        if self.run.state.has_started_workflow_task() {
            self.fail_workflow_task(WorkflowTaskFailure::by_the_server(
                WorkflowTaskFailedCause::ForceCloseCommand,
            ));
        }
        self.flush_buffered_events();
    }

    /// The worker that failed does not get the task again from its own queue. Losing the sticky queue costs
    /// no attempt: it may have been the worker's cache that was wrong.
    pub(super) fn next_attempt(&mut self, task: &WorkflowTask) {
        let state = &mut self.run.state;
        state.updates.resend();
        if state.sticky.take().is_some() {
            state.workflow_task_attempt = 1;
        } else {
            state.workflow_task_attempt = task.attempt.saturating_add(1);
            self.count_problem();
        }
    }

    /// Writes the scheduled and started events of a task that has none.
    pub(super) fn write_virtual_events(&mut self, task: &mut WorkflowTask) {
        if !task.is_virtual() {
            return;
        }
        task.scheduled_event_id = self.write_workflow_task_scheduled(task, task.scheduled_time);
        if let Some(started_time) = task.started_time {
            task.started_event_id = self.write_workflow_task_started(task, started_time);
        }
    }
}
