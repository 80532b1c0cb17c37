//! What happens while a workflow task is started is held back, and nothing of it is lost.

use std::collections::BTreeSet;

use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

use super::World;
use crate::cluster::execution::{BUFFERED_EVENT_ID, Run};

pub(super) fn check(run: &Run) {
    let held_back = &run.state.buffered;
    assert!(held_back.is_empty() || run.is_running(), "a closed run holds nothing back");
    assert!(
        held_back.is_empty() || run.state.has_started_workflow_task(),
        "events are held back for a started workflow task"
    );
    assert!(held_back.iter().all(|event| event.event_id == BUFFERED_EVENT_ID));
}

/// Every signal that was taken is in the history of its run, or held back, and in no run twice. A run that
/// begins with a reset repeats those of another one.
pub(super) fn check_signals(world: &World) {
    let mut found = BTreeSet::new();
    for run in world.runs() {
        for name in run.history.since(1).chain(&run.state.buffered).filter_map(|event| signal(event)) {
            assert!(world.signals.contains_key(name) || world.has_deleted, "nobody sent {name}");
            assert!(found.insert((name, run.run_id.as_str())), "{name} was recorded twice");
        }
    }
    for (name, run_id) in &world.signals {
        assert!(found.contains(&(name.as_str(), run_id.as_str())), "{name} to run {run_id} is lost");
    }
}

/// The name of a signal that a client sent.
fn signal(event: &HistoryEvent) -> Option<&str> {
    match event.attributes.as_ref()? {
        Attributes::WorkflowExecutionSignaledEventAttributes(signaled) => {
            Some(&signaled.signal_name).filter(|name| name.starts_with("signal ")).map(String::as_str)
        }
        _ => None,
    }
}
