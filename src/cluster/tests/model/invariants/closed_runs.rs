//! The close event is the last one, and the run knows that it has been written.

use temporalio_common::protos::temporal::api::enums::v1::{EventType, WorkflowExecutionStatus as Status};

use crate::cluster::execution::Run;

pub(super) fn check(run: &Run) {
    let history: Vec<_> = run.history.since(1).collect();
    let closing = |event_type| match event_type {
        EventType::WorkflowExecutionCompleted => Some(Status::Completed),
        EventType::WorkflowExecutionFailed => Some(Status::Failed),
        EventType::WorkflowExecutionCanceled => Some(Status::Canceled),
        EventType::WorkflowExecutionTerminated => Some(Status::Terminated),
        EventType::WorkflowExecutionTimedOut => Some(Status::TimedOut),
        EventType::WorkflowExecutionContinuedAsNew => Some(Status::ContinuedAsNew),
        _ => None,
    };
    let (last, earlier) = history.split_last().expect("a run has its first event");
    for event in earlier {
        assert_eq!(closing(event.event_type()), None, "something comes after the close event");
    }
    assert_eq!(run.state.status, closing(last.event_type()).unwrap_or(Status::Running));
    assert_eq!(run.state.close_time.is_some(), !run.is_running());
    assert!(run.is_running() || run.waiting.is_empty(), "who waits for the close event has heard of it");
}
