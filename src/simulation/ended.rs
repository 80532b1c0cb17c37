//! What a simulation came to, for whoever runs many of them.

use std::{collections::BTreeMap, time::Duration};

use super::Execution;
use crate::{faults::Plan, schedule::Choice};

/// Is told how simulations end.
pub(crate) trait Listener: Send + Sync {
    /// A simulation has ended.
    fn ended(&self, run: EndedRun<'_>);
}

/// A simulation that has ended.
pub(crate) struct EndedRun<'a> {
    /// How much virtual time passed in it.
    pub(crate) elapsed: Duration,
    /// All runs.
    pub(crate) executions: &'a [Execution],
    /// What was to go wrong, and how often each fault happened.
    pub(crate) faults: (&'a Plan, &'a [u64]),
    /// What the test has reached, and how often.
    pub(crate) reached: &'a BTreeMap<String, u64>,
    /// What was chosen when there was more than one thing that could go first.
    pub(crate) choices: &'a [Choice],
}
