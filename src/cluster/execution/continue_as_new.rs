//! Continue-as-new: a run closes, and the next one of its chain begins with what the command says.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    command::v1::ContinueAsNewWorkflowExecutionCommandAttributes,
    common::v1::{RetryPolicy, WorkflowType},
    enums::v1::{ContinueAsNewInitiator, TaskQueueKind, WorkflowTaskFailedCause as Cause},
    history::v1::{
        WorkflowExecutionContinuedAsNewEventAttributes, WorkflowExecutionStartedEventAttributes,
        history_event::Attributes,
    },
    sdk::v1::UserMetadata,
    taskqueue::v1::TaskQueue,
};

use super::{
    Event, Run, Transaction,
    close::check_nothing_is_unhandled,
    completed::{CommandFailure, Completion},
};
use crate::{
    clock,
    cluster::{limits, payloads, requests, retry_policy, start},
};

const CAUSE: Cause = Cause::BadContinueAsNewAttributes;

/// The ContinueAsNewWorkflowExecution command.
///
/// The next run gets its retry policy, memo and search attributes from the command alone.
pub(crate) fn continue_as_new(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<ContinueAsNewWorkflowExecutionCommandAttributes>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    check_nothing_is_unhandled(completion)?;
    let mut attributes = attributes.ok_or_else(|| {
        CommandFailure::new(
            CAUSE,
            "ContinueAsNewWorkflowExecutionCommandAttributes is not set on \
             ContinueAsNewWorkflowExecutionCommand.",
        )
    })?;
    let workflow_type = workflow_type(tx.run, attributes.workflow_type.take());
    let task_queue = task_queue(tx.run, attributes.task_queue.take());
    let retry_policy = attributes.retry_policy.take().map(retry_policy::with_defaults);
    check(&attributes, &workflow_type, &task_queue, retry_policy.as_ref())?;
    if let Some(search_attributes) = &mut attributes.search_attributes {
        tx.shared
            .namespaces
            .check_search_attributes(tx.run.namespace, search_attributes)
            .map_err(|error| CommandFailure::new(Cause::BadSearchAttributes, error.message))?;
    }

    let previous = tx.run.started();
    let execution_timeout = clock::duration(previous.workflow_execution_timeout.as_ref());
    let or_previous = |given: Option<&prost_types::Duration>, previous| {
        let given = clock::duration(given);
        if given.is_zero() { clock::duration(previous) } else { given }
    };
    let run_timeout = start::run_timeout(
        or_previous(attributes.workflow_run_timeout.as_ref(), previous.workflow_run_timeout.as_ref()),
        execution_timeout,
    );
    let task_timeout = start::task_timeout(
        or_previous(attributes.workflow_task_timeout.as_ref(), previous.workflow_task_timeout.as_ref()),
        run_timeout,
    );
    let run_timeout = Some(clock::to_proto(run_timeout));
    let task_timeout = Some(clock::to_proto(task_timeout));
    let initiator = match attributes.initiator() {
        ContinueAsNewInitiator::Unspecified => ContinueAsNewInitiator::Workflow,
        initiator => initiator,
    };
    let mut memo = attributes.memo.clone();
    if let Some(memo) = &mut memo {
        memo.fields.retain(|_, payload| !payloads::is_nil(payload));
    }
    let mut search_attributes = attributes.search_attributes.clone();
    if let Some(attributes) = &mut search_attributes {
        attributes.indexed_fields.retain(|_, payload| !payloads::is_nil_or_empty_list(payload));
    }
    let started = WorkflowExecutionStartedEventAttributes {
        workflow_type: Some(workflow_type.clone()),
        task_queue: Some(task_queue.clone()),
        input: attributes.input.clone(),
        workflow_run_timeout: run_timeout,
        workflow_task_timeout: task_timeout,
        initiator: initiator as i32,
        continued_failure: attributes.failure.clone(),
        last_completion_result: attributes.last_completion_result.clone(),
        retry_policy,
        attempt: 1,
        memo: memo.filter(|memo| !memo.fields.is_empty()),
        search_attributes: search_attributes.filter(|attributes| !attributes.indexed_fields.is_empty()),
        header: attributes.header.clone(),
        parent_workflow_namespace: previous.parent_workflow_namespace.clone(),
        parent_workflow_namespace_id: previous.parent_workflow_namespace_id.clone(),
        parent_workflow_execution: previous.parent_workflow_execution.clone(),
        parent_initiated_event_id: previous.parent_initiated_event_id,
        parent_initiated_event_version: previous.parent_initiated_event_version,
        root_workflow_execution: previous.root_workflow_execution.clone(),
        workflow_execution_timeout: previous.workflow_execution_timeout,
        workflow_execution_expiration_time: previous.workflow_execution_expiration_time,
        workflow_id: previous.workflow_id.clone(),
        priority: previous.priority.clone(),
        ..Default::default()
    };
    let backoff = clock::duration(attributes.backoff_start_interval.as_ref());
    let new_execution_run_id = tx.continue_with(started, backoff);
    let event = WorkflowExecutionContinuedAsNewEventAttributes {
        new_execution_run_id,
        workflow_type: Some(workflow_type),
        task_queue: Some(task_queue),
        input: attributes.input,
        workflow_run_timeout: run_timeout,
        workflow_task_timeout: task_timeout,
        workflow_task_completed_event_id: completion.completed_event_id,
        backoff_start_interval: attributes.backoff_start_interval,
        initiator: attributes.initiator,
        failure: attributes.failure,
        last_completion_result: attributes.last_completion_result,
        header: attributes.header,
        memo: attributes.memo,
        search_attributes: attributes.search_attributes,
        ..Default::default()
    };
    tx.close_with(
        Event::new(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(event))
            .user_metadata(user_metadata),
    );
    Ok(())
}

/// The workflow type of the next run: the same, unless the command names another.
fn workflow_type(run: &Run, given: Option<WorkflowType>) -> WorkflowType {
    given
        .filter(|given| !given.name.is_empty())
        .or_else(|| run.started().workflow_type.clone())
        .unwrap_or_default()
}

/// The task queue of the next run: the same, unless the command names another.
fn task_queue(run: &Run, given: Option<TaskQueue>) -> TaskQueue {
    let mut queue =
        given.filter(|given| !given.name.is_empty()).unwrap_or_else(|| run.info.normal_task_queue());
    queue.kind = TaskQueueKind::Normal as i32;
    queue
}

fn check(
    attributes: &ContinueAsNewWorkflowExecutionCommandAttributes,
    workflow_type: &WorkflowType,
    task_queue: &TaskQueue,
    retry_policy: Option<&RetryPolicy>,
) -> Result<(), CommandFailure> {
    // The server prints the message of the task queue as Go does.
    let target = format!(
        "WorkflowType={} TaskQueue=name:{:?} kind:TASK_QUEUE_KIND_NORMAL",
        workflow_type.name, task_queue.name
    );
    let refuse = |what: String| CommandFailure::new(CAUSE, format!("{what}. {target}"));
    if workflow_type.name.len() > limits::ID_LENGTH {
        return Err(refuse(format!(
            "WorkflowType on ContinueAsNewWorkflowExecutionCommand exceeds length limit. Length={} Limit={}",
            workflow_type.name.len(),
            limits::ID_LENGTH
        )));
    }
    requests::task_queue(Some(task_queue)).map_err(|error| {
        refuse(format!("error validating ContinueAsNewWorkflowExecutionCommand TaskQueue: {}", error.message))
    })?;
    for (name, duration) in [
        ("WorkflowRunTimeout", &attributes.workflow_run_timeout),
        ("WorkflowTaskTimeout", &attributes.workflow_task_timeout),
        ("BackoffStartInterval", &attributes.backoff_start_interval),
    ] {
        if duration.as_ref().is_some_and(retry_policy::is_negative) {
            return Err(refuse(format!(
                "Invalid {name} on ContinueAsNewWorkflowExecutionCommand: negative duration"
            )));
        }
    }
    if let Some(policy) = retry_policy {
        retry_policy::check(policy).map_err(|text| {
            refuse(format!("invalid WorkflowRetryPolicy on ContinueAsNewWorkflowExecutionCommand: {text}"))
        })?;
    }
    if !attributes.cron_schedule.is_empty() {
        return Err(refuse("temporal-sim does not serve continue-as-new with a cron_schedule".to_owned()));
    }
    for (name, size, limit) in [
        ("Input", attributes.input.as_ref().map_or(0, |input| input.encoded_len()), limits::BLOB_SIZE),
        ("Memo", attributes.memo.as_ref().map_or(0, |memo| memo.encoded_len()), limits::MEMO_SIZE),
    ] {
        if size > limit {
            return Err(CommandFailure::terminate(
                CAUSE,
                format!("ContinueAsNewWorkflowExecutionCommandAttributes. {name} exceeds size limit."),
            ));
        }
    }
    Ok(())
}
