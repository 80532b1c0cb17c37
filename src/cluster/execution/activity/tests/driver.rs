//! A cluster with one workflow, driven call by call on a clock that jumps from deadline to deadline.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    command::v1::{
        Command, RequestCancelActivityTaskCommandAttributes, ScheduleActivityTaskCommandAttributes,
        command::Attributes,
    },
    common::v1::{ActivityType, RetryPolicy, WorkflowExecution, WorkflowType},
    enums::v1::{CommandType, EventType},
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    history::v1::HistoryEvent,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, PollActivityTaskQueueRequest, PollActivityTaskQueueResponse,
        PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse, RespondActivityTaskFailedRequest,
        RespondWorkflowTaskCompletedRequest, SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest,
    },
};

use crate::{
    clock::Time,
    cluster::{Call, CallId, Cluster, Config, Error},
    rng::Seed,
    rpc::Rpc,
};

/// The id of the workflow.
pub(super) const WORKFLOW: &str = "workflow";

/// The task queue of the workflow and of its activities.
const QUEUE: &str = "queue";

/// A cluster with one workflow, and the time there. It starts at zero.
pub(super) struct Driver {
    cluster: Cluster,
    pub(super) now: Time,
    calls: u64,
}

impl Driver {
    /// Starts the workflow and takes its first workflow task.
    pub(super) fn start() -> (Self, PollWorkflowTaskQueueResponse) {
        let mut driver =
            Self { cluster: Cluster::new(Config::default(), Seed(1)), now: Time::from_nanos(0), calls: 0 };
        driver.call(StartWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_id: WORKFLOW.into(),
            workflow_type: Some(WorkflowType { name: "W".into() }),
            task_queue: task_queue(),
            request_id: "start".into(),
            ..Default::default()
        });
        let task = driver.workflow_task();
        (driver, task)
    }

    /// A workflow whose first workflow task scheduled these activities. Their ActivityTaskScheduled events are 5, 6 and so
    /// on.
    pub(super) fn with_activities(
        activities: impl IntoIterator<Item = ScheduleActivityTaskCommandAttributes>,
    ) -> Self {
        let (mut driver, task) = Self::start();
        driver.complete(&task, activities.into_iter().map(schedule).collect()).expect("valid commands");
        driver
    }

    /// Calls and lets time pass until there is an answer.
    pub(super) fn try_call<R: Rpc>(&mut self, request: R) -> Result<R::Response, Error> {
        self.calls += 1;
        let id = CallId(self.calls);
        self.cluster.handle_call(self.now, Call { id, request: request.into_request(), deadline: None });
        loop {
            while let Some((answered, answer)) = self.cluster.poll_answer() {
                if answered == id {
                    return answer.map(|response| R::response(response).expect("the answer to the call"));
                }
            }
            let Some(deadline) = self.cluster.next_deadline() else {
                panic!("nobody is ever going to answer {}", R::NAME);
            };
            self.now = self.now.max(deadline);
            self.cluster.handle_timeout(self.now);
        }
    }

    /// The same, of a call that is not refused.
    pub(super) fn call<R: Rpc>(&mut self, request: R) -> R::Response {
        self.try_call(request).unwrap_or_else(|error| panic!("{} was refused: {error}", R::NAME))
    }

    /// Lets time pass.
    pub(super) fn sleep(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(deadline) = self.cluster.next_deadline().filter(|&deadline| deadline <= end) {
            self.cluster.handle_timeout(deadline);
        }
        self.now = end;
    }

    /// When something is going to happen by itself, in seconds.
    pub(super) fn next_deadline(&self) -> Option<f64> {
        self.cluster.next_deadline().map(seconds)
    }

    /// The time, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        seconds(self.now)
    }

    /// Takes the next workflow task.
    pub(super) fn workflow_task(&mut self) -> PollWorkflowTaskQueueResponse {
        self.call(PollWorkflowTaskQueueRequest {
            namespace: "default".into(),
            task_queue: task_queue(),
            ..Default::default()
        })
    }

    /// Completes a workflow task.
    pub(super) fn complete(
        &mut self,
        task: &PollWorkflowTaskQueueResponse,
        commands: Vec<Command>,
    ) -> Result<(), Error> {
        self.try_call(RespondWorkflowTaskCompletedRequest {
            namespace: "default".into(),
            task_token: task.task_token.clone(),
            commands,
            ..Default::default()
        })
        .map(|_| ())
    }

    /// Takes the next activity task.
    pub(super) fn activity_task(&mut self) -> PollActivityTaskQueueResponse {
        self.call(PollActivityTaskQueueRequest {
            namespace: "default".into(),
            task_queue: task_queue(),
            identity: "worker".into(),
            ..Default::default()
        })
    }

    /// Fails an activity task.
    pub(super) fn fail(&mut self, task: &PollActivityTaskQueueResponse, message: &str) -> Result<(), Error> {
        self.try_call(RespondActivityTaskFailedRequest {
            namespace: "default".into(),
            task_token: task.task_token.clone(),
            failure: Some(Failure {
                message: message.into(),
                failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo::default())),
                ..Default::default()
            }),
            ..Default::default()
        })
        .map(|_| ())
    }

    /// Has the workflow look at what it has.
    pub(super) fn signal(&mut self) {
        self.call(SignalWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_execution: execution(),
            signal_name: "signal".into(),
            ..Default::default()
        });
    }

    /// The event history.
    pub(super) fn history(&mut self) -> Vec<HistoryEvent> {
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: "default".into(),
            execution: execution(),
            ..Default::default()
        };
        self.call(request).history.unwrap_or_default().events
    }

    /// The types of the events from `first` on.
    pub(super) fn event_types(&mut self, first: i64) -> Vec<EventType> {
        let events = self.history();
        events.iter().filter(|event| event.event_id >= first).map(HistoryEvent::event_type).collect()
    }
}

fn seconds(time: Time) -> f64 {
    time.as_nanos() as f64 / 1e9
}

/// The workflow.
pub(super) fn execution() -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: WORKFLOW.into(), run_id: String::new() })
}

fn task_queue() -> Option<TaskQueue> {
    Some(TaskQueue { name: QUEUE.into(), ..Default::default() })
}

/// An activity whose attempts may take 10 s each, without retries.
pub(super) fn activity(activity_id: &str) -> ScheduleActivityTaskCommandAttributes {
    ScheduleActivityTaskCommandAttributes {
        activity_id: activity_id.into(),
        activity_type: Some(ActivityType { name: "A".into() }),
        task_queue: task_queue(),
        start_to_close_timeout: super::seconds(10),
        retry_policy: Some(RetryPolicy { maximum_attempts: 1, ..Default::default() }),
        ..Default::default()
    }
}

/// The command that schedules an activity.
pub(super) fn schedule(activity: ScheduleActivityTaskCommandAttributes) -> Command {
    Command {
        command_type: CommandType::ScheduleActivityTask.into(),
        attributes: Some(Attributes::ScheduleActivityTaskCommandAttributes(activity)),
        ..Default::default()
    }
}

/// The command that requests the cancellation of an activity.
pub(super) fn request_cancel(scheduled_event_id: i64) -> Command {
    let attributes = RequestCancelActivityTaskCommandAttributes { scheduled_event_id };
    Command {
        command_type: CommandType::RequestCancelActivityTask.into(),
        attributes: Some(Attributes::RequestCancelActivityTaskCommandAttributes(attributes)),
        ..Default::default()
    }
}
