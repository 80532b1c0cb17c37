//! Many calls: one client does not keep another one waiting, waiting calls cost little, and memory does not grow.

use std::time::Duration;

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use temporalio_common::protos::temporal::api::{
    command::v1::{Command, command::Attributes},
    enums::v1::CommandType,
    taskqueue::v1::TaskQueue,
    testservice::v1::SleepRequest,
    workflowservice::v1::{
        GetSystemInfoRequest, PollActivityTaskQueueRequest, PollWorkflowTaskQueueRequest,
        RegisterNamespaceRequest, RespondWorkflowTaskCompletedRequest, TerminateWorkflowExecutionRequest,
    },
};
use tonic::IntoRequest as _;

use crate::harness::{Running, execution, start_request};

/// What a process has in memory, in bytes.
#[cfg(target_os = "linux")]
fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("every process has some");
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn thousands_of_waiting_polls_cost_little() {
    const POLLS: u64 = 2000;
    let server = Running::start_dev(&[]);
    let connection = server.connect().await;
    let before = memory(server.process_id());
    let mut polls: FuturesUnordered<_> = (0..POLLS)
        .map(|number| {
            let mut service = connection.workflow_service();
            let poll = PollActivityTaskQueueRequest {
                namespace: "default".into(),
                task_queue: Some(TaskQueue { name: format!("q{}", number % 7), ..Default::default() }),
                ..Default::default()
            };
            async move { service.poll_activity_task_queue(poll.into_request()).await }
        })
        .collect();
    tokio::select! {
        answer = polls.next() => panic!("a poll found something: {answer:?}"),
        () = tokio::time::sleep(Duration::from_secs(2)) => {}
    }
    let each = memory(server.process_id()).saturating_sub(before) / POLLS;
    assert!(each < 20_000, "{each} bytes for each poll");
}

#[tokio::test]
async fn a_client_that_floods_the_server_does_not_starve_another() {
    const FLOOD: usize = 3000;
    let server = Running::start_dev(&[]);
    let (flooding, other) = (server.connect().await, server.connect().await);
    let mut flood: FuturesUnordered<_> = (0..FLOOD)
        .map(|number| {
            let mut service = flooding.workflow_service();
            let start = start_request("default", &format!("flood-{number}"));
            async move { service.start_workflow_execution(start.into_request()).await }
        })
        .collect();
    // Everything is sent before anybody else asks for anything.
    let sent = tokio::time::sleep(Duration::from_millis(50));
    tokio::pin!(sent);
    let mut left = FLOOD;
    loop {
        tokio::select! {
            () = &mut sent => break,
            Some(started) = flood.next() => {
                started.expect("it starts");
                left -= 1;
            }
        }
    }
    let mut service = other.workflow_service();
    let ask = service.get_system_info(GetSystemInfoRequest::default().into_request());
    tokio::pin!(ask);
    let asked_at = left;
    loop {
        tokio::select! {
            biased;
            answer = &mut ask => {
                answer.expect("it is answered");
                break;
            }
            Some(started) = flood.next() => {
                started.expect("it starts");
                left -= 1;
            }
        }
    }
    // In the order in which the calls came, it would have had to wait for all of them.
    assert!(
        left > asked_at / 4,
        "{asked_at} calls were waiting, and only {left} still were after the answer"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn closed_runs_do_not_stay_in_memory() {
    const ROUND: usize = 400;
    let server = Running::start_dev(&["--time-skipping"]);
    let connection = server.connect().await;
    let (mut service, mut test) = (connection.workflow_service(), connection.test_service());
    // No namespace keeps runs for less.
    let hour = Some(prost_types::Duration { seconds: 3600, nanos: 0 });
    let register = RegisterNamespaceRequest {
        namespace: "soak".into(),
        workflow_execution_retention_period: hour,
        ..Default::default()
    };
    service.register_namespace(register.into_request()).await.expect("a namespace that keeps little");
    let mut sizes = Vec::new();
    for round in 0..8 {
        for number in 0..ROUND {
            let workflow_id = format!("wf-{round}-{number}");
            let start = start_request("soak", &workflow_id);
            service.start_workflow_execution(start.into_request()).await.expect("it starts");
            if number % 2 == 0 {
                // Its task goes to nobody.
                let terminate = TerminateWorkflowExecutionRequest {
                    namespace: "soak".into(),
                    workflow_execution: Some(execution(&workflow_id)),
                    ..Default::default()
                };
                service.terminate_workflow_execution(terminate.into_request()).await.expect("it runs");
                continue;
            }
            let poll = PollWorkflowTaskQueueRequest {
                namespace: "soak".into(),
                task_queue: Some(TaskQueue { name: "q".into(), ..Default::default() }),
                identity: format!("worker {workflow_id}"),
                ..Default::default()
            };
            let task = service.poll_workflow_task_queue(poll.into_request()).await.expect("a task");
            let command = Command {
                command_type: CommandType::CompleteWorkflowExecution as i32,
                attributes: Some(Attributes::CompleteWorkflowExecutionCommandAttributes(Default::default())),
                ..Default::default()
            };
            let complete = RespondWorkflowTaskCompletedRequest {
                task_token: task.into_inner().task_token,
                commands: vec![command],
                ..Default::default()
            };
            service.respond_workflow_task_completed(complete.into_request()).await.expect("it is open");
        }
        test.sleep(SleepRequest { duration: hour }.into_request()).await.expect("time can be skipped");
        sizes.push(memory(server.process_id()));
    }
    let (early, late) = (sizes[2], sizes[7]);
    assert!(late < early + 4 * 1024 * 1024, "memory grows: {sizes:?}");
}
