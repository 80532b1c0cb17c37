//! What becomes of workflow tasks.

use temporalio_common::protos::temporal::api::{
    enums::v1::{TimeoutType, WorkflowTaskFailedCause},
    history::v1::history_event::Attributes,
    workflowservice::v1::RespondWorkflowTaskCompletedRequest,
};
use tonic::Code;

use super::*;

#[test]
fn a_workflow_starts_and_completes() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    assert_eq!((task.started_event_id, task.previous_started_event_id, task.attempt), (3, 0, 1));
    server.complete(&task, vec![complete_workflow()]).unwrap();
    assert_eq!(server.history("wf"), "Started TaskScheduled TaskStarted TaskCompleted Completed");
    assert_eq!(server.cluster.next_deadline(), None, "a closed run waits for nothing");
}

#[test]
fn a_waiting_poller_gets_the_task_at_once() {
    let mut server = Server::new();
    let call = server.begin(poll(queue("tq")));
    assert!(server.answer::<PollWorkflowTaskQueueRequest>(call).is_none());
    server.start("wf");
    let task = server.answer::<PollWorkflowTaskQueueRequest>(call).expect("an answer").unwrap();
    assert_eq!(task.started_event_id, 3);
}

#[test]
fn a_poller_that_went_away_gets_nothing() {
    let mut server = Server::new();
    let call = server.begin(poll(queue("tq")));
    server.cluster.handle_gone(server.now, call);
    server.start("wf");
    assert!(server.answer::<PollWorkflowTaskQueueRequest>(call).is_none());
    assert_eq!(server.poll().started_event_id, 3);
}

#[test]
fn a_signal_waits_for_the_started_task_to_end() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    server.signal("wf", "s");
    assert_eq!(server.history("wf"), "Started TaskScheduled TaskStarted");
    server.complete(&task, vec![record_marker("m")]).unwrap();
    assert_eq!(
        server.history("wf"),
        "Started TaskScheduled TaskStarted TaskCompleted MarkerRecorded Signaled TaskScheduled"
    );
}

#[test]
fn a_run_does_not_close_over_an_unseen_signal() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    server.signal("wf", "s");
    let error = server.complete(&task, vec![record_marker("m"), complete_workflow()]).unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (Code::InvalidArgument, "UnhandledCommand"));
    assert_eq!(
        server.history("wf"),
        "Started TaskScheduled TaskStarted TaskFailed Signaled TaskScheduled",
        "the marker is taken back"
    );
    let task = server.poll();
    assert_eq!(task.attempt, 1, "the signal makes it a task of its own");
    server.complete(&task, vec![complete_workflow()]).unwrap();
}

#[test]
fn while_a_run_is_closing_signals_are_turned_away() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    server.signal("wf", "s");
    server.complete(&task, vec![complete_workflow()]).unwrap_err();
    server.poll();
    let request = SignalWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution("wf")),
        signal_name: "s".to_owned(),
        ..Default::default()
    };
    let error = server.call(request).unwrap_err();
    assert_eq!(error.code, Code::ResourceExhausted);
    assert_eq!(error.message, "workflow operation can not be applied because workflow is closing");
}

#[test]
fn later_attempts_leave_no_events_until_one_completes() {
    let mut server = Server::new();
    server.start("wf");
    for attempt in 1..=3 {
        let task = server.poll();
        assert_eq!(task.attempt, attempt);
        let events = task.history.as_ref().unwrap().events.len() as i64;
        assert_eq!(task.started_event_id, events, "the history ends with the started event");
        server.fail(&task);
    }
    assert_eq!(server.history("wf"), "Started TaskScheduled TaskStarted TaskFailed");
    let visible = server.visible_history("wf");
    assert_eq!(visible.last().map(HistoryEvent::event_type), Some(EventType::WorkflowTaskScheduled));
    let task = server.poll();
    server.complete(&task, vec![complete_workflow()]).unwrap();
    assert_eq!(
        server.history("wf"),
        "Started TaskScheduled TaskStarted TaskFailed TaskScheduled TaskStarted TaskCompleted Completed"
    );
    match &server.events("wf")[4].attributes {
        Some(Attributes::WorkflowTaskScheduledEventAttributes(scheduled)) => assert_eq!(scheduled.attempt, 4),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signal_makes_a_scheduled_transient_attempt_real() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    server.fail(&task);
    server.signal("wf", "s");
    let task = server.poll();
    assert_eq!((task.attempt, task.started_event_id), (1, 7));
    assert_eq!(
        server.history("wf"),
        "Started TaskScheduled TaskStarted TaskFailed Signaled TaskScheduled TaskStarted"
    );
}

#[test]
fn a_task_that_is_never_completed_times_out_after_ever_longer_times() {
    let mut server = Server::new();
    server.start("wf");
    server.poll();
    server.advance(seconds(10));
    assert_eq!(server.history("wf"), "Started TaskScheduled TaskStarted TaskTimedOut");
    let mut waits = Vec::new();
    for attempt in 2..=5 {
        let task = server.poll();
        assert_eq!(task.attempt, attempt);
        let deadline = server.cluster.next_deadline().expect("the timeout of the task");
        let wait = deadline.since(server.now);
        waits.push(wait.as_secs_f64());
        server.advance(wait);
    }
    assert_eq!(waits[..2], [10.0, 10.0]);
    assert!((14.0..15.0).contains(&waits[2]) && (18.0..20.0).contains(&waits[3]), "{waits:?}");
    assert_eq!(server.history("wf"), "Started TaskScheduled TaskStarted TaskTimedOut");
}

#[test]
fn a_completed_task_does_not_time_out() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    server.complete(&task, vec![]).unwrap();
    assert_eq!(server.cluster.next_deadline(), None);
    let error = server.complete(&task, vec![]).unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (Code::NotFound, "Workflow task not found."));
}

#[test]
fn a_worker_that_caches_the_run_gets_the_new_events_only() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    let waiting = server.begin(poll(sticky_queue()));
    server.call(caching(&task, vec![])).unwrap();
    server.signal("wf", "s");
    let task = server.answer::<PollWorkflowTaskQueueRequest>(waiting).expect("a task").unwrap();
    let ids: Vec<_> = task.history.unwrap().events.iter().map(|event| event.event_id).collect();
    assert_eq!((task.previous_started_event_id, ids), (3, vec![4, 5, 6, 7]));
}

#[test]
fn a_task_that_nobody_takes_from_the_sticky_queue_goes_to_the_normal_one() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    let waiting = server.begin(poll(sticky_queue()));
    server.call(caching(&task, vec![])).unwrap();
    // The worker has just been there, so its queue counts as alive.
    server.cluster.handle_gone(server.now, waiting);
    server.signal("wf", "s");
    server.advance(seconds(10));
    assert_eq!(
        server.history("wf"),
        "Started TaskScheduled TaskStarted TaskCompleted Signaled TaskScheduled TaskTimedOut TaskScheduled"
    );
    match &server.events("wf")[6].attributes {
        Some(Attributes::WorkflowTaskTimedOutEventAttributes(timed_out)) => {
            assert_eq!(timed_out.timeout_type(), TimeoutType::ScheduleToStart);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.poll().history.unwrap().events.len(), 9, "the normal queue has the whole history");
}

#[test]
fn a_sticky_queue_without_a_poller_is_passed_over() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    server.call(caching(&task, vec![])).unwrap();
    server.signal("wf", "s");
    let task = server.poll();
    assert_eq!(task.history.unwrap().events.len(), 7);
}

#[test]
fn losing_the_sticky_queue_costs_no_attempt() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    let waiting = server.begin(poll(sticky_queue()));
    server.call(caching(&task, vec![])).unwrap();
    server.signal("wf", "s");
    let task = server.answer::<PollWorkflowTaskQueueRequest>(waiting).expect("a task").unwrap();
    server.fail(&task);
    let task = server.poll();
    assert_eq!((task.attempt, task.history.as_ref().map(|history| history.events.len())), (1, Some(10)));
    server.fail(&task);
    assert_eq!(server.poll().attempt, 2);
}

#[test]
fn the_hundred_and_first_held_back_event_takes_the_task_away() {
    let mut server = Server::new();
    server.start("wf");
    let task = server.poll();
    for index in 0..100 {
        server.signal("wf", &index.to_string());
    }
    assert_eq!(server.history("wf"), "Started TaskScheduled TaskStarted");
    server.signal("wf", "one too many");
    let events = server.events("wf");
    assert_eq!(events.len(), 3 + 1 + 101);
    match &events[3].attributes {
        Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) => {
            assert_eq!(failed.cause(), WorkflowTaskFailedCause::ForceCloseCommand);
        }
        other => panic!("{other:?}"),
    }
    assert!(server.complete(&task, vec![]).is_err());
    assert_eq!(server.poll().attempt, 2);
}

#[test]
fn heartbeats_keep_a_task_alive_for_half_an_hour() {
    let mut server = Server::new();
    server.start("wf");
    let mut task = server.poll();
    let heartbeat = |task: &PollWorkflowTaskQueueResponse| RespondWorkflowTaskCompletedRequest {
        force_create_new_workflow_task: true,
        return_new_workflow_task: true,
        ..completion(task, vec![])
    };
    for _ in 0..225 {
        server.advance(seconds(8));
        task = server.call(heartbeat(&task)).unwrap().workflow_task.expect("the next task in the answer");
    }
    server.advance(seconds(8));
    let error = server.call(heartbeat(&task)).unwrap_err();
    assert_eq!(error.message, "workflow task heartbeat timeout");
    assert!(server.history("wf").ends_with("TaskStarted TaskTimedOut"));
}

#[test]
fn more_urgent_tasks_go_first_and_then_older_ones() {
    use temporalio_common::protos::temporal::api::common::v1::Priority;
    let mut server = Server::new();
    for (workflow_id, priority_key) in [("usual", 0), ("later", 4), ("same as usual", 3), ("urgent", 1)] {
        let priority = Some(Priority { priority_key, ..Default::default() });
        server.call(StartWorkflowExecutionRequest { priority, ..start(workflow_id) }).unwrap();
    }
    let mut next = || server.poll().workflow_execution.unwrap_or_default().workflow_id;
    assert_eq!([next(), next(), next(), next()], ["urgent", "usual", "same as usual", "later"]);
}
