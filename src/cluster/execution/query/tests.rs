use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, Payloads},
    enums::v1::QueryResultType,
    query::v1::WorkflowQuery,
    workflowservice::v1::{
        PollWorkflowTaskQueueResponse, QueryWorkflowRequest, RespondQueryTaskCompletedRequest,
    },
};

use crate::cluster::execution::test_driver::{Begun, Driver, execution};

/// Asks for `query_type`.
fn ask(driver: &mut Driver, query_type: &str) -> Begun<QueryWorkflowRequest> {
    driver.begin(QueryWorkflowRequest {
        namespace: "default".into(),
        execution: execution(),
        query: Some(WorkflowQuery { query_type: query_type.into(), ..Default::default() }),
        ..Default::default()
    })
}

/// Answers a query task.
fn answer(driver: &mut Driver, task: &PollWorkflowTaskQueueResponse, text: &str) {
    driver.call(RespondQueryTaskCompletedRequest {
        namespace: "default".into(),
        task_token: task.task_token.clone(),
        completed_type: QueryResultType::Answered.into(),
        query_result: Some(payloads(text)),
        ..Default::default()
    });
}

fn payloads(text: &str) -> Payloads {
    Payloads { payloads: vec![Payload { data: text.into(), ..Default::default() }] }
}

#[test]
fn a_query_that_the_pending_workflow_task_does_not_carry_is_asked_by_itself_afterwards() {
    let (mut driver, task) = Driver::start();
    let query = ask(&mut driver, "late");
    assert!(task.queries.is_empty());
    driver.complete(&task, Vec::new()).expect("an empty completion");
    let query_task = driver.workflow_task();
    assert_eq!(query_task.query.as_ref().map(|query| query.query_type.as_str()), Some("late"));
    assert_eq!(query_task.started_event_id, 0);
    answer(&mut driver, &query_task, "42");
    assert_eq!(driver.finish(&query).expect("an answer").query_result, Some(payloads("42")));
}

#[test]
fn one_query_may_wait_for_a_workflow_task() {
    let (mut driver, _task) = Driver::start();
    ask(&mut driver, "first");
    let second = ask(&mut driver, "second");
    let error = driver.finish(&second).expect_err("there is no room");
    assert_eq!(error.code, tonic::Code::ResourceExhausted);
}

#[test]
fn a_query_outlives_a_workflow_task_that_times_out() {
    let (mut driver, _lost) = Driver::start();
    ask(&mut driver, "patient");
    let task = driver.workflow_task();
    assert_eq!((driver.seconds(), task.attempt), (10.0, 2));
    let carried: Vec<_> = task.queries.values().map(|query| query.query_type.as_str()).collect();
    assert_eq!(carried, ["patient"]);
}

#[test]
fn queries_leave_no_events_and_no_deadlines() {
    let (mut driver, task) = Driver::start();
    driver.complete(&task, Vec::new()).expect("an empty completion");
    let before = driver.history().len();
    let query = ask(&mut driver, "state");
    let query_task = driver.workflow_task();
    answer(&mut driver, &query_task, "fine");
    driver.finish(&query).expect("an answer");
    assert_eq!(driver.history().len(), before);
    assert_eq!(driver.next_deadline(), None);
}
