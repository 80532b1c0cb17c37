//! Running activities: which there are, what an attempt is told, and what becomes of its heartbeats and its
//! result.

mod attempt;
mod context;
mod details;
mod end;
mod heartbeats;
mod ledger;
mod registry;
mod result;

pub use ledger::{ActivityAttempt, AttemptEnding, Lease};
pub use registry::ActivityMarkers;

pub(crate) use attempt::{failed, run_attempt};
pub(crate) use context::attempt_context;
pub(crate) use details::HeartbeatDetails;
pub(crate) use ledger::Ledger;
pub(crate) use registry::{Activities, RegisteredActivity, sealed};
pub(crate) use result::{encode, execution_result, not_registered};
