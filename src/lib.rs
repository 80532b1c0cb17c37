//! Deterministic simulation testing for Temporal workflows.

#[doc(hidden)]
pub mod bench;
mod clock;
mod cluster;
#[doc(hidden)]
pub mod conformance;
mod determinism;
pub mod history;
mod mock;
mod proto_json;
mod rng;
mod rpc;
mod sdk;
mod service;
mod simulation;
mod worker;

pub use determinism::{Difference, check_determinism, compare_runs};
pub use mock::{Mock, Outcome};
pub use simulation::{Builder, Cause, ExecuteError, Failure, Simulation, hold_clock};
pub use worker::{ActivityMarkers, Worker};
