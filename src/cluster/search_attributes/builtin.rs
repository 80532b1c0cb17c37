//! The attributes that every namespace has.

use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType as Type;

/// What an attribute that every namespace has is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builtin {
    /// A property of the run, not a value that anybody stored.
    System,
    /// Stored with the run. Anybody may set it.
    Settable,
    /// Stored with the run. Only the server sets it.
    ServerOnly,
}

impl Builtin {
    /// The attribute of that name.
    pub(crate) fn find(name: &str) -> Option<(Self, Type)> {
        ATTRIBUTES
            .iter()
            .find(|(known, ..)| *known == name)
            .map(|&(_, builtin, value_type)| (builtin, value_type))
    }

    /// All of them, with their names.
    pub(crate) fn all() -> impl Iterator<Item = (&'static str, Self, Type)> {
        ATTRIBUTES.iter().copied()
    }

    /// Whether no custom attribute may have that name.
    pub(crate) fn is_reserved(name: &str) -> bool {
        Self::find(name).is_some()
            || name.starts_with(RESERVED_PREFIX)
            || matches!(name, "NamespaceId" | "MemoEncoding" | "Memo" | "VisibilityTaskKey")
    }
}

/// Names that begin like this belong to the server.
pub(crate) const RESERVED_PREFIX: &str = "Temporal";

const ATTRIBUTES: &[(&str, Builtin, Type)] = &[
    ("WorkflowId", Builtin::System, Type::Keyword),
    ("RunId", Builtin::System, Type::Keyword),
    ("WorkflowType", Builtin::System, Type::Keyword),
    ("StartTime", Builtin::System, Type::Datetime),
    ("ExecutionTime", Builtin::System, Type::Datetime),
    ("CloseTime", Builtin::System, Type::Datetime),
    ("ExecutionStatus", Builtin::System, Type::Keyword),
    ("TaskQueue", Builtin::System, Type::Keyword),
    ("HistoryLength", Builtin::System, Type::Int),
    ("ExecutionDuration", Builtin::System, Type::Int),
    ("StateTransitionCount", Builtin::System, Type::Int),
    ("HistorySizeBytes", Builtin::System, Type::Int),
    ("ParentWorkflowId", Builtin::System, Type::Keyword),
    ("ParentRunId", Builtin::System, Type::Keyword),
    ("RootWorkflowId", Builtin::System, Type::Keyword),
    ("RootRunId", Builtin::System, Type::Keyword),
    ("TemporalChangeVersion", Builtin::Settable, Type::KeywordList),
    ("BinaryChecksums", Builtin::Settable, Type::KeywordList),
    ("BuildIds", Builtin::Settable, Type::KeywordList),
    ("BatcherNamespace", Builtin::Settable, Type::Keyword),
    ("BatcherUser", Builtin::Settable, Type::Keyword),
    ("TemporalScheduledStartTime", Builtin::Settable, Type::Datetime),
    ("TemporalScheduledById", Builtin::Settable, Type::Keyword),
    ("TemporalSchedulePaused", Builtin::Settable, Type::Bool),
    ("TemporalNamespaceDivision", Builtin::Settable, Type::Keyword),
    ("TemporalPauseInfo", Builtin::Settable, Type::KeywordList),
    ("TemporalReportedProblems", Builtin::Settable, Type::KeywordList),
    ("TemporalWorkerDeploymentVersion", Builtin::ServerOnly, Type::Keyword),
    ("TemporalWorkflowVersioningBehavior", Builtin::ServerOnly, Type::Keyword),
    ("TemporalWorkerDeployment", Builtin::ServerOnly, Type::Keyword),
    ("TemporalUsedWorkerDeploymentVersions", Builtin::ServerOnly, Type::KeywordList),
    ("TemporalExternalPayloadCount", Builtin::ServerOnly, Type::Int),
    ("TemporalExternalPayloadSizeBytes", Builtin::ServerOnly, Type::Int),
];
