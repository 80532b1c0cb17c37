//! What came to the base behind the reset point, and comes to the new run again.

use temporalio_common::protos::temporal::api::{
    enums::v1::{ResetReapplyExcludeType, ResetReapplyType, UpdateAdmittedEventOrigin},
    history::v1::{HistoryEvent, history_event::Attributes},
    workflowservice::v1::ResetWorkflowExecutionRequest,
};

use crate::cluster::execution::{
    BUFFERED_EVENT_ID, Event, RunKey, Runs, StartedChild, Transaction, rebuild::closed_child, signal::Signal,
};

/// What is not applied again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Excluded {
    signals: bool,
    updates: bool,
    /// Whether every type that there is has been excluded, and with that what has no type.
    all: bool,
}

impl Excluded {
    /// What a request excludes. Old clients say what they want to have instead.
    pub(super) fn of(request: &ResetWorkflowExecutionRequest) -> Self {
        use ResetReapplyExcludeType as Type;
        let mut types: Vec<_> = request.reset_reapply_exclude_types().collect();
        match request.reset_reapply_type() {
            ResetReapplyType::Signal => types.push(Type::Update),
            ResetReapplyType::None => types.extend([Type::Signal, Type::Update]),
            ResetReapplyType::Unspecified | ResetReapplyType::AllEligible => {}
        }
        let all = [Type::Signal, Type::Update, Type::Nexus, Type::CancelRequest];
        Self {
            signals: types.contains(&Type::Signal),
            updates: types.contains(&Type::Update),
            all: all.iter().all(|excluded| types.contains(excluded)),
        }
    }
}

/// The events of the base from `first` on, and all those of the runs as which it was continued. The next run of a retry or of
/// a cron schedule is another attempt of the same, and not looked at.
pub(super) fn events_behind(runs: &Runs, base: RunKey, first: i64, excluded: &Excluded) -> Vec<HistoryEvent> {
    let mut events = Vec::new();
    if excluded.all {
        return events;
    }
    let mut next = runs.get(base).map(|run| (run, first));
    while let Some((run, first)) = next {
        events.extend(
            run.history.since(first).filter(|event| is_eligible(event)).map(|event| event.as_ref().clone()),
        );
        next = match run.history.last().and_then(|event| event.attributes.as_ref()) {
            Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(closed)) => {
                let next = runs.find(run.namespace, &run.workflow_id, &closed.new_execution_run_id);
                next.ok().filter(|next| next.key != run.key).map(|next| (next, 1))
            }
            _ => None,
        };
    }
    events
}

fn is_eligible(event: &HistoryEvent) -> bool {
    use Attributes as A;
    event.attributes.as_ref().is_some_and(|attributes| {
        matches!(
            attributes,
            A::WorkflowExecutionSignaledEventAttributes(_)
                | A::WorkflowExecutionUpdateAdmittedEventAttributes(_)
                | A::WorkflowExecutionUpdateAcceptedEventAttributes(_)
                | A::WorkflowExecutionOptionsUpdatedEventAttributes(_)
                | A::ChildWorkflowExecutionStartedEventAttributes(_)
        ) || closed_child(attributes).is_some()
    })
}

impl Transaction<'_> {
    /// Applies an event again that the base had behind the reset point. A request to cancel and a termination were meant for
    /// the base only.
    pub(super) fn reapply(&mut self, event: HistoryEvent, excluded: &Excluded) {
        use Attributes as A;
        let links = event.links;
        match event.attributes {
            Some(A::WorkflowExecutionSignaledEventAttributes(signaled)) if !excluded.signals => {
                let mut attributes = signaled;
                attributes.external_workflow_execution = None;
                let request_id = attributes.request_id.clone();
                let known = self.run.signal_request_ids.contains(&request_id);
                self.record_signal(Signal { attributes, links, skips_first_backoff: false });
                if !known {
                    // A caller that sends the signal once more means the new run.
                    self.run.signal_request_ids.remove(&request_id);
                }
            }
            Some(A::WorkflowExecutionUpdateAdmittedEventAttributes(admitted)) if !excluded.updates => {
                let origin = admitted.origin();
                self.admit_update_again(admitted.request.unwrap_or_default(), origin);
            }
            Some(A::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) if !excluded.updates => {
                // Without a request there was an event of its admission.
                if let Some(request) = accepted.accepted_request {
                    self.admit_update_again(request, UpdateAdmittedEventOrigin::Reapply);
                }
            }
            Some(A::WorkflowExecutionOptionsUpdatedEventAttributes(updated)) => {
                self.run.apply_options_updated(&updated, None);
                let event = Event::new(A::WorkflowExecutionOptionsUpdatedEventAttributes(updated));
                self.add_event(event.links(links));
            }
            Some(A::ChildWorkflowExecutionStartedEventAttributes(started)) => {
                let Some(child) = self.run.children.get_mut(&started.initiated_event_id) else { return };
                if child.started.is_none() {
                    let run_id = started.workflow_execution.clone().unwrap_or_default().run_id;
                    child.started = Some(StartedChild { event_id: BUFFERED_EVENT_ID, run_id });
                    self.add(A::ChildWorkflowExecutionStartedEventAttributes(started));
                }
            }
            Some(attributes) => {
                let Some(initiated_event_id) = closed_child(&attributes) else { return };
                if let Some(child) = self.run.children.remove(&initiated_event_id) {
                    let started_event_id = child.started.map_or(0, |started| started.event_id);
                    self.add(with_started_event_id(attributes, started_event_id));
                }
            }
            None => {}
        }
    }
}

/// The end of a child, with the event of its start in this run.
fn with_started_event_id(mut attributes: Attributes, started_event_id: i64) -> Attributes {
    use Attributes as A;
    match &mut attributes {
        A::ChildWorkflowExecutionCompletedEventAttributes(closed) => {
            closed.started_event_id = started_event_id
        }
        A::ChildWorkflowExecutionFailedEventAttributes(closed) => closed.started_event_id = started_event_id,
        A::ChildWorkflowExecutionCanceledEventAttributes(closed) => {
            closed.started_event_id = started_event_id
        }
        A::ChildWorkflowExecutionTimedOutEventAttributes(closed) => {
            closed.started_event_id = started_event_id
        }
        A::ChildWorkflowExecutionTerminatedEventAttributes(closed) => {
            closed.started_event_id = started_event_id
        }
        _ => {}
    }
    attributes
}
