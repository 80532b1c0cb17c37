//! What goes into the machines with a workflow task, and what they want done next.

use std::{sync::Arc, time::Duration};

use temporalio_common::protos::{
    coresdk::{
        common::WorkerDeploymentVersion, workflow_activation::WorkflowActivation,
        workflow_commands::QueryResult,
    },
    temporal::api::{
        command::v1::Command, enums::v1::VersioningBehavior, history::v1::HistoryEvent,
        protocol::v1::Message, query::v1::WorkflowQuery, sdk::v1::WorkflowTaskCompletedMetadata,
        workflowservice::v1::PollWorkflowTaskQueueResponse,
    },
};

/// Which run the machines serve, and where its worker listens.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunInfo {
    /// The namespace of the workflow execution.
    pub(crate) namespace: String,
    /// The workflow id.
    pub(crate) workflow_id: String,
    /// The run id, which every activation repeats.
    pub(crate) run_id: String,
    /// The task queue that the worker polls. A command for the same queue keeps to the build id.
    pub(crate) task_queue: String,
}

/// What is the same for every run of one worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// The server's `sdk_metadata` capability: whether flags may be written with a completion. Without it
    /// no flag is set outside replay, and behaviour that needs one stays off.
    pub(crate) sdk_metadata: bool,
    /// The SDK's name, written with the first completion of a run and after it changed.
    pub(crate) sdk_name: String,
    /// The SDK's version, written like the name.
    pub(crate) sdk_version: String,
    /// The deployment version of this worker, as an activation outside replay reports it.
    pub(crate) deployment_version: Option<WorkerDeploymentVersion>,
    /// Whether [`super::Machines::take_observations`] has something to tell. It costs a copy of the
    /// commands that found no event.
    pub(crate) observe: bool,
}

/// A workflow task. Its history must reach to the end that the server reported: fetch further pages first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Task {
    /// The whole history, or what came after the last task that these machines completed.
    pub(crate) history: Vec<Arc<HistoryEvent>>,
    /// The id of the last WorkflowTaskStarted event whose task was completed, 0 if there is none.
    /// Everything up to it is replayed.
    pub(crate) previous_started_event_id: i64,
    /// The id of this task's WorkflowTaskStarted event; 0 for a task that only carries a query.
    pub(crate) started_event_id: i64,
    /// Update requests.
    pub(crate) messages: Vec<Message>,
    /// The query of a task that carries nothing else. It is answered by itself: [`Step::AnswerQuery`].
    pub(crate) query: Option<WorkflowQuery>,
    /// Queries that are answered along with the task, by their ids, in the order they are to be asked.
    pub(crate) queries: Vec<(String, WorkflowQuery)>,
}

impl Task {
    /// The task of a poll's answer, with this history. Queries come out of the answer's map in the order of their ids.
    pub(crate) fn new(response: PollWorkflowTaskQueueResponse, history: Vec<Arc<HistoryEvent>>) -> Self {
        let mut queries: Vec<_> = response.queries.into_iter().collect();
        queries.sort_by(|(left, _), (right, _)| left.cmp(right));
        Self {
            history,
            previous_started_event_id: response.previous_started_event_id,
            started_event_id: response.started_event_id,
            messages: response.messages,
            query: response.query,
            queries,
        }
    }
}

/// What the machines want done next.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "lives for a moment, and activations are the common case")]
pub(crate) enum Step {
    /// Run the workflow code on this, then hand over what it did: [`super::Machines::handle_commands`].
    Activate(WorkflowActivation),
    /// Complete the workflow task with this. The machines then wait for the next task.
    Complete(TaskCompletion),
    /// Answer the task's only query with this (RespondQueryTaskCompleted).
    AnswerQuery(QueryResult),
    /// Wait for the result of a local activity, at most until `heartbeat_after` has passed since the
    /// workflow task came in; then call [`super::Machines::handle_heartbeat_due`].
    AwaitLocalActivities {
        /// Four fifths of the workflow task's timeout.
        heartbeat_after: Duration,
    },
    /// There is nothing to do: no task is under way, or its history ended with the workflow.
    Idle,
}

/// What a workflow task is completed with.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TaskCompletion {
    /// The commands, in order. `request_eager_execution` of an activity says what the workflow wants; the
    /// worker clears it if it has no slot or the activity belongs to another task queue.
    pub(crate) commands: Vec<Command>,
    /// Acceptances, rejections and responses of updates.
    pub(crate) messages: Vec<Message>,
    /// Answers to [`Task::queries`].
    pub(crate) query_results: Vec<QueryResult>,
    /// Flags used for the first time, the SDK's name and version if they changed.
    pub(crate) sdk_metadata: WorkflowTaskCompletedMetadata,
    /// Whether the server must schedule another task at once: a heartbeat while local activities run.
    pub(crate) force_create_new_workflow_task: bool,
    /// What the workflow said with its last activation.
    pub(crate) versioning_behavior: VersioningBehavior,
}
