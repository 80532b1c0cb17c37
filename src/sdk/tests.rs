use std::{future::Future as _, pin::pin, task::Context, time::Duration};

use futures_util::FutureExt as _;
use temporalio_common::protos::{
    coresdk::{
        activity_result::{ActivityResolution, Success, activity_resolution},
        workflow_activation::{
            DoUpdate, FireTimer, QueryWorkflow, ResolveActivity, SignalWorkflow, WorkflowActivationJob,
        },
    },
    temporal::api::common::v1::Payload,
};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult,
    activities::{ActivityContext, ActivityError},
};
use tokio::sync::mpsc;

use super::*;

/// Greets somebody through an activity, then counts until it is told to stop.
#[workflow]
#[derive(Default)]
struct Counter {
    count: u32,
    stopped: bool,
}

#[workflow_methods]
impl Counter {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<String> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        let greeting = ctx.execute_activity(Greeter::greet, name, options).await?;
        ctx.wait_condition(|counter| counter.stopped).await?;
        let count = ctx.state(|counter| counter.count);
        Ok(format!("{greeting} {count}"))
    }

    #[signal]
    fn add(&mut self, _ctx: &mut SyncWorkflowContext<Self>, amount: u32) {
        self.count += amount;
    }

    #[query]
    fn count(&self, _ctx: &WorkflowContextView) -> u32 {
        self.count
    }

    #[update]
    async fn stop(
        ctx: &mut WorkflowContext<Self>,
        grace: u64,
    ) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
        ctx.timer(Duration::from_secs(grace)).await;
        Ok(ctx.state_mut(|counter| {
            counter.stopped = true;
            counter.count
        }))
    }

    #[update_validator(stop)]
    fn validate_stop(
        &self,
        _ctx: &WorkflowContextView,
        grace: &u64,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if *grace == 0 { Err("some grace is required".into()) } else { Ok(()) }
    }
}

struct Greeter;

#[activities]
impl Greeter {
    #[activity]
    async fn greet(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
        Ok(format!("Hello, {name}!"))
    }
}

#[workflow]
#[derive(Default)]
struct Panics;

#[workflow_methods]
impl Panics {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>, items: Vec<u32>) -> WorkflowResult<u32> {
        Ok(items[items.len()])
    }
}

#[workflow]
#[derive(Default)]
struct SleepsOnTokio;

#[workflow_methods]
impl SleepsOnTokio {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>, seconds: u64) -> WorkflowResult<()> {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(())
    }
}

fn json(value: impl serde::Serialize) -> Payload {
    Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: serde_json::to_vec(&value).expect("test values are JSON"),
        ..Default::default()
    }
}

fn settings() -> WorkflowSettings {
    WorkflowSettings {
        namespace: "default".to_owned(),
        task_queue: "counters".to_owned(),
        data_converter: DataConverter::default(),
        interceptors: Vec::new(),
        detect_nondeterministic_futures: true,
        patch_activation: None,
        foreign_wakes: None,
    }
}

/// A workflow of one type and what drives it.
struct Driver(WorkflowInstance);

impl Driver {
    fn start(
        factory: &WorkflowFactory,
        settings: &WorkflowSettings,
        input: impl serde::Serialize,
    ) -> (Self, Result<Vec<Command>, TaskFailure>) {
        let start = InitializeWorkflow {
            workflow_type: factory.workflow_type().to_owned(),
            workflow_id: "counter-1".to_owned(),
            arguments: vec![json(input)],
            randomness_seed: 7,
            attempt: 1,
            ..Default::default()
        };
        let mut driver = Self(factory.instantiate(settings, "run-1", start).expect("the input fits"));
        let commands = driver.activate([Job::InitializeWorkflow(InitializeWorkflow::default())]);
        (driver, commands)
    }

    /// Activates with these jobs; the commands come back without their metadata.
    fn activate(&mut self, jobs: impl IntoIterator<Item = Job>) -> Result<Vec<Command>, TaskFailure> {
        let jobs = jobs.into_iter().map(|job| WorkflowActivationJob { variant: Some(job) });
        let activation =
            WorkflowActivation { run_id: "run-1".to_owned(), jobs: jobs.collect(), ..Default::default() };
        let commands = self.0.activate(activation).now_or_never().expect("nothing is awaited")?;
        Ok(commands.into_iter().filter_map(|command| command.variant).collect())
    }

    fn complete_activity(&mut self, commands: &[Command], result: &str) -> Result<Vec<Command>, TaskFailure> {
        let [Command::ScheduleActivity(scheduled)] = commands else {
            panic!("expected one activity, got {commands:?}");
        };
        let success = Success { result: Some(json(result)) };
        self.activate([Job::ResolveActivity(ResolveActivity {
            seq: scheduled.seq,
            result: Some(ActivityResolution {
                status: Some(activity_resolution::Status::Completed(success)),
            }),
            is_local: false,
        })])
    }
}

fn counter() -> (Driver, Vec<Command>) {
    let (mut driver, commands) = Driver::start(&WorkflowFactory::of::<Counter>(), &settings(), "you");
    let commands = driver.complete_activity(&commands.expect("it starts"), "Hello, you!");
    (driver, commands.expect("it waits for its update"))
}

fn signal(amount: impl serde::Serialize) -> Job {
    Job::SignalWorkflow(SignalWorkflow {
        signal_name: "add".to_owned(),
        input: vec![json(amount)],
        ..Default::default()
    })
}

fn update(id: &str, grace: u64) -> Job {
    Job::DoUpdate(DoUpdate {
        id: id.to_owned(),
        protocol_instance_id: format!("protocol of {id}"),
        name: "stop".to_owned(),
        input: vec![json(grace)],
        run_validator: true,
        ..Default::default()
    })
}

fn query() -> Job {
    Job::QueryWorkflow(QueryWorkflow {
        query_id: "q1".to_owned(),
        query_type: "count".to_owned(),
        ..Default::default()
    })
}

#[test]
fn signals_queries_and_an_update_lead_to_the_result() {
    let (mut driver, commands) = counter();
    assert_eq!(commands, []);
    assert_eq!(driver.activate([signal(2), signal(3)]), Ok(vec![]));

    let answer = driver.activate([query()]).expect("queries do not fail tasks");
    let [Command::RespondToQuery(QueryResult { query_id, variant: Some(answer) })] = &answer[..] else {
        panic!("expected one answer, got {answer:?}");
    };
    assert_eq!(query_id, "q1");
    assert_eq!(answer, &query_result::Variant::Succeeded(QuerySuccess { response: Some(json(5)) }));

    let commands = driver.activate([update("stop-1", 30)]).expect("the update is valid");
    let [Command::UpdateResponse(accepted), Command::StartTimer(timer)] = &commands[..] else {
        panic!("expected an acceptance and a timer, got {commands:?}");
    };
    assert_eq!(accepted.protocol_instance_id, "protocol of stop-1");
    assert_eq!(accepted.response, Some(update_response::Response::Accepted(())));

    let commands = driver.activate([Job::FireTimer(FireTimer { seq: timer.seq })]).expect("the timer fires");
    let [Command::UpdateResponse(completed), Command::CompleteWorkflowExecution(ended)] = &commands[..]
    else {
        panic!("expected the update's result and the workflow's, got {commands:?}");
    };
    assert_eq!(completed.response, Some(update_response::Response::Completed(json(5))));
    assert_eq!(ended.result, Some(json("Hello, you! 5")));
}

#[test]
fn a_validator_rejects_an_update_before_it_runs() {
    let (mut driver, _) = counter();
    let commands = driver.activate([update("stop-1", 0)]).expect("a rejection fails no task");
    let [Command::UpdateResponse(UpdateResponse { response: Some(response), .. })] = &commands[..] else {
        panic!("expected one response, got {commands:?}");
    };
    let update_response::Response::Rejected(failure) = response else {
        panic!("expected a rejection, got {response:?}");
    };
    assert_eq!(failure.message, "some grace is required");
}

#[test]
fn a_signal_that_cannot_be_decoded_fails_the_task() {
    let (mut driver, _) = counter();
    let failed = driver.activate([signal("not a number")]).expect_err("the signal's input does not fit");
    let message = failed.failure.message;
    assert_eq!(message, "Encoding error: invalid type: string \"not a number\", expected u32");
}

#[test]
fn a_panic_fails_the_task() {
    let (_, failed) = Driver::start(&WorkflowFactory::of::<Panics>(), &settings(), [1_u32, 2]);
    let failed = failed.expect_err("it indexes past the end");
    assert_eq!(
        failed.failure.message,
        "Workflow function panicked: index out of bounds: the len is 2 but the index is 2"
    );
    assert_eq!(failed.cause, None);
}

#[test]
fn input_that_does_not_fit_fails_the_task() {
    let start = InitializeWorkflow { arguments: vec![json("no list")], ..Default::default() };
    let failed = WorkflowFactory::of::<Panics>().instantiate(&settings(), "run-1", start);
    let failed = failed.expect_err("a string is no list");
    assert!(failed.failure.message.starts_with("Failed to create workflow: "), "{}", failed.failure.message);
    assert_eq!(failed.cause, Some(WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure));
}

#[tokio::test(start_paused = true)]
async fn a_wake_from_outside_is_reported_and_fails_the_next_task() {
    let (sender, mut reports) = mpsc::unbounded_channel();
    let settings = WorkflowSettings { foreign_wakes: Some(sender), ..settings() };
    let (mut driver, commands) = Driver::start(&WorkflowFactory::of::<SleepsOnTokio>(), &settings, 60_u64);
    assert_eq!(commands, Ok(vec![]), "nothing shows yet");
    assert!(!driver.0.was_woken_from_outside());

    assert_eq!(reports.recv().await.as_deref(), Some("run-1"), "tokio's timer fires a minute later");
    assert!(driver.0.was_woken_from_outside());
    let failed = driver.activate([query()]).expect_err("it is found out");
    assert!(failed.failure.message.starts_with("[TMPRL1100] Nondeterministic future detected: "));
    assert_eq!(failed.cause, Some(WorkflowTaskFailedCause::NonDeterministicError));
}

#[test]
fn an_activation_without_its_content_fails_the_task_instead_of_panicking() {
    let (mut driver, _) = counter();
    let failed = driver.activate([Job::ResolveActivity(ResolveActivity { seq: 9, ..Default::default() })]);
    assert_eq!(
        failed.expect_err("there is no result").failure.message,
        "An activation job lacks the activity's result"
    );
}

#[test]
fn without_detection_wakes_go_to_the_caller() {
    let settings = WorkflowSettings { detect_nondeterministic_futures: false, ..settings() };
    let factory = WorkflowFactory::of::<Counter>();
    let start = InitializeWorkflow { arguments: vec![json("you")], ..Default::default() };
    let mut instance = factory.instantiate(&settings, "run-1", start).expect("the input fits");
    let activation = WorkflowActivation {
        jobs: vec![WorkflowActivationJob {
            variant: Some(Job::InitializeWorkflow(InitializeWorkflow::default())),
        }],
        ..Default::default()
    };
    let mut activated = pin!(instance.activate(activation));
    let polled = activated.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(commands)) if commands.len() == 1));
}
