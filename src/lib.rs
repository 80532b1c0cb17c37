//! Deterministic simulation testing for Temporal workflows.

mod clock;
mod cluster;
#[doc(hidden)]
pub mod conformance;
pub mod history;
mod mock;
mod proto_json;
mod rng;
mod rpc;
mod sdk;
mod service;
mod worker;

pub use mock::{Mock, Outcome};
pub use worker::{ActivityMarkers, Worker};
