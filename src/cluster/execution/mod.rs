//! One workflow execution.

pub(crate) mod activity;
