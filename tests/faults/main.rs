//! Each fault can happen, and does what it says to a workflow that is made for it, or that is not.

#![allow(unreachable_pub, reason = "workflows and activities are public for the SDK's macros")]

mod activities;
mod bytes;
mod calls;
mod clock;
mod hostile;
mod invariants;
mod local_activities;
mod plans;
mod shop;
mod stalls;
mod sweeps;
mod workers;
