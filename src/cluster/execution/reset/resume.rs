//! A run that has been rebuilt goes on.

use temporalio_common::protos::temporal::api::{
    enums::v1::WorkflowTaskFailedCause,
    failure::v1::{Failure, ResetWorkflowFailureInfo, failure::FailureInfo},
};

use crate::cluster::{
    execution::{
        FollowUp, Transaction,
        workflow_task::{HISTORY_SERVICE, WorkflowTaskFailure},
    },
    timers::Timer,
};

/// The request id of a workflow task that no poll has started.
pub(in crate::cluster::execution) const NO_REQUEST_ID: &str = "emptyUuid";

impl Transaction<'_> {
    /// Takes up what the events up to the reset point have begun: whatever the base had done about it, it did under another
    /// run id.
    pub(super) fn resume_after_reset(&mut self) {
        let run = self.run.key;
        let scheduled: Vec<_> =
            self.run.activities.iter().map(|activity| activity.scheduled_event_id).collect();
        for scheduled_event_id in scheduled {
            let now = self.now;
            self.run.activities.update(scheduled_event_id, |activity| {
                // The time until which it may be retried stays where it was.
                activity.first_scheduled_time = now;
                activity.scheduled_time = now;
            });
            self.dispatch_activity(scheduled_event_id);
        }
        let children: Vec<_> = self.run.children.iter().map(|(&id, _)| id).collect();
        let signals: Vec<_> = self.run.signals_out.iter().map(|(&id, _)| id).collect();
        let cancels: Vec<_> = self.run.cancels_out.iter().map(|(&id, _)| id).collect();
        for initiated_event_id in children {
            self.follow_up(FollowUp::StartChild { run, initiated_event_id });
        }
        for initiated_event_id in signals {
            self.follow_up(FollowUp::SignalExternal { run, initiated_event_id });
        }
        for initiated_event_id in cancels {
            self.follow_up(FollowUp::CancelExternal { run, initiated_event_id });
        }
        if let Some(expiration) = self.run.info.run_expiration {
            self.arm(expiration, Timer::RunTimeout { run });
        }
    }

    /// Ends the workflow task that is pending at the reset point. One that nobody has started is started for that, and one
    /// that is a repetition without events gets them.
    pub(super) fn fail_workflow_task_for_reset(&mut self, reason: String, base_run_id: String) {
        self.start_workflow_task(NO_REQUEST_ID.to_owned(), HISTORY_SERVICE, None);
        if let Some(task) = &mut self.run.state.workflow_task {
            // Its failure is written whichever attempt it is.
            task.attempt = 1;
        }
        let new_run_id = self.run.run_id.clone();
        self.fail_workflow_task(WorkflowTaskFailure {
            failure: Some(reset_failure(reason)),
            reset: Some((base_run_id, new_run_id)),
            ..WorkflowTaskFailure::by_the_server(WorkflowTaskFailedCause::ResetWorkflow)
        });
        self.run.state.problems = Default::default();
    }
}

fn reset_failure(reason: String) -> Failure {
    Failure {
        message: reason,
        failure_info: Some(FailureInfo::ResetWorkflowFailureInfo(ResetWorkflowFailureInfo::default())),
        ..Default::default()
    }
}
