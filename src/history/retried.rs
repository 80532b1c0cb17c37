//! The attempts that event histories do not tell of.

use std::time::SystemTime;

use temporalio_common::protos::temporal::api::failure::v1::Failure;

/// An attempt of an activity that failed or timed out and was followed by another one.
///
/// A server writes down the last attempt of an activity and forgets those before it, so that only histories of
/// simulations have any: see [`History::retried_attempts`](super::History::retried_attempts).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RetriedAttempt {
    /// The activity, by the id of its `ActivityTaskScheduled` event.
    pub scheduled_event_id: i64,
    /// Which attempt it was, counted from 1.
    pub attempt: i32,
    /// When a worker took it; `None` if none did.
    pub started_time: Option<SystemTime>,
    /// When it failed or timed out.
    pub end_time: SystemTime,
    /// What it failed with; a timeout is a failure too. `None` if the worker did not say.
    pub failure: Option<Failure>,
    /// When the next attempt was put on its task queue, after the backoff; `None` if the activity was paused, and the
    /// next attempt had to wait for the end of that.
    pub next_attempt_time: Option<SystemTime>,
}
