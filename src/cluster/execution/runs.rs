//! All runs, and how they are found.

use super::{Run, RunKey};
use crate::{
    cluster::{error::Error, namespaces::NamespaceKey},
    index_map::IndexMap,
};

/// All runs of a cluster, by key, by run id, and the current run of each workflow id.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    runs: Vec<Option<Box<Run>>>,
    by_run_id: IndexMap<String, RunKey>,
    /// The latest run of each workflow id.
    current: IndexMap<NamespaceKey, IndexMap<String, RunKey>>,
}

impl Runs {
    /// Adds a run as the current one of its workflow id.
    pub(crate) fn insert(&mut self, run: Box<Run>) {
        self.by_run_id.insert(run.run_id.clone(), run.key);
        self.current.entry(run.namespace).or_default().insert(run.workflow_id.clone(), run.key);
        let index = run.key.0;
        if self.runs.len() <= index {
            self.runs.resize_with(index + 1, || None);
        }
        self.runs[index] = Some(run);
    }

    pub(crate) fn get(&self, key: RunKey) -> Option<&Run> {
        self.runs.get(key.0)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, key: RunKey) -> Option<&mut Run> {
        self.runs.get_mut(key.0)?.as_deref_mut()
    }

    /// The run with this id.
    pub(crate) fn by_run_id(&self, run_id: &str) -> Option<&Run> {
        self.get(*self.by_run_id.get(run_id)?)
    }

    /// All runs, in the order in which they started.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().flatten().map(AsRef::as_ref)
    }

    /// The current run of a workflow id, open or closed.
    pub(crate) fn current(&self, namespace: NamespaceKey, workflow_id: &str) -> Option<&Run> {
        self.get(*self.current.get(&namespace)?.get(workflow_id)?)
    }

    /// The run that a request names: the current run of the workflow id, if it gives no run id.
    ///
    /// # Errors
    ///
    /// NOT_FOUND, in the words that the server has for each of the two cases.
    pub(crate) fn find(
        &self,
        namespace: NamespaceKey,
        workflow_id: &str,
        run_id: &str,
    ) -> Result<&Run, Error> {
        if run_id.is_empty() {
            return self
                .current(namespace, workflow_id)
                .ok_or_else(|| Error::not_found(format!("workflow not found for ID: {workflow_id}")));
        }
        self.by_run_id
            .get(run_id)
            .and_then(|&key| self.get(key))
            .filter(|run| run.namespace == namespace && run.workflow_id == workflow_id)
            .ok_or_else(|| Self::no_such_run(workflow_id, run_id))
    }

    /// The error of a run id that does not exist.
    pub(crate) fn no_such_run(workflow_id: &str, run_id: &str) -> Error {
        Error::not_found(format!(
            "workflow execution not found for workflow ID {workflow_id:?} and run ID {run_id:?}"
        ))
    }

    /// Forgets a run. If it was the current one, its workflow id is free for any start.
    pub(crate) fn remove(&mut self, key: RunKey) -> Option<Box<Run>> {
        let run = self.runs.get_mut(key.0)?.take()?;
        self.by_run_id.swap_remove(&run.run_id);
        if let Some(current) = self.current.get_mut(&run.namespace)
            && current.get(&run.workflow_id) == Some(&key)
        {
            current.swap_remove(&run.workflow_id);
        }
        Some(run)
    }
}
