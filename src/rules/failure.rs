//! Failures that the server itself makes, and the shortened form in which it keeps a large one.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    enums::v1::TimeoutType,
    failure::v1::{
        ApplicationFailureInfo, Failure, ServerFailureInfo, TimeoutFailureInfo, failure::FailureInfo,
    },
};

/// How large a failure an execution keeps between the attempts of an activity, in encoded bytes.
const KEPT_BYTES: usize = 4096;

/// How many causes deep a shortened failure goes.
const KEPT_CAUSES: usize = 20;

/// A failure of the server's own.
pub(crate) fn server(message: &str, non_retryable: bool) -> Failure {
    Failure {
        message: message.to_owned(),
        failure_info: Some(FailureInfo::ServerFailureInfo(ServerFailureInfo { non_retryable })),
        ..Default::default()
    }
}

/// A timeout as the server reports it.
pub(crate) fn timeout(message: impl Into<String>, timeout_type: TimeoutType) -> Failure {
    Failure {
        message: message.into(),
        source: "Server".to_owned(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
            timeout_type: timeout_type.into(),
            ..Default::default()
        })),
        ..Default::default()
    }
}

/// A failure too large to be passed on: a server failure whose cause is what fits of the original into about `budget`
/// bytes.
pub(crate) fn exceeding_limit(original: &Failure, non_retryable: bool, budget: usize) -> Failure {
    Failure {
        cause: Some(Box::new(truncate(original, budget as i64, KEPT_CAUSES))),
        ..server("Failure exceeds size limit.", non_retryable)
    }
}

/// The failure as an execution keeps it until the next attempt ends: itself, or shortened if it has more than
/// 4 KiB.
pub(crate) fn kept(failure: Failure) -> Failure {
    if failure.encoded_len() <= KEPT_BYTES { failure } else { exceeding_limit(&failure, false, KEPT_BYTES) }
}

/// The most important parts of a failure in about `budget` bytes: its kind (for application and server
/// failures, without details), source, message and stack trace, then as much of its cause.
fn truncate(failure: &Failure, budget: i64, causes: usize) -> Failure {
    let mut budget = Budget(budget);
    let failure_info = match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => {
            let r#type = budget.take(&info.r#type);
            budget.0 -= 8;
            Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                r#type,
                non_retryable: info.non_retryable,
                ..Default::default()
            }))
        }
        Some(FailureInfo::ServerFailureInfo(info)) => {
            budget.0 -= 4;
            Some(FailureInfo::ServerFailureInfo(*info))
        }
        _ => None,
    };
    // The order of these three decides which of them is cut.
    let source = budget.take(&failure.source);
    let message = budget.take(&failure.message);
    let stack_trace = budget.take(&failure.stack_trace);
    let cause = match &failure.cause {
        Some(cause) if budget.0 > 4 && causes > 0 => {
            Some(Box::new(truncate(cause, budget.0 - 4, causes - 1)))
        }
        _ => None,
    };
    Failure { message, source, stack_trace, failure_info, cause, ..Default::default() }
}

/// The bytes that a shortened failure may still take.
struct Budget(i64);

impl Budget {
    /// As much of the text as fits, cut between characters. A text that is not empty costs 4 bytes more.
    fn take(&mut self, text: &str) -> String {
        let fitting = usize::try_from(self.0).unwrap_or(0).min(text.len());
        let taken = &text[..text.floor_char_boundary(fitting)];
        if !taken.is_empty() {
            self.0 -= taken.len() as i64 + 4;
        }
        taken.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn application(message: String, r#type: &str) -> Failure {
        Failure {
            message,
            failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                r#type: r#type.to_owned(),
                details: Some(Default::default()),
                ..Default::default()
            })),
            ..Default::default()
        }
    }

    #[test]
    fn a_failure_of_4_kib_is_kept_as_it_is() {
        let small = application("m".repeat(4000), "E");
        assert_eq!(kept(small.clone()), small);
    }

    #[test]
    fn a_larger_one_becomes_the_cause_of_a_server_failure_and_loses_its_details() {
        let kept = kept(application("m".repeat(5000), "E"));
        assert_eq!(kept.message, "Failure exceeds size limit.");
        let cause = kept.cause.expect("the original, shortened");
        assert_eq!(cause.message.len(), 4083);
        match cause.failure_info {
            Some(FailureInfo::ApplicationFailureInfo(info)) => {
                assert_eq!(info.r#type, "E");
                assert_eq!(info.details, None);
            }
            other => panic!("expected an application failure, got {other:?}"),
        }
    }

    #[test]
    fn a_character_is_kept_whole_or_not_at_all() {
        let kept = kept(application("\u{1f980}".repeat(2000), "E"));
        assert_eq!(kept.cause.expect("the original, shortened").message.len(), 4080);
    }

    proptest! {
        #[test]
        fn what_is_kept_of_any_chain_of_causes_is_small(
            messages in proptest::collection::vec(".{0,900}", 0..40),
        ) {
            let chain = messages.into_iter().fold(Failure::default(), |cause, message| Failure {
                stack_trace: message.clone(),
                cause: Some(Box::new(cause)),
                ..application(message, "E")
            });
            prop_assert!(kept(chain).encoded_len() < KEPT_BYTES + 256);
        }
    }
}
