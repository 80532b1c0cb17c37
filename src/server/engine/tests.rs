//! What holds time, and what does not, without waiting for any.

use temporalio_common::protos::temporal::api::{
    command::v1::{Command, StartTimerCommandAttributes, command::Attributes},
    common::v1::{WorkflowExecution, WorkflowType},
    enums::v1::CommandType,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, PollWorkflowTaskQueueRequest,
        RespondWorkflowTaskCompletedRequest, StartWorkflowExecutionRequest,
    },
};
use tonic::Code;

use super::*;
use crate::{
    cluster::{Config, LongPolls},
    rng::Seed,
    rpc::{ResponseMessage, Rpc},
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MOMENT: Duration = Duration::from_millis(1);

/// An engine, and the machine's time as the test wants it.
struct Server {
    engine: Engine,
    start: Wall,
    wall: Wall,
    calls: u64,
    answers: BTreeMap<CallId, Result<Output, Error>>,
}

impl Server {
    fn new(locks: Option<u32>) -> Self {
        let config = Config {
            long_polls: LongPolls::Expire,
            driver_ends_long_polls: true,
            skips_time: true,
            ..Config::default()
        };
        let start = Wall(Time::from_nanos(1_000_000_000_000_000_000));
        let engine = Engine::new(Cluster::new(config, Seed(1)), start, None, locks);
        Self { engine, start, wall: start, calls: 0, answers: BTreeMap::new() }
    }

    /// How far the cluster's time is by now.
    fn elapsed(&mut self) -> Duration {
        self.engine.clock.now(self.wall).since(self.start.0)
    }

    fn tick(&mut self) {
        self.engine.tick(self.wall);
        while let Some((id, answer)) = self.engine.poll_answer() {
            self.answers.insert(id, answer);
        }
    }

    /// Lets the machine's time pass, as the driver does: it sleeps until the engine wants to be called.
    fn wait(&mut self, duration: Duration) {
        let end = self.wall + duration;
        while let Some(wake) = self.engine.next_wake(self.wall).filter(|wake| *wake < end) {
            self.wall = wake.max(self.wall);
            self.tick();
        }
        self.wall = end;
        self.tick();
    }

    fn input(&mut self, input: impl FnOnce(CallId) -> Input) -> CallId {
        self.calls += 1;
        let id = CallId(self.calls);
        self.engine.handle(self.wall, input(id));
        self.tick();
        id
    }

    fn call<R: Rpc>(&mut self, request: R, timeout: Option<Duration>) -> CallId {
        let request = Box::new(request).into_request();
        self.input(|id| Input::Call(Incoming { id, request, timeout, encoded: None }))
    }

    fn test(&mut self, call: TestCall) -> CallId {
        self.input(|id| Input::Test(id, call))
    }

    fn is_answered(&self, call: CallId) -> bool {
        self.answers.contains_key(&call)
    }

    fn start(&mut self) {
        self.call(
            StartWorkflowExecutionRequest {
                namespace: "default".into(),
                workflow_id: "wf".into(),
                workflow_type: Some(WorkflowType { name: "W".into() }),
                task_queue: Some(queue()),
                ..Default::default()
            },
            None,
        );
    }

    fn poll(&mut self) -> CallId {
        let poll = PollWorkflowTaskQueueRequest {
            namespace: "default".into(),
            task_queue: Some(queue()),
            ..Default::default()
        };
        self.call(poll, None)
    }

    /// The token of the workflow task that a poll was answered with; empty if it was answered with none.
    fn task(&mut self, poll: CallId) -> Vec<u8> {
        match self.answers.remove(&poll) {
            Some(Ok(Output::Rpc(Response {
                message: ResponseMessage::PollWorkflowTaskQueue(task), ..
            }))) => task.task_token,
            other => panic!("the poll got {other:?}"),
        }
    }

    /// Completes a workflow task with a timer.
    fn start_timer(&mut self, task_token: Vec<u8>, timer_id: &str, duration: Duration) {
        let timer = StartTimerCommandAttributes {
            timer_id: timer_id.into(),
            start_to_fire_timeout: Some(crate::clock::to_proto(duration)),
        };
        let command = Command {
            command_type: CommandType::StartTimer as i32,
            attributes: Some(Attributes::StartTimerCommandAttributes(timer)),
            ..Default::default()
        };
        let completed =
            RespondWorkflowTaskCompletedRequest { task_token, commands: vec![command], ..Default::default() };
        self.call(completed, None);
    }

    /// A worker that waits for a timer of so many days, and polls again.
    fn with_timer(locks: u32, days: u32) -> (Self, CallId) {
        let mut server = Self::new(Some(locks));
        server.start();
        let poll = server.poll();
        let task = server.task(poll);
        server.start_timer(task, "timer", DAY * days);
        let poll = server.poll();
        (server, poll)
    }
}

fn queue() -> TaskQueue {
    TaskQueue { name: "q".into(), ..Default::default() }
}

#[test]
fn a_timer_is_skipped_to_when_nothing_holds_time() {
    let (mut server, poll) = Server::with_timer(0, 30);
    assert!(!server.task(poll).is_empty());
    assert!((DAY * 30..DAY * 30 + MOMENT).contains(&server.elapsed()), "{:?}", server.elapsed());
}

#[test]
fn a_lock_holds_time_and_each_lock_counts() {
    let (mut server, poll) = Server::with_timer(2, 30);
    server.test(TestCall::Unlock);
    server.wait(DAY);
    assert!(!server.is_answered(poll) || server.elapsed() < DAY * 2);
    let poll = server.poll();
    server.test(TestCall::Unlock);
    assert!(!server.task(poll).is_empty());
    let refused = server.test(TestCall::Unlock);
    let error = server.answers.remove(&refused).expect("an answer at once").unwrap_err();
    assert_eq!(error.code, Code::FailedPrecondition);
}

#[test]
fn time_is_never_skipped_where_there_is_none_to_skip() {
    let mut server = Server::new(None);
    server.start();
    let poll = server.poll();
    let task = server.task(poll);
    server.start_timer(task, "timer", DAY);
    server.poll();
    server.wait(MOMENT);
    assert!(server.elapsed() < MOMENT * 2);
    server.wait(DAY);
    let poll = server.poll();
    assert!(!server.task(poll).is_empty());
}

#[test]
fn a_worker_at_work_holds_time() {
    let (mut server, poll) = Server::with_timer(1, 30);
    server.call(
        StartWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_id: "other".into(),
            workflow_type: Some(WorkflowType { name: "W".into() }),
            task_queue: Some(queue()),
            ..Default::default()
        },
        None,
    );
    let task = server.task(poll);
    let waiting = server.poll();
    server.test(TestCall::Unlock);
    server.wait(Duration::from_secs(3));
    assert!(!server.is_answered(waiting), "time was skipped although a worker has a task");
    server.start_timer(task, "sooner", DAY);
    assert!(!server.task(waiting).is_empty());
    assert!((DAY..DAY + Duration::from_secs(4)).contains(&server.elapsed()));
}

#[test]
fn a_worker_on_its_way_is_waited_for_but_not_for_ever() {
    let mut server = Server::new(Some(0));
    server.start();
    let poll = server.poll();
    let task = server.task(poll);
    server.start_timer(task, "timer", DAY);
    server.wait(MOMENT * 10);
    assert!(server.elapsed() < DAY);
    server.wait(MOMENT * 100);
    assert!(server.elapsed() >= DAY);
}

#[test]
fn a_sleep_takes_no_time_and_ends_after_what_is_due_by_then() {
    let (mut server, poll) = Server::with_timer(1, 10);
    let sleep = server.test(TestCall::UnlockWithSleep(DAY * 20));
    assert!(!server.is_answered(sleep), "a worker has the task that came of the timer");
    let task = server.task(poll);
    server.start_timer(task, "late", DAY * 100);
    let poll = server.poll();
    assert!(server.is_answered(sleep) && !server.is_answered(poll));
    assert!((DAY * 20..DAY * 20 + MOMENT).contains(&server.elapsed()));
    // Time is locked again.
    server.wait(MOMENT * 500);
    assert!(server.elapsed() < DAY * 21);
}

#[test]
fn a_sleep_whose_caller_is_gone_locks_time_at_its_end() {
    let mut server = Server::new(Some(2));
    let sleep = server.test(TestCall::UnlockWithSleep(MOMENT * 5));
    server.engine.handle(server.wall, Input::Gone(sleep));
    server.wait(MOMENT * 6);
    assert!(!server.is_answered(sleep));
    assert_eq!((server.engine.clock.unlock(), server.engine.clock.unlock()), (Ok(()), Ok(())));
    assert!(server.engine.clock.unlock().is_err());
}

#[test]
fn with_nothing_to_skip_to_time_goes_like_the_machines() {
    let mut server = Server::new(Some(0));
    server.start();
    server.wait(DAY);
    assert!((DAY..DAY + MOMENT).contains(&server.elapsed()));
}

/// A workflow that begins again every hour, whether or not anybody works on it.
fn cron() -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_id: "cron".into(),
        workflow_type: Some(WorkflowType { name: "W".into() }),
        task_queue: Some(queue()),
        cron_schedule: "@hourly".into(),
        workflow_run_timeout: Some(crate::clock::to_proto(Duration::from_secs(60))),
        ..Default::default()
    }
}

#[test]
fn what_goes_on_for_ever_does_not_keep_the_machine_busy() {
    let mut server = Server::new(Some(0));
    server.call(cron(), None);
    server.wait(Duration::from_secs(10));
    let unnoticed = server.elapsed();
    assert!((DAY * 20..DAY * 22).contains(&unnoticed), "{unnoticed:?}");
    // Polls that find nothing are no reason to go on.
    let poll = PollWorkflowTaskQueueRequest {
        namespace: "default".into(),
        task_queue: Some(TaskQueue { name: "another".into(), ..Default::default() }),
        ..Default::default()
    };
    server.call(poll, None);
    server.wait(Duration::from_secs(100));
    assert!(server.elapsed() < unnoticed + DAY * 3);
    server.test(TestCall::GetCurrentTime);
    server.wait(Duration::from_secs(10));
    assert!(server.elapsed() > unnoticed + DAY * 20);
}

#[test]
fn whoever_sleeps_sees_all_that_happens_until_then() {
    let mut server = Server::new(Some(0));
    server.call(cron(), None);
    let sleep = server.test(TestCall::Sleep(DAY * 100));
    server.wait(MOMENT * 100);
    assert!(server.is_answered(sleep));
}

#[test]
fn a_poll_waits_in_the_machines_time() {
    let mut server = Server::new(Some(0));
    let poll = server.poll();
    let sleep = server.test(TestCall::Sleep(DAY * 30));
    assert!(server.is_answered(sleep) && !server.is_answered(poll));
    server.wait(Duration::from_secs(59));
    assert!(!server.is_answered(poll));
    server.wait(Duration::from_secs(2));
    assert!(server.task(poll).is_empty());
}

#[test]
fn a_poll_ends_before_its_callers_deadline() {
    let mut server = Server::new(None);
    let poll = PollWorkflowTaskQueueRequest {
        namespace: "default".into(),
        task_queue: Some(queue()),
        ..Default::default()
    };
    let poll = server.call(poll, Some(Duration::from_secs(10)));
    server.wait(Duration::from_millis(8990));
    assert!(!server.is_answered(poll));
    server.wait(MOMENT * 20);
    assert!(server.task(poll).is_empty());
}

#[test]
fn whoever_learns_the_end_of_a_workflow_has_a_turn_before_time_is_skipped() {
    let (mut server, poll) = Server::with_timer(1, 30);
    let history = GetWorkflowExecutionHistoryRequest {
        namespace: "default".into(),
        execution: Some(WorkflowExecution { workflow_id: "wf".into(), ..Default::default() }),
        wait_new_event: true,
        history_event_filter_type: 2,
        ..Default::default()
    };
    let result = server.call(history, None);
    let terminate =
        temporalio_common::protos::temporal::api::workflowservice::v1::TerminateWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_execution: Some(WorkflowExecution { workflow_id: "wf".into(), ..Default::default() }),
            ..Default::default()
        };
    let sleep = server.test(TestCall::Sleep(DAY));
    server.call(terminate, None);
    assert!(server.is_answered(result) && !server.is_answered(poll));
    server.test(TestCall::Unlock);
    assert!(!server.is_answered(sleep), "the client may still lock time");
    server.wait(MOMENT * 60);
    assert!(server.is_answered(sleep));
}

#[test]
fn calls_that_would_wait_are_refused_when_too_many_do() {
    let mut server = Server::new(None);
    server.engine.limit_parked(1);
    let (first, second) = (server.poll(), server.poll());
    assert!(!server.is_answered(first));
    let error = server.answers.remove(&second).expect("an answer at once").unwrap_err();
    assert_eq!(error.code, Code::ResourceExhausted);
}

#[test]
fn a_server_that_stops_answers_those_who_wait() {
    let mut server = Server::new(Some(1));
    let (poll, sleep) = (server.poll(), server.test(TestCall::Sleep(DAY)));
    server.engine.end_all_calls(server.wall);
    server.tick();
    assert!(server.task(poll).is_empty() && server.is_answered(sleep));
}
