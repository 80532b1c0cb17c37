//! What an activity's return value is to the server.

use temporalio_common::{
    data_converters::{ActivitySerializationContext, DataConverter, SerializationContextData},
    error::{ApplicationFailure, OutgoingActivityError, OutgoingError},
    protos::{
        coresdk::activity_result::{ActivityExecutionResult, activity_execution_result::Status},
        temporal::api::{common::v1::Payload, failure::v1::Failure},
    },
};
use temporalio_sdk::activities::ActivityError;

use super::super::codec::Codec;

/// Converts what an activity returned, as the SDK does.
pub(crate) fn execution_result(
    returned: Result<Payload, ActivityError>,
    data_converter: &DataConverter,
) -> ActivityExecutionResult {
    let failure = |error: OutgoingActivityError| {
        let kind = SerializationContextData::Activity(ActivitySerializationContext::new());
        data_converter.to_failure(&kind, OutgoingError::Activity(error))
    };
    match returned {
        Ok(payload) => ActivityExecutionResult::ok(payload),
        Err(ActivityError::Application(error)) => {
            ActivityExecutionResult::fail(failure(OutgoingActivityError::Application(error)))
        }
        Err(ActivityError::Cancelled { details }) => {
            ActivityExecutionResult::cancel(failure(OutgoingActivityError::Cancelled { details }))
        }
        Err(ActivityError::WillCompleteAsync) => ActivityExecutionResult::will_complete_async(),
        #[allow(unreachable_patterns, reason = "the SDK may add kinds of errors")]
        Err(other) => {
            let error = ApplicationFailure::new(anyhow::anyhow!("Unsupported activity error: {other:?}"));
            ActivityExecutionResult::fail(failure(OutgoingActivityError::Application(Box::new(error))))
        }
    }
}

/// The failure of an attempt at an activity type that the worker does not have.
pub(crate) fn not_registered(
    activity_type: &str,
    registered: &[&str],
    data_converter: &DataConverter,
) -> ActivityExecutionResult {
    let message = if registered.is_empty() {
        format!("Activity {activity_type} is not registered on this worker, no available activities.")
    } else {
        format!(
            "Activity {activity_type} is not registered on this worker, available activities: {}",
            registered.join(", ")
        )
    };
    let error =
        ApplicationFailure::builder(anyhow::anyhow!(message)).type_name("NotFoundError".to_owned()).build();
    execution_result(Err(ActivityError::application(error)), data_converter)
}

/// Encodes a result; one that cannot be encoded becomes a failure that says so.
pub(crate) async fn encode(codec: &Codec, mut result: ActivityExecutionResult) -> Option<Status> {
    if let Err(error) = codec.encode_for_activity(&mut result).await {
        let message = format!("Failed encoding activity completion: {error}");
        result = ActivityExecutionResult::fail(Failure::application_failure(message, false));
    }
    result.status
}
