use std::{sync::Mutex, time::Duration};

use temporalio_common::protos::temporal::api::{
    common::v1::{WorkflowExecution, WorkflowType},
    enums::v1::EventType,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{GetWorkflowExecutionHistoryRequest, StartWorkflowExecutionRequest},
};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use super::*;
use crate::{
    clock::Time,
    cluster::{Cluster, Config},
    worker::Event,
};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Sleeps an hour, and another one.
#[workflow]
#[derive(Default)]
struct Naps;

#[workflow_methods]
impl Naps {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.timer(HOUR).await;
        ctx.timer(HOUR).await;
        Ok(())
    }
}

async fn event_types(service: &Service) -> Vec<EventType> {
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: "default".to_owned(),
        execution: Some(WorkflowExecution { workflow_id: "nap-1".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let answer = service.call(request).await.expect("the workflow exists");
    answer.history.expect("it has a history").events.iter().map(|event| event.event_type()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_crashed_is_replaced_by_another_that_replays() {
    let seed = Seed(3);
    let service = Service::new(Cluster::new(Config::default(), seed), seed, Time::from_nanos(0));
    let events = Arc::new(Mutex::new(Vec::<Event>::new()));
    let worker = Arc::new(Worker::new("naps").workflow::<Naps>());
    let run = || {
        let events = events.clone();
        let environment = Environment {
            service: service.clone(),
            connection: None,
            namespace: "default".to_owned(),
            seed,
            index: 0,
            overrides: Default::default(),
            faults: Default::default(),
            ledger: Default::default(),
            progress: Arc::default(),
            events: Arc::new(move |event| events.lock().expect("nobody panics with it").push(event)),
            shutdown: Shutdown::default(),
        };
        Runner::new(worker.clone(), environment).run()
    };
    let start = StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: "nap-1".to_owned(),
        workflow_type: Some(WorkflowType { name: "Naps".to_owned() }),
        task_queue: Some(TaskQueue { name: "naps".to_owned(), ..Default::default() }),
        request_id: "start-1".to_owned(),
        ..Default::default()
    };
    let story = async {
        service.call(start).await.expect("it starts");
        tokio::select! {
            ended = run() => panic!("the first worker ended: {ended:?}"),
            () = tokio::time::sleep(HOUR / 2) => {}
        }
        tokio::select! {
            ended = run() => panic!("the second worker ended: {ended:?}"),
            () = tokio::time::sleep(2 * HOUR) => {}
        }
    };
    tokio::select! {
        () = service.drive() => {}
        () = story => {}
    }
    let events = events.lock().expect("nobody panics with it").clone();
    assert!(events.is_empty(), "nothing that a test would want to hear of: {events:?}");
    let recorded = event_types(&service).await;
    assert_eq!(recorded.last(), Some(&EventType::WorkflowExecutionCompleted));
    assert_eq!(recorded.iter().filter(|&&event| event == EventType::TimerFired).count(), 2);
}
