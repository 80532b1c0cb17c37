//! Payloads that the server itself makes or looks into.

use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads};

/// A string as the JSON payload that SDKs read.
pub(crate) fn json(text: &str) -> Payloads {
    Payloads { payloads: vec![json_payload(text)] }
}

/// The same as a single payload.
pub(crate) fn json_payload(text: &str) -> Payload {
    Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: serde_json::Value::from(text).to_string().into_bytes(),
        ..Default::default()
    }
}

/// Whether a payload stands for no value, so that it removes a field of a memo or a search attribute. An
/// empty list does, too.
pub(crate) fn is_nil(payload: &Payload) -> bool {
    payload.data.is_empty() || payload.data == b"null" || payload.data == b"[]"
}
