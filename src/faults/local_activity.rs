//! What goes wrong with an attempt of a local activity.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::When;
use crate::policy::{AttemptFailure, serde_text};

/// Something goes wrong with attempts of a local activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalActivityFault {
    /// The activity type; `None` for any.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub activity_type: Option<String>,
    /// Which attempts, as workers start them.
    #[serde(default)]
    pub when: When,
    /// What goes wrong.
    pub effect: LocalActivityEffect,
}

/// What goes wrong with an attempt. There are fewer things than with an activity: the worker that starts a local activity
/// also hears of its end, unless it is lost itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum LocalActivityEffect {
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
    /// The activity's code never runs and the attempt never ends, but by a timeout of its own.
    Hang,
    /// The activity's code runs, and the worker loses the workflow before it tells the cluster of it: the workflow task times
    /// out, and the activity runs again with the next one.
    LoseWorker,
}
