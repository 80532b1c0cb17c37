//! In what respect code and history may differ.

use std::fmt;

use serde::Serialize;
use temporalio_common::protos::temporal::api::enums::v1::EventType;

/// In what respect code and history differ.
///
/// The first three are about *which* commands the code issues, and when. After one of them history and code go
/// separate ways, so nothing behind it can be compared. All others are about what a command says; a worker does
/// not look at these and goes on with what history has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Difference {
    /// History has the event of a command that the code does not issue.
    MissingCommand,
    /// The code issues a command that its workflow task did not record.
    ExtraCommand,
    /// The code issues another command: of another kind, or for another activity, timer, child or patch.
    OtherCommand,
    /// How long a timer runs.
    TimerDuration,
    /// The arguments of an activity.
    ActivityInput,
    /// The timeouts of an activity.
    ActivityTimeouts,
    /// The retry policy of an activity.
    ActivityRetryPolicy,
    /// The task queue of an activity.
    ActivityTaskQueue,
    /// Anything else about an activity, such as its priority.
    ActivityOptions,
    /// The arguments of a child workflow.
    ChildInput,
    /// The timeouts of a child workflow.
    ChildTimeouts,
    /// The retry policy of a child workflow.
    ChildRetryPolicy,
    /// The task queue of a child workflow.
    ChildTaskQueue,
    /// Anything else about a child workflow: memo, search attributes, cron schedule, policies, priority.
    ChildOptions,
    /// The arguments of a signal to another workflow.
    SignalInput,
    /// Anything else about a signal or a cancellation request to another workflow.
    ExternalOptions,
    /// The answer to an update.
    UpdateOutcome,
    /// The search attributes that the workflow upserts.
    SearchAttributes,
    /// The memo that the workflow upserts.
    Memo,
    /// What a marker holds.
    MarkerDetails,
    /// The workflow's result.
    WorkflowResult,
    /// The failure with which the workflow fails.
    WorkflowFailure,
    /// The details of the workflow's cancellation.
    CancellationDetails,
    /// The arguments of the next run.
    ContinueAsNewInput,
    /// Anything else about the next run.
    ContinueAsNewOptions,
    /// The headers of a command, which interceptors write.
    Header,
    /// The summary or the details that the workflow attached to a command for people to read.
    UserMetadata,
}

impl Difference {
    /// Whether it is about which commands the code issues and when, and not about what they say.
    pub fn is_structural(self) -> bool {
        matches!(self, Self::MissingCommand | Self::ExtraCommand | Self::OtherCommand)
    }

    /// The respect in which events of this type differ if this field does.
    pub(super) fn of(event_type: EventType, field: &str) -> Self {
        let timeout = field.ends_with("Timeout");
        match (event_type, field) {
            (_, "userMetadata") => Self::UserMetadata,
            (_, "header") => Self::Header,
            (EventType::TimerStarted, _) => Self::TimerDuration,
            (EventType::ActivityTaskScheduled, "input") => Self::ActivityInput,
            (EventType::ActivityTaskScheduled, "retryPolicy") => Self::ActivityRetryPolicy,
            (EventType::ActivityTaskScheduled, "taskQueue") => Self::ActivityTaskQueue,
            (EventType::ActivityTaskScheduled, _) if timeout => Self::ActivityTimeouts,
            (EventType::StartChildWorkflowExecutionInitiated, "input") => Self::ChildInput,
            (EventType::StartChildWorkflowExecutionInitiated, "retryPolicy") => Self::ChildRetryPolicy,
            (EventType::StartChildWorkflowExecutionInitiated, "taskQueue") => Self::ChildTaskQueue,
            (EventType::StartChildWorkflowExecutionInitiated, _) if timeout => Self::ChildTimeouts,
            (EventType::StartChildWorkflowExecutionInitiated, _) => Self::ChildOptions,
            (EventType::SignalExternalWorkflowExecutionInitiated, "input") => Self::SignalInput,
            (
                EventType::SignalExternalWorkflowExecutionInitiated
                | EventType::RequestCancelExternalWorkflowExecutionInitiated,
                _,
            ) => Self::ExternalOptions,
            (EventType::WorkflowExecutionUpdateAccepted | EventType::WorkflowExecutionUpdateCompleted, _) => {
                Self::UpdateOutcome
            }
            (EventType::UpsertWorkflowSearchAttributes, _) => Self::SearchAttributes,
            (EventType::WorkflowPropertiesModified, _) => Self::Memo,
            (EventType::MarkerRecorded, _) => Self::MarkerDetails,
            (EventType::WorkflowExecutionCompleted, _) => Self::WorkflowResult,
            (EventType::WorkflowExecutionFailed, _) => Self::WorkflowFailure,
            (EventType::WorkflowExecutionCanceled, _) => Self::CancellationDetails,
            (EventType::WorkflowExecutionContinuedAsNew, "input") => Self::ContinueAsNewInput,
            (EventType::WorkflowExecutionContinuedAsNew, _) => Self::ContinueAsNewOptions,
            _ => Self::ActivityOptions,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingCommand => "missing command",
            Self::ExtraCommand => "extra command",
            Self::OtherCommand => "other command",
            Self::TimerDuration => "other timer duration",
            Self::ActivityInput => "other activity input",
            Self::ActivityTimeouts => "other activity timeouts",
            Self::ActivityRetryPolicy => "other activity retry policy",
            Self::ActivityTaskQueue => "other activity task queue",
            Self::ActivityOptions => "other activity options",
            Self::ChildInput => "other child workflow input",
            Self::ChildTimeouts => "other child workflow timeouts",
            Self::ChildRetryPolicy => "other child workflow retry policy",
            Self::ChildTaskQueue => "other child workflow task queue",
            Self::ChildOptions => "other child workflow options",
            Self::SignalInput => "other signal input",
            Self::ExternalOptions => "other options for another workflow",
            Self::UpdateOutcome => "other update outcome",
            Self::SearchAttributes => "other search attributes",
            Self::Memo => "other memo",
            Self::MarkerDetails => "other marker details",
            Self::WorkflowResult => "other workflow result",
            Self::WorkflowFailure => "other workflow failure",
            Self::CancellationDetails => "other cancellation details",
            Self::ContinueAsNewInput => "other continue-as-new input",
            Self::ContinueAsNewOptions => "other continue-as-new options",
            Self::Header => "other header",
            Self::UserMetadata => "other user metadata",
        })
    }
}
