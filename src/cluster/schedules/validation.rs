//! What makes a schedule invalid.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    enums::v1::{TaskQueueKind, WorkflowIdReusePolicy},
    schedule::v1::{Schedule as Definition, ScheduleAction, schedule_action::Action},
    workflow::v1::NewWorkflowExecutionInfo,
    workflowservice::v1::StartWorkflowExecutionRequest,
};

use super::{CompiledSpec, Jitter};
use crate::cluster::{
    Cluster,
    error::Error,
    limits::{self, Limits},
    namespaces::NamespaceKey,
    requests, start,
};

/// The form of what is added to a workflow id when an action is taken.
const APPENDED_TIME: &str = "-2009-11-10T23:00:00Z";

/// A schedule counts as a workflow with this before its id.
const WORKFLOW_ID_PREFIX: &str = "temporal-sys-scheduler:";

/// The workflow id that error messages give a schedule.
pub(super) fn workflow_id(schedule_id: &str) -> String {
    format!("{WORKFLOW_ID_PREFIX}{schedule_id}")
}

/// Refuses an id that is too long with what is put before it.
pub(super) fn check_schedule_id(limits: &Limits, schedule_id: &str) -> Result<(), Error> {
    start::check_workflow_id(limits, &workflow_id(schedule_id))
}

/// Refuses a request id that is too long.
pub(super) fn check_request_id(limits: &Limits, request_id: &str) -> Result<(), Error> {
    requests::check_length(limits, request_id, "RequestId length exceeds limit.")
}

impl Cluster {
    /// Compiles the specification of a schedule.
    pub(super) fn compile_spec(
        &self,
        namespace: &str,
        id: &str,
        definition: &Definition,
    ) -> Result<CompiledSpec, Error> {
        let jitter = Jitter { seed: self.shared.seed, schedule: format!("{namespace}-{id}") };
        CompiledSpec::new(definition.spec.as_ref().unwrap_or(&Default::default()), jitter)
            .map_err(|error| Error::invalid_argument(format!("Invalid schedule spec: {error}")))
    }

    /// Checks the workflow that a schedule starts, and marks its search attributes with their types.
    pub(super) fn check_action(
        &self,
        namespace: NamespaceKey,
        definition: &mut Definition,
    ) -> Result<(), Error> {
        let Some(ScheduleAction { action: Some(Action::StartWorkflow(template)) }) = &mut definition.action
        else {
            return Ok(());
        };
        start::check_workflow_id(self.limits(), &format!("{}{APPENDED_TIME}", template.workflow_id))?;
        match &template.workflow_type {
            Some(workflow_type) if !workflow_type.name.is_empty() => {
                requests::check_length(
                    self.limits(),
                    &workflow_type.name,
                    "WorkflowType length exceeds limit.",
                )?;
            }
            _ => return Err(Error::invalid_argument("WorkflowType is not set on request.")),
        }
        requests::task_queue(self.limits(), template.task_queue.as_ref())?;
        if let Some(queue) = &mut template.task_queue {
            queue.kind = TaskQueueKind::Normal as i32;
        }
        check_timeouts(template)?;
        if !template.cron_schedule.is_empty() {
            return Err(Error::invalid_argument("Scheduled workflow must not contain CronSchedule"));
        }
        if !matches!(
            template.workflow_id_reuse_policy(),
            WorkflowIdReusePolicy::Unspecified | WorkflowIdReusePolicy::AllowDuplicate
        ) {
            return Err(Error::invalid_argument("Scheduled workflow must not contain WorkflowIDReusePolicy"));
        }
        match &mut template.search_attributes {
            Some(attributes) => self.shared.namespaces.check_search_attributes(namespace, attributes),
            None => Ok(()),
        }
    }
}

fn check_timeouts(template: &NewWorkflowExecutionInfo) -> Result<(), Error> {
    let mut request = StartWorkflowExecutionRequest {
        workflow_execution_timeout: template.workflow_execution_timeout,
        workflow_run_timeout: template.workflow_run_timeout,
        workflow_task_timeout: template.workflow_task_timeout,
        ..Default::default()
    };
    start::normalise_timeouts(&mut request)
}

/// Refuses a schedule that could not be kept, or whose workflows could not be started, for its size.
pub(super) fn check_size(limits: &Limits, definition: &Definition) -> Result<(), Error> {
    requests::check_blob(limits, definition.encoded_len())
}

/// Refuses notes that are too long.
pub(super) fn check_notes(notes: &str) -> Result<(), Error> {
    if notes.len() > limits::SCHEDULE_NOTES {
        return Err(Error::invalid_argument("Schedule notes exceeds limit."));
    }
    Ok(())
}
