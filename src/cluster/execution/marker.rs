//! Markers.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    command::v1::RecordMarkerCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{MarkerRecordedEventAttributes, history_event::Attributes},
    sdk::v1::UserMetadata,
};

use super::{
    Event, Transaction,
    completed::{CommandFailure, Completion},
};

/// The RecordMarker command: something the worker wants to find in the history again. The server does not
/// look into it.
pub(crate) fn record(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<RecordMarkerCommandAttributes>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    const CAUSE: Cause = Cause::BadRecordMarkerAttributes;
    let attributes = attributes.ok_or_else(|| {
        CommandFailure::new(CAUSE, "RecordMarkerCommandAttributes is not set on RecordMarkerCommand.")
    })?;
    if attributes.marker_name.is_empty() {
        return Err(CommandFailure::new(CAUSE, "MarkerName is not set on RecordMarkerCommand."));
    }
    if attributes.marker_name.len() > tx.limits().id_length {
        return Err(CommandFailure::new(
            CAUSE,
            format!(
                "MarkerName on RecordMarkerCommand exceeds length limit. MarkerName={} Length={} Limit={}",
                attributes.marker_name,
                attributes.marker_name.len(),
                tx.limits().id_length
            ),
        ));
    }
    let size: usize = attributes.details.iter().map(|(key, details)| key.len() + details.encoded_len()).sum();
    if size > tx.limits().blob_size {
        return Err(CommandFailure::terminate(
            CAUSE,
            "RecordMarkerCommandAttributes.Details exceeds size limit.",
        ));
    }
    let event = MarkerRecordedEventAttributes {
        marker_name: attributes.marker_name,
        details: attributes.details,
        workflow_task_completed_event_id: completion.completed_event_id,
        header: attributes.header,
        failure: attributes.failure,
    };
    tx.add_event(Event::new(Attributes::MarkerRecordedEventAttributes(event)).user_metadata(user_metadata));
    Ok(())
}
