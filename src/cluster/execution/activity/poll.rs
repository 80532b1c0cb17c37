//! PollActivityTaskQueue, and the way of an activity task from its run to a worker.

use temporalio_common::protos::temporal::api::{
    deployment::v1::WorkerDeploymentVersion,
    enums::v1::VersioningBehavior,
    workflowservice::v1::{PollActivityTaskQueueRequest, PollActivityTaskQueueResponse},
};

use crate::{
    clock::Time,
    cluster::{
        Cluster,
        calls::{CallContext, Reply},
        execution::{RunKey, completed::Completion},
        matching::{Poller, QueueName, Task, TaskKind, WorkerVersion},
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
        let poller = Poller { worker: request.worker_instance_key, ..poller };
        let (queue, poller) = self.of_version(
            queue,
            poller,
            request.task_queue.as_ref(),
            request.deployment_options.as_ref(),
            request.worker_version_capabilities.as_ref(),
        )?;
        self.claim_activities(now, &queue, &poller);
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
        let mut queue = QueueName {
            namespace: found.namespace,
            kind: TaskKind::Activity,
            name: task_queue.name.clone(),
            workers: WorkerVersion::None,
        };
        if let Some(version) = found.state.pinned_version() {
            // Where its version has no workers for activities, those of the queue do as well.
            let of_version = QueueName { workers: WorkerVersion::of(version), ..queue.clone() };
            if self.matching.is_known(&of_version) {
                queue = of_version;
            }
        }
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
        let state = &found.state;
        if state.versioning.is_in_transition() {
            // It is put on a task queue again when the transition is over.
            return None;
        }
        let is_of_other_version = state.effective_version() != poller.version.as_ref();
        if is_of_other_version && state.effective_behavior() == VersioningBehavior::AutoUpgrade {
            // The workflow goes first.
            self.change(now, run, |tx| {
                tx.follow_worker(poller.version.as_ref());
                tx.need_workflow_task();
            });
            return None;
        }
        let version = poller.version.as_ref();
        self.start_activity(now, run, scheduled_event_id, &poller.identity, version).map(Response::from)
    }

    /// A version of a worker that polls a queue of activities for the first time takes over those of the runs that are
    /// pinned to it.
    fn claim_activities(&mut self, now: Time, queue: &QueueName, poller: &Poller) {
        if poller.version.is_none() || self.matching.is_known(queue) {
            return;
        }
        let unversioned = QueueName { workers: WorkerVersion::None, ..queue.clone() };
        let (runs, version) = (&self.runs, poller.version.as_ref());
        let tasks = self.matching.take(&unversioned, |task| match *task {
            Task::Activity { run, .. } => {
                runs.get(run).is_some_and(|run| run.state.pinned_version() == version)
            }
            _ => false,
        });
        for task in tasks {
            self.add_task(now, queue.clone(), task);
        }
    }

    /// Starts the activities that the worker asked to execute eagerly, and answers their tasks.
    pub(in crate::cluster) fn eager_activity_tasks(
        &mut self,
        now: Time,
        run: RunKey,
        completion: &Completion,
    ) -> Vec<PollActivityTaskQueueResponse> {
        // A task is large: no room for more than there are.
        let mut tasks = Vec::with_capacity(completion.eager_activities.len());
        for &activity in &completion.eager_activities {
            tasks.extend(self.start_activity(now, run, activity, &completion.identity, None));
        }
        tasks
    }

    fn start_activity(
        &mut self,
        now: Time,
        run: RunKey,
        scheduled_event_id: i64,
        identity: &str,
        version: Option<&WorkerDeploymentVersion>,
    ) -> Option<PollActivityTaskQueueResponse> {
        let request_id = self.shared.request_ids.uuid();
        self.transact(now, run, |tx| {
            tx.start_activity(scheduled_event_id, request_id, identity, version);
            Ok(())
        })
        .ok()?;
        let found = self.runs.get(run)?;
        found.activity_task(scheduled_event_id, self.shared.namespaces.get(found.namespace)?)
    }
}
