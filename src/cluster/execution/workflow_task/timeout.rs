//! A workflow task times out.

use temporalio_common::protos::temporal::api::{
    enums::v1::TimeoutType,
    history::v1::{WorkflowTaskTimedOutEventAttributes, history_event::Attributes},
};

use super::{WorkflowTask, WorkflowTaskKind, problems::Problem};
use crate::cluster::execution::Transaction;

impl Transaction<'_> {
    /// Nobody took the workflow task from its sticky queue in time: it goes to the normal queue. That
    /// costs no attempt.
    pub(crate) fn time_out_scheduled_workflow_task(&mut self) {
        let Some(task) = self.run.state.workflow_task.take_if(|task| !task.is_started()) else { return };
        self.write_workflow_task_timed_out(task, TimeoutType::ScheduleToStart);
        self.run.state.sticky = None;
        self.schedule_workflow_task();
    }

    /// The worker did not complete the workflow task in time.
    pub(crate) fn time_out_started_workflow_task(&mut self) {
        let Some(task) = self.run.state.workflow_task.take_if(|task| task.is_started()) else { return };
        if task.attempt == 1 {
            self.note_problem(Problem::TimedOut(TimeoutType::StartToClose));
        }
        self.next_attempt(&task);
        self.write_workflow_task_timed_out(task, TimeoutType::StartToClose);
        self.schedule_workflow_task();
    }

    /// Transient attempts time out without a trace.
    fn write_workflow_task_timed_out(&mut self, mut task: WorkflowTask, timeout_type: TimeoutType) {
        if task.attempt > 1 {
            return;
        }
        if task.kind == WorkflowTaskKind::Speculative {
            // The server does not remember who has started the task.
            task.identity.clear();
            self.write_virtual_events(&mut task);
        }
        self.add(Attributes::WorkflowTaskTimedOutEventAttributes(WorkflowTaskTimedOutEventAttributes {
            scheduled_event_id: task.scheduled_event_id,
            started_event_id: task.started_event_id,
            timeout_type: timeout_type as i32,
        }));
    }
}
