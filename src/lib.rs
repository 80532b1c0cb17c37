//! Deterministic simulation testing for Temporal workflows.

mod clock;
mod cluster;
mod rng;
mod rpc;
mod worker;
