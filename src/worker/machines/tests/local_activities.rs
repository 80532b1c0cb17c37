//! Local activities.

use std::time::Duration;

use temporalio_common::protos::{
    constants::LOCAL_ACTIVITY_MARKER_NAME,
    coresdk::{
        activity_result::Success,
        common::{build_local_activity_marker_details, extract_local_activity_marker_data},
        external_data::LocalActivityMarkerData,
        workflow_commands::{
            ActivityCancellationType, RequestCancelLocalActivity, ScheduleActivity, ScheduleLocalActivity,
        },
    },
    temporal::api::{
        command::v1::command::Attributes, common::v1::Payload, history::v1::MarkerRecordedEventAttributes,
    },
};

use super::*;
use crate::clock::to_proto;

const NOW: Time = Time::from_nanos(0);

fn schedule_with(seq: u32, cancellation_type: ActivityCancellationType) -> Variant {
    Variant::ScheduleLocalActivity(ScheduleLocalActivity {
        seq,
        activity_id: seq.to_string(),
        activity_type: "look up".into(),
        start_to_close_timeout: Some(to_proto(Duration::from_secs(5))),
        cancellation_type: cancellation_type.into(),
        ..Default::default()
    })
}

fn schedule(seq: u32) -> Variant {
    schedule_with(seq, ActivityCancellationType::WaitCancellationCompleted)
}

fn cancel(seq: u32) -> Variant {
    Variant::RequestCancelLocalActivity(RequestCancelLocalActivity { seq })
}

fn activity(seq: u32) -> Variant {
    Variant::ScheduleActivity(ScheduleActivity { seq, activity_id: seq.to_string(), ..Default::default() })
}

fn completed(seq: u32) -> LocalActivityResult {
    LocalActivityResult {
        seq,
        outcome: LocalActivityOutcome::Completed(Success { result: Some(Payload::default()) }),
        runtime: Duration::from_secs(2),
        attempt: 1,
        backoff: None,
        original_schedule_time: Some(NOW),
    }
}

/// The marker of a completed local activity.
fn marker(seq: u32, activation_index: Option<u64>) -> MarkerRecordedEventAttributes {
    let data = LocalActivityMarkerData {
        seq,
        attempt: 1,
        activity_id: seq.to_string(),
        activity_type: "look up".into(),
        activation_index,
        ..Default::default()
    };
    MarkerRecordedEventAttributes {
        marker_name: LOCAL_ACTIVITY_MARKER_NAME.into(),
        details: build_local_activity_marker_details(data, Some(Payload::default())),
        ..Default::default()
    }
}

/// Machines in their first task, outside replay.
fn begun() -> Run {
    let mut history = Builder::new();
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run
}

fn started(run: &mut Run) -> u32 {
    match run.machines.poll_local_activity() {
        Some(LocalActivityRequest::Start(activity)) => activity.seq,
        other => panic!("expected a start, got {other:?}"),
    }
}

#[test]
fn runs_within_the_workflow_task_and_advances_the_workflows_time() {
    let mut run = begun();
    run.respond([schedule(1)]);
    assert_eq!(started(&mut run), 1);
    let heartbeat_after = Duration::from_secs(8);
    assert_eq!(run.step(), Step::AwaitLocalActivities { heartbeat_after });
    run.machines.handle_local_activity_result(completed(1)).expect("it runs");
    let activation = run.activation();
    assert_eq!(activation.jobs[0].to_string(), "ResolveActivity(1, Completed)");
    assert_eq!(activation.timestamp.expect("it has a time").seconds, 1_700_000_005);
    assert!(!activation.is_replaying);
    run.respond([complete_workflow()]);
    let completion = run.completion();
    assert!(!completion.force_create_new_workflow_task);
    let [marker, end] = completion.commands.as_slice() else { panic!("{completion:?}") };
    assert_eq!(end.command_type(), CommandType::CompleteWorkflowExecution);
    let Some(Attributes::RecordMarkerCommandAttributes(marker)) = &marker.attributes else {
        panic!("{marker:?}")
    };
    let data = extract_local_activity_marker_data(&marker.details).expect("well-formed");
    assert_eq!((data.seq, data.attempt, data.activation_index), (1, 1, Some(1)));
}

#[test]
fn keeps_its_workflow_task_alive_with_heartbeats() {
    let mut history = Builder::new();
    let first = history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([schedule(1)]);
    started(&mut run);
    assert!(matches!(run.step(), Step::AwaitLocalActivities { .. }));
    run.machines.handle_heartbeat_due();
    let completion = run.completion();
    assert!(completion.force_create_new_workflow_task);
    assert_eq!(completion.commands, []);

    // What comes between two tasks waits for the second.
    run.machines.handle_local_activity_result(completed(1)).expect("it runs");
    assert_eq!(run.step(), Step::Idle);
    history.completed();
    history.task();
    run.task(history.after(first));
    assert_eq!(run.jobs(), ["ResolveActivity(1, Completed)"]);
    run.respond([]);
    assert_eq!(run.commands(), [CommandType::RecordMarker]);
}

#[test]
fn a_long_backoff_is_left_to_the_workflow() {
    let mut run = begun();
    run.respond([schedule(1)]);
    started(&mut run);
    let backoff = Some(Duration::from_secs(300));
    run.machines.handle_local_activity_result(LocalActivityResult { backoff, ..completed(1) }).expect("runs");
    assert_eq!(run.jobs(), ["ResolveActivity(1, Backoff)"]);
}

#[test]
fn cancelled_before_it_runs() {
    let mut run = begun();
    run.respond([schedule(1), cancel(1)]);
    assert_eq!(run.machines.poll_local_activity(), None);
    assert_eq!(run.jobs(), ["ResolveActivity(1, Cancelled)"]);
    run.respond([]);
    assert_eq!(run.commands(), [CommandType::RecordMarker], "its cancellation is recorded all the same");
}

#[test]
fn cancelled_while_it_runs() {
    for (cancellation_type, told, at_once) in [
        (ActivityCancellationType::WaitCancellationCompleted, true, false),
        (ActivityCancellationType::TryCancel, true, true),
        (ActivityCancellationType::Abandon, false, true),
    ] {
        let mut run = begun();
        run.respond([schedule_with(1, cancellation_type), schedule(2)]);
        started(&mut run);
        started(&mut run);
        run.machines.handle_local_activity_result(completed(2)).expect("it runs");
        assert_eq!(run.jobs(), ["ResolveActivity(2, Completed)"]);
        run.respond([cancel(1)]);
        let request = run.machines.poll_local_activity();
        assert_eq!(request, told.then_some(LocalActivityRequest::Cancel { seq: 1 }), "{cancellation_type:?}");
        if !at_once {
            let outcome = LocalActivityOutcome::cancelled();
            run.machines
                .handle_local_activity_result(LocalActivityResult { outcome, ..completed(1) })
                .expect("it runs");
        }
        assert_eq!(run.jobs(), ["ResolveActivity(1, Cancelled)"], "{cancellation_type:?}");
    }
}

#[test]
fn nothing_outlives_the_workflow() {
    let mut run = begun();
    run.respond([schedule(1), complete_workflow()]);
    assert_eq!(run.machines.poll_local_activity(), None, "it never started");
    assert_eq!(run.commands(), [CommandType::CompleteWorkflowExecution]);

    let mut run = begun();
    run.respond([schedule(1), schedule(2)]);
    started(&mut run);
    started(&mut run);
    run.machines.handle_local_activity_result(completed(1)).expect("it runs");
    run.activation();
    run.respond([complete_workflow()]);
    assert_eq!(run.machines.poll_local_activity(), Some(LocalActivityRequest::CancelAll));
    assert_eq!(run.machines.poll_local_activity(), None);
    run.machines.handle_local_activity_result(completed(2)).expect("it is not wanted any more");
    assert_eq!(run.commands(), [CommandType::RecordMarker, CommandType::CompleteWorkflowExecution]);
}

#[test]
fn replay_takes_results_from_history_in_the_activations_they_came_in() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.marker(marker(1, Some(1)));
    history.marker(marker(2, Some(2)));
    history.activity_scheduled("3", "");
    history.signaled("next");
    history.task();
    let mut run = Run::of(history.full());
    assert_eq!(run.jobs(), ["InitializeWorkflow"]);
    run.respond([schedule(1), schedule(2)]);
    assert_eq!(run.machines.poll_local_activity(), None);
    assert_eq!(run.jobs(), ["ResolveActivity(1, Completed)"]);
    run.respond([activity(3)]);
    assert_eq!(run.jobs(), ["ResolveActivity(2, Completed)"]);
    run.respond([]);
    let activation = run.activation();
    assert_eq!(activation.jobs[0].to_string(), "SignalWorkflow");
    assert!(!activation.is_replaying);
}

#[test]
fn markers_of_old_workers_come_together() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.marker(marker(1, None));
    history.marker(marker(2, None));
    history.signaled("next");
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([schedule(1), schedule(2)]);
    assert_eq!(run.jobs(), ["ResolveActivity(1, Completed)", "ResolveActivity(2, Completed)"]);
}

/// The first worker died while it kept the task alive: no marker, so this one has to run the activity.
#[test]
fn replay_without_a_marker_runs_the_activity() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.activity_scheduled("7", "");
    history.signaled("next");
    history.task();
    let mut run = Run::of(history.full());
    assert_eq!(run.jobs(), ["InitializeWorkflow"]);
    run.respond([schedule(1), activity(7)]);
    assert_eq!(started(&mut run), 1);
    assert_eq!(run.jobs(), ["SignalWorkflow"]);
}

#[test]
fn a_marker_without_its_activity_is_nondeterminism() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.marker(marker(1, Some(1)));
    history.workflow_completed();
    let mut run = Run::of(history.full());
    run.activation();
    let error = run.try_respond([activity(1)]).expect_err("history has a local activity");
    assert_eq!(kind(error), Mismatch::NoLocalActivity { seq: 1 });
}

#[test]
fn another_type_is_nondeterminism() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    let mut other = marker(1, Some(1));
    let data = LocalActivityMarkerData { seq: 1, activity_id: "1".into(), ..Default::default() };
    other.details = build_local_activity_marker_details(data, None);
    history.marker(other);
    history.workflow_completed();
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([schedule(1)]);
    run.activation();
    let error = run.try_respond([complete_workflow()]).expect_err("the types differ");
    assert!(matches!(kind(error), Mismatch::OtherIdentity { what: "local activity type", .. }));
}

#[test]
fn a_local_activity_needs_a_timeout() {
    let mut run = begun();
    let unlimited = Variant::ScheduleLocalActivity(ScheduleLocalActivity { seq: 1, ..Default::default() });
    assert!(matches!(run.try_respond([unlimited]), Err(Error::InvalidCommand(_))));
}
