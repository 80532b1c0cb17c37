//! Cancelling an activity: the RequestCancelActivityTask command.

use temporalio_common::protos::temporal::api::{
    command::v1::RequestCancelActivityTaskCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{ActivityTaskCancelRequestedEventAttributes, HistoryEvent, history_event::Attributes},
    sdk::v1::UserMetadata,
};

use crate::cluster::{
    execution::{
        Event, Transaction,
        completed::{CommandFailure, Completion},
    },
    payloads,
};

/// The details of an activity that was cancelled before a worker took it.
const NOT_STARTED: &str = "ACTIVITY_ID_NOT_STARTED";

/// The RequestCancelActivityTask command.
///
/// A started attempt goes on: its worker learns of the request from its next heartbeat. An activity that waits for a worker
/// or for its next attempt closes at once, and the workflow has to see that. For an activity whose closing event is held
/// back the command is fine, but nothing comes of it.
pub(crate) fn request_cancel_activity_task(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<RequestCancelActivityTaskCommandAttributes>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    let bad = |message: String| CommandFailure::new(Cause::BadRequestCancelActivityAttributes, message);
    let command = attributes.ok_or_else(|| {
        bad("RequestCancelActivityTaskCommandAttributes is not set on RequestCancelActivityTaskCommand."
            .to_owned())
    })?;
    let scheduled_event_id = command.scheduled_event_id;
    if scheduled_event_id == 0 {
        return Err(bad("ScheduledEventId is not set on RequestCancelActivityTaskCommand.".to_owned()));
    }
    let may_request = match tx.run.activities.get(scheduled_event_id) {
        Some(activity) => !activity.cancel_requested(),
        None => tx.run.state.buffered.iter().any(|event| closes_activity(event, scheduled_event_id)),
    };
    if !may_request {
        return Err(bad(format!(
            "invalid history builder state for action: add-activitytask-cancel-requested-event, \
             ScheduledEventID: {scheduled_event_id}"
        )));
    }
    let requested = ActivityTaskCancelRequestedEventAttributes {
        scheduled_event_id,
        workflow_task_completed_event_id: completion.completed_event_id,
    };
    let requested = Event::new(Attributes::ActivityTaskCancelRequestedEventAttributes(requested));
    let event_id = tx.add_event(requested.user_metadata(user_metadata));
    let waits = tx.run.activities.update(scheduled_event_id, |activity| {
        activity.cancel_requested_event_id = Some(event_id);
        !activity.is_started()
    });
    if waits == Some(true) {
        let details = Some(payloads::json(NOT_STARTED));
        tx.close_canceled_activity(scheduled_event_id, event_id, details, &completion.identity);
        completion.needs_workflow_task = true;
    }
    Ok(())
}

fn closes_activity(event: &HistoryEvent, scheduled_event_id: i64) -> bool {
    use Attributes as A;
    let closed = match &event.attributes {
        Some(A::ActivityTaskCompletedEventAttributes(event)) => event.scheduled_event_id,
        Some(A::ActivityTaskFailedEventAttributes(event)) => event.scheduled_event_id,
        Some(A::ActivityTaskTimedOutEventAttributes(event)) => event.scheduled_event_id,
        Some(A::ActivityTaskCanceledEventAttributes(event)) => event.scheduled_event_id,
        _ => return false,
    };
    closed == scheduled_event_id
}
