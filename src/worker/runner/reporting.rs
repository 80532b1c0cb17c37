//! What a run tells the server at the end of a workflow task.

use std::sync::Arc;

use temporalio_common::protos::{
    coresdk::workflow_commands::{QueryResult, query_result},
    temporal::api::{
        command::v1::{Command, command::Attributes},
        common::v1::MeteringMetadata,
        enums::v1::{QueryResultType, TaskQueueKind, VersioningBehavior, WorkflowTaskFailedCause},
        failure::v1::Failure,
        query::v1::WorkflowQueryResult,
        taskqueue::v1::{StickyExecutionAttributes, TaskQueue},
        workflowservice::v1::{
            RespondQueryTaskCompletedRequest, RespondWorkflowTaskCompletedRequest,
            RespondWorkflowTaskFailedRequest, respond_workflow_task_completed_request::Capabilities,
        },
    },
};
use tokio::sync::OwnedSemaphorePermit;

use super::{RunContext, Shared};
use crate::{clock, worker::machines::TaskCompletion};

/// The request that completes a workflow task, and the slots that are reserved for the activities which it
/// asks the server to hand back at once. `local_activity_attempts` counts the further attempts, within this
/// task, of local activities that began in an earlier one.
pub(super) fn completion(
    shared: &Shared,
    context: &RunContext,
    task_token: Vec<u8>,
    completion: TaskCompletion,
    local_activity_attempts: u32,
) -> (RespondWorkflowTaskCompletedRequest, Vec<OwnedSemaphorePermit>) {
    let options = &shared.worker.options;
    let TaskCompletion {
        mut commands,
        messages,
        query_results,
        sdk_metadata,
        force_create_new_workflow_task,
        versioning_behavior,
    } = completion;
    let reserved = reserve_slots(shared, &mut commands);
    let versioning_behavior = match (versioning_behavior, options.default_versioning_behavior()) {
        (VersioningBehavior::Unspecified, Some(default)) => default,
        (stated, _) => stated,
    };
    let request = RespondWorkflowTaskCompletedRequest {
        task_token,
        commands,
        identity: shared.identity.clone(),
        sticky_attributes: context.sticky_queue.as_ref().map(|name| StickyExecutionAttributes {
            worker_task_queue: Some(TaskQueue {
                name: name.clone(),
                kind: TaskQueueKind::Sticky.into(),
                normal_name: options.task_queue.clone(),
            }),
            schedule_to_start_timeout: Some(clock::to_proto(options.sticky_queue_schedule_to_start_timeout)),
        }),
        // A task that comes with the answer has only the latest events, of no use without a cache.
        return_new_workflow_task: context.sticky_queue.is_some(),
        force_create_new_workflow_task,
        query_results: query_results.into_iter().map(answer).collect(),
        namespace: shared.namespace.clone(),
        messages,
        sdk_metadata: Some(sdk_metadata),
        metering_metadata: Some(MeteringMetadata {
            nonfirst_local_activity_execution_attempts: local_activity_attempts,
        }),
        capabilities: Some(Capabilities { discard_speculative_workflow_task_with_events: true }),
        versioning_behavior: versioning_behavior.into(),
        deployment_options: options.deployment(),
        ..Default::default()
    };
    (request, reserved)
}

/// The request that fails a workflow task.
pub(super) fn failure(
    shared: &Shared,
    task_token: Vec<u8>,
    cause: WorkflowTaskFailedCause,
    failure: Failure,
) -> RespondWorkflowTaskFailedRequest {
    RespondWorkflowTaskFailedRequest {
        task_token,
        cause: cause.into(),
        failure: Some(failure),
        identity: shared.identity.clone(),
        namespace: shared.namespace.clone(),
        deployment_options: shared.worker.options.deployment(),
        ..Default::default()
    }
}

/// The request that answers a task which carries nothing but a query.
pub(super) fn query_answer(
    shared: &Shared,
    task_token: Vec<u8>,
    result: QueryResult,
) -> RespondQueryTaskCompletedRequest {
    let (_, answer) = answer(result);
    RespondQueryTaskCompletedRequest {
        task_token,
        completed_type: answer.result_type,
        query_result: answer.answer,
        error_message: answer.error_message,
        namespace: shared.namespace.clone(),
        ..Default::default()
    }
}

/// The request that says why such a query cannot be answered.
pub(super) fn query_failure(
    shared: &Shared,
    task_token: Vec<u8>,
    cause: WorkflowTaskFailedCause,
    failure: Failure,
) -> RespondQueryTaskCompletedRequest {
    RespondQueryTaskCompletedRequest {
        task_token,
        completed_type: QueryResultType::Failed.into(),
        error_message: failure.message.clone(),
        failure: Some(failure),
        cause: cause.into(),
        namespace: shared.namespace.clone(),
        ..Default::default()
    }
}

/// What the workflow answered to the query with this id.
fn answer(result: QueryResult) -> (String, WorkflowQueryResult) {
    let failed = |error_message| WorkflowQueryResult {
        result_type: QueryResultType::Failed.into(),
        error_message,
        ..Default::default()
    };
    let answer = match result.variant {
        Some(query_result::Variant::Succeeded(success)) => WorkflowQueryResult {
            result_type: QueryResultType::Answered.into(),
            answer: success.response.map(Into::into),
            ..Default::default()
        },
        Some(query_result::Variant::Failed(failure)) => failed(failure.message),
        None => failed("Query response was empty".to_owned()),
    };
    (result.query_id, answer)
}

/// Takes a slot for each activity that may come back with the answer, and asks for no more than that.
fn reserve_slots(shared: &Shared, commands: &mut [Command]) -> Vec<OwnedSemaphorePermit> {
    let options = &shared.worker.options;
    let limit = if shared.worker.activities.is_empty()
        || options.max_task_queue_activities_per_second.is_some()
        || shared.shutdown.is_requested()
    {
        0
    } else {
        options.max_eager_activity_reservations_per_workflow_task
    };
    let mut reserved = Vec::new();
    for command in commands {
        let Some(Attributes::ScheduleActivityTaskCommandAttributes(activity)) = &mut command.attributes
        else {
            continue;
        };
        if !activity.request_eager_execution {
            continue;
        }
        let ours = activity.task_queue.as_ref().is_some_and(|queue| queue.name == options.task_queue);
        let slot = (ours && reserved.len() < limit)
            .then(|| Arc::clone(&shared.activity_slots).try_acquire_owned().ok())
            .flatten();
        activity.request_eager_execution = slot.is_some();
        reserved.extend(slot);
    }
    reserved
}
