//! Which search attributes there are, and which values they take.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, SearchAttributes},
    enums::v1::IndexedValueType as Type,
};

use super::{error::Error, limits};

/// Attributes that the server keeps itself.
const SYSTEM: &[&str] = &[
    "WorkflowId",
    "RunId",
    "WorkflowType",
    "StartTime",
    "ExecutionTime",
    "CloseTime",
    "ExecutionStatus",
    "TaskQueue",
    "HistoryLength",
    "ExecutionDuration",
    "StateTransitionCount",
    "HistorySizeBytes",
    "ParentWorkflowId",
    "ParentRunId",
    "RootWorkflowId",
    "RootRunId",
    "TemporalWorkerDeployment",
    "TemporalWorkerDeploymentVersion",
    "TemporalWorkflowVersioningBehavior",
    "TemporalUsedWorkerDeploymentVersions",
    "TemporalExternalPayloadCount",
    "TemporalExternalPayloadSizeBytes",
];

/// Attributes that every namespace has and that anybody may set.
const PREDEFINED: &[(&str, Type)] = &[
    ("BatcherNamespace", Type::Keyword),
    ("BatcherUser", Type::Keyword),
    ("BinaryChecksums", Type::KeywordList),
    ("BuildIds", Type::KeywordList),
    ("TemporalChangeVersion", Type::KeywordList),
    ("TemporalNamespaceDivision", Type::Keyword),
    ("TemporalPauseInfo", Type::KeywordList),
    ("TemporalReportedProblems", Type::KeywordList),
    ("TemporalScheduledById", Type::Keyword),
    ("TemporalScheduledStartTime", Type::Datetime),
    ("TemporalSchedulePaused", Type::Bool),
    ("CustomBoolField", Type::Bool),
    ("CustomDatetimeField", Type::Datetime),
    ("CustomDoubleField", Type::Double),
    ("CustomIntField", Type::Int),
    ("CustomKeywordField", Type::Keyword),
    ("CustomKeywordListField", Type::KeywordList),
    ("CustomStringField", Type::Text),
    ("CustomTextField", Type::Text),
];

/// Whether a payload stands for no value, so that it removes an attribute.
pub(crate) fn is_nil(payload: &Payload) -> bool {
    payload.data.is_empty() || payload.data == b"null" || payload.data == b"[]"
}

/// Checks search attributes that somebody wants to set, and marks each value with its type.
///
/// An attribute that no one has registered is taken as it is, with the type that its sender gives it.
///
/// # Errors
///
/// INVALID_ARGUMENT if there are too many, or one may not be set, is too large, or of another type.
pub(crate) fn check(attributes: &mut SearchAttributes) -> Result<(), Error> {
    let count = attributes.indexed_fields.len();
    if count > limits::SEARCH_ATTRIBUTES {
        return Err(Error::invalid_argument(format!(
            "number of search attributes {count} exceeds limit {}",
            limits::SEARCH_ATTRIBUTES
        )));
    }
    let mut names: Vec<_> = attributes.indexed_fields.keys().cloned().collect();
    names.sort_unstable();
    for name in names {
        if SYSTEM.contains(&name.as_str()) {
            return Err(Error::invalid_argument(format!(
                "{name} attribute can't be set in SearchAttributes"
            )));
        }
        let Some(payload) = attributes.indexed_fields.get_mut(&name) else { continue };
        let size = payload.data.len();
        if size > limits::SEARCH_ATTRIBUTE_SIZE {
            return Err(Error::invalid_argument(format!(
                "search attribute {name} value size {size} exceeds size limit {}",
                limits::SEARCH_ATTRIBUTE_SIZE
            )));
        }
        let registered = PREDEFINED.iter().find(|(known, _)| *known == name);
        if let Some(&(_, value_type)) = registered {
            if !is_nil(payload) && !fits(&payload.data, value_type) {
                return Err(Error::invalid_argument(format!(
                    "invalid value for search attribute {name} of type {}: {}",
                    type_name(value_type),
                    String::from_utf8_lossy(&payload.data)
                )));
            }
            payload.metadata.insert("type".to_owned(), type_name(value_type).as_bytes().to_vec());
        }
    }
    let size = attributes.encoded_len();
    if size > limits::SEARCH_ATTRIBUTES_SIZE {
        return Err(Error::invalid_argument(format!(
            "total size of search attributes {size} exceeds size limit {}",
            limits::SEARCH_ATTRIBUTES_SIZE
        )));
    }
    Ok(())
}

fn type_name(value_type: Type) -> &'static str {
    match value_type {
        Type::Unspecified => "Unspecified",
        Type::Text => "Text",
        Type::Keyword => "Keyword",
        Type::Int => "Int",
        Type::Double => "Double",
        Type::Bool => "Bool",
        Type::Datetime => "Datetime",
        Type::KeywordList => "KeywordList",
    }
}

fn fits(data: &[u8], value_type: Type) -> bool {
    use serde_json::Value;
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return false };
    match (value_type, value) {
        // A list of one stands for its element.
        (value_type, Value::Array(items)) if value_type != Type::KeywordList => {
            items.len() == 1 && items.iter().all(|item| fits(item.to_string().as_bytes(), value_type))
        }
        (Type::Text | Type::Keyword, value) => value.is_string(),
        (Type::Int, value) => value.is_i64() || value.is_u64(),
        (Type::Double, value) => value.is_number(),
        (Type::Bool, value) => value.is_boolean(),
        (Type::Datetime, Value::String(text)) => text.parse::<jiff::Timestamp>().is_ok(),
        (Type::KeywordList, Value::String(_)) => true,
        (Type::KeywordList, Value::Array(items)) => items.iter().all(Value::is_string),
        _ => false,
    }
}
