//! The workflows of a worker, by type.

use std::{collections::BTreeMap, fmt::Display};

use temporalio_common::{WorkflowDefinition, protos::temporal::api::enums::v1::WorkflowTaskFailedCause};
use temporalio_workflow::workflows::WorkflowImplementation;

use crate::sdk::{TaskFailure, WorkflowFactory};

/// All workflows of a worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workflows(BTreeMap<String, WorkflowFactory>);

impl Workflows {
    /// Adds a workflow that makes itself. `owner` is what it is registered on, for the message of the panic.
    ///
    /// # Panics
    /// If a workflow of the same type is registered already.
    #[track_caller]
    pub(crate) fn register<W>(&mut self, owner: &dyn Display)
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
    {
        self.insert(WorkflowFactory::of::<W>(), owner);
    }

    /// Adds a workflow whose instances `make` supplies.
    ///
    /// # Panics
    /// If a workflow of the same type is registered already, or if the workflow has an `#[init]` method.
    #[track_caller]
    pub(crate) fn register_with_factory<W, F>(&mut self, make: F, owner: &dyn Display)
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
        F: Fn() -> W + Send + Sync + 'static,
    {
        match WorkflowFactory::with::<W, F>(make) {
            Some(factory) => self.insert(factory, owner),
            None => panic!(
                "workflow type {} has an #[init] method, so it cannot be registered with a factory: either \
                 of them makes its instances",
                W::definition().workflow_type
            ),
        }
    }

    #[track_caller]
    fn insert(&mut self, workflow: WorkflowFactory, owner: &dyn Display) {
        let workflow_type = workflow.workflow_type().to_owned();
        assert!(
            self.0.insert(workflow_type.clone(), workflow).is_none(),
            "workflow type {workflow_type} is registered twice on {owner}"
        );
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
