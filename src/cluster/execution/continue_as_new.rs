//! The ContinueAsNewWorkflowExecution command: a run that ends and begins again.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    command::v1::ContinueAsNewWorkflowExecutionCommandAttributes as Command,
    common::v1::WorkflowType,
    enums::v1::{
        ContinueAsNewInitiator, ContinueAsNewVersioningBehavior, TaskQueueKind,
        WorkflowTaskFailedCause as Cause,
    },
    history::v1::{
        WorkflowExecutionContinuedAsNewEventAttributes, WorkflowExecutionStartedEventAttributes,
        history_event::Attributes,
    },
    sdk::v1::UserMetadata,
    taskqueue::v1::TaskQueue,
};

use super::{
    Event, Transaction,
    chain::NextRun,
    completed::{CommandFailure, Completion},
};
use crate::{
    clock,
    cluster::{durations, payloads, requests, retry},
    rules::workflow_timeouts,
};

const CAUSE: Cause = Cause::BadContinueAsNewAttributes;

/// The command. Memo, search attributes, header, retry policy and cron schedule of the next run are those of
/// the command; its type, task queue and timeouts are those of this run where the command has none.
pub(crate) fn continue_as_new(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    command: Option<Command>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    super::close::check_nothing_is_unhandled(completion)?;
    let mut command = command.ok_or_else(|| {
        CommandFailure::new(
            CAUSE,
            "ContinueAsNewWorkflowExecutionCommandAttributes is not set on \
             ContinueAsNewWorkflowExecutionCommand.",
        )
    })?;
    let namespaces = &tx.shared.namespaces;
    if let Some(attributes) = &command.search_attributes {
        namespaces
            .check_search_attribute_names(tx.run.namespace, attributes)
            .map_err(|error| CommandFailure::new(Cause::BadSearchAttributes, error.message))?;
    }
    let queue = complete(tx, &mut command)?;
    if let Some(attributes) = &mut command.search_attributes {
        let type_name = command.workflow_type.as_ref().map(|it| it.name.as_str()).unwrap_or_default();
        namespaces.check_search_attribute_values(tx.run.namespace, attributes).map_err(|error| {
            let message = format!(
                "invalid SearchAttributes on ContinueAsNewWorkflowExecutionCommand: {}. \
                 WorkflowType={type_name} TaskQueue={}",
                error.message,
                written(&queue)
            );
            CommandFailure::new(Cause::BadSearchAttributes, message)
        })?;
    }
    if command.input.as_ref().is_some_and(|input| input.encoded_len() > tx.limits().blob_size) {
        return Err(CommandFailure::terminate(
            CAUSE,
            "ContinueAsNewWorkflowExecutionCommandAttributes. Input exceeds size limit.",
        ));
    }
    if command.memo.as_ref().is_some_and(|memo| memo.encoded_len() > tx.limits().memo_size) {
        return Err(CommandFailure::terminate(
            CAUSE,
            "ContinueAsNewWorkflowExecutionCommandAttributes. Memo exceeds size limit.",
        ));
    }
    if let Some(attributes) = &command.search_attributes {
        namespaces
            .check_search_attribute_sizes(tx.run.namespace, &attributes.indexed_fields)
            .map_err(|error| CommandFailure::terminate(CAUSE, error.message))?;
    }
    // Fields without a value say nothing to a run that has none.
    if let Some(attributes) = &mut command.search_attributes {
        attributes.indexed_fields.retain(|_, payload| !payloads::is_nil(payload));
    }
    command.search_attributes.take_if(|attributes| attributes.indexed_fields.is_empty());
    if let Some(memo) = &mut command.memo {
        memo.fields.retain(|_, payload| !payloads::is_nil(payload));
    }
    command.memo.take_if(|memo| memo.fields.is_empty());
    let mut started = started_attributes(tx.run.started(), &command, &queue);
    let stays_with_version = queue.name == tx.run.info.task_queue
        && command.initial_versioning_behavior() == ContinueAsNewVersioningBehavior::Unspecified;
    (started.inherited_pinned_version, started.declined_target_version_upgrade) =
        if stays_with_version { tx.run.state.inherited_version() } else { (None, None) };
    let next = NextRun {
        started,
        backoff: command.backoff_start_interval.as_ref().map(|backoff| clock::duration(Some(backoff))),
    };
    let new_execution_run_id = tx.continue_with(next);
    let event = WorkflowExecutionContinuedAsNewEventAttributes {
        new_execution_run_id,
        workflow_type: command.workflow_type,
        task_queue: Some(queue),
        input: command.input,
        workflow_run_timeout: command.workflow_run_timeout,
        workflow_task_timeout: command.workflow_task_timeout,
        workflow_task_completed_event_id: completion.completed_event_id,
        backoff_start_interval: command.backoff_start_interval,
        initiator: command.initiator,
        failure: command.failure,
        last_completion_result: command.last_completion_result,
        header: command.header,
        memo: command.memo,
        search_attributes: command.search_attributes,
        inherit_build_id: command.inherit_build_id,
        ..Default::default()
    };
    let event = Event::new(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(event));
    tx.close_with(event.user_metadata(user_metadata));
    Ok(())
}

/// Checks the command and fills in what it leaves to the run. Answers the task queue of the next run.
fn complete(tx: &Transaction<'_>, command: &mut Command) -> Result<TaskQueue, CommandFailure> {
    let run = &*tx.run;
    let refuse = |message: String| CommandFailure::new(CAUSE, message);
    let type_name = command.workflow_type.take().map(|workflow_type| workflow_type.name).unwrap_or_default();
    let type_name = if type_name.is_empty() { run.info.workflow_type.clone() } else { type_name };
    if type_name.len() > tx.limits().id_length {
        return Err(refuse(format!(
            "WorkflowType on ContinueAsNewWorkflowExecutionCommand exceeds length limit. \
             WorkflowType={type_name} Length={} Limit={}",
            type_name.len(),
            tx.limits().id_length
        )));
    }
    command.workflow_type = Some(WorkflowType { name: type_name.clone() });

    let mut queue = command.task_queue.take().unwrap_or_default();
    if queue.name.is_empty() {
        queue.name.clone_from(&run.info.task_queue);
    }
    queue.kind = TaskQueueKind::Normal as i32;
    let context = format!("WorkflowType={type_name} TaskQueue={}", written(&queue));
    requests::task_queue(tx.limits(), Some(&queue)).map_err(|error| {
        refuse(format!(
            "error validating ContinueAsNewWorkflowExecutionCommand TaskQueue: {}. {context}",
            error.message
        ))
    })?;
    for (name, duration) in [
        ("WorkflowRunTimeout", &mut command.workflow_run_timeout),
        ("WorkflowTaskTimeout", &mut command.workflow_task_timeout),
        ("BackoffStartInterval", &mut command.backoff_start_interval),
    ] {
        durations::validate(duration.as_mut()).map_err(|invalid| {
            refuse(format!("Invalid {name} on ContinueAsNewWorkflowExecutionCommand: {invalid}. {context}"))
        })?;
    }
    let or = |given: Option<&prost_types::Duration>, own| match clock::duration(given) {
        given if given.is_zero() => own,
        given => given,
    };
    let execution_timeout = clock::duration(run.started().workflow_execution_timeout.as_ref());
    let run_timeout = or(command.workflow_run_timeout.as_ref(), run.info.run_timeout);
    let run_timeout = workflow_timeouts::run_timeout(run_timeout, execution_timeout);
    let task_timeout = or(command.workflow_task_timeout.as_ref(), run.info.workflow_task_timeout);
    command.workflow_run_timeout = Some(clock::to_proto(run_timeout));
    command.workflow_task_timeout =
        Some(clock::to_proto(workflow_timeouts::task_timeout(task_timeout, run_timeout)));
    if let Some(policy) = &mut command.retry_policy {
        retry::fill_defaults(policy);
        retry::validate(policy).map_err(|message| {
            refuse(format!(
                "invalid WorkflowRetryPolicy on ContinueAsNewWorkflowExecutionCommand: {message}. {context}"
            ))
        })?;
    }
    Ok(queue)
}

/// The first event of the next run, as far as this run and the command decide it. The parent and what is
/// settled for the whole chain stay.
fn started_attributes(
    previous: &WorkflowExecutionStartedEventAttributes,
    command: &Command,
    queue: &TaskQueue,
) -> WorkflowExecutionStartedEventAttributes {
    let initiator = match command.initiator() {
        ContinueAsNewInitiator::Unspecified => ContinueAsNewInitiator::Workflow,
        initiator => initiator,
    };
    WorkflowExecutionStartedEventAttributes {
        workflow_type: command.workflow_type.clone(),
        task_queue: Some(queue.clone()),
        input: command.input.clone(),
        header: command.header.clone(),
        workflow_run_timeout: command.workflow_run_timeout,
        workflow_task_timeout: command.workflow_task_timeout,
        retry_policy: command.retry_policy.clone(),
        cron_schedule: command.cron_schedule.clone(),
        memo: command.memo.clone(),
        search_attributes: command.search_attributes.clone(),
        last_completion_result: command.last_completion_result.clone(),
        continued_failure: command.failure.clone(),
        initiator: initiator as i32,
        attempt: match initiator {
            ContinueAsNewInitiator::Retry => previous.attempt.saturating_add(1),
            _ => 1,
        },
        ..previous.clone()
    }
}

/// A task queue as the server's error messages write it.
pub(super) fn written(queue: &TaskQueue) -> String {
    format!("name:{:?} kind:TASK_QUEUE_KIND_NORMAL", queue.name)
}
