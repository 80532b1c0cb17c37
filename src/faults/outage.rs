//! A system that an activity calls is not there.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    policy::{AttemptFailure, serde_text},
    rng::Stream,
};

/// The system behind an activity, local or not, is down: each attempt fails without having done anything. Times count from
/// the start of the simulation. A recovery in several steps is an outage for each: the second one is down for no time, from
/// where the recovery of the first one ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// The type of the activity that calls the system.
    #[serde(rename = "type")]
    pub activity_type: String,
    /// When it goes down.
    #[serde(default, with = "serde_text", skip_serializing_if = "Duration::is_zero")]
    pub from: Duration,
    /// When it comes back.
    #[serde(with = "serde_text")]
    pub until: Duration,
    /// What attempts fail with.
    #[serde(default = "unavailable")]
    pub failure: AttemptFailure,
    /// How it is until it is well again; `None` if it is well at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
}

/// A system that is up again but not well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// When it is well.
    #[serde(with = "serde_text")]
    pub until: Duration,
    /// How many attempts in a hundred fail until then. Drawn from the seed.
    #[serde(default)]
    pub error_percent: u8,
    /// How many attempts it takes in each second; more fail with the type `RateLimited`. `None` if as many as come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
}

impl Outage {
    /// A system that is down from one time to another, and well afterwards.
    pub fn new(activity_type: impl Into<String>, from: Duration, until: Duration) -> Self {
        Self { activity_type: activity_type.into(), from, until, failure: unavailable(), recovery: None }
    }

    /// The same, and not well until later.
    #[must_use]
    pub fn recovering(mut self, recovery: Recovery) -> Self {
        self.recovery = Some(recovery);
        self
    }

    /// What an attempt at this time fails with, if it does.
    pub(crate) fn failure_at(&self, elapsed: Duration, state: &mut OutageState) -> Option<AttemptFailure> {
        if elapsed < self.from {
            return None;
        }
        if elapsed < self.until {
            return Some(self.failure.clone());
        }
        let recovery = self.recovery.filter(|recovery| elapsed < recovery.until)?;
        if let Some(limit) = recovery.per_second {
            let taken = state.taken.entry(elapsed.as_secs()).or_default();
            if *taken >= limit {
                return Some(AttemptFailure { error_type: "RateLimited".to_owned(), ..Default::default() });
            }
            *taken += 1;
        }
        (state.stream.below(100) < u64::from(recovery.error_percent)).then(|| self.failure.clone())
    }
}

/// What an outage remembers.
#[derive(Debug)]
pub(crate) struct OutageState {
    stream: Stream,
    /// How many attempts were taken in each second in which there was a limit.
    taken: BTreeMap<u64, u32>,
}

impl OutageState {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, taken: BTreeMap::new() }
    }
}

/// What an attempt fails with whose failure nobody described.
pub(crate) fn unavailable() -> AttemptFailure {
    AttemptFailure { error_type: "Unavailable".to_owned(), ..Default::default() }
}
