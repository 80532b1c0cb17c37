//! One workflow run in the worker's cache: its state machines, its code, its local activities.

use std::{
    future::{Future, poll_fn},
    rc::Rc,
    sync::Arc,
};

use futures_util::future::LocalBoxFuture;
use temporalio_common::protos::{
    coresdk::{
        workflow_activation::{WorkflowActivation, workflow_activation_job::Variant as Job},
        workflow_commands::QueryResult,
        workflow_completion::Success,
    },
    temporal::api::{
        command::v1::{Command, FailWorkflowExecutionCommandAttributes, command::Attributes},
        common::v1::WorkflowExecution,
        enums::v1::{CommandType, WorkflowTaskFailedCause},
        failure::v1::Failure,
        history::v1::HistoryEvent,
        workflowservice::v1::{
            PollWorkflowTaskQueueResponse, RespondQueryTaskCompletedRequest,
            RespondWorkflowTaskCompletedResponse,
        },
    },
};
use tokio::sync::OwnedSemaphorePermit;
use tonic::Code;

use super::{
    EagerActivity, RunContext, Shared, history,
    local_activity::{LocalActivities, Owner},
    mailbox::{Delivery, Mail, Mailbox},
    reporting,
};
use crate::{
    clock::Time,
    cluster::Error as ServerError,
    sdk::{TaskFailure, WorkflowInstance},
    worker::{
        Event,
        machines::{
            Error as MachinesError, LocalActivityRequest, Machines, RunInfo, Step, Task, TaskCompletion,
        },
        progress::{Running, RunningKind},
    },
};

/// Serves the workflow tasks of a run until it leaves the cache.
pub(super) async fn serve(
    shared: Rc<Shared>,
    context: Rc<RunContext>,
    mailbox: Rc<Mailbox>,
    run_id: Arc<str>,
) {
    let mut run: Option<Run> = None;
    loop {
        let mail = match &mut run {
            None => mailbox.next().await,
            Some(run) => tokio::select! {
                biased;
                mail = mailbox.next() => mail,
                result = run.local_activities.next() => {
                    let Some(result) = result else { return };
                    if run.machines.handle_local_activity_result(result).is_err() {
                        return;
                    }
                    continue;
                }
            },
        };
        match mail {
            Mail::Evict => return,
            Mail::WokenFromOutside => {
                if let Some(run) = &run {
                    run.report_foreign_wake();
                }
            }
            Mail::Task(Delivery { task, events, slot }) => {
                let run = run
                    .get_or_insert_with(|| Run::new(shared.clone(), context.clone(), run_id.clone(), &task));
                // In a box, so that a run which waits for its next task, as most in the cache do, has no room for it.
                if let Next::Leave = Box::pin(run.handle_delivery(task, events)).await {
                    return;
                }
                drop(slot);
            }
        }
    }
}

/// What becomes of a run after a workflow task.
enum Next {
    /// It stays in the cache.
    Stay,
    /// It leaves the cache.
    Leave,
}

/// The server's answer to a completion, and the events of the workflow task that may come with it.
type Answer = (Box<RespondWorkflowTaskCompletedResponse>, Vec<Arc<HistoryEvent>>);

/// How a workflow task ended.
enum Ended {
    Completed(TaskCompletion),
    QueryAnswered(QueryResult),
    /// There is nothing to tell the server.
    Idle,
}

/// Why a workflow task could not be completed.
enum Stopped {
    /// The task begins in the middle of a history that these machines have not seen.
    PartialHistory,
    /// The worker is lost with it, and the server hears nothing.
    Lost,
    /// The task fails.
    Failed(TaskFailure),
}

impl From<TaskFailure> for Stopped {
    fn from(failure: TaskFailure) -> Self {
        Self::Failed(failure)
    }
}

impl From<MachinesError> for Stopped {
    fn from(error: MachinesError) -> Self {
        match error {
            MachinesError::PartialHistory { .. } => Self::PartialHistory,
            error => Self::Failed(
                TaskFailure::new(error.to_string()).caused_by(error.workflow_task_failed_cause()),
            ),
        }
    }
}

struct Run {
    shared: Rc<Shared>,
    context: Rc<RunContext>,
    workflow_id: Arc<str>,
    run_id: Arc<str>,
    workflow_type: Arc<str>,
    owner: Rc<Owner>,
    machines: Machines,
    instance: Option<WorkflowInstance>,
    local_activities: LocalActivities,
}

impl Run {
    fn new(
        shared: Rc<Shared>,
        context: Rc<RunContext>,
        run_id: Arc<str>,
        task: &PollWorkflowTaskQueueResponse,
    ) -> Self {
        let workflow_id: Arc<str> =
            task.workflow_execution.as_ref().map_or("", |execution| &execution.workflow_id).into();
        let workflow_type: Arc<str> =
            task.workflow_type.as_ref().map_or("", |workflow_type| &workflow_type.name).into();
        let owner = Owner {
            workflow_type: workflow_type.clone(),
            execution: WorkflowExecution { workflow_id: workflow_id.to_string(), run_id: run_id.to_string() },
        };
        let machines = new_machines(&shared, &context, &workflow_id, &run_id);
        Self {
            shared,
            context,
            workflow_id,
            run_id,
            workflow_type,
            owner: Rc::new(owner),
            machines,
            instance: None,
            local_activities: LocalActivities::default(),
        }
    }

    /// Handles a task, and those that come with the answers to its completion.
    async fn handle_delivery(
        &mut self,
        mut task: Box<PollWorkflowTaskQueueResponse>,
        mut events: Vec<Arc<HistoryEvent>>,
    ) -> Next {
        loop {
            let (answer, next_events) = match self.handle_task(task, events).await {
                Ok(answer) => answer,
                Err(next) => return next,
            };
            if answer.reset_history_event_id > 0 {
                self.machines.handle_reset(answer.reset_history_event_id);
            }
            if self.machines.is_finished() || self.context.sticky_queue.is_none() {
                return Next::Leave;
            }
            let evict = self.draws_eviction();
            match answer.workflow_task {
                Some(next) if !next.task_token.is_empty() => {
                    if evict {
                        self.forget();
                    }
                    (task, events) = (Box::new(next), next_events);
                }
                _ if evict => return Next::Leave,
                _ => return Next::Stay,
            }
        }
    }

    /// Handles one task up to the server's answer to its completion.
    async fn handle_task(
        &mut self,
        mut task: Box<PollWorkflowTaskQueueResponse>,
        mut events: Vec<Arc<HistoryEvent>>,
    ) -> Result<Answer, Next> {
        let received = self.shared.service.now();
        let task_token = std::mem::take(&mut task.task_token);
        let (attempt, is_query) = (task.attempt, task.query.is_some());
        history::page_in(&self.shared, &mut task, &mut events)
            .await
            .map_err(|error| self.refused("GetWorkflowExecutionHistory", error))?;
        // A history from the first event on is never partial; of any other, all but the events is kept.
        let begins = events.first().map(|event| event.event_id);
        let spare = (begins != Some(1)).then(|| task.clone());
        let mut ended = self.drive(Task::new(*task, events), received).await;
        if let (Err(Stopped::PartialHistory), Some(task)) = (&ended, spare) {
            self.forget();
            let whole = history::fetch_whole(&self.shared, task.workflow_execution.clone())
                .await
                .map_err(|error| self.refused("GetWorkflowExecutionHistory", error))?;
            ended = self.drive(Task::new(*task, whole), received).await;
        }
        match ended {
            Ok(Ended::Idle) | Err(Stopped::Lost) => Err(Next::Leave),
            Ok(Ended::Completed(completion)) => self.complete(task_token, attempt, completion).await,
            Ok(Ended::QueryAnswered(result)) => {
                self.answer_query(reporting::query_answer(&self.shared, task_token, result)).await;
                Err(Next::Stay)
            }
            Err(Stopped::PartialHistory) => {
                let failure = TaskFailure::new("the server sent a history that lacks events");
                Err(self.fail(task_token, attempt, is_query, failure).await)
            }
            Err(Stopped::Failed(failure)) => {
                if failure.cause == Some(WorkflowTaskFailedCause::NonDeterministicError)
                    && self.shared.worker.options.fails_on_nondeterminism(&self.workflow_type)
                    && !is_query
                    && attempt <= 1
                {
                    return self
                        .complete(task_token, attempt, fail_workflow(failure.failure))
                        .await
                        .and(Err(Next::Leave));
                }
                Err(self.fail(task_token, attempt, is_query, failure).await)
            }
        }
    }

    /// Drives the machines and the code through a task.
    async fn drive(&mut self, task: Task, received: Time) -> Result<Ended, Stopped> {
        self.machines.handle_task(task)?;
        loop {
            while let Some(request) = self.machines.poll_local_activity() {
                self.handle_local_activity_request(request);
            }
            match self.machines.next_step()? {
                Step::Activate(activation) => {
                    let success = self.activate(activation).await?;
                    self.machines.handle_commands(self.shared.service.now(), success)?;
                }
                Step::AwaitLocalActivities { heartbeat_after } => {
                    let heartbeat = self.shared.service.sleep_until(received + heartbeat_after);
                    tokio::select! {
                        biased;
                        result = self.local_activities.next() => {
                            self.machines.handle_local_activity_result(result.ok_or(Stopped::Lost)?)?;
                        }
                        () = heartbeat => self.machines.handle_heartbeat_due(),
                    }
                }
                Step::Complete(completion) => return Ok(Ended::Completed(completion)),
                Step::AnswerQuery(result) => return Ok(Ended::QueryAnswered(result)),
                Step::Idle => return Ok(Ended::Idle),
            }
        }
    }

    fn handle_local_activity_request(&mut self, request: LocalActivityRequest) {
        match request {
            LocalActivityRequest::Start(activity) => {
                self.local_activities.start(&self.shared, &self.context, &self.owner, *activity);
            }
            LocalActivityRequest::Cancel { seq } => self.local_activities.cancel(seq),
            LocalActivityRequest::CancelAll => self.local_activities.cancel_all(),
        }
    }

    /// Runs the workflow's code.
    async fn activate(&mut self, mut activation: WorkflowActivation) -> Result<Success, TaskFailure> {
        let shared = self.shared.clone();
        let decoded = shared.codec.decode_for_workflow(&mut activation).await;
        decoded.map_err(|error| {
            TaskFailure::new(format!("Failed decoding activation: {error}"))
                .caused_by(WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure)
        })?;
        let running = Running {
            kind: RunningKind::Workflow,
            type_name: self.workflow_type.clone(),
            id: self.workflow_id.clone(),
        };
        self.instantiate(&mut activation, &running)?;
        let Some(instance) = &mut self.instance else {
            return Err(TaskFailure::new("an activation came for a workflow that was never started"));
        };
        let mut activated = std::pin::pin!(instance.activate(activation));
        let mut commands = poll_fn(|context| {
            let _running = shared.progress.enter(running.clone());
            activated.as_mut().poll(context)
        })
        .await?;
        shared.overrides.rewrite_sdk_commands(&mut commands);
        let mut success = Success { commands, ..Default::default() };
        let encoded = shared.codec.encode_for_workflow(&mut success).await;
        encoded.map_err(|error| {
            TaskFailure::new(format!("Failed encoding completion: {error}"))
                .caused_by(WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure)
        })?;
        Ok(success)
    }

    /// Makes the workflow's code, if the activation starts it.
    fn instantiate(
        &mut self,
        activation: &mut WorkflowActivation,
        running: &Running,
    ) -> Result<(), TaskFailure> {
        let start = activation.jobs.iter_mut().find_map(|job| match &mut job.variant {
            Some(Job::InitializeWorkflow(start)) => Some(std::mem::take(start)),
            _ => None,
        });
        if let Some(start) = start {
            let worker = &self.shared.worker;
            let factory = worker.workflows.get(&start.workflow_type, &worker.options.task_queue)?;
            let _running = self.shared.progress.enter(running.clone());
            self.instance = Some(factory.instantiate(&self.shared.settings, &self.run_id, start)?);
        }
        Ok(())
    }

    async fn complete(
        &mut self,
        task_token: Vec<u8>,
        attempt: i32,
        completion: TaskCompletion,
    ) -> Result<Answer, Next> {
        let (request, reserved) = reporting::completion(
            &self.shared,
            &self.context,
            task_token,
            completion,
            self.local_activities.attempts_of_earlier_tasks(),
        );
        if let Err(failure) = self.shared.payload_limits.check(&request) {
            let cause = Some(WorkflowTaskFailedCause::PayloadsTooLarge);
            let failed = TaskFailure { failure: *failure, cause, location: None };
            return Err(self.fail(request.task_token, attempt, false, failed).await);
        }
        let (mut answer, events) = match self.shared.call_for_events(request).await {
            Ok(answer) => answer,
            // Something came in meanwhile that the workflow must see before it ends: the next task brings it.
            Err(error) if error.code == Code::InvalidArgument && error.message == "UnhandledCommand" => {
                return Err(Next::Leave);
            }
            Err(error) if error.code == Code::InvalidArgument => {
                let failure = Failure::application_failure(error.message, false);
                self.report_failure(cause_of_refusal(&failure.message), failure);
                return Err(Next::Leave);
            }
            Err(error) => return Err(self.refused("RespondWorkflowTaskCompleted", error)),
        };
        self.local_activities.task_ended();
        self.start_eager_activities(&mut answer, reserved);
        Ok((answer, events))
    }

    fn start_eager_activities(
        &self,
        answer: &mut RespondWorkflowTaskCompletedResponse,
        reserved: Vec<OwnedSemaphorePermit>,
    ) {
        for (task, slot) in std::mem::take(&mut answer.activity_tasks).into_iter().zip(reserved) {
            // Nobody listens only if the worker is gone.
            let _ = self.context.eager.send(EagerActivity { task: Box::new(task), slot });
        }
    }

    async fn answer_query(&self, request: RespondQueryTaskCompletedRequest) {
        if let Err(error) = self.shared.call(request).await {
            let _ = self.refused("RespondQueryTaskCompleted", error);
        }
    }

    /// Reports that the task failed, to the server on the task's first attempt only: later ones would most
    /// likely fail in the same way, and are left to time out.
    fn fail(
        &self,
        task_token: Vec<u8>,
        attempt: i32,
        is_query: bool,
        failed: TaskFailure,
    ) -> LocalBoxFuture<'_, Next> {
        let TaskFailure { failure, cause, .. } = failed;
        let cause = cause.unwrap_or(WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure);
        self.report_failure(cause, failure.clone());
        // In a box: what handles a task has no room for what is large and rare.
        Box::pin(async move {
            if is_query {
                self.answer_query(reporting::query_failure(&self.shared, task_token, cause, failure)).await;
            } else if attempt <= 1 {
                let request = reporting::failure(&self.shared, task_token, cause, failure);
                if let Err(error) = self.shared.call(request).await {
                    return self.refused("RespondWorkflowTaskFailed", error);
                }
            }
            Next::Leave
        })
    }

    fn report_failure(&self, cause: WorkflowTaskFailedCause, failure: Failure) {
        self.shared.report(Event::WorkflowTaskFailed {
            workflow_id: self.workflow_id.to_string(),
            run_id: self.run_id.to_string(),
            workflow_type: self.workflow_type.to_string(),
            cause,
            failure,
        });
    }

    /// The official worker notices this only when the workflow's next task comes, which may be never.
    fn report_foreign_wake(&self) {
        if self.instance.as_ref().is_some_and(WorkflowInstance::was_woken_from_outside) {
            self.report_failure(
                WorkflowTaskFailedCause::NonDeterministicError,
                WorkflowInstance::woken_from_outside().failure,
            );
        }
    }

    /// The server took something ill that a worker can do nothing about but start over.
    fn refused(&self, rpc: &'static str, error: ServerError) -> Next {
        // The task timed out or the run was closed meanwhile.
        if error.code != Code::NotFound {
            self.shared.report(Event::CallRefused { rpc, type_name: self.workflow_type.to_string(), error });
        }
        Next::Leave
    }

    fn draws_eviction(&self) -> bool {
        let probability = self.shared.worker.options.evict_at_random;
        // A run whose local activities run on would have to run them again.
        if probability <= 0.0 || self.machines.outstanding_local_activities() > 0 {
            return false;
        }
        let drawn = self.context.eviction.borrow_mut().below(DRAWS);
        (drawn as f64) < probability * DRAWS as f64
    }

    /// Forgets everything that came from the history so far, as if the run had just entered the cache.
    fn forget(&mut self) {
        self.machines = new_machines(&self.shared, &self.context, &self.workflow_id, &self.run_id);
        self.instance = None;
        self.local_activities = LocalActivities::default();
    }
}

const DRAWS: u64 = 1 << 32;

fn new_machines(shared: &Shared, context: &RunContext, workflow_id: &str, run_id: &str) -> Machines {
    let info = RunInfo {
        namespace: shared.namespace.clone(),
        workflow_id: workflow_id.to_owned(),
        run_id: run_id.to_owned(),
        task_queue: shared.worker.options.task_queue.clone(),
    };
    Machines::new(info, context.machine_options.clone())
}

/// The cause with which the server fails a workflow task whose commands it refuses. Its message begins with
/// the cause's name.
fn cause_of_refusal(message: &str) -> WorkflowTaskFailedCause {
    let name = message.split(':').next().unwrap_or_default();
    let words = name.chars().fold("WORKFLOW_TASK_FAILED_CAUSE".to_owned(), |mut words, letter| {
        if letter.is_ascii_uppercase() {
            words.push('_');
        }
        words.push(letter.to_ascii_uppercase());
        words
    });
    WorkflowTaskFailedCause::from_str_name(&words).unwrap_or(WorkflowTaskFailedCause::Unspecified)
}

/// The completion that fails the workflow execution itself.
fn fail_workflow(failure: Failure) -> TaskCompletion {
    let attributes = FailWorkflowExecutionCommandAttributes { failure: Some(failure) };
    let command = Command {
        command_type: CommandType::FailWorkflowExecution.into(),
        attributes: Some(Attributes::FailWorkflowExecutionCommandAttributes(attributes)),
        ..Default::default()
    };
    TaskCompletion { commands: vec![command], ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_names_the_cause_of_a_refusal_first() {
        assert_eq!(
            cause_of_refusal("BadStartTimerAttributes: Duplicate timer id 1"),
            WorkflowTaskFailedCause::BadStartTimerAttributes
        );
        assert_eq!(cause_of_refusal("Something else."), WorkflowTaskFailedCause::Unspecified);
    }
}
