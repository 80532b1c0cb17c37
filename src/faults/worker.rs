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

/// The polls of a worker for tasks of one kind do not reach the cluster for a while. The worker goes on with what it has, and
/// what it would have got piles up, or goes to another worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// Which worker, in the order in which the simulation got them, from 0.
    #[serde(default)]
    pub worker: usize,
    /// The tasks that it does not get.
    pub queue: StalledQueue,
    /// From when, counted from the start of the simulation.
    #[serde(default, with = "serde_text")]
    pub at: Duration,
    /// How long.
    #[serde(rename = "for", with = "serde_text")]
    pub lasts: Duration,
}

/// The tasks that a worker does not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StalledQueue {
    /// Workflow tasks of workflows that it has in its cache. The cluster keeps one that is scheduled shortly after the last poll
    /// for the sticky schedule-to-start timeout; then it times out, and goes to any worker of the task queue.
    Sticky,
    /// Workflow tasks of its task queue.
    Workflow,
    /// Activity tasks.
    Activity,
}
