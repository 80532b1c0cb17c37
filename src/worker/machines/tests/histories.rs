//! Which WorkflowTaskStarted events activate the workflow, and what an activation says about them.

use temporalio_common::protos::{
    coresdk::workflow_commands::{StartTimer, UpsertWorkflowSearchAttributes},
    temporal::api::{
        enums::v1::{EventType, WorkflowTaskFailedCause},
        history::v1::{history_event::Attributes, *},
    },
};

use super::*;

fn timer(seq: u32) -> Variant {
    Variant::StartTimer(StartTimer { seq, ..Default::default() })
}

#[test]
fn failed_and_timed_out_tasks_activate_nothing() {
    let mut history = Builder::new();
    history.task();
    history.task_failed();
    history.task();
    history.task_timed_out();
    history.signaled("late");
    let third = history.task();
    let mut run = Run::of(history.full());
    let activation = run.activation();
    let jobs: Vec<_> = activation.jobs.iter().map(ToString::to_string).collect();
    assert_eq!(jobs, ["InitializeWorkflow", "SignalWorkflow"]);
    assert_eq!(i64::from(activation.history_length), third);
    assert_eq!(activation.timestamp.expect("it has a time").seconds, 1_700_000_000 + third);
    assert!(!activation.is_replaying);
}

#[test]
fn heartbeats_activate_nothing() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.task();
    history.completed();
    let last = history.task();
    history.completed();
    history.timer_started("1");
    let mut run = Run::of(history.full());
    let activation = run.activation();
    assert_eq!(i64::from(activation.history_length), last);
    assert!(activation.is_replaying);
    run.respond([timer(1)]);
    assert_eq!(run.commands(), []);
}

#[test]
fn a_cold_worker_replays_up_to_the_news() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    let started = history.timer_started("1");
    history.timer_fired("1", started);
    let second = history.task();
    let mut run = Run::of(history.full());
    let first_activation = run.activation();
    assert!(first_activation.is_replaying);
    assert_eq!(first_activation.history_size_bytes, 200);
    run.respond([timer(1)]);
    let activation = run.activation();
    assert!(!activation.is_replaying);
    assert_eq!((i64::from(activation.history_length), activation.history_size_bytes), (second, 700));
}

#[test]
fn a_cached_worker_takes_the_whole_history_too() {
    let mut history = Builder::new();
    history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([timer(1)]);
    run.completion();
    history.completed();
    let started = history.timer_started("1");
    history.timer_fired("1", started);
    history.task();
    run.task(history.full());
    assert_eq!(run.jobs(), ["FireTimer(1)"]);
}

#[test]
fn a_cold_worker_needs_the_whole_history() {
    let mut history = Builder::new();
    let first = history.task();
    history.completed();
    history.signaled("news");
    history.task();
    let outcome = Run::new().machines.handle_task(history.after(first));
    assert_eq!(outcome, Err(Error::PartialHistory { expected: 1, first: 4 }));
    let outcome = Run::new().machines.handle_task(Task::default());
    assert_eq!(outcome, Err(Error::PartialHistory { expected: 1, first: 0 }));
}

#[test]
fn a_reset_run_gets_another_seed() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    let scheduled = history.timer_started("1");
    history.timer_fired("1", scheduled);
    let second = history.task();
    history.add(
        EventType::WorkflowTaskFailed,
        Attributes::WorkflowTaskFailedEventAttributes(WorkflowTaskFailedEventAttributes {
            scheduled_event_id: second - 1,
            started_event_id: second,
            cause: WorkflowTaskFailedCause::ResetWorkflow.into(),
            new_run_id: "run-2".into(),
            ..Default::default()
        }),
    );
    history.task();
    let mut run = Run::of(history.full());
    let activation = run.activation();
    let Job::InitializeWorkflow(init) = first_job(&activation) else { panic!("{activation:?}") };
    let first_seed = init.randomness_seed;
    run.respond([timer(1)]);
    let activation = run.activation();
    let Job::UpdateRandomSeed(update) = first_job(&activation) else { panic!("{activation:?}") };
    assert_ne!(update.randomness_seed, first_seed);
    assert_eq!(activation.jobs[1].to_string(), "FireTimer(1)");
}

#[test]
fn events_that_a_worker_may_ignore_are_ignored() {
    let mut history = Builder::new();
    let options = history.add(
        EventType::WorkflowExecutionOptionsUpdated,
        Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(Default::default()),
    );
    history.task();
    let outcome = Run::new().machines.handle_task(history.full());
    assert!(matches!(outcome, Err(Error::MalformedHistory { event_id: Some(2), .. })), "{outcome:?}");
    history.events[usize::try_from(options - 1).expect("positive")].worker_may_ignore = true;
    assert_eq!(Run::of(history.full()).jobs(), ["InitializeWorkflow"]);
}

#[test]
fn terminated_workflows_end_where_they_were() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.timer_started("1");
    history.add(
        EventType::WorkflowExecutionTerminated,
        Attributes::WorkflowExecutionTerminatedEventAttributes(Default::default()),
    );
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([timer(1)]);
    assert_eq!(run.step(), Step::Idle);
}

#[test]
fn flags_and_version_are_written_once() {
    let mut history = Builder::new();
    let first = history.task();
    let mut run = Run::of(history.full());
    assert_eq!(run.activation().last_sdk_version, "");
    run.respond([]);
    let metadata = run.completion().sdk_metadata;
    assert_eq!(metadata.core_used_flags, [1, 2, 3]);
    assert_eq!((metadata.sdk_name.as_str(), metadata.sdk_version.as_str()), ("sdk", "1"));

    history.completed();
    let Some(Attributes::WorkflowTaskCompletedEventAttributes(completed)) =
        &mut history.events.last_mut().expect("just added").attributes
    else {
        panic!("just added")
    };
    completed.sdk_metadata = Some(metadata);
    history.signaled("next");
    history.task();
    run.task(history.after(first));
    assert_eq!(run.activation().last_sdk_version, "1");
    run.respond([]);
    assert_eq!(run.completion().sdk_metadata, Default::default());
}

#[test]
fn continuing_as_new_takes_over_what_is_not_said() {
    use temporalio_common::protos::{
        coresdk::workflow_commands::ContinueAsNewWorkflowExecution,
        temporal::api::{
            command::v1::command::Attributes as Command,
            common::v1::{Memo, RetryPolicy, SearchAttributes},
        },
    };
    let field = |name: &str, value: &str| {
        let data = value.as_bytes().to_vec();
        (name.to_owned(), Payload { data, ..Default::default() })
    };
    let mut history = Builder::new();
    history.task();
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
        &mut history.events[0].attributes
    else {
        panic!("{history:?}")
    };
    started.memo = Some(Memo { fields: [field("note", "kept")].into() });
    started.retry_policy = Some(RetryPolicy { maximum_attempts: 3, ..Default::default() });
    started.search_attributes =
        Some(SearchAttributes { indexed_fields: [field("Region", "eu"), field("State", "old")].into() });
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([
        Variant::UpsertWorkflowSearchAttributes(UpsertWorkflowSearchAttributes {
            search_attributes: Some(SearchAttributes { indexed_fields: [field("State", "new")].into() }),
        }),
        Variant::ContinueAsNewWorkflowExecution(ContinueAsNewWorkflowExecution::default()),
    ]);
    let completion = run.completion();
    let Some(Command::ContinueAsNewWorkflowExecutionCommandAttributes(next)) =
        &completion.commands[1].attributes
    else {
        panic!("{completion:?}")
    };
    assert_eq!(next.memo, Some(Memo { fields: [field("note", "kept")].into() }));
    assert_eq!(next.retry_policy.as_ref().expect("taken over").maximum_attempts, 3);
    let expected = SearchAttributes { indexed_fields: [field("Region", "eu"), field("State", "new")].into() };
    assert_eq!(next.search_attributes, Some(expected));
}
