//! Ending a run from outside: asking it to cancel, terminating it, deleting it.

use temporalio_common::protos::temporal::api::{
    common::v1::{Link, WorkflowExecution},
    history::v1::{
        WorkflowExecutionCancelRequestedEventAttributes, WorkflowExecutionTerminatedEventAttributes,
        history_event::Attributes,
    },
    workflowservice::v1::{
        DeleteWorkflowExecutionRequest, DeleteWorkflowExecutionResponse,
        RequestCancelWorkflowExecutionRequest, RequestCancelWorkflowExecutionResponse,
        TerminateWorkflowExecutionRequest, TerminateWorkflowExecutionResponse,
    },
};

use super::{Event, FollowUp, RunKey, Transaction, workflow_task::HISTORY_SERVICE};
use crate::{
    clock::Time,
    cluster::{Cluster, calls::Parked, error::Error, execution::Runs, requests},
};

impl Cluster {
    /// RequestCancelWorkflowExecution: tells the workflow, once, that somebody wants it to end. A closed run
    /// has nothing against it.
    pub(in crate::cluster) fn request_cancel_workflow_execution(
        &mut self,
        now: Time,
        request: RequestCancelWorkflowExecutionRequest,
    ) -> Result<RequestCancelWorkflowExecutionResponse, Error> {
        requests::check_links(self.limits(), &request.links)?;
        let run = self.run_to_end(
            &request.namespace,
            request.workflow_execution.as_ref(),
            &request.first_execution_run_id,
        )?;
        let attributes = WorkflowExecutionCancelRequestedEventAttributes {
            cause: request.reason,
            identity: request.identity,
            ..Default::default()
        };
        self.change(now, run, |tx| tx.request_cancel(attributes, request.links));
        Ok(RequestCancelWorkflowExecutionResponse::default())
    }

    /// TerminateWorkflowExecution: closes a run without asking it.
    pub(in crate::cluster) fn terminate_workflow_execution(
        &mut self,
        now: Time,
        request: TerminateWorkflowExecutionRequest,
    ) -> Result<TerminateWorkflowExecutionResponse, Error> {
        requests::check_links(self.limits(), &request.links)?;
        let run = self.run_to_end(
            &request.namespace,
            request.workflow_execution.as_ref(),
            &request.first_execution_run_id,
        )?;
        let or = |given: String, default: &str| if given.is_empty() { default.to_owned() } else { given };
        let attributes = WorkflowExecutionTerminatedEventAttributes {
            reason: or(request.reason, "terminated by user via frontend"),
            details: request.details,
            identity: or(request.identity, "frontend-service"),
        };
        self.terminate_run(now, run, attributes, request.links)?;
        Ok(TerminateWorkflowExecutionResponse::default())
    }

    /// DeleteWorkflowExecution: forgets a run, after having terminated it if it is open.
    pub(in crate::cluster) fn delete_workflow_execution(
        &mut self,
        now: Time,
        request: DeleteWorkflowExecutionRequest,
    ) -> Result<DeleteWorkflowExecutionResponse, Error> {
        let run = self.run_to_end(&request.namespace, request.workflow_execution.as_ref(), "")?;
        if self.runs.get(run).is_some_and(super::Run::is_running) {
            let attributes = WorkflowExecutionTerminatedEventAttributes {
                reason: "Delete workflow execution".to_owned(),
                identity: HISTORY_SERVICE.to_owned(),
                ..Default::default()
            };
            self.terminate_run(now, run, attributes, Vec::new())?;
        }
        self.follow_ups.push_back(FollowUp::Delete { run });
        Ok(DeleteWorkflowExecutionResponse::default())
    }

    /// Forgets a closed run. Whoever waits for it is told that it is gone.
    pub(in crate::cluster) fn delete_run(&mut self, run: RunKey) {
        let Some(run) = self.runs.remove(run) else { return };
        self.visibility.remove(&run);
        for call in run.waiting {
            if matches!(self.calls.get(call), Some(Parked::History(_))) {
                self.answer_parked(call, Err(Runs::no_such_run(&run.workflow_id, &run.run_id)));
            }
        }
    }

    /// Closes an open run as terminated.
    ///
    /// # Errors
    ///
    /// NOT_FOUND if it is closed.
    pub(in crate::cluster) fn terminate_run(
        &mut self,
        now: Time,
        run: RunKey,
        attributes: WorkflowExecutionTerminatedEventAttributes,
        links: Vec<Link>,
    ) -> Result<(), Error> {
        self.transact(now, run, |tx| {
            if !tx.run.is_running() {
                return Err(Error::already_completed());
            }
            tx.end_workflow_task_before_close();
            tx.close_with(
                Event::new(Attributes::WorkflowExecutionTerminatedEventAttributes(attributes)).links(links),
            );
            Ok(())
        })
    }

    /// The run that a request wants to end. With the id of a chain's first run it is the current run of
    /// that chain, whatever run id is given.
    fn run_to_end(
        &self,
        namespace: &str,
        execution: Option<&WorkflowExecution>,
        first_execution_run_id: &str,
    ) -> Result<RunKey, Error> {
        let namespace = self.shared.namespaces.find(namespace)?;
        let execution = requests::execution(execution)?;
        if first_execution_run_id.is_empty() {
            return Ok(self.runs.find(namespace, &execution.workflow_id, &execution.run_id)?.key);
        }
        let run = self.runs.find(namespace, &execution.workflow_id, "")?;
        if run.info.first_execution_run_id != first_execution_run_id {
            return Err(Error::not_found("workflow execution not found"));
        }
        Ok(run.key)
    }
}

impl Transaction<'_> {
    /// Tells the workflow that somebody wants it to end, if it is open and has not been told yet.
    pub(crate) fn request_cancel(
        &mut self,
        attributes: WorkflowExecutionCancelRequestedEventAttributes,
        links: Vec<Link>,
    ) {
        if !self.run.is_running() || self.run.state.cancel_requested {
            return self.keep_in_memory();
        }
        self.run.state.cancel_requested = true;
        let event = Event::new(Attributes::WorkflowExecutionCancelRequestedEventAttributes(attributes));
        self.add_event(event.links(links));
        self.need_workflow_task();
    }
}
