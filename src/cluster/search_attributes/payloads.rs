//! Payloads that stand for no value.

use std::collections::HashMap;

use temporalio_common::protos::temporal::api::common::v1::{Payload, SearchAttributes};

/// Whether a payload stands for no value, so that it removes an attribute.
pub(crate) fn is_nil(payload: &Payload) -> bool {
    payload.data.is_empty() || payload.data == b"null" || payload.data == b"[]"
}

/// The attributes that have a value; `None` if none has.
pub(crate) fn without_nil(attributes: Option<SearchAttributes>) -> Option<SearchAttributes> {
    let indexed_fields: HashMap<_, _> =
        attributes?.indexed_fields.into_iter().filter(|(_, payload)| !is_nil(payload)).collect();
    (!indexed_fields.is_empty()).then_some(SearchAttributes { indexed_fields })
}
