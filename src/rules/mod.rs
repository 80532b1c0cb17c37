//! The server's rules that need no server: what it makes of the options in a command.
//!
//! Pure functions of their arguments. The cluster applies them to what it records, [`crate::replay`] to what
//! it compares with a record, [`crate::policy`] to what it predicts.

pub(crate) mod activity_attempts;
pub(crate) mod activity_options;
pub(crate) mod durations;
pub(crate) mod failure;
pub(crate) mod failure_kind;
pub(crate) mod names;
pub(crate) mod retry;
pub(crate) mod workflow_timeouts;
