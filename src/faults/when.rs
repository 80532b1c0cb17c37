//! When a fault happens.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::policy::serde_text;

/// When a fault happens: to which of the things that come along, in which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// Not before this time, counted from the start of the simulation.
    #[serde(with = "serde_text", skip_serializing_if = "Duration::is_zero")]
    pub from: Duration,
    /// Before this time; `None` if there is no end.
    #[serde(with = "serde_text::option", skip_serializing_if = "Option::is_none")]
    pub until: Option<Duration>,
    /// So many are let through before.
    #[serde(skip_serializing_if = "is_zero")]
    pub skip: u32,
    /// How many it happens to; `None` if to all that follow.
    #[serde(skip_serializing_if = "is_once")]
    pub times: Option<u32>,
}

impl Default for When {
    /// Once, to the first that comes along.
    fn default() -> Self {
        Self { from: Duration::ZERO, until: None, skip: 0, times: Some(1) }
    }
}

impl When {
    /// To the first that comes along.
    pub fn once() -> Self {
        Self::default()
    }

    /// To all.
    pub fn always() -> Self {
        Self { times: None, ..Self::default() }
    }

    /// To this one, counted from 1.
    pub fn nth(number: u32) -> Self {
        Self { skip: number.saturating_sub(1), ..Self::default() }
    }

    /// To the first so many.
    pub fn first(times: u32) -> Self {
        Self { times: Some(times), ..Self::default() }
    }

    /// To all in this time, counted from the start of the simulation.
    pub fn between(from: Duration, until: Duration) -> Self {
        Self { from, until: Some(until), ..Self::always() }
    }

    /// Whether it is in its time.
    pub(super) fn covers(&self, elapsed: Duration) -> bool {
        elapsed >= self.from && self.until.is_none_or(|until| elapsed < until)
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_once(times: &Option<u32>) -> bool {
    *times == Some(1)
}
