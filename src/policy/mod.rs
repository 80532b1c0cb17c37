//! What retry policies and timeouts mean: a model that needs no cluster.
//!
//! A [`Model`] has the options of an activity, and answers what becomes of it if its attempts go as a script says:
//! when each attempt is scheduled, started and over, how long each backoff is, how the activity closes, when, and
//! with which retry state and failure. It computes with the server's own rules, to the nanosecond, and runs neither a
//! workflow nor an activity.
//!
//! ```
//! use std::time::Duration;
//! use temporal_sim::policy::{ActivityOptions, AttemptOutcome, Model, RetryPolicy};
//!
//! let options = ActivityOptions {
//!     schedule_to_close_timeout: Some(Duration::from_secs(60)),
//!     start_to_close_timeout: Some(Duration::from_secs(10)),
//!     retry_policy: RetryPolicy { initial_interval: Some(Duration::from_secs(5)), ..Default::default() },
//!     ..Default::default()
//! };
//! // The first attempt fails after two seconds, the second one and all after it hang.
//! let script = [AttemptOutcome::fail("Unavailable").after(Duration::from_secs(2)), AttemptOutcome::hang()];
//! let prediction = Model::new(options).predict(&script)?;
//! println!("{prediction}");
//! // 2 s and 5 s of backoff, 10 s and 10 s, 10 s and 20 s; then three seconds are left.
//! assert_eq!(prediction.attempts.len(), 4);
//! assert_eq!(prediction.closed_after, Some(Duration::from_secs(60)));
//! # Ok::<(), temporal_sim::policy::InvalidOptions>(())
//! ```
//!
//! The [`lint`] module finds settings that cannot mean what they say; [`crate::strategies`] generates options and
//! scripts for property tests.
//!
//! # At one instant
//!
//! A real cluster promises no order of what happens at the very same nanosecond. The model and the simulation choose
//! this one: what a worker reports (a heartbeat, a result, a failure) comes before a timeout, a timeout of the
//! activity before one of the workflow, and every timeout before the start of an attempt.

mod duration;
pub mod lint;
mod model;
mod options;
mod prediction;
mod script;

pub use model::Model;
pub use options::{ActivityOptions, InvalidOptions, RetryPolicy, WorkflowOptions, WorkflowTimeouts};
pub use prediction::{Attempt, AttemptEnd, FinalOutcome, Prediction};
pub use script::{AttemptFailure, AttemptOutcome, Ending, Heartbeats};

pub(crate) use duration::{serde_text, text};

#[cfg(test)]
mod tests;
