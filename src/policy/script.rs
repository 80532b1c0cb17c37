//! What becomes of an activity's attempts: the script of a prediction.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_common::protos::temporal::api::failure::v1::{
    ApplicationFailureInfo, Failure, failure::FailureInfo,
};

use super::duration::serde_text;
use crate::{clock, rules::failure_kind::FailureKind};

/// What becomes of one attempt, unless a timeout ends it before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptOutcome {
    /// How long the attempt waits on its task queue until a worker takes it; `None` if no worker ever does.
    #[serde(default = "at_once", with = "serde_text::option", skip_serializing_if = "is_at_once")]
    pub starts_after: Option<Duration>,
    /// The heartbeats that reach the server; `None` if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeats: Option<Heartbeats>,
    /// How it ends.
    pub ending: Ending,
}

/// Heartbeats at regular intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeats {
    /// How far apart; the first one comes so long after the start. Zero counts as a nanosecond.
    #[serde(with = "serde_text")]
    pub every: Duration,
    /// How long after the start they stop; `None` if they go on until the attempt is over.
    #[serde(default, with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub stop_after: Option<Duration>,
}

/// How an attempt ends. All durations count from its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ending {
    /// It returns a result.
    Succeed {
        /// How long it takes.
        #[serde(with = "serde_text")]
        after: Duration,
    },
    /// It returns an error.
    Fail {
        /// How long it takes.
        #[serde(with = "serde_text")]
        after: Duration,
        /// The error.
        failure: AttemptFailure,
    },
    /// It never returns.
    Hang,
    /// Its worker crashes: nothing more is heard of it.
    WorkerLost {
        /// When.
        #[serde(with = "serde_text")]
        after: Duration,
    },
}

/// The error that an attempt returns: an application failure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttemptFailure {
    /// Its type, by which a retry policy can name it.
    #[serde(rename = "type")]
    pub error_type: String,
    /// Its message.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Whether it forbids a retry.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub non_retryable: bool,
    /// How long to wait until the next attempt, in place of what the retry policy says.
    #[serde(with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub next_retry_delay: Option<Duration>,
}

impl AttemptOutcome {
    /// The attempt succeeds, at once.
    pub fn succeed() -> Self {
        Self::ends(Ending::Succeed { after: Duration::ZERO })
    }

    /// The attempt fails at once, with an application failure of this type that may be retried.
    pub fn fail(error_type: impl Into<String>) -> Self {
        let failure = AttemptFailure { error_type: error_type.into(), ..Default::default() };
        Self::ends(Ending::Fail { after: Duration::ZERO, failure })
    }

    /// The attempt fails at once, with an application failure of this type that must not be retried.
    pub fn fail_for_good(error_type: impl Into<String>) -> Self {
        let failure =
            AttemptFailure { error_type: error_type.into(), non_retryable: true, ..Default::default() };
        Self::ends(Ending::Fail { after: Duration::ZERO, failure })
    }

    /// The attempt never returns.
    pub fn hang() -> Self {
        Self::ends(Ending::Hang)
    }

    /// The worker of the attempt crashes, as soon as it has it.
    pub fn worker_lost() -> Self {
        Self::ends(Ending::WorkerLost { after: Duration::ZERO })
    }

    /// No worker takes the attempt.
    pub fn never_started() -> Self {
        Self { starts_after: None, ..Self::hang() }
    }

    /// The same, so long after the start. What hangs hangs for ever anyway.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        match &mut self.ending {
            Ending::Succeed { after } | Ending::Fail { after, .. } | Ending::WorkerLost { after } => {
                *after = delay;
            }
            Ending::Hang => {}
        }
        self
    }

    /// The same, once the attempt has waited so long for a worker.
    #[must_use]
    pub fn starts_after(mut self, delay: Duration) -> Self {
        self.starts_after = Some(delay);
        self
    }

    /// The same with a failure that says when to try again. Changes nothing but a failure.
    #[must_use]
    pub fn next_retry_delay(mut self, delay: Duration) -> Self {
        if let Ending::Fail { failure, .. } = &mut self.ending {
            failure.next_retry_delay = Some(delay);
        }
        self
    }

    /// The same with heartbeats until the attempt is over.
    #[must_use]
    pub fn heartbeat_every(mut self, every: Duration) -> Self {
        let stop_after = self.heartbeats.and_then(|heartbeats| heartbeats.stop_after);
        self.heartbeats = Some(Heartbeats { every, stop_after });
        self
    }

    /// The same with heartbeats until so long after the start.
    #[must_use]
    pub fn heartbeat_until(mut self, every: Duration, stop_after: Duration) -> Self {
        self.heartbeats = Some(Heartbeats { every, stop_after: Some(stop_after) });
        self
    }

    fn ends(ending: Ending) -> Self {
        Self { starts_after: at_once(), heartbeats: None, ending }
    }
}

impl Ending {
    /// How long after its start the attempt answers, if it does.
    pub(crate) fn answers_after(&self) -> Option<Duration> {
        match self {
            Self::Succeed { after } | Self::Fail { after, .. } => Some(*after),
            Self::Hang | Self::WorkerLost { .. } => None,
        }
    }
}

impl AttemptFailure {
    /// What decides whether and when the attempt is followed by another one.
    pub(super) fn kind(&self) -> FailureKind<'_> {
        FailureKind::Application {
            error_type: &self.error_type,
            non_retryable: self.non_retryable,
            next_retry_delay: self
                .next_retry_delay
                .map(|delay| i64::try_from(delay.as_nanos()).unwrap_or(i64::MAX)),
        }
    }

    /// What the worker reports.
    pub(crate) fn to_proto(&self) -> Failure {
        Failure {
            message: self.message.clone(),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                r#type: self.error_type.clone(),
                non_retryable: self.non_retryable,
                next_retry_delay: self.next_retry_delay.map(clock::to_proto),
                ..Default::default()
            })),
            ..Default::default()
        }
    }
}

fn at_once() -> Option<Duration> {
    Some(Duration::ZERO)
}

fn is_at_once(starts_after: &Option<Duration>) -> bool {
    *starts_after == at_once()
}
