//! A child begins, and its parent hears of it.

use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::StartChildWorkflowExecutionFailedCause as FailedCause,
    history::v1::{
        ChildWorkflowExecutionStartedEventAttributes,
        StartChildWorkflowExecutionFailedEventAttributes as Failed,
        StartChildWorkflowExecutionInitiatedEventAttributes as Initiated, history_event::Attributes,
    },
    sdk::v1::UserMetadata,
    workflowservice::v1::StartWorkflowExecutionRequest,
};

use super::pending::StartedChild;
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        execution::{Run, RunKey, Transaction},
        start::{Parent, merge_priorities},
    },
};

impl Cluster {
    /// Begins the child that a run has initiated, unless the run has closed meanwhile: then no policy makes up for it.
    pub(in crate::cluster) fn start_initiated_child(
        &mut self,
        now: Time,
        parent: RunKey,
        initiated_event_id: i64,
    ) {
        let Some(run) = self.runs.get(parent).filter(|run| run.is_running()) else { return };
        if run.children.get(&initiated_event_id).is_none_or(|child| child.started.is_some()) {
            return;
        }
        let Some(initiated) = run.initiated_child(initiated_event_id).cloned() else { return };
        let metadata = run.history.get(initiated_event_id).and_then(|event| event.user_metadata.clone());
        if let Some((child, first_run_id)) = self.child_of_base(run, initiated_event_id, &initiated) {
            return self.tell_of_child(now, parent, initiated_event_id, &initiated, child, first_run_id);
        }
        let request = start_request(run, initiated_event_id, initiated.clone(), metadata);
        let origin = parent_of_child(run, initiated_event_id);
        match self.start_child(now, request, origin) {
            Ok(child) => {
                let run_id = self.runs.get(child).map(|run| run.run_id.clone()).unwrap_or_default();
                self.tell_of_child(now, parent, initiated_event_id, &initiated, child, run_id);
            }
            // Everything else that could be wrong has been looked at before the child was initiated.
            Err(_) => self.change(now, parent, |tx| {
                tx.record_child_failed_to_start(
                    initiated_event_id,
                    initiated,
                    FailedCause::WorkflowAlreadyExists,
                );
            }),
        }
    }

    /// Begins the child anew of a run that was taken over from another cluster, unless the child's run was taken over too.
    pub(in crate::cluster) fn restart_recorded_child(
        &mut self,
        now: Time,
        parent: RunKey,
        initiated_event_id: i64,
    ) {
        let Some(run) = self.runs.get(parent).filter(|run| run.is_running()) else { return };
        let Some(initiated) = run.initiated_child(initiated_event_id).cloned() else { return };
        if self.runs.current(run.namespace, &initiated.workflow_id).is_some() {
            return;
        }
        let metadata = run.history.get(initiated_event_id).and_then(|event| event.user_metadata.clone());
        let request = start_request(run, initiated_event_id, initiated, metadata);
        let origin = parent_of_child(run, initiated_event_id);
        // Nobody else has the workflow id.
        let Ok(child) = self.start_child(now, request, origin) else { return };
        let run_id = self.runs.get(child).map(|run| run.run_id.clone()).unwrap_or_default();
        self.change(now, parent, |tx| {
            let child = tx.run.children.get_mut(&initiated_event_id);
            if let Some(started) = child.and_then(|child| child.started.as_mut()) {
                started.run_id = run_id;
            }
        });
        self.change(now, child, |tx| tx.schedule_first_workflow_task());
    }
}

impl Cluster {
    /// Tells a parent of a child that has started. Only when the parent knows of it may the child do anything.
    fn tell_of_child(
        &mut self,
        now: Time,
        parent: RunKey,
        initiated_event_id: i64,
        initiated: &Initiated,
        child: RunKey,
        first_run_id: String,
    ) {
        self.change(now, parent, |tx| tx.record_child_started(initiated_event_id, initiated, first_run_id));
        self.change(now, child, |tx| {
            if tx.run.is_running() && tx.run.state.waits_for_first_workflow_task() {
                tx.schedule_first_workflow_task();
            }
        });
    }

    /// The child that a run, which is the result of a reset, finds already started by its base, with its first run.
    fn child_of_base(
        &self,
        run: &Run,
        initiated_event_id: i64,
        initiated: &Initiated,
    ) -> Option<(RunKey, String)> {
        if initiated_event_id > run.info.copied_event_id {
            return None;
        }
        let child = self.runs.current(run.namespace, &initiated.workflow_id)?;
        let parent = child.started().parent_workflow_execution.as_ref()?;
        if parent.workflow_id != run.workflow_id {
            return None;
        }
        let original = &run.started().original_execution_run_id;
        let parent = self.runs.find(run.namespace, &parent.workflow_id, &parent.run_id).ok()?;
        (parent.run_id == *original || parent.started().original_execution_run_id == *original)
            .then(|| (child.key, child.info.first_execution_run_id.clone()))
    }
}

/// Where the child comes from that a run has initiated.
fn parent_of_child(run: &Run, initiated_event_id: i64) -> Parent {
    let task_queue = run.initiated_child(initiated_event_id).and_then(|child| child.task_queue.as_ref());
    let is_at_own_queue = task_queue.is_some_and(|queue| queue.name == run.info.task_queue);
    Parent {
        namespace: run.namespace,
        execution: run.execution(),
        initiated_event_id,
        root: run.started().root_workflow_execution.clone().unwrap_or_else(|| run.execution()),
        pinned_version: run.state.pinned_version().filter(|_| is_at_own_queue).cloned(),
    }
}

/// The start of a child as if a client had asked for it. Its request id is made of what there can be but once.
fn start_request(
    parent: &Run,
    initiated_event_id: i64,
    initiated: Initiated,
    user_metadata: Option<UserMetadata>,
) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: initiated.namespace,
        workflow_id: initiated.workflow_id,
        workflow_type: initiated.workflow_type,
        task_queue: initiated.task_queue,
        input: initiated.input,
        workflow_execution_timeout: initiated.workflow_execution_timeout,
        workflow_run_timeout: initiated.workflow_run_timeout,
        workflow_task_timeout: initiated.workflow_task_timeout,
        // The last part is the version of a namespace that is on several clusters.
        request_id: format!("{}:{initiated_event_id}:0", parent.run_id),
        workflow_id_reuse_policy: initiated.workflow_id_reuse_policy,
        retry_policy: initiated.retry_policy,
        cron_schedule: initiated.cron_schedule,
        memo: initiated.memo,
        search_attributes: initiated.search_attributes,
        header: initiated.header,
        user_metadata,
        priority: merge_priorities(parent.state.options.priority.clone(), initiated.priority),
        ..Default::default()
    }
}

impl Transaction<'_> {
    /// Tells the run that its child has started with a first run. A closed run is told nothing.
    pub(super) fn record_child_started(
        &mut self,
        initiated_event_id: i64,
        initiated: &Initiated,
        run_id: String,
    ) {
        if !self.run.is_running() || !self.run.children.contains(&initiated_event_id) {
            return;
        }
        let event_id = self.add(Attributes::ChildWorkflowExecutionStartedEventAttributes(
            ChildWorkflowExecutionStartedEventAttributes {
                namespace: initiated.namespace.clone(),
                namespace_id: initiated.namespace_id.clone(),
                initiated_event_id,
                workflow_execution: Some(WorkflowExecution {
                    workflow_id: initiated.workflow_id.clone(),
                    run_id: run_id.clone(),
                }),
                workflow_type: initiated.workflow_type.clone(),
                header: initiated.header.clone(),
            },
        ));
        if let Some(child) = self.run.children.get_mut(&initiated_event_id) {
            child.started = Some(StartedChild { event_id, run_id });
        }
        self.need_workflow_task();
    }

    /// Tells the run that its child could not start.
    fn record_child_failed_to_start(
        &mut self,
        initiated_event_id: i64,
        initiated: Initiated,
        cause: FailedCause,
    ) {
        if !self.run.is_running() || self.run.children.remove(&initiated_event_id).is_none() {
            return;
        }
        self.add(Attributes::StartChildWorkflowExecutionFailedEventAttributes(Failed {
            namespace: initiated.namespace,
            namespace_id: initiated.namespace_id,
            workflow_id: initiated.workflow_id,
            workflow_type: initiated.workflow_type,
            cause: cause as i32,
            control: initiated.control,
            initiated_event_id,
            // The command that initiated it is another one's business.
            workflow_task_completed_event_id: 0,
        }));
        self.need_workflow_task();
    }

    /// The ChildWorkflowExecutionStarted event that was held back has got its id.
    pub(in crate::cluster::execution) fn resolve_started_child(
        &mut self,
        initiated_event_id: i64,
        event_id: i64,
    ) {
        if let Some(started) =
            self.run.children.get_mut(&initiated_event_id).and_then(|child| child.started.as_mut())
        {
            started.event_id = event_id;
        }
    }
}
