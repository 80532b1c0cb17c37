//! A cluster with one workflow, driven call by call on a clock that jumps from deadline to deadline.

use std::{collections::BTreeMap, marker::PhantomData, time::Duration};

use temporalio_common::protos::temporal::api::{
    command::v1::{
        CancelTimerCommandAttributes, Command, RequestCancelActivityTaskCommandAttributes,
        ScheduleActivityTaskCommandAttributes, StartTimerCommandAttributes, command::Attributes,
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
    cluster::{Answer, Call, CallId, Cluster, Config, Error},
    rng::Seed,
    rpc::Rpc,
};

/// The id of the workflow.
pub(in crate::cluster::execution) const WORKFLOW: &str = "workflow";

/// The task queue of the workflow and of its activities.
const QUEUE: &str = "queue";

/// A cluster with one workflow, and the time there. It starts at zero.
pub(in crate::cluster::execution) struct Driver {
    cluster: Cluster,
    pub(in crate::cluster::execution) now: Time,
    calls: u64,
    answers: BTreeMap<CallId, Answer>,
}

/// A call that has begun.
pub(in crate::cluster::execution) struct Begun<R> {
    id: CallId,
    rpc: PhantomData<R>,
}

impl Driver {
    /// Starts the workflow and takes its first workflow task.
    pub(in crate::cluster::execution) fn start() -> (Self, PollWorkflowTaskQueueResponse) {
        let mut driver = Self {
            cluster: Cluster::new(Config::default(), Seed(1)),
            now: Time::from_nanos(0),
            calls: 0,
            answers: BTreeMap::new(),
        };
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
    pub(in crate::cluster::execution) fn with_activities(
        activities: impl IntoIterator<Item = ScheduleActivityTaskCommandAttributes>,
    ) -> Self {
        let (mut driver, task) = Self::start();
        driver.complete(&task, activities.into_iter().map(schedule).collect()).expect("valid commands");
        driver
    }

    /// Calls, and goes on without an answer.
    pub(in crate::cluster::execution) fn begin<R: Rpc>(&mut self, request: R) -> Begun<R> {
        self.calls += 1;
        let id = CallId(self.calls);
        self.cluster
            .handle_call(self.now, Call { id, request: Box::new(request).into_request(), deadline: None });
        Begun { id, rpc: PhantomData }
    }

    /// Lets time pass until there is an answer.
    pub(in crate::cluster::execution) fn finish<R: Rpc>(
        &mut self,
        call: &Begun<R>,
    ) -> Result<R::Response, Error> {
        loop {
            self.answers.extend(std::iter::from_fn(|| self.cluster.poll_answer()));
            if let Some(answer) = self.answers.remove(&call.id) {
                return answer.map(|response| *R::response(response).expect("the answer to the call"));
            }
            let Some(deadline) = self.cluster.next_deadline() else {
                panic!("nobody is ever going to answer {}", R::NAME);
            };
            self.now = self.now.max(deadline);
            self.cluster.handle_timeout(self.now);
        }
    }

    /// Calls, and lets time pass until there is an answer.
    pub(in crate::cluster::execution) fn try_call<R: Rpc>(
        &mut self,
        request: R,
    ) -> Result<R::Response, Error> {
        let call = self.begin(request);
        self.finish(&call)
    }

    /// The same, of a call that is not refused.
    pub(in crate::cluster::execution) fn call<R: Rpc>(&mut self, request: R) -> R::Response {
        self.try_call(request).unwrap_or_else(|error| panic!("{} was refused: {error}", R::NAME))
    }

    /// Lets time pass.
    pub(in crate::cluster::execution) fn sleep(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(deadline) = self.cluster.next_deadline().filter(|&deadline| deadline <= end) {
            self.cluster.handle_timeout(deadline);
        }
        self.now = end;
    }

    /// When something is going to happen by itself, in seconds.
    pub(in crate::cluster::execution) fn next_deadline(&self) -> Option<f64> {
        self.cluster.next_deadline().map(seconds)
    }

    /// The time, in seconds.
    pub(in crate::cluster::execution) fn seconds(&self) -> f64 {
        seconds(self.now)
    }

    /// Takes the next workflow task.
    pub(in crate::cluster::execution) fn workflow_task(&mut self) -> PollWorkflowTaskQueueResponse {
        self.call(PollWorkflowTaskQueueRequest {
            namespace: "default".into(),
            task_queue: task_queue(),
            ..Default::default()
        })
    }

    /// Completes a workflow task.
    pub(in crate::cluster::execution) fn complete(
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
    pub(in crate::cluster::execution) fn activity_task(&mut self) -> PollActivityTaskQueueResponse {
        self.call(PollActivityTaskQueueRequest {
            namespace: "default".into(),
            task_queue: task_queue(),
            identity: "worker".into(),
            ..Default::default()
        })
    }

    /// Fails an activity task.
    pub(in crate::cluster::execution) fn fail(
        &mut self,
        task: &PollActivityTaskQueueResponse,
        message: &str,
    ) -> Result<(), Error> {
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
    pub(in crate::cluster::execution) fn signal(&mut self) {
        self.call(SignalWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_execution: execution(),
            signal_name: "signal".into(),
            ..Default::default()
        });
    }

    /// The event history.
    pub(in crate::cluster::execution) fn history(&mut self) -> Vec<HistoryEvent> {
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: "default".into(),
            execution: execution(),
            ..Default::default()
        };
        self.call(request).history.unwrap_or_default().events
    }

    /// The types of the events from `first` on.
    pub(in crate::cluster::execution) fn event_types(&mut self, first: i64) -> Vec<EventType> {
        let events = self.history();
        events.iter().filter(|event| event.event_id >= first).map(HistoryEvent::event_type).collect()
    }
}

/// A duration in whole seconds.
pub(in crate::cluster::execution) fn duration(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn seconds(time: Time) -> f64 {
    time.as_nanos() as f64 / 1e9
}

/// The workflow.
pub(in crate::cluster::execution) fn execution() -> Option<WorkflowExecution> {
    Some(WorkflowExecution { workflow_id: WORKFLOW.into(), run_id: String::new() })
}

fn task_queue() -> Option<TaskQueue> {
    Some(TaskQueue { name: QUEUE.into(), ..Default::default() })
}

/// An activity whose attempts may take 10 s each, without retries.
pub(in crate::cluster::execution) fn activity(activity_id: &str) -> ScheduleActivityTaskCommandAttributes {
    ScheduleActivityTaskCommandAttributes {
        activity_id: activity_id.into(),
        activity_type: Some(ActivityType { name: "A".into() }),
        task_queue: task_queue(),
        start_to_close_timeout: duration(10),
        retry_policy: Some(RetryPolicy { maximum_attempts: 1, ..Default::default() }),
        ..Default::default()
    }
}

/// The command that schedules an activity.
pub(in crate::cluster::execution) fn schedule(activity: ScheduleActivityTaskCommandAttributes) -> Command {
    Command {
        command_type: CommandType::ScheduleActivityTask.into(),
        attributes: Some(Attributes::ScheduleActivityTaskCommandAttributes(activity)),
        ..Default::default()
    }
}

/// The command that requests the cancellation of an activity.
pub(in crate::cluster::execution) fn request_cancel(scheduled_event_id: i64) -> Command {
    let attributes = RequestCancelActivityTaskCommandAttributes { scheduled_event_id };
    Command {
        command_type: CommandType::RequestCancelActivityTask.into(),
        attributes: Some(Attributes::RequestCancelActivityTaskCommandAttributes(attributes)),
        ..Default::default()
    }
}

/// The command that starts a timer.
pub(in crate::cluster::execution) fn start_timer(timer_id: &str, seconds: i64) -> Command {
    let attributes =
        StartTimerCommandAttributes { timer_id: timer_id.into(), start_to_fire_timeout: duration(seconds) };
    Command {
        command_type: CommandType::StartTimer.into(),
        attributes: Some(Attributes::StartTimerCommandAttributes(attributes)),
        ..Default::default()
    }
}

/// The command that cancels a timer.
pub(in crate::cluster::execution) fn cancel_timer(timer_id: &str) -> Command {
    let attributes = CancelTimerCommandAttributes { timer_id: timer_id.into() };
    Command {
        command_type: CommandType::CancelTimer.into(),
        attributes: Some(Attributes::CancelTimerCommandAttributes(attributes)),
        ..Default::default()
    }
}
