//! Sticky queues: runs go back to the worker that has them in its cache, until it is gone.

use temporalio_common::protos::temporal::api::workflowservice::v1::{
    PollWorkflowTaskQueueResponse, ResetStickyTaskQueueRequest, ResetStickyTaskQueueResponse,
    ShutdownWorkerRequest, ShutdownWorkerResponse,
};

use crate::{
    clock::Time,
    cluster::{
        Cluster,
        error::Error,
        matching::{QueueName, TaskKind, WorkerVersion},
        namespaces::NamespaceKey,
        requests,
    },
};

impl Cluster {
    /// ResetStickyTaskQueue: a worker no longer has the run in its cache.
    pub(in crate::cluster) fn reset_sticky_task_queue(
        &mut self,
        now: Time,
        request: ResetStickyTaskQueueRequest,
    ) -> Result<ResetStickyTaskQueueResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let execution = requests::execution(request.execution.as_ref())?;
        let run = self.runs.find(namespace, &execution.workflow_id, &execution.run_id)?.key;
        self.transact(now, run, |tx| {
            if !tx.run.is_running() {
                return Err(Error::already_completed());
            }
            tx.run.state.sticky = None;
            Ok(())
        })?;
        Ok(ResetStickyTaskQueueResponse::default())
    }

    /// ShutdownWorker: nobody is going to poll the worker's sticky queue any more. Its other polls end as well, on a server on
    /// which that is enabled.
    pub(in crate::cluster) fn shutdown_worker(
        &mut self,
        now: Time,
        request: ShutdownWorkerRequest,
    ) -> Result<ShutdownWorkerResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        if self.limits().cancel_polls_on_shutdown {
            self.end_polls(now, namespace, &request);
        }
        self.workers.record(now, namespace, request.worker_heartbeat);
        if !request.sticky_task_queue.is_empty() {
            let kind = TaskKind::Workflow;
            let name = request.sticky_task_queue;
            let queue = QueueName { namespace, kind, name, workers: WorkerVersion::None };
            for call in self.matching.unload(&queue) {
                self.answer_parked(call, Ok(PollWorkflowTaskQueueResponse::default().into()));
            }
        }
        Ok(ShutdownWorkerResponse::default())
    }

    /// Ends the polls that a worker has out, so that none of them takes a task with it.
    fn end_polls(&mut self, now: Time, namespace: NamespaceKey, request: &ShutdownWorkerRequest) {
        if request.worker_instance_key.is_empty() || request.task_queue.is_empty() {
            return;
        }
        for call in self.matching.shut_down(&request.worker_instance_key, now) {
            self.expire_call(now, call);
        }
        for kind in [TaskKind::Workflow, TaskKind::Activity, TaskKind::Nexus] {
            let name = request.task_queue.clone();
            let queue = QueueName { namespace, kind, name, workers: WorkerVersion::None };
            self.matching.forget_identity(&queue, &request.identity);
        }
    }
}
