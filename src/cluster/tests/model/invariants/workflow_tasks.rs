//! A workflow task that was started is closed once, and nothing is written in between.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{enums::v1::EventType, history::v1::HistoryEvent};

pub(super) fn check(history: &[Arc<HistoryEvent>]) {
    let mut started = None;
    for event in history {
        match event.event_type() {
            EventType::WorkflowTaskStarted => {
                assert_eq!(started, None, "there is one workflow task at a time");
                started = Some(event.event_id);
            }
            EventType::WorkflowTaskTimedOut => started = None,
            EventType::WorkflowTaskCompleted | EventType::WorkflowTaskFailed => {
                assert_eq!(
                    started.take(),
                    Some(event.event_id - 1),
                    "a started task is closed by the next event"
                );
            }
            _ => assert_eq!(started, None, "{event:?} came in while a workflow task was started"),
        }
    }
}
