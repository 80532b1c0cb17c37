//! What a run waits for, as its events tell of it: activities, timers, children, signals and requests to others.

use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

use crate::{
    clock::{self, Time},
    cluster::{
        Shared,
        execution::{
            PendingChild, Run, StartedChild,
            activity::{PendingActivity, options_of_event},
            timer::PendingTimer,
        },
    },
};

/// Takes notice of an event of something that a run waits for; `false` if it is another event.
pub(super) fn apply(shared: &Shared, run: &mut Run, event: &HistoryEvent, attributes: &Attributes) -> bool {
    use Attributes as A;
    let event_id = event.event_id;
    let time = event.event_time.as_ref().map(Time::from_proto).unwrap_or_default();
    match attributes {
        A::ActivityTaskScheduledEventAttributes(scheduled) => {
            let activity_type = scheduled.activity_type.clone().unwrap_or_default();
            run.activities.insert(PendingActivity::new(
                event_id,
                scheduled.activity_id.clone(),
                activity_type.name,
                options_of_event(scheduled),
                time,
            ));
        }
        A::ActivityTaskCancelRequestedEventAttributes(requested) => {
            run.activities.update(requested.scheduled_event_id, |activity| {
                activity.cancel_requested_event_id = Some(event_id);
            });
        }
        // It is written together with the event that closes the activity.
        A::ActivityTaskStartedEventAttributes(_) => {}
        A::ActivityTaskCompletedEventAttributes(closed) => {
            drop(run.activities.remove(closed.scheduled_event_id))
        }
        A::ActivityTaskFailedEventAttributes(closed) => {
            drop(run.activities.remove(closed.scheduled_event_id))
        }
        A::ActivityTaskTimedOutEventAttributes(closed) => {
            drop(run.activities.remove(closed.scheduled_event_id))
        }
        A::ActivityTaskCanceledEventAttributes(closed) => {
            drop(run.activities.remove(closed.scheduled_event_id))
        }
        A::TimerStartedEventAttributes(started) => {
            let expiry = time + clock::duration(started.start_to_fire_timeout.as_ref());
            let timer = PendingTimer { started_event_id: event_id, expiry };
            run.timers.insert(started.timer_id.clone(), timer);
        }
        A::TimerFiredEventAttributes(fired) => drop(run.timers.remove(&fired.timer_id)),
        A::TimerCanceledEventAttributes(canceled) => drop(run.timers.remove(&canceled.timer_id)),
        A::StartChildWorkflowExecutionInitiatedEventAttributes(_) => {
            run.children.insert(event_id, PendingChild::default());
        }
        A::ChildWorkflowExecutionStartedEventAttributes(started) => {
            if let Some(child) = run.children.get_mut(&started.initiated_event_id) {
                let run_id = started.workflow_execution.clone().unwrap_or_default().run_id;
                child.started = Some(StartedChild { event_id, run_id });
            }
        }
        A::SignalExternalWorkflowExecutionInitiatedEventAttributes(initiated) => {
            let namespace = shared.namespaces.key_of_id(&initiated.namespace_id).unwrap_or(run.namespace);
            run.signals_out.insert(event_id, namespace);
        }
        A::SignalExternalWorkflowExecutionFailedEventAttributes(ended) => {
            run.signals_out.remove(&ended.initiated_event_id);
        }
        A::ExternalWorkflowExecutionSignaledEventAttributes(ended) => {
            run.signals_out.remove(&ended.initiated_event_id);
        }
        A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(initiated) => {
            let namespace = shared.namespaces.key_of_id(&initiated.namespace_id).unwrap_or(run.namespace);
            run.cancels_out.insert(event_id, namespace);
        }
        A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(ended) => {
            run.cancels_out.remove(&ended.initiated_event_id);
        }
        A::ExternalWorkflowExecutionCancelRequestedEventAttributes(ended) => {
            run.cancels_out.remove(&ended.initiated_event_id);
        }
        attributes => match closed_child(attributes) {
            Some(initiated_event_id) => drop(run.children.remove(&initiated_event_id)),
            None => return false,
        },
    }
    true
}

/// The child that an event tells the end of, by the id of the event that initiated it.
pub(in crate::cluster::execution) fn closed_child(attributes: &Attributes) -> Option<i64> {
    use Attributes as A;
    Some(match attributes {
        A::StartChildWorkflowExecutionFailedEventAttributes(closed) => closed.initiated_event_id,
        A::ChildWorkflowExecutionCompletedEventAttributes(closed) => closed.initiated_event_id,
        A::ChildWorkflowExecutionFailedEventAttributes(closed) => closed.initiated_event_id,
        A::ChildWorkflowExecutionCanceledEventAttributes(closed) => closed.initiated_event_id,
        A::ChildWorkflowExecutionTimedOutEventAttributes(closed) => closed.initiated_event_id,
        A::ChildWorkflowExecutionTerminatedEventAttributes(closed) => closed.initiated_event_id,
        _ => return None,
    })
}
