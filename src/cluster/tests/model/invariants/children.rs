//! A child is initiated, starts or fails to, and ends, in this order and once.

use std::sync::Arc;

use std::collections::BTreeMap;

use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes as A};

pub(super) fn check(history: &[Arc<HistoryEvent>]) {
    // The ChildWorkflowExecutionStarted event of each child that has not ended; 0 before there is one.
    let mut pending = BTreeMap::new();
    for event in history {
        let ended = match event.attributes.as_ref().expect("an event has attributes") {
            A::StartChildWorkflowExecutionInitiatedEventAttributes(_) => {
                pending.insert(event.event_id, 0);
                continue;
            }
            A::ChildWorkflowExecutionStartedEventAttributes(it) => {
                assert_eq!(pending.insert(it.initiated_event_id, event.event_id), Some(0), "{event:?}");
                continue;
            }
            A::StartChildWorkflowExecutionFailedEventAttributes(it) => (it.initiated_event_id, 0),
            A::ChildWorkflowExecutionCompletedEventAttributes(it) => {
                (it.initiated_event_id, it.started_event_id)
            }
            A::ChildWorkflowExecutionFailedEventAttributes(it) => {
                (it.initiated_event_id, it.started_event_id)
            }
            A::ChildWorkflowExecutionCanceledEventAttributes(it) => {
                (it.initiated_event_id, it.started_event_id)
            }
            A::ChildWorkflowExecutionTimedOutEventAttributes(it) => {
                (it.initiated_event_id, it.started_event_id)
            }
            A::ChildWorkflowExecutionTerminatedEventAttributes(it) => {
                (it.initiated_event_id, it.started_event_id)
            }
            _ => continue,
        };
        let (initiated, started) = ended;
        assert_eq!(pending.remove(&initiated), Some(started), "{event:?}");
    }
}
