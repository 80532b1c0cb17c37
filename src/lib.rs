//! Deterministic simulation testing for Temporal workflows.

mod clock;
mod cluster;
mod mock;
mod rng;
mod rpc;
mod sdk;
mod service;
mod worker;

pub use mock::{Mock, Outcome};
pub use worker::{ActivityMarkers, Worker};
