//! What a model predicts: the attempts of an activity, and how it closes.

use std::{fmt, time::Duration};

use temporalio_common::protos::temporal::api::{
    enums::v1::{RetryState, TimeoutType},
    failure::v1::{Failure, failure::FailureInfo},
};

use super::text;
use crate::rules::retry;

/// What becomes of an activity. All durations count from the moment when it was scheduled.
///
/// Its [`Display`](fmt::Display) form is a table, one line for each attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Its attempts, the first one first. There is at least one.
    pub attempts: Vec<Attempt>,
    /// How it closes.
    pub outcome: FinalOutcome,
    /// When it closes; `None` if it stays open.
    pub closed_after: Option<Duration>,
}

/// One attempt of an activity. All durations count from the moment when the activity was scheduled.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Which one it is, from 1.
    pub number: u32,
    /// When it was put on its task queue.
    pub scheduled: Duration,
    /// When a worker took it; `None` if none did.
    pub started: Option<Duration>,
    /// When it ended; `None` if it never does.
    pub ended: Option<Duration>,
    /// How it ended.
    pub end: AttemptEnd,
    /// The backoff between its end and the next attempt; `None` if there is no other attempt. After the last one there
    /// is one only if the workflow times out meanwhile.
    pub backoff: Option<Duration>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AttemptEnd {
    /// It returned a result.
    Succeeded,
    /// It returned an error.
    Failed {
        /// The type of the application failure.
        error_type: String,
    },
    /// One of the activity's timeouts expired first.
    TimedOut(TimeoutType),
    /// The workflow timed out while it was scheduled or running.
    WorkflowTimedOut,
    /// It did not end within what was predicted.
    Open,
}

/// How an activity closes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FinalOutcome {
    /// With an ActivityTaskCompleted event.
    Completed,
    /// With an ActivityTaskFailed event.
    Failed {
        /// What the last attempt failed with.
        failure: Box<Failure>,
        /// Why there is no further attempt.
        retry_state: RetryState,
    },
    /// With an ActivityTaskTimedOut event.
    TimedOut {
        /// The timeout, with what the attempt before failed with as its cause.
        failure: Box<Failure>,
        /// Why there is no further attempt.
        retry_state: RetryState,
    },
    /// The workflow timed out first.
    WorkflowTimedOut,
    /// It is still open at the end of what was predicted, or waits for a worker for ever.
    Open,
}

impl Prediction {
    /// Why there was no further attempt; `None` if the activity completed or has no closing event.
    pub fn retry_state(&self) -> Option<RetryState> {
        match &self.outcome {
            FinalOutcome::Failed { retry_state, .. } | FinalOutcome::TimedOut { retry_state, .. } => {
                Some(*retry_state)
            }
            _ => None,
        }
    }

    /// The type of the timeout that closed the activity; `None` if none did.
    pub fn timeout_type(&self) -> Option<TimeoutType> {
        let FinalOutcome::TimedOut { failure, .. } = &self.outcome else { return None };
        match &failure.failure_info {
            Some(FailureInfo::TimeoutFailureInfo(info)) => Some(info.timeout_type()),
            _ => None,
        }
    }

    /// Whether the activity completed.
    pub fn is_completed(&self) -> bool {
        self.outcome == FinalOutcome::Completed
    }

    /// How long there was neither an attempt in a worker's hands nor an end, at the longest: what a person who watches
    /// the activity takes for silence.
    pub fn longest_silence(&self) -> Duration {
        let mut silent_since = Duration::ZERO;
        let mut longest = Duration::ZERO;
        for attempt in &self.attempts {
            let Some(started) = attempt.started else { break };
            longest = longest.max(started.saturating_sub(silent_since));
            silent_since = attempt.ended.unwrap_or(started);
        }
        match self.closed_after {
            Some(closed) => longest.max(closed.saturating_sub(silent_since)),
            None => longest,
        }
    }
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_dash = |duration: Option<Duration>| duration.map_or_else(|| "-".to_owned(), text);
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(["attempt", "scheduled", "started", "ended", "how", "backoff"]);
        for attempt in &self.attempts {
            table.add_row([
                attempt.number.to_string(),
                text(attempt.scheduled),
                or_dash(attempt.started),
                or_dash(attempt.ended),
                attempt.end.to_string(),
                or_dash(attempt.backoff),
            ]);
        }
        for line in table.lines() {
            writeln!(f, "{}", line.trim())?;
        }
        write!(f, "{}", self.outcome)?;
        if let Some(closed) = self.closed_after {
            write!(f, " after {}", text(closed))?;
        }
        Ok(())
    }
}

impl fmt::Display for AttemptEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed { error_type } => write!(f, "failed: {error_type}"),
            Self::TimedOut(timeout_type) => write!(f, "timed out: {}", retry::timeout_name(*timeout_type)),
            Self::WorkflowTimedOut => f.write_str("workflow timed out"),
            Self::Open => f.write_str("open"),
        }
    }
}

impl fmt::Display for FinalOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("completed"),
            Self::Failed { failure, retry_state } => {
                let error_type = match &failure.failure_info {
                    Some(FailureInfo::ApplicationFailureInfo(info)) => info.r#type.as_str(),
                    _ => failure.message.as_str(),
                };
                write!(f, "failed: {error_type} ({})", retry_state_name(*retry_state))
            }
            Self::TimedOut { failure, retry_state } => {
                let timeout_type = match &failure.failure_info {
                    Some(FailureInfo::TimeoutFailureInfo(info)) => info.timeout_type(),
                    _ => TimeoutType::Unspecified,
                };
                let (name, state) = (retry::timeout_name(timeout_type), retry_state_name(*retry_state));
                write!(f, "timed out: {name} ({state})")
            }
            Self::WorkflowTimedOut => f.write_str("workflow timed out"),
            Self::Open => f.write_str("open"),
        }
    }
}

/// `MAXIMUM_ATTEMPTS_REACHED` and the like.
fn retry_state_name(retry_state: RetryState) -> &'static str {
    let name = retry_state.as_str_name();
    name.strip_prefix("RETRY_STATE_").unwrap_or(name)
}
