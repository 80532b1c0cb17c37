//! PollActivityTaskQueue, and the way of an activity task from its run to a worker.

use temporalio_common::protos::temporal::api::workflowservice::v1::{
    PollActivityTaskQueueRequest, PollActivityTaskQueueResponse,
};

use crate::{
    clock::Time,
    cluster::{
        Cluster,
        calls::{CallContext, Reply},
        execution::{RunKey, completed::Completion},
        matching::{Poller, QueueName, Task, TaskKind},
        requests,
    },
    rpc::Response,
};

impl Cluster {
    /// A worker asks for an activity task.
    pub(in crate::cluster) fn poll_activity_task_queue(
        &mut self,
        now: Time,
        context: CallContext,
        request: PollActivityTaskQueueRequest,
    ) -> Reply {
        let (queue, poller) = self.poller(
            now,
            context,
            &request.namespace,
            request.task_queue.as_ref(),
            request.identity,
            TaskKind::Activity,
        )?;
        let by_build = request.worker_version_capabilities.is_some_and(|it| it.use_versioning);
        requests::check_unversioned(request.deployment_options.as_ref(), by_build)?;
        let rate = request.task_queue_metadata.and_then(|metadata| metadata.max_tasks_per_second);
        self.matching.set_rate_limit(&queue, now, rate);
        self.poll(now, context, queue, poller)
    }

    /// Hands a waiting attempt to the task queue that the activity has at this moment, unless its task is void by now.
    pub(in crate::cluster) fn dispatch_activity_task(
        &mut self,
        now: Time,
        run: RunKey,
        scheduled_event_id: i64,
        attempt: i32,
        stamp: i32,
    ) {
        let Some(found) = self.runs.get(run) else { return };
        if !found.is_activity_task_current(scheduled_event_id, attempt, stamp) {
            return;
        }
        let task_queue = found
            .activities
            .get(scheduled_event_id)
            .and_then(|activity| activity.options.task_queue.as_ref());
        let Some(task_queue) = task_queue else { return };
        let name = task_queue.name.clone();
        let queue = QueueName { namespace: found.namespace, kind: TaskKind::Activity, name };
        self.add_task(now, queue, Task::Activity { run, scheduled_event_id, attempt, stamp });
    }

    /// Starts an attempt for a poller; `None` if its task is void by now.
    pub(in crate::cluster) fn start_activity_task_for(
        &mut self,
        now: Time,
        run: RunKey,
        scheduled_event_id: i64,
        attempt: i32,
        stamp: i32,
        poller: &Poller,
    ) -> Option<Response> {
        let found = self.runs.get(run)?;
        if !found.is_activity_task_current(scheduled_event_id, attempt, stamp) {
            return None;
        }
        self.start_activity(now, run, scheduled_event_id, &poller.identity).map(Response::from)
    }

    /// Starts the activities that the worker asked to execute eagerly, and answers their tasks.
    pub(in crate::cluster) fn eager_activity_tasks(
        &mut self,
        now: Time,
        run: RunKey,
        completion: &Completion,
    ) -> Vec<PollActivityTaskQueueResponse> {
        completion
            .eager_activities
            .iter()
            .filter_map(|&activity| self.start_activity(now, run, activity, &completion.identity))
            .collect()
    }

    fn start_activity(
        &mut self,
        now: Time,
        run: RunKey,
        scheduled_event_id: i64,
        identity: &str,
    ) -> Option<PollActivityTaskQueueResponse> {
        let request_id = self.shared.request_ids.uuid();
        self.transact(now, run, |tx| {
            tx.start_activity(scheduled_event_id, request_id, identity);
            Ok(())
        })
        .ok()?;
        let found = self.runs.get(run)?;
        found.activity_task(scheduled_event_id, self.shared.namespaces.get(found.namespace)?)
    }
}
