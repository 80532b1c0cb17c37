//! Reading histories while they grow.

use temporalio_common::protos::temporal::api::{
    enums::v1::HistoryEventFilterType, workflowservice::v1::TerminateWorkflowExecutionRequest,
};

use super::*;
use crate::cluster::LongPolls;

fn read(filter: HistoryEventFilterType, token: Vec<u8>) -> GetWorkflowExecutionHistoryRequest {
    GetWorkflowExecutionHistoryRequest {
        namespace: "default".to_owned(),
        execution: Some(execution("wf")),
        wait_new_event: true,
        history_event_filter_type: filter as i32,
        next_page_token: token,
        ..Default::default()
    }
}

#[test]
fn a_reader_at_the_end_waits_for_more() {
    let mut server = Server::new();
    server.start("wf");
    let first = server.call(read(HistoryEventFilterType::AllEvent, Vec::new())).unwrap();
    assert_eq!(first.history.unwrap().events.len(), 2);
    let waiting = server.begin(read(HistoryEventFilterType::AllEvent, first.next_page_token));
    assert!(server.answer::<GetWorkflowExecutionHistoryRequest>(waiting).is_none());
    server.signal("wf", "s");
    let next = server.answer::<GetWorkflowExecutionHistoryRequest>(waiting).expect("an answer").unwrap();
    assert_eq!(next.history.unwrap().events[0].event_id, 3);
    assert!(!next.next_page_token.is_empty());
}

#[test]
fn who_waits_for_the_end_gets_the_close_event_alone() {
    let mut server = Server::new();
    server.start("wf");
    let waiting = server.begin(read(HistoryEventFilterType::CloseEvent, Vec::new()));
    server.signal("wf", "s");
    assert!(server.answer::<GetWorkflowExecutionHistoryRequest>(waiting).is_none());
    server
        .call(TerminateWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            workflow_execution: Some(execution("wf")),
            ..Default::default()
        })
        .unwrap();
    let end = server.answer::<GetWorkflowExecutionHistoryRequest>(waiting).expect("an answer").unwrap();
    let events = end.history.unwrap().events;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event_type(), EventType::WorkflowExecutionTerminated);
    assert!(end.next_page_token.is_empty());
}

#[test]
fn a_long_poll_ends_with_nothing_where_long_polls_expire() {
    let mut server = Server::with(Config { long_polls: LongPolls::Expire, ..Config::default() });
    server.start("wf");
    let waiting = server.begin(read(HistoryEventFilterType::CloseEvent, Vec::new()));
    server.advance(seconds(19));
    assert!(server.answer::<GetWorkflowExecutionHistoryRequest>(waiting).is_none());
    server.advance(seconds(1));
    let answer = server.answer::<GetWorkflowExecutionHistoryRequest>(waiting).expect("an answer").unwrap();
    assert_eq!(answer.history.unwrap().events.len(), 0);
    assert!(!answer.next_page_token.is_empty());
}
