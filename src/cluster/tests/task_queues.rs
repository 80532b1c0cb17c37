//! Task queues that are not used any more take no room, and nothing is lost for it.

use temporalio_common::protos::temporal::api::{
    taskqueue::v1::PollerInfo,
    workflowservice::v1::{
        DescribeTaskQueueRequest, PollWorkflowTaskQueueRequest, StartWorkflowExecutionRequest,
    },
};

use super::{Server, poll, queue, seconds, start};

const MINUTE: u64 = 60;

impl Server {
    fn describe_task_queue(&mut self, name: &str) -> Vec<PollerInfo> {
        let request = DescribeTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: Some(queue(name)),
            ..Default::default()
        };
        self.call(request).expect("a description").pollers
    }

    /// A worker asks for a task, gets none, and goes away.
    fn poll_in_vain(&mut self, name: &str, identity: &str) {
        let poll =
            self.begin(PollWorkflowTaskQueueRequest { identity: identity.to_owned(), ..poll(queue(name)) });
        self.cluster.handle_gone(self.now, poll);
    }
}

#[test]
fn a_worker_counts_for_five_minutes_after_its_last_poll_and_as_long_as_it_waits() {
    let mut server = Server::new();
    server.poll_in_vain("tq", "gone");
    server.begin(poll(queue("tq")));
    server.advance(seconds(5 * MINUTE - 1));
    assert_eq!(server.describe_task_queue("tq").len(), 2);
    server.advance(seconds(1));
    let pollers = server.describe_task_queue("tq");
    assert_eq!(pollers.iter().map(|it| it.identity.as_str()).collect::<Vec<_>>(), ["worker"]);
}

#[test]
fn task_queues_and_workers_of_the_past_take_no_room() {
    let mut server = Server::new();
    server.start("waits");
    let waiting = server.begin(poll(queue("polled")));
    for number in 0..10_000 {
        server.poll_in_vain(&format!("queue {number}"), "worker");
        server.poll_in_vain("busy", &format!("worker {number}"));
        server.advance(seconds(10));
    }
    let (queues, workers) = server.cluster.matching.sizes();
    assert!(queues < 500 && workers < 1000, "{queues} queues with {workers} workers");
    assert!(!server.poll().task_token.is_empty(), "the task that waited all the time is lost");
    server
        .call(StartWorkflowExecutionRequest { task_queue: Some(queue("polled")), ..start("late") })
        .expect("a start");
    let task = server.answer::<PollWorkflowTaskQueueRequest>(waiting).expect("an answer").expect("a task");
    assert!(!task.task_token.is_empty(), "the poller that waited all the time is forgotten");
}

#[test]
fn tasks_that_are_over_take_no_room_where_nobody_polls() {
    let mut server = Server::new();
    let every_minute = StartWorkflowExecutionRequest {
        cron_schedule: "* * * * *".to_owned(),
        workflow_run_timeout: Some(crate::clock::to_proto(seconds(30))),
        ..start("cron")
    };
    server.call(every_minute).expect("a start");
    server.advance(seconds(5000 * MINUTE));
    assert!(server.cluster.matching.waiting_tasks() < 200);
    server.advance(seconds(20));
    assert!(!server.poll().task_token.is_empty(), "the task of the run that is open");
}
