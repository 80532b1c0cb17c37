//! What goes wrong with the clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::policy::serde_text;

/// The clock of the cluster is set forward: every timer and timeout that was due in the time which it leaps over comes due
/// at once. Workers, activities and the test do not notice by themselves; what is counted from the start of the simulation,
/// like the times of other faults, goes by the cluster's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockStep {
    /// When, counted from the start of the simulation.
    #[serde(default, with = "serde_text")]
    pub at: Duration,
    /// How far. All steps of a plan together are at most 100 years.
    #[serde(with = "serde_text")]
    pub by: Duration,
}

/// How far all steps of a plan may go together.
pub(super) const FARTHEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
