//! A cluster, and those who use it.

use std::collections::BTreeMap;
use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions,
    batch::v1::{BatchOperationCancellation, BatchOperationSignal, BatchOperationTermination},
    common::v1::RetryPolicy,
    enums::v1::{EventType, QueryResultType, WorkflowIdConflictPolicy},
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    history::v1::HistoryEvent,
    query::v1::{WorkflowQuery, WorkflowQueryResult},
    schedule::v1::{
        IntervalSpec, Schedule, ScheduleAction, SchedulePatch, ScheduleSpec, TriggerImmediatelyRequest,
        schedule_action::Action,
    },
    workflow::v1::NewWorkflowExecutionInfo,
    workflowservice::v1::{execute_multi_operation_request::operation::Operation, *},
};
use tonic::Code;

use super::{
    super::{Server, caching, completion, execution, poll, queue, seconds, start, sticky_queue, updates},
    steps::{Answer, ById, Does, How, Step, Steps, ToAll, ToSchedule},
};
use crate::{
    clock,
    cluster::{CallId, Error, execution::Run},
    rpc::Rpc,
};

/// A cluster, the tasks that workers have, and the calls that wait.
pub(super) struct World {
    pub(super) server: Server,
    /// Workflow tasks and queries that workers have.
    tasks: Vec<PollWorkflowTaskQueueResponse>,
    activities: Vec<PollActivityTaskQueueResponse>,
    /// Polls that wait.
    pub(super) polls: Vec<CallId>,
    pub(super) activity_polls: Vec<CallId>,
    /// Updates that wait for their outcome, with and without a start, and queries for their result.
    pub(super) updaters: Vec<CallId>,
    pub(super) starting_updaters: Vec<CallId>,
    pub(super) queriers: Vec<CallId>,
    /// The signals that the server has taken, by name, with the run that was the current one.
    pub(super) signals: BTreeMap<String, String>,
    /// Whether a run was deleted, and with it all that is known of its signals.
    pub(super) has_deleted: bool,
    /// How many ids have been drawn.
    drawn: u64,
}

impl World {
    /// The world after these steps.
    pub(super) fn after(steps: &Steps) -> Self {
        let mut world = Self {
            server: Server::new(),
            tasks: Vec::new(),
            activities: Vec::new(),
            polls: Vec::new(),
            activity_polls: Vec::new(),
            updaters: Vec::new(),
            starting_updaters: Vec::new(),
            queriers: Vec::new(),
            signals: BTreeMap::new(),
            has_deleted: false,
            drawn: 0,
        };
        for step in &steps.0 {
            world.take(step);
            world.collect();
        }
        world
    }

    /// All runs.
    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.server.cluster.runs.iter()
    }

    /// The first run, to change what no step could.
    pub(super) fn run_mut(&mut self) -> &mut Run {
        let key = self.runs().next().expect("a run").key;
        self.server.cluster.runs.get_mut(key).expect("the same run")
    }

    /// The histories of all runs.
    pub(super) fn histories(&self) -> Vec<Vec<Arc<HistoryEvent>>> {
        self.runs().map(|run| run.history.since(1).cloned().collect()).collect()
    }

    /// Makes a call that is answered at once.
    fn call<R: Rpc>(&mut self, request: R) -> Result<R::Response, Error> {
        let answer = self.server.call(request);
        if let Err(error) = &answer {
            blame(R::NAME, error);
        }
        answer
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Start { id, how } => self.start(id, *how),
            Step::Signal { id } => self.signal(id),
            Step::SignalWithStart { id } => self.signal_with_start(id),
            Step::Update { id, update } => {
                let call = self.server.begin(updates::update(id, *update));
                self.updaters.push(call);
            }
            Step::UpdateWithStart { id, update } => {
                let start = StartWorkflowExecutionRequest {
                    request_id: self.draw("start"),
                    workflow_id_conflict_policy: WorkflowIdConflictPolicy::UseExisting as i32,
                    ..start(id)
                };
                let operations = [
                    Operation::StartWorkflow(start),
                    Operation::UpdateWorkflow(updates::update(id, *update)),
                ];
                let call = self.server.begin(ExecuteMultiOperationRequest {
                    namespace: namespace(),
                    operations: operations
                        .map(|it| execute_multi_operation_request::Operation { operation: Some(it) })
                        .into(),
                    ..Default::default()
                });
                self.starting_updaters.push(call);
            }
            Step::Query { id } => {
                let call = self.server.begin(QueryWorkflowRequest {
                    namespace: namespace(),
                    execution: Some(execution(id)),
                    query: Some(WorkflowQuery { query_type: "q".to_owned(), ..Default::default() }),
                    ..Default::default()
                });
                self.queriers.push(call);
            }
            Step::Cancel { id } => drop(self.call(RequestCancelWorkflowExecutionRequest {
                namespace: namespace(),
                workflow_execution: Some(execution(id)),
                ..Default::default()
            })),
            Step::Terminate { id } => drop(self.call(TerminateWorkflowExecutionRequest {
                namespace: namespace(),
                workflow_execution: Some(execution(id)),
                ..Default::default()
            })),
            Step::Delete { id } => self.delete(id),
            Step::Reset { id, back } => self.reset(id, *back),
            Step::Batch(does) => self.batch(*does),
            Step::Look { id } => self.look(id),
            Step::LoseFromCache { id } => drop(self.call(ResetStickyTaskQueueRequest {
                namespace: namespace(),
                execution: Some(execution(id)),
            })),
            Step::ActivityById { id, activity, does } => self.activity_by_id(id, *activity, *does),
            Step::Schedule(does) => self.schedule(*does),
            Step::Poll => self.poll(),
            Step::PollSticky => self.poll_sticky(),
            Step::PollActivity => self.poll_activity(),
            Step::Complete(answer) => self.complete(answer),
            Step::Fail { task } => self.fail(*task),
            Step::Activity { task, does } => self.activity(*task, *does),
            Step::ShutdownWorker => drop(self.call(ShutdownWorkerRequest {
                namespace: namespace(),
                sticky_task_queue: "sticky".to_owned(),
                identity: "worker".to_owned(),
                ..Default::default()
            })),
            Step::Wait(time) => self.server.advance(seconds(*time)),
            Step::WaitForDeadline => {
                if let Some(deadline) = self.server.cluster.next_deadline() {
                    self.server.now = self.server.now.max(deadline);
                    self.server.cluster.handle_timeout(self.server.now);
                }
            }
        }
    }

    /// Takes the answers to the calls that waited.
    pub(super) fn collect(&mut self) {
        let Self {
            server,
            tasks,
            activities,
            polls,
            activity_polls,
            updaters,
            starting_updaters,
            queriers,
            ..
        } = self;
        polls.retain(|&call| match server.answer::<PollWorkflowTaskQueueRequest>(call) {
            // An empty answer is one to a worker that is shutting down.
            Some(Ok(task)) if task.task_token.is_empty() => false,
            Some(Ok(task)) => {
                tasks.push(task);
                false
            }
            Some(Err(error)) => panic!("a poll failed: {error}"),
            None => true,
        });
        activity_polls.retain(|&call| match server.answer::<PollActivityTaskQueueRequest>(call) {
            Some(Ok(task)) => {
                activities.push(task);
                false
            }
            Some(Err(error)) => panic!("a poll failed: {error}"),
            None => true,
        });
        updaters.retain(|&call| is_open(server.answer::<UpdateWorkflowExecutionRequest>(call)));
        starting_updaters.retain(|&call| is_open(server.answer::<ExecuteMultiOperationRequest>(call)));
        queriers.retain(|&call| is_open(server.answer::<QueryWorkflowRequest>(call)));
    }

    fn draw(&mut self, what: &str) -> String {
        self.drawn += 1;
        format!("{what} {}", self.drawn)
    }

    fn current(&self, workflow_id: &str) -> Option<&Run> {
        let namespace = self.server.cluster.shared.namespaces.find("default").ok()?;
        self.server.cluster.runs.current(namespace, workflow_id)
    }

    fn start(&mut self, id: &str, how: How) {
        let mut request = StartWorkflowExecutionRequest { request_id: self.draw("start"), ..start(id) };
        match how {
            How::Plainly => {}
            How::Anew => {
                request.workflow_id_conflict_policy = WorkflowIdConflictPolicy::TerminateExisting as i32;
            }
            How::Later(time) => {
                request.workflow_start_delay = Some(clock::to_proto(seconds(time.into())));
            }
            How::ByCron => request.cron_schedule = "@every 10s".to_owned(),
            How::WithRetries => request.retry_policy = Some(RetryPolicy::default()),
            How::ForSeconds(time) => {
                request.workflow_run_timeout = Some(clock::to_proto(seconds(time.into())));
            }
        }
        drop(self.call(request));
    }

    fn signal(&mut self, id: &str) {
        let name = self.draw("signal");
        let run = self.current(id).map(|run| run.run_id.clone());
        let taken = self.call(SignalWorkflowExecutionRequest {
            namespace: namespace(),
            workflow_execution: Some(execution(id)),
            signal_name: name.clone(),
            ..Default::default()
        });
        if let (Ok(_), Some(run)) = (taken, run) {
            self.signals.insert(name, run);
        }
    }

    fn signal_with_start(&mut self, id: &str) {
        let name = self.draw("signal");
        let start = start(id);
        let taken = self.call(SignalWithStartWorkflowExecutionRequest {
            namespace: namespace(),
            workflow_id: start.workflow_id,
            workflow_type: start.workflow_type,
            task_queue: start.task_queue,
            request_id: self.drawn.to_string(),
            signal_name: name.clone(),
            ..Default::default()
        });
        if let Ok(taken) = taken {
            self.signals.insert(name, taken.run_id);
        }
    }

    /// Deletes the current run of an id, and with it all signals that it has taken.
    fn delete(&mut self, id: &str) {
        let Some(run) = self.current(id).map(|run| run.run_id.clone()) else { return };
        let deleted = self.call(DeleteWorkflowExecutionRequest {
            namespace: namespace(),
            workflow_execution: Some(execution(id)),
        });
        if deleted.is_ok() {
            self.has_deleted = true;
            self.signals.retain(|_, taken_by| *taken_by != run);
        }
    }

    /// Resets the current run of an id to one of the workflow tasks that it has completed.
    fn reset(&mut self, id: &str, back: u8) {
        let completed = |event: &&Arc<HistoryEvent>| event.event_type() == EventType::WorkflowTaskCompleted;
        let Some(run) = self.current(id) else { return };
        let mut tasks = run.history.since(1).filter(completed).map(|event| event.event_id).rev();
        let Some(event_id) = tasks.nth(back.into()) else { return };
        let request = ResetWorkflowExecutionRequest {
            namespace: namespace(),
            workflow_execution: Some(run.execution()),
            workflow_task_finish_event_id: event_id,
            request_id: self.draw("reset"),
            ..Default::default()
        };
        drop(self.call(request));
    }

    /// Does something to all open runs, now and in the times to come.
    fn batch(&mut self, does: ToAll) {
        use start_batch_operation_request::Operation as Batch;
        let operation = match does {
            ToAll::Signal => Batch::SignalOperation(BatchOperationSignal {
                signal: "from an operator".to_owned(),
                ..Default::default()
            }),
            ToAll::Cancel => Batch::CancellationOperation(BatchOperationCancellation::default()),
            ToAll::Terminate => Batch::TerminationOperation(BatchOperationTermination::default()),
        };
        let request = StartBatchOperationRequest {
            namespace: namespace(),
            visibility_query: "ExecutionStatus = 'Running'".to_owned(),
            job_id: self.draw("job"),
            reason: "a test".to_owned(),
            operation: Some(operation),
            ..Default::default()
        };
        drop(self.call(request));
    }

    fn look(&mut self, id: &str) {
        let execution = Some(execution(id));
        drop(
            self.call(DescribeWorkflowExecutionRequest {
                namespace: namespace(),
                execution: execution.clone(),
            }),
        );
        drop(self.call(GetWorkflowExecutionHistoryRequest {
            namespace: namespace(),
            execution: execution.clone(),
            ..Default::default()
        }));
        drop(self.call(GetWorkflowExecutionHistoryReverseRequest {
            namespace: namespace(),
            execution,
            ..Default::default()
        }));
        drop(self.call(ListWorkflowExecutionsRequest {
            namespace: namespace(),
            query: format!("WorkflowId = '{id}' AND ExecutionStatus != 'Completed'"),
            ..Default::default()
        }));
        drop(
            self.call(DescribeScheduleRequest { namespace: namespace(), schedule_id: "schedule".to_owned() }),
        );
        drop(self.call(DescribeTaskQueueRequest {
            namespace: namespace(),
            task_queue: Some(queue("tq")),
            ..Default::default()
        }));
    }

    fn schedule(&mut self, does: ToSchedule) {
        let schedule_id = "schedule".to_owned();
        let patch = match does {
            ToSchedule::Create => {
                let template = NewWorkflowExecutionInfo {
                    workflow_id: "a".to_owned(),
                    workflow_type: start("a").workflow_type,
                    task_queue: Some(queue("tq")),
                    ..Default::default()
                };
                let interval = IntervalSpec { interval: Some(clock::to_proto(seconds(7))), phase: None };
                let request = CreateScheduleRequest {
                    namespace: namespace(),
                    schedule_id,
                    request_id: self.draw("create"),
                    schedule: Some(Schedule {
                        spec: Some(ScheduleSpec { interval: vec![interval], ..Default::default() }),
                        action: Some(ScheduleAction { action: Some(Action::StartWorkflow(template)) }),
                        ..Default::default()
                    }),
                    ..Default::default()
                };
                return drop(self.call(request));
            }
            ToSchedule::Delete => {
                let request =
                    DeleteScheduleRequest { namespace: namespace(), schedule_id, ..Default::default() };
                return drop(self.call(request));
            }
            ToSchedule::Trigger => SchedulePatch {
                trigger_immediately: Some(TriggerImmediatelyRequest::default()),
                ..Default::default()
            },
            ToSchedule::Pause => SchedulePatch { pause: "paused".to_owned(), ..Default::default() },
            ToSchedule::Unpause => SchedulePatch { unpause: "unpaused".to_owned(), ..Default::default() },
        };
        let request = PatchScheduleRequest {
            namespace: namespace(),
            schedule_id,
            request_id: self.draw("patch"),
            patch: Some(patch),
            ..Default::default()
        };
        drop(self.call(request));
    }

    /// A worker waits for a workflow task.
    pub(super) fn poll(&mut self) {
        let call = self.server.begin(poll(queue("tq")));
        self.polls.push(call);
    }

    /// The worker that has runs in its cache waits for a workflow task.
    pub(super) fn poll_sticky(&mut self) {
        let call = self.server.begin(poll(sticky_queue()));
        self.polls.push(call);
    }

    /// A worker waits for an activity task.
    pub(super) fn poll_activity(&mut self) {
        let call = self.server.begin(PollActivityTaskQueueRequest {
            namespace: namespace(),
            task_queue: Some(queue("tq")),
            identity: "worker".to_owned(),
            ..Default::default()
        });
        self.activity_polls.push(call);
    }

    fn complete(&mut self, answer: &Answer) {
        let Some(task) = pick(&mut self.tasks, answer.task) else { return };
        if task.query.is_some() {
            drop(self.call(RespondQueryTaskCompletedRequest {
                namespace: namespace(),
                task_token: task.task_token,
                completed_type: QueryResultType::Answered as i32,
                ..Default::default()
            }));
            return;
        }
        let run_id = task.workflow_execution.as_ref().map_or("", |execution| &execution.run_id);
        let oldest = self
            .runs()
            .find(|run| run.run_id == run_id)
            .and_then(|run| run.activities.iter().next())
            .map(|activity| activity.scheduled_event_id);
        let mut commands: Vec<_> = answer.commands.iter().map(|made| made.command(oldest)).collect();
        commands.extend(answer.ending.map(|ending| ending.command()));
        let mut request = if answer.caches { caching(&task, commands) } else { completion(&task, commands) };
        request.return_new_workflow_task = answer.inline;
        request.messages = updates::messages(&task, answer.updates);
        let answered =
            || WorkflowQueryResult { result_type: QueryResultType::Answered as i32, ..Default::default() };
        request.query_results = task.queries.keys().map(|query| (query.clone(), answered())).collect();
        if let Ok(response) = self.call(request) {
            self.tasks.extend(response.workflow_task);
            self.activities.extend(response.activity_tasks);
        }
    }

    fn fail(&mut self, task: u8) {
        let Some(task) = pick(&mut self.tasks, task) else { return };
        if task.query.is_some() {
            drop(self.call(RespondQueryTaskCompletedRequest {
                namespace: namespace(),
                task_token: task.task_token,
                completed_type: QueryResultType::Failed as i32,
                error_message: "no".to_owned(),
                ..Default::default()
            }));
        } else {
            drop(self.call(RespondWorkflowTaskFailedRequest {
                namespace: namespace(),
                task_token: task.task_token,
                ..Default::default()
            }));
        }
    }

    fn activity(&mut self, task: u8, does: Does) {
        let Some(task) = pick(&mut self.activities, task) else { return };
        let task_token = task.task_token.clone();
        match does {
            Does::Complete => drop(self.call(RespondActivityTaskCompletedRequest {
                namespace: namespace(),
                task_token,
                ..Default::default()
            })),
            Does::Fail | Does::FailForGood => drop(self.call(RespondActivityTaskFailedRequest {
                namespace: namespace(),
                task_token,
                failure: Some(failure(matches!(does, Does::FailForGood))),
                ..Default::default()
            })),
            Does::Cancel => drop(self.call(RespondActivityTaskCanceledRequest {
                namespace: namespace(),
                task_token,
                ..Default::default()
            })),
            Does::Heartbeat => {
                let request = RecordActivityTaskHeartbeatRequest {
                    namespace: namespace(),
                    task_token,
                    ..Default::default()
                };
                if self.call(request).is_ok() {
                    self.activities.push(task);
                }
            }
        }
    }

    fn activity_by_id(&mut self, id: &str, activity: u8, does: ById) {
        let (workflow_id, activity_id) = (id.to_owned(), activity.to_string());
        match does {
            ById::Complete => drop(self.call(RespondActivityTaskCompletedByIdRequest {
                namespace: namespace(),
                workflow_id,
                activity_id,
                ..Default::default()
            })),
            ById::Fail => drop(self.call(RespondActivityTaskFailedByIdRequest {
                namespace: namespace(),
                workflow_id,
                activity_id,
                failure: Some(failure(false)),
                ..Default::default()
            })),
            ById::Cancel => drop(self.call(RespondActivityTaskCanceledByIdRequest {
                namespace: namespace(),
                workflow_id,
                activity_id,
                ..Default::default()
            })),
            ById::Heartbeat => drop(self.call(RecordActivityTaskHeartbeatByIdRequest {
                namespace: namespace(),
                workflow_id,
                activity_id,
                ..Default::default()
            })),
            ById::Pause => drop(self.call(PauseActivityRequest {
                namespace: namespace(),
                execution: Some(execution(id)),
                activity: Some(pause_activity_request::Activity::Id(activity_id)),
                ..Default::default()
            })),
            ById::Unpause => drop(self.call(UnpauseActivityRequest {
                namespace: namespace(),
                execution: Some(execution(id)),
                activity: Some(unpause_activity_request::Activity::Id(activity_id)),
                ..Default::default()
            })),
            ById::Reset => drop(self.call(ResetActivityRequest {
                namespace: namespace(),
                execution: Some(execution(id)),
                activity: Some(reset_activity_request::Activity::Id(activity_id)),
                ..Default::default()
            })),
            ById::ChangeOptions => drop(self.call(UpdateActivityOptionsRequest {
                namespace: namespace(),
                execution: Some(execution(id)),
                activity: Some(update_activity_options_request::Activity::Id(activity_id)),
                activity_options: Some(ActivityOptions {
                    start_to_close_timeout: Some(clock::to_proto(seconds(5))),
                    ..Default::default()
                }),
                update_mask: Some(prost_types::FieldMask {
                    paths: vec!["start_to_close_timeout".to_owned()],
                }),
                ..Default::default()
            })),
        }
    }
}

/// The server never blames itself for what somebody asks.
fn blame(rpc: &str, error: &Error) {
    let its_own = matches!(error.code, Code::Internal | Code::Unknown | Code::DataLoss | Code::Unimplemented);
    assert!(!its_own, "{rpc} fails with {error}");
}

fn is_open<T>(answer: Option<Result<T, Error>>) -> bool {
    if let Some(Err(error)) = &answer {
        blame("a call that waited", error);
    }
    answer.is_none()
}

fn pick<T>(tasks: &mut Vec<T>, which: u8) -> Option<T> {
    if tasks.is_empty() {
        return None;
    }
    let index = usize::from(which) % tasks.len();
    Some(tasks.remove(index))
}

fn failure(non_retryable: bool) -> Failure {
    Failure {
        message: "no".to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
            non_retryable,
            ..Default::default()
        })),
        ..Default::default()
    }
}

fn namespace() -> String {
    "default".to_owned()
}
