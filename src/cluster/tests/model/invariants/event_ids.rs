//! Events are numbered from 1 without a gap, and are written in the order of time.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

use crate::clock::Time;

pub(super) fn check(history: &[Arc<HistoryEvent>]) {
    for (event, id) in history.iter().zip(1..) {
        assert_eq!(event.event_id, id, "ids are contiguous");
    }
    assert!(history.iter().map(|event| event.task_id).is_sorted(), "task ids never go back");
    let times = history.iter().map(|event| event.event_time.as_ref().map(Time::from_proto));
    // Events that were held back keep the time at which they happened.
    assert!(times.into_iter().all(|time| time.is_some()), "every event has a time");
}
