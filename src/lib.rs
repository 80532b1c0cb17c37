//! Deterministic simulation testing for Temporal workflows.

mod clock;
mod cluster;
mod mock;
mod rng;
mod rpc;
mod sdk;
mod service;

pub use mock::{Mock, Outcome};
