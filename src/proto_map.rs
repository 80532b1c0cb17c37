//! The maps of protobuf messages.

/// The type that generated protobuf messages have for a map with string keys. Where it has to be read in some
/// order, sort it first.
#[expect(clippy::disallowed_types, reason = "the generated messages leave no choice")]
pub(crate) type ProtoMap<V> = std::collections::HashMap<String, V>;
