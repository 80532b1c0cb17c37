//! Updates that nobody is going to answer.

use temporalio_common::protos::temporal::api::{
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    history::v1::history_event::Attributes,
};

use super::{
    super::{Run, Transaction},
    registry::{Ended, State},
};
use crate::cluster::error::Error;

impl Transaction<'_> {
    /// The worker has completed its workflow task and not answered some of the updates in it: it does not know of updates.
    pub(crate) fn reject_unanswered_updates(&mut self) {
        self.end_updates(|state| state == State::Sent, || Ended::Rejected(unprocessed()));
    }

    /// The worker's answers are refused. Whatever it wanted to say to the updates that it got, it is not tried again.
    pub(crate) fn abort_sent_updates(&mut self) {
        let error = || {
            Ended::Aborted(Error::workflow_not_ready(
                "Unable to perform workflow execution update due to unexpected workflow task failure.",
            ))
        };
        self.end_updates(|state| state == State::Sent, error);
    }

    /// The run is closed: updates that it has not accepted come to nothing. If another run follows, their callers are told
    /// to try again, and will reach that one.
    pub(crate) fn abort_updates_of_closed_run(&mut self) {
        if self.run.is_running() {
            return;
        }
        let is_continued = is_continued(self.run);
        let error = || {
            Ended::Aborted(if is_continued {
                Error::workflow_closing()
            } else {
                Error::not_found("workflow update was aborted by closing workflow")
            })
        };
        self.end_updates(|state| !matches!(state, State::Accepted { .. }), error);
    }

    fn end_updates(&mut self, which: impl Fn(State) -> bool, how: impl Fn() -> Ended) {
        let updates = &mut self.run.state.updates;
        let ended = updates.in_flight.extract_if(.., |update| which(update.state));
        updates.ended.extend(ended.map(|update| (update.id, how())));
    }
}

/// Whether another run follows a closed one.
fn is_continued(run: &Run) -> bool {
    use Attributes as A;
    match run.history.last().and_then(|event| event.attributes.as_ref()) {
        Some(A::WorkflowExecutionContinuedAsNewEventAttributes(_)) => true,
        Some(A::WorkflowExecutionCompletedEventAttributes(closed)) => !closed.new_execution_run_id.is_empty(),
        Some(A::WorkflowExecutionFailedEventAttributes(closed)) => !closed.new_execution_run_id.is_empty(),
        Some(A::WorkflowExecutionTimedOutEventAttributes(closed)) => !closed.new_execution_run_id.is_empty(),
        _ => false,
    }
}

/// What an accepted update fails with when its run closes.
pub(super) fn workflow_completed() -> Failure {
    failure(
        "AcceptedUpdateCompletedWorkflow",
        "Workflow Update failed because the Workflow completed before the Update completed.",
    )
}

fn unprocessed() -> Failure {
    failure(
        "UnprocessedUpdate",
        "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not supported by the \
         worker.",
    )
}

fn failure(kind: &str, message: &str) -> Failure {
    Failure {
        message: message.to_owned(),
        source: "Server".to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
            r#type: kind.to_owned(),
            non_retryable: true,
            ..Default::default()
        })),
        ..Default::default()
    }
}
