//! PollWorkflowTaskQueue.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    common::v1::{WorkerVersionCapabilities, WorkflowType},
    deployment::v1::WorkerDeploymentOptions,
    enums::v1::TaskQueueKind,
    history::v1::{History, HistoryEvent},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse},
};

use super::{Poller, QueueName, TaskKind, WorkerVersion, version};
use crate::{
    clock::Time,
    cluster::{
        Cluster, Error,
        calls::{CallContext, Reply},
        execution::{Run, RunKey},
        limits, requests,
        token::{HistoryToken, Token as _, WorkflowTaskToken},
    },
    rpc::Response,
};

impl Cluster {
    /// A worker asks for a workflow task, or for a query of a run that has none.
    pub(in crate::cluster) fn poll_workflow_task_queue(
        &mut self,
        now: Time,
        context: CallContext,
        request: PollWorkflowTaskQueueRequest,
    ) -> Reply {
        let (queue, poller) = self.poller(
            now,
            context,
            &request.namespace,
            request.task_queue.as_ref(),
            request.identity,
            TaskKind::Workflow,
        )?;
        let poller = Poller { worker: request.worker_instance_key, ..poller };
        let (queue, poller) = self.of_version(
            queue,
            poller,
            request.task_queue.as_ref(),
            request.deployment_options.as_ref(),
            request.worker_version_capabilities.as_ref(),
        )?;
        self.poll(now, context, queue, poller)
    }

    /// Checks what all polls have in common.
    pub(in crate::cluster) fn poller(
        &self,
        now: Time,
        context: CallContext,
        namespace: &str,
        task_queue: Option<&TaskQueue>,
        identity: String,
        kind: TaskKind,
    ) -> Result<(QueueName, Poller), Error> {
        let namespace = self.shared.namespaces.find(namespace)?;
        Self::check_long_poll_deadline(now, context)?;
        requests::check_length(self.limits(), &identity, "Identity length exceeds limit.")?;
        let task_queue = requests::task_queue(self.limits(), task_queue)?;
        let workers = WorkerVersion::None;
        let queue = QueueName { namespace, kind, name: task_queue.name.clone(), workers };
        let sticky = task_queue.kind() == TaskQueueKind::Sticky;
        Ok((
            queue,
            Poller { call: context.id, identity, sticky, version: None, stamp: None, worker: String::new() },
        ))
    }

    /// The same poll by a worker that says of which version it is.
    pub(in crate::cluster) fn of_version(
        &self,
        queue: QueueName,
        poller: Poller,
        task_queue: Option<&TaskQueue>,
        worker: Option<&WorkerDeploymentOptions>,
        capabilities: Option<&WorkerVersionCapabilities>,
    ) -> Result<(QueueName, Poller), Error> {
        let names_itself = worker.is_some() || capabilities.is_some_and(|it| it.use_versioning);
        if poller.sticky && names_itself && task_queue.is_none_or(|queue| queue.normal_name.is_empty()) {
            return Err(Error::invalid_argument(
                "NormalName must be set on sticky queue when UseVersioning is true or DeploymentOptions are set.",
            ));
        }
        let version::Asked { version, stamp, workers } =
            version::asked_for(self.limits(), worker, capabilities)?;
        let workers = if poller.sticky { WorkerVersion::None } else { workers };
        Ok((QueueName { workers, ..queue }, Poller { version, stamp, ..poller }))
    }

    /// Starts the workflow task with this stamp for a poller; `None` if it is over.
    pub(in crate::cluster) fn start_workflow_task_for(
        &mut self,
        now: Time,
        run: RunKey,
        stamp: u64,
        poller: &Poller,
    ) -> Option<Response> {
        let found = self.runs.get(run).filter(|run| run.is_running())?;
        let task = found.state.workflow_task.as_ref()?;
        if task.stamp != stamp || task.is_started() || (poller.sticky && !task.is_sticky()) {
            return None;
        }
        let request_id = self.shared.request_ids.uuid();
        self.transact(now, run, |tx| {
            if !poller.sticky {
                // Another worker than the one that has the run in its cache takes over.
                tx.run.state.sticky = None;
            }
            tx.note_target_version();
            tx.start_workflow_task(request_id, &poller.identity, poller.stamp.clone());
            if tx.run.state.workflow_task.as_ref().is_some_and(|task| !task.is_speculative()) {
                tx.follow_worker(poller.version.as_ref());
            }
            Ok(())
        })
        .ok()?;
        let run = self.runs.get(run)?;
        let (mut response, events) = self.workflow_task_response(run, poller.sticky)?;
        let run = run.key;
        self.attach_queries(run, &mut response);
        self.attach_updates(run, &mut response);
        Some(Response::with_events(response, events))
    }

    /// What a worker gets that has started the pending workflow task of a run, and the events of its history.
    /// `partial` leaves out the events that it has in its cache.
    pub(in crate::cluster) fn workflow_task_response(
        &self,
        run: &Run,
        partial: bool,
    ) -> Option<(PollWorkflowTaskQueueResponse, Vec<Arc<HistoryEvent>>)> {
        let task = run.state.workflow_task.as_ref()?;
        let previous_started_event_id = run.state.last_completed_started_event_id;
        let first = if partial { previous_started_event_id + 1 } else { 1 };
        let (mut history, next_page_token) = first_page(run, first);
        if next_page_token.is_empty() {
            history.extend(run.virtual_events(true).into_iter().map(Arc::new));
        }
        let token = WorkflowTaskToken {
            namespace_id: self.shared.namespaces.get(run.namespace)?.id.clone(),
            workflow_id: run.workflow_id.clone(),
            run_id: run.run_id.clone(),
            scheduled_event_id: task.scheduled_event_id,
            started_event_id: task.started_event_id,
            attempt: task.attempt,
            stamp: task.stamp,
        };
        let response = PollWorkflowTaskQueueResponse {
            task_token: token.to_bytes(),
            workflow_execution: Some(run.execution()),
            workflow_type: Some(WorkflowType { name: run.info.workflow_type.clone() }),
            previous_started_event_id,
            started_event_id: task.started_event_id,
            attempt: task.attempt,
            history: Some(History::default()),
            next_page_token,
            workflow_execution_task_queue: Some(run.info.normal_task_queue()),
            scheduled_time: Some(task.scheduled_time.to_proto()),
            started_time: task.started_time.map(Time::to_proto),
            ..Default::default()
        };
        Some((response, history))
    }

    /// The same in one piece, for a caller that gets it inside of another answer.
    pub(in crate::cluster) fn whole_workflow_task(&self, run: &Run) -> Option<PollWorkflowTaskQueueResponse> {
        let (mut task, events) = self.workflow_task_response(run, false)?;
        let events = events.into_iter().map(Arc::unwrap_or_clone).collect();
        task.history = Some(History { events });
        Some(task)
    }
}

/// What a worker gets of a history at once, from an event on, and the token for the rest; an empty one if that is all.
pub(in crate::cluster) fn first_page(run: &Run, first: i64) -> (Vec<Arc<HistoryEvent>>, Vec<u8>) {
    let (page, _) = run.history.page(first, i64::MAX, limits::HISTORY_PAGE);
    // With room for the two that are in no history yet.
    let mut events = Vec::with_capacity(page.len() + 2);
    events.extend(page.cloned());
    let token = HistoryToken {
        run_id: run.run_id.clone(),
        first_event_id: first + events.len() as i64,
        end_event_id: run.history.next_event_id(),
        was_running: run.is_running(),
    };
    let is_all = token.first_event_id >= token.end_event_id;
    (events, if is_all { Vec::new() } else { token.to_bytes() })
}
