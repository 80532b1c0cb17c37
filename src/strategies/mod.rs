//! Generators for property tests, made with [`proptest`].
//!
//! Each seeks the values at which something changes (equal timeouts, a nanosecond more or less, the server's limits)
//! besides those that people write, and shrinks to the latter: whole seconds, few attempts, nothing set that need not
//! be.
//!
//! ```
//! use proptest::prelude::*;
//! use temporal_sim::{policy::Model, strategies};
//!
//! proptest!(|(options in strategies::activity_options(), script in strategies::scripts(5))| {
//!     let prediction = Model::new(options.clone()).predict(&script)?;
//!     if options.retry_policy.maximum_attempts > 0 {
//!         prop_assert!(prediction.attempts.len() <= options.retry_policy.maximum_attempts as usize);
//!     }
//! });
//! ```

mod calls;
mod durations;
mod faults;
mod instants;
mod payloads;
mod policies;
mod scripts;

pub use calls::{CallSequence, Timed, call_sequences};
pub use durations::{delays, durations};
pub use faults::{Scope, fault_plans};
pub use instants::{arrivals, instants};
pub use payloads::payloads;
pub use policies::{
    activity_options, error_types, hostile_activity_options, hostile_retry_policies, retry_policies,
    workflow_timeouts,
};
pub use scripts::{attempt_failures, attempt_outcomes, scripts};

#[cfg(test)]
mod tests;
