//! Search attributes: which there are, which values they take, and who may set them.
//!
//! Every namespace has the same *system* attributes, which the server keeps itself, and the same
//! *predefined* ones, most of which anybody may set. *Custom* attributes are registered for each namespace
//! in a [`Registry`]; an attribute that is not registered is refused wherever somebody tries to set it.

mod builtin;
mod check;
mod handlers;
mod registry;
mod value;

pub(crate) use builtin::Builtin;
pub(crate) use registry::Registry;
pub(crate) use value::{Value, encode_json};

use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;

/// What the server calls a type of values.
pub(crate) fn type_name(value_type: IndexedValueType) -> &'static str {
    match value_type {
        IndexedValueType::Unspecified => "Unspecified",
        IndexedValueType::Text => "Text",
        IndexedValueType::Keyword => "Keyword",
        IndexedValueType::Int => "Int",
        IndexedValueType::Double => "Double",
        IndexedValueType::Bool => "Bool",
        IndexedValueType::Datetime => "Datetime",
        IndexedValueType::KeywordList => "KeywordList",
    }
}
