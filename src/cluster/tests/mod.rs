//! Tests of the cluster as a whole: a cluster and a clock, moved by hand.

mod children;
mod limits;
mod model;
mod policy;
mod reading;
mod running;
mod schedules;
mod task_queues;
mod updates;
mod workflow_tasks;

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    command::v1::{Command, command::Attributes},
    common::v1::{WorkflowExecution, WorkflowType},
    enums::v1::{CommandType, EventType, TaskQueueKind},
    history::v1::HistoryEvent,
    taskqueue::v1::{StickyExecutionAttributes, TaskQueue},
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse,
        RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskCompletedResponse,
        RespondWorkflowTaskFailedRequest, SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest,
    },
};

use super::{Answer, Call, CallId, Cluster, Config, Error};
use crate::{clock::Time, rng::Seed, rpc::Rpc};

/// A cluster and the time.
struct Server {
    cluster: Cluster,
    now: Time,
    calls: u64,
    answers: Vec<(CallId, Answer)>,
}

impl Server {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self {
            cluster: Cluster::new(config, Seed(7)),
            now: Time::from_nanos(0),
            calls: 0,
            answers: Vec::new(),
        }
    }

    /// Makes a call, and looks for its answer later with [`Self::answer`].
    fn begin<R: Rpc>(&mut self, request: R) -> CallId {
        self.calls += 1;
        let id = CallId(self.calls);
        self.cluster
            .handle_call(self.now, Call { id, request: Box::new(request).into_request(), deadline: None });
        id
    }

    /// The answer of a call, if there is one by now.
    fn answer<R: Rpc>(&mut self, call: CallId) -> Option<Result<R::Response, Error>> {
        self.answers.extend(std::iter::from_fn(|| self.cluster.poll_answer()));
        let index = self.answers.iter().position(|(id, _)| *id == call)?;
        let (_, answer) = self.answers.remove(index);
        Some(answer.map(|response| *R::response(response).expect("the response of the same RPC")))
    }

    /// Makes a call that is answered at once.
    fn call<R: Rpc>(&mut self, request: R) -> Result<R::Response, Error> {
        let call = self.begin(request);
        self.answer::<R>(call).expect("an answer at once")
    }

    /// Lets time pass, and everything happen that is due meanwhile.
    fn advance(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.cluster.handle_timeout(self.now);
    }

    fn start(&mut self, workflow_id: &str) -> String {
        self.call(start(workflow_id)).expect("a start").run_id
    }

    fn signal(&mut self, workflow_id: &str, name: &str) {
        self.call(SignalWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: Some(execution(workflow_id)),
            signal_name: name.to_owned(),
            ..Default::default()
        })
        .expect("a signal");
    }

    fn poll(&mut self) -> PollWorkflowTaskQueueResponse {
        self.call(poll(queue("tq"))).expect("a workflow task")
    }

    fn complete(
        &mut self,
        task: &PollWorkflowTaskQueueResponse,
        commands: Vec<Command>,
    ) -> Result<RespondWorkflowTaskCompletedResponse, Error> {
        self.call(completion(task, commands))
    }

    fn fail(&mut self, task: &PollWorkflowTaskQueueResponse) {
        self.call(RespondWorkflowTaskFailedRequest {
            namespace: "default".to_owned(),
            task_token: task.task_token.clone(),
            ..Default::default()
        })
        .expect("a failure that is taken");
    }

    fn events(&mut self, workflow_id: &str) -> Vec<HistoryEvent> {
        let run =
            self.cluster.runs.current(self.cluster.shared.namespaces.find("default").unwrap(), workflow_id);
        run.expect("a run").history.to_vec()
    }

    /// The events of the current run, without those that began it, one word each.
    fn history(&mut self, workflow_id: &str) -> String {
        let events = self.events(workflow_id);
        events.iter().map(|event| abbreviate(event.event_type())).collect::<Vec<_>>().join(" ")
    }

    /// What a reader of the history sees.
    fn visible_history(&mut self, workflow_id: &str) -> Vec<HistoryEvent> {
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: "default".to_owned(),
            execution: Some(execution(workflow_id)),
            ..Default::default()
        };
        self.call(request).expect("a history").history.unwrap_or_default().events
    }
}

/// `WorkflowTaskScheduled` for `EVENT_TYPE_WORKFLOW_TASK_SCHEDULED`, and shorter for what is everywhere.
fn abbreviate(event_type: EventType) -> String {
    let name = super::execution::completed::camel_case(event_type.as_str_name(), "EVENT_TYPE_");
    name.replace("WorkflowExecution", "").replace("WorkflowTask", "Task")
}

fn execution(workflow_id: &str) -> WorkflowExecution {
    WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() }
}

fn queue(name: &str) -> TaskQueue {
    TaskQueue { name: name.to_owned(), ..Default::default() }
}

fn sticky_queue() -> TaskQueue {
    TaskQueue { name: "sticky".to_owned(), kind: TaskQueueKind::Sticky as i32, normal_name: "tq".to_owned() }
}

fn start(workflow_id: &str) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: workflow_id.to_owned(),
        workflow_type: Some(WorkflowType { name: "W".to_owned() }),
        task_queue: Some(queue("tq")),
        ..Default::default()
    }
}

fn poll(task_queue: TaskQueue) -> PollWorkflowTaskQueueRequest {
    PollWorkflowTaskQueueRequest {
        namespace: "default".to_owned(),
        task_queue: Some(task_queue),
        identity: "worker".to_owned(),
        ..Default::default()
    }
}

fn completion(
    task: &PollWorkflowTaskQueueResponse,
    commands: Vec<Command>,
) -> RespondWorkflowTaskCompletedRequest {
    RespondWorkflowTaskCompletedRequest {
        namespace: "default".to_owned(),
        task_token: task.task_token.clone(),
        commands,
        identity: "worker".to_owned(),
        ..Default::default()
    }
}

/// A completion of a worker that keeps the run in its cache.
fn caching(
    task: &PollWorkflowTaskQueueResponse,
    commands: Vec<Command>,
) -> RespondWorkflowTaskCompletedRequest {
    RespondWorkflowTaskCompletedRequest {
        sticky_attributes: Some(StickyExecutionAttributes {
            worker_task_queue: Some(sticky_queue()),
            schedule_to_start_timeout: Some(crate::clock::to_proto(Duration::from_secs(10))),
        }),
        ..completion(task, commands)
    }
}

fn command(attributes: Attributes) -> Command {
    let kind = match &attributes {
        Attributes::CompleteWorkflowExecutionCommandAttributes(_) => CommandType::CompleteWorkflowExecution,
        Attributes::FailWorkflowExecutionCommandAttributes(_) => CommandType::FailWorkflowExecution,
        Attributes::RecordMarkerCommandAttributes(_) => CommandType::RecordMarker,
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(_) => {
            CommandType::ContinueAsNewWorkflowExecution
        }
        Attributes::CancelWorkflowExecutionCommandAttributes(_) => CommandType::CancelWorkflowExecution,
        Attributes::StartTimerCommandAttributes(_) => CommandType::StartTimer,
        Attributes::ScheduleActivityTaskCommandAttributes(_) => CommandType::ScheduleActivityTask,
        Attributes::StartChildWorkflowExecutionCommandAttributes(_) => {
            CommandType::StartChildWorkflowExecution
        }
        Attributes::SignalExternalWorkflowExecutionCommandAttributes(_) => {
            CommandType::SignalExternalWorkflowExecution
        }
        Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(_) => {
            CommandType::RequestCancelExternalWorkflowExecution
        }
        _ => CommandType::Unspecified,
    };
    Command { command_type: kind as i32, attributes: Some(attributes), ..Default::default() }
}

fn complete_workflow() -> Command {
    command(Attributes::CompleteWorkflowExecutionCommandAttributes(Default::default()))
}

fn record_marker(name: &str) -> Command {
    use temporalio_common::protos::temporal::api::command::v1::RecordMarkerCommandAttributes;
    command(Attributes::RecordMarkerCommandAttributes(RecordMarkerCommandAttributes {
        marker_name: name.to_owned(),
        ..Default::default()
    }))
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
