//! What goes wrong with a workflow task.

use serde::{Deserialize, Serialize};

use super::When;

/// Something goes wrong with workflow tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowTaskFault {
    /// The workflow type; `None` for any.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub workflow_type: Option<String>,
    /// Which workflow tasks, as workers take them.
    #[serde(default)]
    pub when: When,
    /// What goes wrong.
    pub effect: WorkflowTaskEffect,
}

/// What goes wrong with a workflow task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkflowTaskEffect {
    /// The worker takes it and is never heard of again: it times out.
    Lose,
    /// The worker fails it, without having run the workflow's code.
    Fail,
}
