//! Pausing a whole run: a server allows it only if it is configured to, and by default it is not.
//!
//! A paused run takes events, but no workflow task is scheduled: one that nobody has started fails, one that a worker has may
//! complete. Activity tasks that wait are not handed out until the run goes on; attempts that run go on. Nobody can query or
//! update the run.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    enums::v1::{WorkflowExecutionStatus, WorkflowTaskFailedCause},
    history::v1::{
        WorkflowExecutionPausedEventAttributes, WorkflowExecutionUnpausedEventAttributes,
        history_event::Attributes,
    },
    workflow::v1::WorkflowExecutionPauseInfo,
    workflowservice::v1::{
        PauseWorkflowExecutionRequest, PauseWorkflowExecutionResponse, UnpauseWorkflowExecutionRequest,
        UnpauseWorkflowExecutionResponse,
    },
};
use tonic::Code;

use super::{
    MutableState, Run, RunKey, Transaction, reset::NO_REQUEST_ID, workflow_task::WorkflowTaskFailure,
};
use crate::{
    clock::Time,
    cluster::{Cluster, error::Error, requests},
};

/// What a server answers that did not expect a pause before the first workflow task.
const BEFORE_FIRST_TASK: &str = "something went wrong, please retry (c27988bd)";

/// Who has paused a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WorkflowPause {
    pub(crate) time: Time,
    pub(crate) identity: String,
    pub(crate) reason: String,
    /// A repeated request is no error.
    request_id: String,
}

impl WorkflowPause {
    /// What DescribeWorkflowExecution tells of it.
    pub(crate) fn describe(&self) -> WorkflowExecutionPauseInfo {
        WorkflowExecutionPauseInfo {
            identity: self.identity.clone(),
            paused_time: Some(self.time.to_proto()),
            reason: self.reason.clone(),
        }
    }
}

impl MutableState {
    /// The status as clients see it.
    pub(crate) fn visible_status(&self) -> WorkflowExecutionStatus {
        if self.is_paused() { WorkflowExecutionStatus::Paused } else { self.status }
    }

    /// Whether the run is open, and paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.pause.is_some() && self.status == WorkflowExecutionStatus::Running
    }
}

/// What both calls say.
struct Texts<'a> {
    workflow_id: &'a str,
    run_id: &'a str,
    reason: &'a str,
    request_id: &'a str,
    identity: &'a str,
}

impl Cluster {
    /// PauseWorkflowExecution.
    pub(in crate::cluster) fn pause_workflow_execution(
        &mut self,
        now: Time,
        request: PauseWorkflowExecutionRequest,
    ) -> Result<PauseWorkflowExecutionResponse, Error> {
        let namespace = &request.namespace;
        self.shared.namespaces.find(namespace)?;
        if !self.limits().workflow_pause {
            let text = format!("workflow pause is not enabled for namespace: {namespace}");
            return Err(Error::new(Code::Unimplemented, text));
        }
        let run = self.run_to_pause(
            namespace,
            &Texts {
                workflow_id: &request.workflow_id,
                run_id: &request.run_id,
                reason: &request.reason,
                request_id: &request.request_id,
                identity: &request.identity,
            },
        )?;
        self.transact(now, run, |tx| {
            match tx.run.state.pause.as_ref().filter(|_| tx.run.state.is_paused()) {
                Some(pause) if !pause.request_id.is_empty() && pause.request_id == request.request_id => {
                    tx.keep_in_memory();
                    return Ok(());
                }
                Some(_) => return Err(Error::failed_precondition("workflow is already paused.")),
                None => {}
            }
            if tx.run.state.waits_for_first_workflow_task() {
                return Err(Error::internal(BEFORE_FIRST_TASK.to_owned()));
            }
            tx.pause(WorkflowExecutionPausedEventAttributes {
                identity: request.identity,
                reason: request.reason,
                request_id: request.request_id,
            });
            Ok(())
        })?;
        Ok(PauseWorkflowExecutionResponse::default())
    }

    /// UnpauseWorkflowExecution.
    pub(in crate::cluster) fn unpause_workflow_execution(
        &mut self,
        now: Time,
        request: UnpauseWorkflowExecutionRequest,
    ) -> Result<UnpauseWorkflowExecutionResponse, Error> {
        let run = self.run_to_pause(
            &request.namespace,
            &Texts {
                workflow_id: &request.workflow_id,
                run_id: &request.run_id,
                reason: &request.reason,
                request_id: &request.request_id,
                identity: &request.identity,
            },
        )?;
        self.transact(now, run, |tx| {
            if !tx.run.state.is_paused() {
                return Err(Error::failed_precondition("workflow is not paused."));
            }
            tx.unpause(WorkflowExecutionUnpausedEventAttributes {
                identity: request.identity,
                reason: request.reason,
                request_id: request.request_id,
            });
            Ok(())
        })?;
        Ok(UnpauseWorkflowExecutionResponse::default())
    }

    /// The open run that a call means.
    fn run_to_pause(&self, namespace: &str, texts: &Texts<'_>) -> Result<RunKey, Error> {
        let namespace = self.shared.namespaces.find(namespace)?;
        let longest = self.limits().id_length;
        for (name, text) in
            [("reason", texts.reason), ("request id", texts.request_id), ("identity", texts.identity)]
        {
            if text.len() > longest {
                return Err(Error::invalid_argument(format!("{name} is too long.")));
            }
        }
        if texts.workflow_id.is_empty() {
            return Err(Error::invalid_argument("Can't load workflow execution. WorkflowId not set."));
        }
        requests::check_run_uuid(texts.run_id)?;
        let run = self.runs.find(namespace, texts.workflow_id, texts.run_id)?;
        if run.is_running() { Ok(run.key) } else { Err(Error::already_completed()) }
    }
}

impl Run {
    /// The run is paused, as its event says.
    pub(super) fn apply_paused(&mut self, time: Time, paused: &WorkflowExecutionPausedEventAttributes) {
        self.state.pause = Some(Arc::new(WorkflowPause {
            time,
            identity: paused.identity.clone(),
            reason: paused.reason.clone(),
            request_id: paused.request_id.clone(),
        }));
    }

    /// What the search attribute of pauses says of the run itself.
    pub(super) fn pause_entries(&self) -> Vec<String> {
        let Some(pause) = &self.state.pause else { return Vec::new() };
        let reason = (!pause.reason.is_empty()).then(|| format!("Reason:{}", pause.reason));
        std::iter::once(format!("Workflow:{}", self.workflow_id)).chain(reason).collect()
    }
}

impl Transaction<'_> {
    fn pause(&mut self, paused: WorkflowExecutionPausedEventAttributes) {
        self.run.apply_paused(self.now, &paused);
        self.run.activities.change_all_stamps();
        if let Some(task) = self.run.state.workflow_task.as_mut().filter(|task| !task.is_started()) {
            if task.is_speculative() {
                // Its failure gets a started event, of which nothing is known.
                task.started_time = Some(Time::from_nanos(0));
                task.request_id = NO_REQUEST_ID.to_owned();
            }
            let cause = WorkflowTaskFailedCause::WorkflowPauseRequestedBeforeTaskStarted;
            self.fail_workflow_task(WorkflowTaskFailure::by_the_server(cause));
            self.run.state.workflow_task_attempt = 1;
        }
        self.add(Attributes::WorkflowExecutionPausedEventAttributes(paused));
        self.update_pause_search_attribute();
    }

    fn unpause(&mut self, unpaused: WorkflowExecutionUnpausedEventAttributes) {
        self.run.state.pause = None;
        self.add(Attributes::WorkflowExecutionUnpausedEventAttributes(unpaused));
        self.run.activities.change_all_stamps();
        self.dispatch_waiting_activities();
        self.update_pause_search_attribute();
        self.need_workflow_task();
    }
}
