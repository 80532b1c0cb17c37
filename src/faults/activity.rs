//! What goes wrong with an attempt of an activity.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::When;
use crate::policy::{AttemptFailure, serde_text};

/// Something goes wrong with attempts of an activity. For local activities there is
/// [`LocalActivityFault`](super::LocalActivityFault).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivityFault {
    /// The activity type; `None` for any.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub activity_type: Option<String>,
    /// Which attempts, as workers start them.
    #[serde(default)]
    pub when: When,
    /// What goes wrong.
    pub effect: ActivityEffect,
}

/// What goes wrong with an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ActivityEffect {
    /// It fails before the activity's code runs.
    Fail(AttemptFailure),
    /// The activity's code runs, whatever it does has happened, and then the attempt fails.
    FailAfterwards(AttemptFailure),
    /// The activity's code runs so much later.
    Slow {
        /// How much later.
        #[serde(with = "serde_text")]
        by: Duration,
    },
    /// The activity's code never runs and nothing is heard of the attempt.
    Hang,
    /// Its heartbeats never reach the cluster.
    LoseHeartbeats,
    /// The activity's code runs, and the answer never reaches the cluster.
    LoseAnswer,
    /// The activity's code runs, and the answer reaches the cluster so much later, perhaps after a timeout.
    AnswerLate {
        /// How much later.
        #[serde(with = "serde_text")]
        by: Duration,
    },
    /// The answer reaches the cluster twice.
    AnswerTwice,
}
