//! The workflows of the fixtures, tested as a team would test its own: one module a family.
//!
//! [`fidelity`] is about all of them at once: what they record in a simulation is what they recorded in a real cluster;
//! [`over_tcp`] says the same of the server.

mod approval;
mod download;
mod fidelity;
mod misbehaving;
mod money_transfer;
mod onboarding;
mod order;
#[cfg(feature = "server")]
mod over_tcp;
mod pricing;
mod queries;
mod settlement;
mod subscription;
mod support;
mod updates;
