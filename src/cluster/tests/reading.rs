//! Reading histories while they grow.

use temporalio_common::protos::temporal::api::{
    command::v1::FailWorkflowExecutionCommandAttributes, enums::v1::HistoryEventFilterType,
    failure::v1::Failure, history::v1::history_event::Attributes as Event,
    workflowservice::v1::TerminateWorkflowExecutionRequest,
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

/// A message is decoded only so deep, and what has rested for a while is kept as it is encoded.
#[test]
fn a_failure_is_read_as_it_was_written_however_many_causes_it_has() {
    let depth =
        |failure: &Failure| std::iter::successors(Some(failure), |failure| failure.cause.as_deref()).count();
    let mut server = Server::new();
    for causes in 80..120 {
        let failure = (1..causes).fold(Failure::default(), |cause, _| Failure {
            cause: Some(Box::new(cause)),
            ..Default::default()
        });
        server.start(&format!("wf-{causes}"));
        let task = server.poll();
        let attributes = FailWorkflowExecutionCommandAttributes { failure: Some(failure) };
        let attributes = Attributes::FailWorkflowExecutionCommandAttributes(attributes);
        server.complete(&task, vec![command(attributes)]).expect("the end of the run");
    }
    // These have rested for longest.
    for causes in 80..100 {
        let request = read(HistoryEventFilterType::CloseEvent, Vec::new());
        let request = GetWorkflowExecutionHistoryRequest {
            execution: Some(execution(&format!("wf-{causes}"))),
            ..request
        };
        let end = server.call(request).unwrap().history.unwrap().events.remove(0);
        let Some(Event::WorkflowExecutionFailedEventAttributes(failed)) = end.attributes else {
            panic!("not the event of a failure: {:?}", end.event_type())
        };
        assert_eq!(depth(&failed.failure.unwrap()), causes);
    }
}
