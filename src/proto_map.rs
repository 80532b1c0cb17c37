//! The maps of protobuf messages.

use std::collections::HashMap;

/// The type that generated protobuf messages have for a map with string keys. Where it has to be read in some
/// order, sort it first.
#[expect(clippy::disallowed_types, reason = "the generated messages leave no choice")]
pub(crate) type ProtoMap<V> = HashMap<String, V>;
