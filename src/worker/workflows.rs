//! The workflows of a worker, by type.

use std::collections::BTreeMap;

use temporalio_common::protos::temporal::api::enums::v1::WorkflowTaskFailedCause;

use crate::sdk::{TaskFailure, WorkflowFactory};

/// All workflows of a worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workflows(BTreeMap<String, WorkflowFactory>);

impl Workflows {
    /// Adds a workflow; gives it back if its type is taken.
    pub(crate) fn insert(&mut self, workflow: WorkflowFactory) -> Result<(), WorkflowFactory> {
        if self.0.contains_key(workflow.workflow_type()) {
            return Err(workflow);
        }
        self.0.insert(workflow.workflow_type().to_owned(), workflow);
        Ok(())
    }

    /// The workflow of a type.
    ///
    /// # Errors
    /// The failure of the workflow task when there is none.
    pub(crate) fn get(&self, workflow_type: &str, task_queue: &str) -> Result<&WorkflowFactory, TaskFailure> {
        self.0.get(workflow_type).ok_or_else(|| {
            let registered = match self.0.keys().map(String::as_str).collect::<Vec<_>>() {
                types if types.is_empty() => "it has no workflows".to_owned(),
                types => format!("it has {}", types.join(", ")),
            };
            TaskFailure::new(format!(
                "Workflow type {workflow_type} is not registered on the worker of task queue {task_queue}; \
                 {registered}"
            ))
            .caused_by(WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure)
        })
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All types, in order.
    pub(crate) fn types(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
