//! Maps that keep the order of their insertions, with a hash that is cheap and the same in every process.
//!
//! What is looked up here are ids that this process has made itself, several times for each call. The hash of the
//! standard library guards against strangers who choose keys that collide, and takes longer than all the rest of a
//! look-up.

/// [`indexmap::IndexMap`] with that hash. Make one by `IndexMap::default()`.
pub(crate) type IndexMap<K, V> = indexmap::IndexMap<K, V, foldhash::fast::FixedState>;
