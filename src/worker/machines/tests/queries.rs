//! Queries.

use temporalio_common::protos::{
    coresdk::workflow_commands::QueryResult, temporal::api::query::v1::WorkflowQuery,
};

use super::*;

fn query(name: &str) -> WorkflowQuery {
    WorkflowQuery { query_type: name.into(), ..Default::default() }
}

fn answer(query_id: &str) -> Variant {
    Variant::RespondToQuery(QueryResult { query_id: query_id.into(), ..Default::default() })
}

/// The queries of an activation that has nothing else.
fn asked(activation: &WorkflowActivation) -> Vec<String> {
    activation
        .jobs
        .iter()
        .map(|job| match &job.variant {
            Some(Job::QueryWorkflow(query)) => format!("{}: {}", query.query_id, query.query_type),
            other => panic!("{other:?} is no query"),
        })
        .collect()
}

fn waiting_on_signal() -> Builder {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history
}

#[test]
fn queries_are_asked_after_everything_else_and_answered_with_the_task() {
    let mut history = Builder::new();
    history.task();
    let queries = vec![("q1".to_owned(), query("state")), ("q2".to_owned(), query("progress"))];
    let mut run = Run::of(Task { queries, ..history.full() });
    assert_eq!(run.jobs(), ["InitializeWorkflow"]);
    run.respond([]);
    let activation = run.activation();
    assert!(activation.is_replaying, "no query may have an effect");
    assert_eq!(asked(&activation), ["q1: state", "q2: progress"]);
    run.respond([answer("q1"), answer("q2")]);
    let completion = run.completion();
    let ids: Vec<_> = completion.query_results.iter().map(|result| result.query_id.as_str()).collect();
    assert_eq!(ids, ["q1", "q2"]);
    assert!(!completion.force_create_new_workflow_task);
}

#[test]
fn a_lone_query_replays_the_workflow_and_is_answered_by_itself() {
    let history = waiting_on_signal();
    let task = Task { query: Some(query("state")), started_event_id: 0, ..history.full() };
    let mut run = Run::of(task);
    assert_eq!(run.jobs(), ["InitializeWorkflow"]);
    run.respond([]);
    assert_eq!(asked(&run.activation()), ["legacy_query: state"]);
    run.respond([answer("legacy_query")]);
    assert!(matches!(run.step(), Step::AnswerQuery(_)));
    assert_eq!(run.step(), Step::Idle);
}

#[test]
fn a_cached_workflow_needs_no_history_for_a_lone_query() {
    let mut history = Builder::new();
    let started = history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([]);
    run.completion();
    let task = |previous_started_event_id| Task {
        query: Some(query("state")),
        previous_started_event_id,
        ..Default::default()
    };
    run.task(task(started));
    assert_eq!(asked(&run.activation()), ["legacy_query: state"]);
    run.respond([answer("legacy_query")]);
    assert!(matches!(run.step(), Step::AnswerQuery(_)));
    assert_eq!(run.machines.handle_task(task(started - 1)), Err(Error::QueryExpired));
}

#[test]
fn a_closed_workflow_can_be_queried() {
    let mut history = waiting_on_signal();
    history.workflow_completed();
    let mut run = Run::of(Task { query: Some(query("state")), started_event_id: 0, ..history.full() });
    run.activation();
    run.respond([complete_workflow()]);
    assert_eq!(asked(&run.activation()), ["legacy_query: state"]);
    run.respond([answer("legacy_query")]);
    assert!(matches!(run.step(), Step::AnswerQuery(_)));
}
