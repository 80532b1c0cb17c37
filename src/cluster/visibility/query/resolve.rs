//! Which search attribute a name in a query stands for.

use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType as Type;

use super::QueryError;
use crate::cluster::search_attributes::{Builtin, Registry};

/// Where the value of an attribute comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// A property of the run.
    System(System),
    /// A search attribute that is stored with the run, by its name.
    Stored(String),
    /// A column that no attribute uses: no run has a value in it.
    Unused,
}

/// The properties of a run that are search attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    WorkflowId,
    RunId,
    WorkflowType,
    StartTime,
    ExecutionTime,
    CloseTime,
    ExecutionStatus,
    TaskQueue,
    HistoryLength,
    ExecutionDuration,
    StateTransitionCount,
    HistorySizeBytes,
    ParentWorkflowId,
    ParentRunId,
    RootWorkflowId,
    RootRunId,
}

/// The attribute that stores which part of the server a run belongs to. Runs of users have none.
pub(super) const NAMESPACE_DIVISION: &str = "TemporalNamespaceDivision";

/// A search attribute as a query names it.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    /// Its name in the query, which error messages repeat.
    pub(super) alias: String,
    pub(super) field: Field,
    pub(super) value_type: Type,
}

impl Attribute {
    /// Looks up the attribute that `alias` names: a custom one, one of the server's own, the column of a
    /// custom one, or one of the server's own with the prefix `Temporal` too many or too few. `ScheduleId`
    /// is the workflow id.
    pub(super) fn find(alias: &str, registry: &Registry) -> Result<Self, QueryError> {
        let found = |field, value_type| Ok(Self { alias: alias.to_owned(), field, value_type });
        if let Some(value_type) = registry.value_type(alias) {
            return found(Field::Stored(alias.to_owned()), value_type);
        }
        if let Some((field, value_type)) = exact(alias, registry) {
            return found(field, value_type);
        }
        let other_name = match alias.strip_prefix("Temporal") {
            _ if alias == "ScheduleId" => "WorkflowId".to_owned(),
            Some("ScheduleId") => "WorkflowId".to_owned(),
            Some(without_prefix) => without_prefix.to_owned(),
            None => format!("Temporal{alias}"),
        };
        match exact(&other_name, registry) {
            Some((field, value_type)) => found(field, value_type),
            None => Err(QueryError::Invalid(format!("invalid search attribute: {alias}"))),
        }
    }
}

fn exact(name: &str, registry: &Registry) -> Option<(Field, Type)> {
    if let Some((_, value_type)) = Builtin::find(name) {
        let field = System::find(name).map_or_else(|| Field::Stored(name.to_owned()), Field::System);
        return Some((field, value_type));
    }
    let (custom, value_type) = registry.by_column(name)?;
    Some((custom.map_or(Field::Unused, |custom| Field::Stored(custom.to_owned())), value_type))
}

impl System {
    fn find(name: &str) -> Option<Self> {
        Some(match name {
            "WorkflowId" => Self::WorkflowId,
            "RunId" => Self::RunId,
            "WorkflowType" => Self::WorkflowType,
            "StartTime" => Self::StartTime,
            "ExecutionTime" => Self::ExecutionTime,
            "CloseTime" => Self::CloseTime,
            "ExecutionStatus" => Self::ExecutionStatus,
            "TaskQueue" => Self::TaskQueue,
            "HistoryLength" => Self::HistoryLength,
            "ExecutionDuration" => Self::ExecutionDuration,
            "StateTransitionCount" => Self::StateTransitionCount,
            "HistorySizeBytes" => Self::HistorySizeBytes,
            "ParentWorkflowId" => Self::ParentWorkflowId,
            "ParentRunId" => Self::ParentRunId,
            "RootWorkflowId" => Self::RootWorkflowId,
            "RootRunId" => Self::RootRunId,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(alias: &str) -> Result<(Field, Type), QueryError> {
        let mut registry = Registry::default();
        let custom = [("Customer", Type::Keyword), ("ScheduleIds", Type::KeywordList)];
        registry.add(&custom.map(|(name, value_type)| (name.to_owned(), value_type as i32)).into()).unwrap();
        Attribute::find(alias, &registry).map(|attribute| (attribute.field, attribute.value_type))
    }

    #[test]
    fn names_stand_for_attributes() {
        let stored = |name: &str, value_type| Ok((Field::Stored(name.to_owned()), value_type));
        assert_eq!(field("Customer"), stored("Customer", Type::Keyword));
        assert_eq!(field("Keyword01"), stored("Customer", Type::Keyword));
        assert_eq!(field("Keyword02"), Ok((Field::Unused, Type::Keyword)));
        assert_eq!(field("ChangeVersion"), stored("TemporalChangeVersion", Type::KeywordList));
        assert_eq!(field("TemporalBuildIds"), stored("BuildIds", Type::KeywordList));
        for alias in ["WorkflowId", "TemporalWorkflowId", "ScheduleId", "TemporalScheduleId"] {
            assert_eq!(field(alias), Ok((Field::System(System::WorkflowId), Type::Keyword)));
        }
        for alias in ["Nope", "customer", "NamespaceId", "TemporalCustomer"] {
            assert_eq!(field(alias), Err(QueryError::Invalid(format!("invalid search attribute: {alias}"))));
        }
    }
}
