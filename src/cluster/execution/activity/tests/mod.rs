//! Activities for the tests of this folder, and tests of activities as a whole.

mod scenarios;

use temporalio_common::protos::temporal::api::{activity::v1::ActivityOptions, common::v1::RetryPolicy};

use super::pending::{Pause, PendingActivity};
use crate::{clock::Time, cluster::retry};

pub(super) fn at(seconds: i128) -> Time {
    Time::from_nanos(seconds * 1_000_000_000)
}

pub(super) fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

pub(super) fn pause() -> Pause {
    Pause { time: at(0), identity: String::new(), reason: String::new(), request_id: String::new() }
}

/// An activity scheduled at 100 s, in its first attempt, with the default retry policy and no timeouts.
pub(super) fn activity(scheduled_event_id: i64) -> PendingActivity {
    let mut retry_policy = RetryPolicy::default();
    retry::fill_defaults(&mut retry_policy);
    let options = ActivityOptions { retry_policy: Some(retry_policy), ..Default::default() };
    PendingActivity::new(
        scheduled_event_id,
        format!("a{scheduled_event_id}"),
        "A".to_owned(),
        options,
        at(100),
    )
}
