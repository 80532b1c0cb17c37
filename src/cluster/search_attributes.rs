//! Which search attributes there are, and which values they take.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    common::v1::{Payload, SearchAttributes},
    enums::v1::IndexedValueType as Type,
};

use super::{
    error::Error,
    limits,
    namespaces::{Namespace, NamespaceKey, Namespaces},
    payloads,
};

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
];

impl Namespaces {
    /// Checks search attributes that somebody wants to set, and marks each value with its type.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if there are too many, or one is not registered, may not be set, is too large, or of
    /// another type.
    pub(crate) fn check_search_attributes(
        &self,
        namespace: NamespaceKey,
        attributes: &mut SearchAttributes,
    ) -> Result<(), Error> {
        let Some(namespace) = self.get(namespace) else { return Ok(()) };
        let mut names: Vec<_> = attributes.indexed_fields.keys().cloned().collect();
        names.sort_unstable();
        for name in &names {
            let is_known = SYSTEM.contains(&name.as_str()) || namespace.search_attribute(name).is_some();
            if !is_known && namespace.search_attributes_must_be_registered {
                return Err(Error::invalid_argument(format!(
                    "Namespace {} has no mapping defined for search attribute {name}",
                    namespace.name
                )));
            }
        }
        let count = names.len();
        if count > limits::SEARCH_ATTRIBUTES {
            return Err(Error::invalid_argument(format!(
                "number of search attributes {count} exceeds limit {}",
                limits::SEARCH_ATTRIBUTES
            )));
        }
        for name in names {
            let Some(payload) = attributes.indexed_fields.get_mut(&name) else { continue };
            check_one(&name, payload, namespace.search_attribute(&name))?;
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
}

impl Namespace {
    /// The type of an attribute that anybody may set, `None` if there is no such attribute.
    fn search_attribute(&self, name: &str) -> Option<Type> {
        let predefined =
            PREDEFINED.iter().find(|(known, _)| *known == name).map(|&(_, value_type)| value_type);
        predefined.or_else(|| self.search_attributes.get(name).copied())
    }
}

fn check_one(name: &str, payload: &mut Payload, value_type: Option<Type>) -> Result<(), Error> {
    if SYSTEM.contains(&name) {
        return Err(Error::invalid_argument(format!("{name} attribute can't be set in SearchAttributes")));
    }
    let size = payload.data.len();
    if size > limits::SEARCH_ATTRIBUTE_SIZE {
        return Err(Error::invalid_argument(format!(
            "search attribute {name} value size {size} exceeds size limit {}",
            limits::SEARCH_ATTRIBUTE_SIZE
        )));
    }
    let Some(value_type) = value_type else { return Ok(()) };
    if !payloads::is_nil_or_empty_list(payload) && !fits(&payload.data, value_type) {
        let value = match serde_json::from_slice(&payload.data) {
            Ok(serde_json::Value::String(text)) => text,
            _ => String::from_utf8_lossy(&payload.data).into_owned(),
        };
        return Err(Error::invalid_argument(format!(
            "invalid value for search attribute {name} of type {}: {value}",
            type_name(value_type)
        )));
    }
    payload.metadata.insert("type".to_owned(), type_name(value_type).as_bytes().to_vec());
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
