//! SignalWithStartWorkflowExecution.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    enums::v1::{EventType, WorkflowIdConflictPolicy},
    history::v1::WorkflowExecutionSignaledEventAttributes,
    workflowservice::v1::{
        SignalWithStartWorkflowExecutionRequest, SignalWithStartWorkflowExecutionResponse,
        StartWorkflowExecutionRequest,
    },
};

use super::{
    Start,
    id_policies::{IdPolicies, Resolution},
    validation,
};
use crate::{
    clock::Time,
    cluster::{
        Cluster, Error,
        execution::{RunKey, signal::Signal},
        limits::Limits,
        requests,
    },
};

impl Cluster {
    /// Signals the open run of a workflow id, or begins one that has the signal before it does anything.
    pub(in crate::cluster) fn signal_with_start_workflow_execution(
        &mut self,
        now: Time,
        request: SignalWithStartWorkflowExecutionRequest,
    ) -> Result<SignalWithStartWorkflowExecutionResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let (mut start, signal) = split(request);
        let policies = check(now, self.limits(), &mut start, &signal.signal_name)?;
        self.validate_contents(namespace, &mut start)?;
        requests::check_blob(self.limits(), signal.input.as_ref().map_or(0, |input| input.encoded_len()))?;
        let signal = Signal {
            attributes: WorkflowExecutionSignaledEventAttributes {
                request_id: start.request_id.clone(),
                ..signal
            },
            links: start.links.clone(),
            skips_first_backoff: true,
        };
        match self.resolve_workflow_id(namespace, &start, policies, false)? {
            Resolution::UseExisting(run) | Resolution::Repeated(run) => {
                let request_id = start.request_id;
                self.signal_run(now, run, signal)?;
                self.signal_with_start_response(run, &request_id, false)
            }
            Resolution::Start { terminate } => {
                let request_id = start.request_id.clone();
                let start = Start::of(namespace, start, terminate);
                let run = self.begin(now, start, |tx| {
                    tx.record_signal(signal);
                    tx.flush_buffered_events();
                    // The signal has the same request id, and comes last.
                    let signaled = tx.run.history.next_event_id() - 1;
                    tx.run.attach_request(&request_id, EventType::WorkflowExecutionStarted, Some(signaled));
                    tx.schedule_first_workflow_task();
                });
                self.signal_with_start_response(run, &request_id, true)
            }
        }
    }

    fn signal_with_start_response(
        &self,
        run: RunKey,
        request_id: &str,
        started: bool,
    ) -> Result<SignalWithStartWorkflowExecutionResponse, Error> {
        let run = self.runs.get(run).ok_or_else(|| Error::not_found("workflow execution not found"))?;
        Ok(SignalWithStartWorkflowExecutionResponse {
            run_id: run.run_id.clone(),
            first_execution_run_id: run.info.first_execution_run_id.clone(),
            started,
            signal_link: Some(self.request_id_link(run, request_id, EventType::WorkflowExecutionSignaled)),
        })
    }
}

/// The start and the signal of the request. Both get its header.
fn split(
    request: SignalWithStartWorkflowExecutionRequest,
) -> (StartWorkflowExecutionRequest, WorkflowExecutionSignaledEventAttributes) {
    let SignalWithStartWorkflowExecutionRequest {
        namespace,
        workflow_id,
        workflow_type,
        task_queue,
        input,
        workflow_execution_timeout,
        workflow_run_timeout,
        workflow_task_timeout,
        identity,
        request_id,
        workflow_id_reuse_policy,
        workflow_id_conflict_policy,
        signal_name,
        signal_input,
        control: _,
        retry_policy,
        cron_schedule,
        memo,
        search_attributes,
        header,
        workflow_start_delay,
        user_metadata,
        links,
        versioning_override,
        priority,
        time_skipping_config,
    } = request;
    let signal = WorkflowExecutionSignaledEventAttributes {
        signal_name,
        input: signal_input,
        identity: identity.clone(),
        header: header.clone(),
        ..Default::default()
    };
    let start = StartWorkflowExecutionRequest {
        namespace,
        workflow_id,
        workflow_type,
        task_queue,
        input,
        workflow_execution_timeout,
        workflow_run_timeout,
        workflow_task_timeout,
        identity,
        request_id,
        workflow_id_reuse_policy,
        workflow_id_conflict_policy,
        retry_policy,
        cron_schedule,
        memo,
        search_attributes,
        header,
        workflow_start_delay,
        user_metadata,
        links,
        versioning_override,
        priority,
        time_skipping_config,
        ..Default::default()
    };
    (start, signal)
}

/// Checks what this request words differently from a plain start.
fn check(
    now: Time,
    limits: &Limits,
    start: &mut StartWorkflowExecutionRequest,
    signal_name: &str,
) -> Result<IdPolicies, Error> {
    validation::check_workflow_id(limits, &start.workflow_id)?;
    if signal_name.is_empty() {
        return Err(Error::invalid_argument("signal not set"));
    }
    validation::check_maximum_length(limits, "signal name", signal_name)?;
    match &start.workflow_type {
        Some(workflow_type) if !workflow_type.name.is_empty() => {
            validation::check_maximum_length(limits, "workflow type name", &workflow_type.name)?;
        }
        _ => return Err(Error::invalid_argument("workflow type not set")),
    }
    validation::normalise_task_queue(limits, start)?;
    validation::check_maximum_length(limits, "Request ID", &start.request_id)?;
    validation::normalise_timeouts(start)?;
    validation::check_schedule(now, start)?;
    if start.workflow_id_conflict_policy() == WorkflowIdConflictPolicy::Fail {
        return Err(Error::invalid_argument(
            "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this \
             operation.",
        ));
    }
    IdPolicies::new(
        start.workflow_id_reuse_policy(),
        start.workflow_id_conflict_policy(),
        WorkflowIdConflictPolicy::UseExisting,
    )
}
