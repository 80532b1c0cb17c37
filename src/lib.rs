//! Deterministic simulation testing for Temporal workflows.

mod clock;
mod cluster;
mod proto_json;
mod rng;
mod rpc;
