//! The embedded worker: runs workflow code on one thread, in an order that only the seed decides.

pub(crate) mod machines;
