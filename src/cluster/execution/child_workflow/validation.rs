//! Which commands that start a child are refused, and what is filled in where one says nothing.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    command::v1::StartChildWorkflowExecutionCommandAttributes as Command,
    enums::v1::{ParentClosePolicy, TaskQueueKind, WorkflowIdReusePolicy, WorkflowTaskFailedCause as Cause},
};

use crate::{
    clock,
    cluster::{
        cron, durations,
        execution::{Transaction, completed::CommandFailure},
        requests, retry, start,
    },
    rules::workflow_timeouts,
};

const CAUSE: Cause = Cause::BadStartChildExecutionAttributes;
const NAME: &str = "StartChildWorkflowExecutionCommand";

/// The command is refused.
pub(super) fn refuse(message: impl Into<String>) -> CommandFailure {
    CommandFailure::new(CAUSE, message)
}

/// Checks a command in the order in which the server does, and fills in what it leaves open: the namespace and the task
/// queue of the parent, the timeouts, and the policies.
pub(super) fn complete(tx: &Transaction<'_>, command: &mut Command) -> Result<(), CommandFailure> {
    let namespaces = &tx.shared.namespaces;
    let namespace = tx.target_namespace(&command.namespace)?;
    command.namespace = namespaces.name(namespace).to_owned();
    if let Some(attributes) = &command.search_attributes {
        namespaces
            .check_search_attribute_names(namespace, attributes)
            .map_err(|error| CommandFailure::new(Cause::BadSearchAttributes, error.message))?;
    }
    tx.check_same_namespace(namespace, CAUSE)?;
    check_ids(tx, command)?;
    let context = format!(
        "WorkflowId={} WorkflowType={} Namespace={}",
        command.workflow_id,
        workflow_type(command),
        command.namespace
    );
    check_times(tx, command, &context)?;
    if let Some(attributes) = &mut command.search_attributes {
        namespaces.check_search_attribute_values(namespace, attributes).map_err(|error| {
            let message = format!(
                "invalid SearchAttributes on StartChildWorkflowCommand: {}. {context}",
                error.message
            );
            CommandFailure::new(Cause::BadSearchAttributes, message)
        })?;
    }
    start::check_priority(command.priority.as_ref()).map_err(|error| refuse(error.message))?;
    complete_task_queue(tx, command, &context)?;
    complete_timeouts(command);
    if command.inherit_build_id
        && command.task_queue.as_ref().is_some_and(|queue| queue.name != tx.run.info.task_queue)
    {
        return Err(refuse(
            "StartChildWorkflowExecution with UseCompatibleVersion cannot run on different task queue.",
        ));
    }
    check_sizes(tx, command)?;
    if let Some(attributes) = &command.search_attributes {
        namespaces
            .check_search_attribute_sizes(namespace, &attributes.indexed_fields)
            .map_err(|error| CommandFailure::terminate(CAUSE, error.message))?;
    }
    if command.versioning_override.is_some() {
        return Err(refuse("temporal-sim does not serve versioning_override of StartChildWorkflowExecution"));
    }
    if command.parent_close_policy() == ParentClosePolicy::Unspecified {
        command.parent_close_policy = ParentClosePolicy::Terminate as i32;
    }
    if command.workflow_id_reuse_policy() == WorkflowIdReusePolicy::Unspecified {
        command.workflow_id_reuse_policy = WorkflowIdReusePolicy::AllowDuplicate as i32;
    }
    Ok(())
}

fn workflow_type(command: &Command) -> &str {
    command.workflow_type.as_ref().map_or("", |workflow_type| &workflow_type.name)
}

fn check_ids(tx: &Transaction<'_>, command: &Command) -> Result<(), CommandFailure> {
    let Command { namespace, workflow_id, .. } = command;
    let workflow_type = workflow_type(command);
    if workflow_id.is_empty() {
        return Err(refuse(format!(
            "Required field WorkflowId is not set on {NAME}. WorkflowType={workflow_type} Namespace={namespace}"
        )));
    }
    if workflow_type.is_empty() {
        return Err(refuse(format!(
            "Required field WorkflowType is not set on {NAME}. WorkflowId={workflow_id} Namespace={namespace}"
        )));
    }
    let limit = tx.limits().id_length;
    if workflow_id.len() > limit {
        return Err(refuse(format!(
            "WorkflowId on {NAME} exceeds length limit. WorkflowId={workflow_id} Length={} Limit={limit} \
             WorkflowType={workflow_type} Namespace={namespace}",
            workflow_id.len(),
        )));
    }
    if workflow_type.len() > limit {
        return Err(refuse(format!(
            "WorkflowType on {NAME} exceeds length limit. WorkflowId={workflow_id} WorkflowType={workflow_type} \
             Length={} Limit={limit} Namespace={namespace}",
            workflow_type.len(),
        )));
    }
    Ok(())
}

/// Checks the timeouts, the retry policy, whose defaults it fills in, and the cron schedule.
fn check_times(tx: &Transaction<'_>, command: &mut Command, context: &str) -> Result<(), CommandFailure> {
    for (name, timeout) in [
        ("WorkflowExecutionTimeout", &mut command.workflow_execution_timeout),
        ("WorkflowRunTimeout", &mut command.workflow_run_timeout),
        ("WorkflowTaskTimeout", &mut command.workflow_task_timeout),
    ] {
        durations::validate(timeout.as_mut())
            .map_err(|invalid| refuse(format!("Invalid {name} on {NAME}: {invalid}. {context}")))?;
    }
    if let Some(policy) = &mut command.retry_policy {
        retry::fill_defaults(policy);
        retry::validate(policy).map_err(|invalid| {
            refuse(format!("invalid WorkflowRetryPolicy on {NAME}: {invalid}. {context}"))
        })?;
    }
    cron::validate(&command.cron_schedule, tx.now)
        .map_err(|invalid| refuse(format!("invalid CronSchedule on {NAME}: {invalid}. {context}")))
}

fn complete_task_queue(
    tx: &Transaction<'_>,
    command: &mut Command,
    context: &str,
) -> Result<(), CommandFailure> {
    let queue = command.task_queue.get_or_insert_default();
    if queue.name.is_empty() {
        queue.name.clone_from(&tx.run.info.task_queue);
    }
    queue.kind = TaskQueueKind::Normal as i32;
    requests::task_queue(tx.limits(), Some(queue)).map_err(|error| {
        let queue = crate::cluster::execution::continue_as_new::written(queue);
        refuse(format!("invalid TaskQueue on {NAME}: {}. {context} TaskQueue={queue}", error.message))
    })?;
    Ok(())
}

/// Caps the run timeout and the workflow task timeout. The execution timeout stays as it is.
fn complete_timeouts(command: &mut Command) {
    let execution = clock::duration(command.workflow_execution_timeout.as_ref());
    let run =
        workflow_timeouts::run_timeout(clock::duration(command.workflow_run_timeout.as_ref()), execution);
    let task = workflow_timeouts::task_timeout(clock::duration(command.workflow_task_timeout.as_ref()), run);
    command.workflow_run_timeout = Some(clock::to_proto(run));
    command.workflow_task_timeout = Some(clock::to_proto(task));
}

fn check_sizes(tx: &Transaction<'_>, command: &Command) -> Result<(), CommandFailure> {
    if command.input.as_ref().is_some_and(|input| input.encoded_len() > tx.limits().blob_size) {
        return Err(CommandFailure::terminate(
            CAUSE,
            "StartChildWorkflowExecutionCommandAttributes. Input exceeds size limit.",
        ));
    }
    if command.memo.as_ref().is_some_and(|memo| memo.encoded_len() > tx.limits().memo_size) {
        return Err(CommandFailure::terminate(
            CAUSE,
            "StartChildWorkflowExecutionCommandAttributes.Memo exceeds size limit.",
        ));
    }
    Ok(())
}
