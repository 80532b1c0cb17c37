//! The state that the events make is the state that made the events.

use super::*;

/// Rebuilds a run from all its events, and compares what comes of it with the run.
///
/// # Panics
///
/// If they differ in what events tell of.
pub(crate) fn check_rebuild(now: Time, shared: &mut Shared, live: &Run) {
    if !live.state.buffered.is_empty() {
        // The state is ahead of the history.
        return;
    }
    let last_event_id = live.history.next_event_id() - 1;
    let rebuilt = rebuild(now, shared, Rebuild { base: live, last_event_id, run_id: "rebuilt".to_owned() })
        .expect("the last event is always the last of its batch");
    assert_eq!(pending(&rebuilt), pending(live));
    assert_eq!(small_state(&rebuilt), small_state(live));
    let task = |run: &Run| {
        let task = run.state.workflow_task.as_ref().filter(|task| !task.is_virtual());
        task.map(|task| (task.scheduled_event_id, task.started_event_id, task.attempt))
    };
    let is_virtual = live.state.workflow_task.as_ref().is_some_and(|task| task.is_virtual());
    if !is_virtual {
        assert_eq!(task(&rebuilt), task(live));
    }
    assert_eq!(rebuilt.history.size(), live.history.size());
}

fn pending(run: &Run) -> impl PartialEq + std::fmt::Debug {
    let activities: Vec<_> = run
        .activities
        .iter()
        .map(|activity| {
            let requested = activity.cancel_requested_event_id;
            (activity.scheduled_event_id, activity.activity_id.clone(), activity.options.clone(), requested)
        })
        .collect();
    let children: Vec<_> = run
        .children
        .iter()
        .map(|(&id, child)| (id, child.started.as_ref().map(|it| (it.event_id, it.run_id.clone()))))
        .collect();
    let signals: Vec<_> = run.signals_out.iter().map(|(&id, _)| id).collect();
    let cancels: Vec<_> = run.cancels_out.iter().map(|(&id, _)| id).collect();
    let updates: Vec<_> = run.completed_updates.iter().map(|(id, &event)| (id.clone(), event)).collect();
    (activities, run.timers.all(), children, signals, cancels, updates)
}

fn small_state(run: &Run) -> impl PartialEq + std::fmt::Debug {
    let state = &run.state;
    let mut search_attributes = state.search_attributes.as_ref().clone();
    // No event tells of the workflow tasks that leave none.
    search_attributes.remove("TemporalReportedProblems");
    (
        state.had_workflow_task,
        state.last_completed_started_event_id,
        state.cancel_requested,
        state.signal_count,
        state.memo.clone(),
        search_attributes,
        state.options.clone(),
    )
}
