//! Settings: changed without touching the code, predicted without a cluster, looked at by the linter.

#![allow(unreachable_pub, reason = "workflows and activities are public for the SDK's macros")]

mod exploring;
mod linting;
mod model;
mod overrides;
mod refused;
mod shop;
