//! Which function carries out which command.

use temporalio_common::protos::temporal::api::{
    command::v1::{Command, command::Attributes},
    enums::v1::{CommandType, WorkflowTaskFailedCause as Cause},
};

use super::{CommandFailure, Completion, camel_case};
use crate::cluster::execution::{
    Transaction, activity, attributes, child_workflow, close, continue_as_new, external, marker, timer,
    update,
};

/// Carries out a command. Commands of a kind that is not served fail the workflow task, and say so.
pub(super) fn apply(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    command: Command,
) -> Result<(), CommandFailure> {
    let kind = command.command_type();
    let user_metadata = command.user_metadata;
    /// The attributes of the command, if they are those of its type.
    macro_rules! attributes {
        ($variant:ident) => {
            match command.attributes {
                Some(Attributes::$variant(attributes)) => Some(attributes),
                _ => None,
            }
        };
    }
    match kind {
        CommandType::ScheduleActivityTask => activity::schedule_activity_task(
            tx,
            completion,
            attributes!(ScheduleActivityTaskCommandAttributes),
            user_metadata,
        ),
        CommandType::RequestCancelActivityTask => activity::request_cancel_activity_task(
            tx,
            completion,
            attributes!(RequestCancelActivityTaskCommandAttributes),
            user_metadata,
        ),
        CommandType::StartTimer => {
            timer::start_timer(tx, completion, attributes!(StartTimerCommandAttributes), user_metadata)
        }
        CommandType::CancelTimer => {
            timer::cancel_timer(tx, completion, attributes!(CancelTimerCommandAttributes), user_metadata)
        }
        CommandType::CompleteWorkflowExecution => close::complete(
            tx,
            completion,
            attributes!(CompleteWorkflowExecutionCommandAttributes),
            user_metadata,
        ),
        CommandType::FailWorkflowExecution => {
            close::fail(tx, completion, attributes!(FailWorkflowExecutionCommandAttributes), user_metadata)
        }
        CommandType::CancelWorkflowExecution => close::cancel(
            tx,
            completion,
            attributes!(CancelWorkflowExecutionCommandAttributes),
            user_metadata,
        ),
        CommandType::ContinueAsNewWorkflowExecution => continue_as_new::continue_as_new(
            tx,
            completion,
            attributes!(ContinueAsNewWorkflowExecutionCommandAttributes),
            user_metadata,
        ),
        CommandType::RecordMarker => {
            marker::record(tx, completion, attributes!(RecordMarkerCommandAttributes), user_metadata)
        }
        CommandType::UpsertWorkflowSearchAttributes => attributes::upsert_search_attributes(
            tx,
            completion,
            attributes!(UpsertWorkflowSearchAttributesCommandAttributes),
            user_metadata,
        ),
        CommandType::ModifyWorkflowProperties => attributes::modify_properties(
            tx,
            completion,
            attributes!(ModifyWorkflowPropertiesCommandAttributes),
            user_metadata,
        ),
        CommandType::StartChildWorkflowExecution => child_workflow::start_child_workflow_execution(
            tx,
            completion,
            attributes!(StartChildWorkflowExecutionCommandAttributes),
            user_metadata,
        ),
        CommandType::SignalExternalWorkflowExecution => external::signal_external_workflow_execution(
            tx,
            completion,
            attributes!(SignalExternalWorkflowExecutionCommandAttributes),
            user_metadata,
        ),
        CommandType::RequestCancelExternalWorkflowExecution => {
            external::request_cancel_external_workflow_execution(
                tx,
                completion,
                attributes!(RequestCancelExternalWorkflowExecutionCommandAttributes),
                user_metadata,
            )
        }
        CommandType::ProtocolMessage => {
            update::protocol_message(tx, completion, attributes!(ProtocolMessageCommandAttributes))
        }
        kind => Err(CommandFailure::new(
            cause_of(kind),
            format!(
                "temporal-sim does not serve the command {}",
                camel_case(kind.as_str_name(), "COMMAND_TYPE_")
            ),
        )),
    }
}

/// The cause under which a command fails that is not served.
fn cause_of(kind: CommandType) -> Cause {
    match kind {
        CommandType::ScheduleNexusOperation => Cause::BadScheduleNexusOperationAttributes,
        CommandType::RequestCancelNexusOperation => Cause::BadRequestCancelNexusOperationAttributes,
        _ => Cause::FeatureDisabled,
    }
}
