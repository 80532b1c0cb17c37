//! What decides about a failure whether something is tried again, and when.

use temporalio_common::protos::temporal::api::{
    enums::v1::TimeoutType,
    failure::v1::{Failure, failure::FailureInfo},
};

use super::durations;

/// A failure, as far as retries depend on it. Neither message nor cause has a part in that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind<'a> {
    /// An application failure: the error of an activity's or a workflow's code.
    Application {
        /// Its type, by which a retry policy can name it.
        error_type: &'a str,
        /// Whether it forbids a retry.
        non_retryable: bool,
        /// In how many nanoseconds to try again, in place of the policy's interval; saturated, and perhaps negative.
        next_retry_delay: Option<i64>,
    },
    /// A timeout.
    Timeout(TimeoutType),
    /// A failure of the server.
    Server {
        /// Whether it forbids a retry.
        non_retryable: bool,
    },
    /// Terminated or canceled.
    Stopped,
    /// Of an activity, a child workflow, a Nexus operation or a reset, or without any information.
    Other,
}

impl<'a> FailureKind<'a> {
    /// The kind of a failure; of an absent one [`Other`](Self::Other).
    pub(crate) fn of(failure: Option<&'a Failure>) -> Self {
        match failure.and_then(|failure| failure.failure_info.as_ref()) {
            Some(FailureInfo::ApplicationFailureInfo(info)) => Self::Application {
                error_type: &info.r#type,
                non_retryable: info.non_retryable,
                next_retry_delay: info.next_retry_delay.as_ref().map(|delay| durations::nanos(Some(delay))),
            },
            Some(FailureInfo::TimeoutFailureInfo(info)) => Self::Timeout(info.timeout_type()),
            Some(FailureInfo::ServerFailureInfo(info)) => Self::Server { non_retryable: info.non_retryable },
            Some(FailureInfo::TerminatedFailureInfo(_) | FailureInfo::CanceledFailureInfo(_)) => {
                Self::Stopped
            }
            _ => Self::Other,
        }
    }
}
