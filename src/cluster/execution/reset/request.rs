//! What is asked of a reset, and what the base and the current run become.

use temporalio_common::protos::temporal::api::{
    enums::v1::ResetReapplyType,
    history::v1::{WorkflowExecutionTerminatedEventAttributes, history_event::Attributes},
    workflow::v1::{
        PostResetOperation,
        post_reset_operation::{UpdateWorkflowOptions, Variant},
    },
    workflowservice::v1::{ResetWorkflowExecutionRequest, ResetWorkflowExecutionResponse},
};

use super::{
    RESETTER,
    reapply::{Excluded, events_behind},
};
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        error::Error,
        execution::{Event, RunKey, Transaction, check_override, options::check_change},
        requests,
    },
};

impl Cluster {
    /// Begins a run again behind one of its workflow tasks.
    pub(in crate::cluster) fn reset_workflow_execution(
        &mut self,
        now: Time,
        request: ResetWorkflowExecutionRequest,
    ) -> Result<ResetWorkflowExecutionResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        if request.request_id.is_empty() {
            return Err(Error::invalid_argument("RequestId is not set on request."));
        }
        requests::check_length(self.limits(), &request.request_id, "RequestId length exceeds limit.")?;
        let execution = requests::execution(request.workflow_execution.as_ref())?;
        if ResetReapplyType::try_from(request.reset_reapply_type).is_err() {
            return Err(Error::internal(format!(
                "unknown reset reapply type: {}",
                request.reset_reapply_type
            )));
        }
        for operation in &request.post_reset_operations {
            if let Some(Variant::UpdateWorkflowOptions(update)) = &operation.variant {
                let options = update.workflow_execution_options.as_ref();
                requests::check_time_skipping(options.and_then(|it| it.time_skipping_config.as_ref()))?;
            }
        }
        let base = self.runs.find(namespace, &execution.workflow_id, &execution.run_id)?;
        if request.workflow_task_finish_event_id <= 1
            || request.workflow_task_finish_event_id >= base.history.next_event_id()
        {
            return Err(Error::invalid_argument(
                "Workflow task finish ID must be > 1 && <= workflow last event ID.",
            ));
        }
        let operations = option_updates(&request.post_reset_operations, &base.info.task_queue)?;
        let base = base.key;
        let current = self.runs.current(namespace, &execution.workflow_id);
        if let Some(current) = current.filter(|run| run.info.create_request_id == request.request_id) {
            return Ok(ResetWorkflowExecutionResponse { run_id: current.run_id.clone() });
        }
        let current = current.map(|run| run.key);

        let mut run = self.rebuild_at(now, base, request.workflow_task_finish_event_id)?;
        let run_id = run.run_id.clone();
        if current != Some(base) {
            self.change(now, base, |tx| tx.run.state.reset_run_id.clone_from(&run_id));
        }
        if let Some(current) = current {
            let reset_run_id = if current == base { run_id.as_str() } else { "" };
            self.make_way(now, current, &request.reason, reset_run_id);
        }
        let excluded = Excluded::of(&request);
        let events = events_behind(&self.runs, base, request.workflow_task_finish_event_id, &excluded);
        let base_run_id = self.runs.get(base).map(|base| base.run_id.clone()).unwrap_or_default();
        let mut transaction = Transaction::begin(now, &mut run, &mut self.shared);
        transaction.resume_after_reset();
        transaction.fail_workflow_task_for_reset(request.reason, base_run_id);
        for event in events {
            transaction.reapply(event, &excluded);
        }
        for UpdateWorkflowOptions { workflow_execution_options, update_mask } in operations {
            let paths = update_mask.unwrap_or_default().paths;
            transaction.update_options(
                &workflow_execution_options.unwrap_or_default(),
                &paths,
                String::new(),
            )?;
        }
        transaction.need_workflow_task();
        let effects = transaction.commit();
        self.add_run(run);
        self.apply(effects);
        Ok(ResetWorkflowExecutionResponse { run_id })
    }

    /// Terminates the current run, if it is open. If it is the one that is reset, it is told to what.
    fn make_way(&mut self, now: Time, current: RunKey, reason: &str, reset_run_id: &str) {
        self.change(now, current, |tx| {
            if !reset_run_id.is_empty() {
                tx.run.state.reset_run_id = reset_run_id.to_owned();
            }
            if !tx.run.is_running() {
                return;
            }
            tx.end_workflow_task_before_close();
            tx.close_with(Event::new(Attributes::WorkflowExecutionTerminatedEventAttributes(
                WorkflowExecutionTerminatedEventAttributes {
                    reason: reason.to_owned(),
                    identity: RESETTER.to_owned(),
                    ..Default::default()
                },
            )));
        });
    }
}

/// The changes of options that follow a reset. Nothing else may follow it.
fn option_updates(
    operations: &[PostResetOperation],
    task_queue: &str,
) -> Result<Vec<UpdateWorkflowOptions>, Error> {
    let refuse =
        |kind: &str| Err(Error::invalid_argument(format!("unsupported post reset operation: {kind}")));
    operations
        .iter()
        .map(|operation| match &operation.variant {
            Some(Variant::UpdateWorkflowOptions(update)) => {
                let options = update.workflow_execution_options.as_ref();
                check_override(options.and_then(|it| it.versioning_override.as_ref()), task_queue)?;
                let paths = update.update_mask.clone().unwrap_or_default().paths;
                check_change(&options.cloned().unwrap_or_default(), &paths)?;
                Ok(update.clone())
            }
            Some(Variant::SignalWorkflow(_)) => refuse("*workflow.PostResetOperation_SignalWorkflow_"),
            None => refuse("<nil>"),
        })
        .collect()
}
