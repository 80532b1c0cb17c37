//! How failures and retries are written.

use temporalio_common::protos::temporal::api::{
    common::v1::RetryPolicy,
    enums::v1::{RetryState, TimeoutType},
    failure::v1::{Failure, failure::FailureInfo},
};

use super::{
    Options,
    payload::{one_line, payloads, shortened},
    text::{Text, activity, child, parenthesised, words},
};

/// A failure and what caused it: `OutOfStock: no sofa left (non-retryable)`.
pub(super) fn failure(it: &Failure, options: Options) -> String {
    let message = shortened(&one_line(&it.message), options.payload_limit);
    let cause = || it.cause.as_deref().map(|cause| failure(cause, options));
    let text = match &it.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => {
            let kind = if info.r#type.is_empty() { String::new() } else { format!("{}: ", info.r#type) };
            let details = info.details.as_ref().map(|details| payloads(details, options));
            let notes = Text::default()
                .and(if info.non_retryable { "non-retryable" } else { "" })
                .and_some(details.filter(|details| !details.is_empty()), |it| format!("details {it}"))
                .and_duration("next retry after", info.next_retry_delay.as_ref());
            format!("{kind}{message}{}", parenthesised(&notes.into_string()))
        }
        // The server repeats a timeout as its own cause.
        Some(FailureInfo::TimeoutFailureInfo(info)) => {
            let kind = TimeoutType::try_from(info.timeout_type).unwrap_or_default();
            let kind = words(kind.as_str_name().trim_start_matches("TIMEOUT_TYPE_")).replace(' ', "-");
            let heartbeat = info.last_heartbeat_details.as_ref().map(|details| payloads(details, options));
            let heartbeat = heartbeat.map(|details| format!("last heartbeat {details}")).unwrap_or_default();
            let text = format!("{kind} timeout{}", parenthesised(&heartbeat));
            return match cause().filter(|cause| !cause.starts_with(&format!("{kind} timeout"))) {
                Some(cause) => format!("{text}: {cause}"),
                None => text,
            };
        }
        Some(FailureInfo::CanceledFailureInfo(info)) => {
            let details = info.details.as_ref().map(|it| payloads(it, options)).unwrap_or_default();
            format!("canceled{}", parenthesised(&details))
        }
        Some(FailureInfo::TerminatedFailureInfo(_)) => "terminated".to_owned(),
        Some(FailureInfo::ActivityFailureInfo(info)) => {
            let name = info.activity_type.as_ref().map_or("", |it| it.name.as_str());
            format!("activity {}", activity(&info.activity_id, name))
        }
        Some(FailureInfo::ChildWorkflowExecutionFailureInfo(info)) => {
            let name = info.workflow_type.as_ref().map_or("", |it| it.name.as_str());
            let id = info.workflow_execution.as_ref().map_or("", |it| it.workflow_id.as_str());
            format!("child workflow {}", child(id, name))
        }
        _ if message.is_empty() => "unknown failure".to_owned(),
        _ => message,
    };
    match cause() {
        Some(cause) => format!("{text}: {cause}"),
        None => text,
    }
}

/// Why there is no further attempt, where that is not clear from the failure.
pub(super) fn retry_state(state: i32, failure: Option<&Failure>) -> String {
    let says_non_retryable = matches!(
        failure.and_then(|failure| failure.failure_info.as_ref()),
        Some(FailureInfo::ApplicationFailureInfo(info)) if info.non_retryable
    );
    match RetryState::try_from(state) {
        Ok(RetryState::NonRetryableFailure) if says_non_retryable => String::new(),
        Ok(RetryState::Unspecified | RetryState::InProgress | RetryState::RetryPolicyNotSet) | Err(_) => {
            String::new()
        }
        Ok(state) => words(state.as_str_name().trim_start_matches("RETRY_STATE_")),
    }
}

/// `retry after 1s x2 up to 1m 40s, at most 3 attempts, not Fatal`
pub(super) fn retry_policy(policy: &RetryPolicy) -> String {
    Text::default()
        .and_duration("retry after", policy.initial_interval.as_ref())
        .and(if policy.backoff_coefficient == 0.0 {
            String::new()
        } else {
            format!("x{}", policy.backoff_coefficient)
        })
        .and_duration("up to", policy.maximum_interval.as_ref())
        .and(if policy.maximum_attempts > 0 {
            format!("at most {} attempts", policy.maximum_attempts)
        } else {
            String::new()
        })
        .and(if policy.non_retryable_error_types.is_empty() {
            String::new()
        } else {
            format!("not {}", policy.non_retryable_error_types.join(" or "))
        })
        .into_string()
}
