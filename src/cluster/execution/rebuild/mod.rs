//! The state of a run, made of the events of its history alone.
//!
//! A run that is reset is rebuilt at the reset point under a run id of its own; a run that another cluster has recorded is
//! taken over under its own (`adopt`). What no event tells of starts anew: attempts
//! and heartbeats of activities, the sticky queue, request ids of signals.

mod pending;
mod workflow_task;

pub(super) use pending::closed_child;

use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

use super::{
    Run,
    attributes::merge,
    begin::{RunSpec, run_without_events},
    completed::WorkerBuild,
};
use crate::{
    clock::{self, Time},
    cluster::Shared,
};

/// Whose state to rebuild, and as what.
pub(super) struct Rebuild<'a> {
    /// The run whose events are taken.
    pub(super) base: &'a Run,
    /// The last of them.
    pub(super) last_event_id: i64,
    /// The id of the run that they make.
    pub(super) run_id: String,
}

/// A run that is at the point where its base was after an event. All its timeouts begin anew, now. `None` unless the event is
/// the last of those that were written together.
pub(super) fn rebuild(now: Time, shared: &mut Shared, rebuild: Rebuild<'_>) -> Option<Box<Run>> {
    let Rebuild { base, last_event_id, run_id } = rebuild;
    let history = base.history.copy_until(last_event_id)?;
    let first = history.first()?;
    let original_start_time = first.event_time.as_ref().map_or(now, Time::from_proto);
    let spec = RunSpec {
        namespace: base.namespace,
        run_id,
        started: base.started().clone(),
        user_metadata: base.info.user_metadata.clone(),
        links: first.links.clone(),
        create_request_id: base.info.create_request_id.clone(),
    };
    let mut run = run_without_events(now, shared, &spec);
    run.info.original_start_time = original_start_time;
    run.info.copied_event_id = last_event_id;
    let execution_timeout = clock::duration(spec.started.workflow_execution_timeout.as_ref());
    run.info.execution_expiration = (!execution_timeout.is_zero()).then(|| now + execution_timeout);
    let run_expiration = (!run.info.run_timeout.is_zero()).then(|| now + run.info.run_timeout);
    run.info.run_expiration = run_expiration.into_iter().chain(run.info.execution_expiration).min();
    run.history = history;
    // A server stores the run once before it goes on.
    run.state.transition_count = 1;
    let events = base.history.since(1).map(|event| &**event);
    apply_events(now, shared, &mut run, events.take_while(|event| event.event_id <= last_event_id));
    Some(run)
}

/// Does to the state what was done when the events were written.
pub(super) fn apply_events<'a>(
    now: Time,
    shared: &mut Shared,
    run: &mut Run,
    events: impl Iterator<Item = &'a HistoryEvent>,
) {
    for event in events {
        apply(now, shared, run, event);
    }
}

fn apply(now: Time, shared: &mut Shared, run: &mut Run, event: &HistoryEvent) {
    use Attributes as A;
    let event_id = event.event_id;
    let Some(attributes) = &event.attributes else { return };
    if workflow_task::apply(shared, run, event, attributes) || pending::apply(shared, run, event, attributes)
    {
        return;
    }
    match attributes {
        A::WorkflowTaskCompletedEventAttributes(completed) => {
            run.state.complete_workflow_task(completed.started_event_id);
            let worker = WorkerBuild {
                stamp: completed.worker_version.as_ref(),
                deployment_name: &completed.worker_deployment_name,
                version: completed.deployment_version.as_ref(),
                behavior: completed.versioning_behavior(),
                binary_checksum: &completed.binary_checksum,
            };
            run.track_worker(now, &mut shared.shown_build, worker, event_id);
        }
        A::UpsertWorkflowSearchAttributesEventAttributes(upserted) => {
            let fields = upserted.search_attributes.iter().flat_map(|it| &it.indexed_fields);
            merge(&mut run.state.search_attributes, fields);
        }
        A::WorkflowPropertiesModifiedEventAttributes(modified) => {
            let fields = modified.upserted_memo.iter().flat_map(|memo| &memo.fields);
            merge(&mut run.state.memo, fields);
        }
        A::WorkflowExecutionSignaledEventAttributes(_) => run.state.signal_count += 1,
        A::WorkflowExecutionCancelRequestedEventAttributes(_) => run.state.cancel_requested = true,
        A::WorkflowExecutionPausedEventAttributes(paused) => {
            let time = event.event_time.as_ref().map_or(now, Time::from_proto);
            run.apply_paused(time, paused);
        }
        A::WorkflowExecutionUnpausedEventAttributes(_) => run.state.pause = None,
        A::WorkflowExecutionOptionsUpdatedEventAttributes(updated) => {
            run.apply_options_updated(updated, Some(event_id));
        }
        A::WorkflowExecutionUpdateAdmittedEventAttributes(admitted) => {
            run.apply_update_admitted(Some(event_id), admitted);
        }
        A::WorkflowExecutionUpdateAcceptedEventAttributes(accepted) => {
            run.apply_update_accepted(event_id, accepted);
        }
        A::WorkflowExecutionUpdateCompletedEventAttributes(completed) => {
            let id = completed.meta.as_ref().map_or("", |meta| meta.update_id.as_str());
            run.apply_update_completed(event_id, id);
        }
        _ => {}
    }
}
