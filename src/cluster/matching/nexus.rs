//! Polls for Nexus tasks, which find none: no workflow can schedule a Nexus operation here.

use temporalio_common::protos::temporal::api::workflowservice::v1::PollNexusTaskQueueRequest;

use super::{Poller, TaskKind};
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        calls::{CallContext, Reply},
    },
};

impl Cluster {
    /// PollNexusTaskQueue.
    pub(in crate::cluster) fn poll_nexus_task_queue(
        &mut self,
        now: Time,
        context: CallContext,
        request: PollNexusTaskQueueRequest,
    ) -> Reply {
        let (queue, poller) = self.poller(
            now,
            context,
            &request.namespace,
            request.task_queue.as_ref(),
            request.identity,
            TaskKind::Nexus,
        )?;
        self.workers.record(now, queue.namespace, request.worker_heartbeat);
        let poller = Poller { worker: request.worker_instance_key, ..poller };
        self.poll(now, context, queue, poller)
    }
}
