//! The end of a run.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    command::v1::{
        CancelWorkflowExecutionCommandAttributes, CompleteWorkflowExecutionCommandAttributes,
        FailWorkflowExecutionCommandAttributes,
    },
    enums::v1::{EventType, WorkflowExecutionStatus as Status, WorkflowTaskFailedCause as Cause},
    history::v1::{
        WorkflowExecutionCanceledEventAttributes, WorkflowExecutionCompletedEventAttributes,
        WorkflowExecutionFailedEventAttributes, history_event::Attributes,
    },
    sdk::v1::UserMetadata,
};

use super::{
    Event, FollowUp, Transaction,
    completed::{CommandFailure, Completion},
};

impl Transaction<'_> {
    /// Writes the event that closes the run.
    pub(crate) fn close(&mut self, attributes: Attributes) {
        self.close_with(Event::new(attributes));
    }

    /// Writes the event that closes the run, with more than its attributes.
    pub(crate) fn close_with(&mut self, event: Event) {
        let status = match event.event_type() {
            EventType::WorkflowExecutionCompleted => Status::Completed,
            EventType::WorkflowExecutionFailed => Status::Failed,
            EventType::WorkflowExecutionCanceled => Status::Canceled,
            EventType::WorkflowExecutionTimedOut => Status::TimedOut,
            EventType::WorkflowExecutionContinuedAsNew => Status::ContinuedAsNew,
            _ => Status::Terminated,
        };
        self.add_event(event);
        self.run.state.status = status;
        self.run.state.close_time = Some(self.now);
        self.follow_up(FollowUp::FollowClose { run: self.run.key });
    }
}

/// Refuses to close a run that has events which the worker has not seen.
pub(super) fn check_nothing_is_unhandled(completion: &Completion) -> Result<(), CommandFailure> {
    if completion.has_buffered_events { Err(CommandFailure::unhandled_command()) } else { Ok(()) }
}

/// The CompleteWorkflowExecution command. A cron schedule may continue the run with another one.
pub(crate) fn complete(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<CompleteWorkflowExecutionCommandAttributes>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    check_nothing_is_unhandled(completion)?;
    let attributes = attributes.ok_or_else(|| {
        CommandFailure::new(
            Cause::BadCompleteWorkflowExecutionAttributes,
            "CompleteWorkflowExecutionCommandAttributes is not set on CompleteWorkflowExecutionCommand.",
        )
    })?;
    if attributes.result.as_ref().is_some_and(|result| result.encoded_len() > tx.limits().blob_size) {
        // The server gives the cause of another command here.
        return Err(CommandFailure::terminate(
            Cause::BadScheduleActivityAttributes,
            "CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.",
        ));
    }
    let event = WorkflowExecutionCompletedEventAttributes {
        new_execution_run_id: tx.follow_completion(attributes.result.as_ref()),
        result: attributes.result,
        workflow_task_completed_event_id: completion.completed_event_id,
    };
    tx.close_with(
        Event::new(Attributes::WorkflowExecutionCompletedEventAttributes(event)).user_metadata(user_metadata),
    );
    Ok(())
}

/// The FailWorkflowExecution command. A retry policy may continue the run with another one.
pub(crate) fn fail(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<FailWorkflowExecutionCommandAttributes>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    const CAUSE: Cause = Cause::BadFailWorkflowExecutionAttributes;
    check_nothing_is_unhandled(completion)?;
    let attributes = attributes.ok_or_else(|| {
        CommandFailure::new(
            CAUSE,
            "FailWorkflowExecutionCommandAttributes is not set on FailWorkflowExecutionCommand.",
        )
    })?;
    let failure = attributes
        .failure
        .ok_or_else(|| CommandFailure::new(CAUSE, "Failure is not set on FailWorkflowExecutionCommand."))?;
    if failure.encoded_len() > tx.limits().blob_size {
        return Err(CommandFailure::terminate(
            CAUSE,
            "FailWorkflowExecutionCommandAttributes.Failure exceeds size limit.",
        ));
    }
    let (retry_state, new_execution_run_id) = tx.follow_failure(failure.clone());
    let event = WorkflowExecutionFailedEventAttributes {
        failure: Some(failure),
        retry_state: retry_state as i32,
        workflow_task_completed_event_id: completion.completed_event_id,
        new_execution_run_id,
    };
    tx.close_with(
        Event::new(Attributes::WorkflowExecutionFailedEventAttributes(event)).user_metadata(user_metadata),
    );
    Ok(())
}

/// The CancelWorkflowExecution command. It needs no request to cancel.
pub(crate) fn cancel(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<CancelWorkflowExecutionCommandAttributes>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    check_nothing_is_unhandled(completion)?;
    let attributes = attributes.ok_or_else(|| {
        CommandFailure::new(
            Cause::BadCancelWorkflowExecutionAttributes,
            "CancelWorkflowExecutionCommandAttributes is not set on CancelWorkflowExecutionCommand.",
        )
    })?;
    let event = WorkflowExecutionCanceledEventAttributes {
        workflow_task_completed_event_id: completion.completed_event_id,
        details: attributes.details,
    };
    tx.close_with(
        Event::new(Attributes::WorkflowExecutionCanceledEventAttributes(event)).user_metadata(user_metadata),
    );
    Ok(())
}
