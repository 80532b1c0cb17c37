//! Activities, timers, and messages to other workflows end once, after they have begun.

use std::sync::Arc;

use std::collections::{BTreeMap, BTreeSet};

use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes as A};

pub(super) fn check(history: &[Arc<HistoryEvent>]) {
    // The ActivityTaskStarted event of each activity that has not closed; 0 before there is one.
    let mut activities = BTreeMap::new();
    let mut timers = BTreeMap::new();
    let mut messages = BTreeSet::new();
    for event in history {
        let id = event.event_id;
        match event.attributes.as_ref().expect("an event has attributes") {
            A::ActivityTaskScheduledEventAttributes(_) => {
                activities.insert(id, 0);
            }
            A::ActivityTaskStartedEventAttributes(it) => {
                assert_eq!(activities.insert(it.scheduled_event_id, id), Some(0), "started once: {event:?}");
            }
            A::ActivityTaskCompletedEventAttributes(it) => {
                let started = activities.remove(&it.scheduled_event_id);
                assert_eq!(started, Some(it.started_event_id), "{event:?}");
            }
            A::ActivityTaskFailedEventAttributes(it) => {
                let started = activities.remove(&it.scheduled_event_id);
                assert_eq!(started, Some(it.started_event_id), "{event:?}");
            }
            A::ActivityTaskTimedOutEventAttributes(it) => {
                let started = activities.remove(&it.scheduled_event_id);
                assert_eq!(started, Some(it.started_event_id), "{event:?}");
            }
            A::ActivityTaskCanceledEventAttributes(it) => {
                let started = activities.remove(&it.scheduled_event_id);
                assert_eq!(started, Some(it.started_event_id), "{event:?}");
            }
            // While it is held back that a timer has fired, another one may take its id.
            A::TimerStartedEventAttributes(it) => {
                timers.insert(id, &it.timer_id);
            }
            A::TimerFiredEventAttributes(it) => {
                assert_eq!(timers.remove(&it.started_event_id), Some(&it.timer_id), "{event:?}");
            }
            A::TimerCanceledEventAttributes(it) => {
                assert_eq!(timers.remove(&it.started_event_id), Some(&it.timer_id), "{event:?}");
            }
            A::SignalExternalWorkflowExecutionInitiatedEventAttributes(_)
            | A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_) => {
                messages.insert(id);
            }
            A::ExternalWorkflowExecutionSignaledEventAttributes(it) => {
                assert!(messages.remove(&it.initiated_event_id), "{event:?}");
            }
            A::SignalExternalWorkflowExecutionFailedEventAttributes(it) => {
                assert!(messages.remove(&it.initiated_event_id), "{event:?}");
            }
            A::ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => {
                assert!(messages.remove(&it.initiated_event_id), "{event:?}");
            }
            A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => {
                assert!(messages.remove(&it.initiated_event_id), "{event:?}");
            }
            _ => {}
        }
    }
}
