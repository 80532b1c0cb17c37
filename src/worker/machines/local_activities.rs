//! Local activities on their way to the worker that runs them, and their results on the way back.

use std::{collections::HashMap, time::Duration};

use temporalio_common::protos::{
    coresdk::{
        activity_result::{Cancellation, Failure as ActivityFailure, Success},
        workflow_commands::ActivityCancellationType,
    },
    temporal::api::common::v1::{Payload, RetryPolicy},
};

use crate::clock::Time;

/// What the worker has to do about local activities.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LocalActivityRequest {
    /// Run this one.
    Start(Box<LocalActivity>),
    /// Ask a running one to stop, or stop waiting for its next attempt; its result is still wanted.
    Cancel {
        /// Which one.
        seq: u32,
    },
    /// Stop all of them: the workflow has ended. No result is wanted.
    CancelAll,
}

/// A local activity to be run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LocalActivity {
    /// The workflow's number for it.
    pub(crate) seq: u32,
    /// Its activity id.
    pub(crate) activity_id: String,
    /// Its activity type.
    pub(crate) activity_type: String,
    /// The attempt to begin with, at least 1. Higher after a back-off over a workflow timer.
    pub(crate) attempt: u32,
    /// When its first attempt was scheduled, on the worker's clock. Schedule-to-close counts from here,
    /// over back-offs too.
    pub(crate) original_schedule_time: Time,
    /// Headers.
    pub(crate) headers: HashMap<String, Payload>,
    /// Arguments.
    pub(crate) arguments: Vec<Payload>,
    /// Longest wait for a slot, at most schedule-to-close. Not retried.
    pub(crate) schedule_to_start_timeout: Option<Duration>,
    /// Longest time over all attempts. Not retried. One of this and the next is set.
    pub(crate) schedule_to_close_timeout: Option<Duration>,
    /// Longest attempt, at most schedule-to-close. Retried.
    pub(crate) start_to_close_timeout: Option<Duration>,
    /// How to retry.
    pub(crate) retry_policy: RetryPolicy,
    /// The longest back-off that the worker waits for itself. Before a longer one it reports the failure
    /// with [`LocalActivityResult::backoff`], and the workflow waits on a timer.
    pub(crate) local_retry_threshold: Duration,
    /// How the workflow waits for its cancellation.
    pub(crate) cancellation_type: ActivityCancellationType,
}

/// How a local activity ended, or paused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LocalActivityResult {
    /// The workflow's number for it.
    pub(crate) seq: u32,
    /// How its last attempt ended.
    pub(crate) outcome: LocalActivityOutcome,
    /// How long the last attempt ran. Workflow time advances by as much.
    pub(crate) runtime: Duration,
    /// The number of the last attempt.
    pub(crate) attempt: u32,
    /// Set if it is to be tried again after this time, which the workflow spends on a timer.
    pub(crate) backoff: Option<Duration>,
    /// [`LocalActivity::original_schedule_time`], given back.
    pub(crate) original_schedule_time: Option<Time>,
}

/// How an attempt of a local activity ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LocalActivityOutcome {
    /// With a result.
    Completed(Success),
    /// With a failure.
    Failed(ActivityFailure),
    /// It took too long.
    TimedOut(ActivityFailure),
    /// It was cancelled.
    Cancelled(Cancellation),
}
