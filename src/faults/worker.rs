//! What goes wrong with a worker.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::policy::serde_text;

/// A worker crashes and is started again. Its cached workflows, the workflow tasks and the activity attempts that it had
/// are lost; the cluster finds out by its timeouts, and tasks pile up meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerDown {
    /// Which worker, in the order in which the simulation got them, from 0.
    #[serde(default)]
    pub worker: usize,
    /// When it crashes, counted from the start of the simulation.
    #[serde(default, with = "serde_text")]
    pub at: Duration,
    /// How long it is away.
    #[serde(rename = "for", with = "serde_text")]
    pub lasts: Duration,
}

/// A worker forgets all workflows that wait for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Eviction {
    /// Which worker, in the order in which the simulation got them, from 0.
    #[serde(default)]
    pub worker: usize,
    /// When, counted from the start of the simulation.
    #[serde(default, with = "serde_text")]
    pub at: Duration,
}
