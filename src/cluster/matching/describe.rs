//! DescribeTaskQueue.

use temporalio_common::protos::temporal::api::{
    enums::v1::{
        BuildIdTaskReachability, DescribeTaskQueueMode, RateLimitSource, TaskQueueKind, TaskQueueType,
    },
    taskqueue::v1::{
        PollerInfo, TaskQueue, TaskQueuePartitionMetadata, TaskQueueStats, TaskQueueStatus,
        TaskQueueTypeInfo, TaskQueueVersionInfo, TaskQueueVersioningInfo,
    },
    workflowservice::v1::{
        DescribeTaskQueueRequest, DescribeTaskQueueResponse, ListTaskQueuePartitionsRequest,
        ListTaskQueuePartitionsResponse, describe_task_queue_response::EffectiveRateLimit,
    },
};

use prost_types::Timestamp;

use super::{QueueName, TaskKind, WorkerVersion};
use crate::{
    clock::Time,
    cluster::{Cluster, Error, namespaces::NamespaceKey, reads::NO_TIME, requests},
};

/// Tasks per second of a whole task queue that a server limits nobody to.
const RATE_LIMIT: f32 = 4000.0;
/// Tasks per second that one worker is given.
const POLLER_RATE: f64 = 100_000.0;

/// Into how many parts a server divides a task queue, of which nothing is to be seen otherwise.
const PARTITIONS: usize = 4;
/// Where the parts are, as they are told.
const OWNER: &str = "127.0.0.1:7235";

impl Cluster {
    /// The parts of a task queue, as a server names them. Here they are one.
    pub(in crate::cluster) fn list_task_queue_partitions(
        &self,
        request: ListTaskQueuePartitionsRequest,
    ) -> Result<ListTaskQueuePartitionsResponse, Error> {
        self.shared.namespaces.find(&request.namespace)?;
        let name = &requests::task_queue(self.limits(), request.task_queue.as_ref())?.name;
        let partition = |index| TaskQueuePartitionMetadata {
            key: if index == 0 { name.clone() } else { format!("/_sys/{name}/{index}") },
            owner_host_name: OWNER.to_owned(),
        };
        let partitions: Vec<_> = (0..PARTITIONS).map(partition).collect();
        Ok(ListTaskQueuePartitionsResponse {
            activity_task_queue_partitions: partitions.clone(),
            workflow_task_queue_partitions: partitions,
        })
    }

    /// Who polls a task queue, and how many tasks wait there.
    pub(in crate::cluster) fn describe_task_queue(
        &self,
        now: Time,
        request: DescribeTaskQueueRequest,
    ) -> Result<DescribeTaskQueueResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let task_queue = requests::task_queue(self.limits(), request.task_queue.as_ref())?;
        if request.api_mode() == DescribeTaskQueueMode::Enhanced {
            return self.describe_task_queue_by_version(now, namespace, task_queue, &request);
        }
        let kind = TaskKind::of(request.task_queue_type());
        let workers = WorkerVersion::None;
        let queue = QueueName { namespace, kind, name: task_queue.name.clone(), workers };
        let backlog = self.matching.backlog(&queue) as i64;
        let versions = self.matching.versions(&queue);
        let pollers = versions.iter().flat_map(|queue| self.poller_infos(now, queue));
        let effective_rate_limit = match self.matching.rate_limit(&queue) {
            Some(rate) if rate < f64::from(RATE_LIMIT) => EffectiveRateLimit {
                requests_per_second: rate as f32,
                rate_limit_source: RateLimitSource::Worker as i32,
            },
            _ => EffectiveRateLimit {
                requests_per_second: RATE_LIMIT,
                rate_limit_source: RateLimitSource::System as i32,
            },
        };
        let has_deployments = versions.iter().any(|queue| queue.workers.options().is_some());
        Ok(DescribeTaskQueueResponse {
            pollers: pollers.collect(),
            stats: request
                .report_stats
                .then(|| TaskQueueStats { approximate_backlog_count: backlog, ..Default::default() }),
            versioning_info: Some(TaskQueueVersioningInfo {
                current_version: "__unversioned__".to_owned(),
                // Before any deployment has a worker at the queue, the time is none.
                update_time: Some(if has_deployments { Timestamp::default() } else { NO_TIME }),
                ..Default::default()
            }),
            effective_rate_limit: Some(effective_rate_limit),
            task_queue_status: request
                .include_task_queue_status
                .then(|| TaskQueueStatus { backlog_count_hint: backlog, ..Default::default() }),
            ..Default::default()
        })
    }

    /// The same in the mode of servers with sets of builds: by build and type of task. Here are only workers without a version.
    fn describe_task_queue_by_version(
        &self,
        now: Time,
        namespace: NamespaceKey,
        task_queue: &TaskQueue,
        request: &DescribeTaskQueueRequest,
    ) -> Result<DescribeTaskQueueResponse, Error> {
        if task_queue.kind() == TaskQueueKind::Sticky {
            return Err(Error::invalid_argument(
                "Enhanced DescribeTaskQueue is not valid for a sticky queue, use api_mode=UNSPECIFIED or a normal queue.",
            ));
        }
        if request.versions.as_ref().is_some_and(|versions| !versions.build_ids.is_empty()) {
            return Err(Error::unimplemented("DescribeTaskQueue by build ids"));
        }
        let types = match request.task_queue_types.as_slice() {
            [] => &[TaskQueueType::Workflow as i32, TaskQueueType::Activity as i32],
            types => types,
        };
        let of_type = |&of_type: &i32| {
            let kind = TaskKind::of(TaskQueueType::try_from(of_type).unwrap_or_default());
            let name = task_queue.name.clone();
            let queue = QueueName { namespace, kind, name, workers: WorkerVersion::None };
            let backlog = self.matching.backlog(&queue) as i64;
            let info = TaskQueueTypeInfo {
                pollers: if request.report_pollers {
                    self.poller_infos(now, &queue).collect()
                } else {
                    vec![]
                },
                stats: request
                    .report_stats
                    .then(|| TaskQueueStats { approximate_backlog_count: backlog, ..Default::default() }),
            };
            (of_type, info)
        };
        let unversioned = TaskQueueVersionInfo {
            types_info: types.iter().map(of_type).collect(),
            task_reachability: if request.report_task_reachability {
                BuildIdTaskReachability::Reachable as i32
            } else {
                BuildIdTaskReachability::Unspecified as i32
            },
        };
        let is_asked_for = request.versions.as_ref().is_none_or(|versions| versions.unversioned);
        Ok(DescribeTaskQueueResponse {
            versions_info: is_asked_for.then(|| (String::new(), unversioned)).into_iter().collect(),
            ..Default::default()
        })
    }

    /// Who polls a queue of workers of one version.
    fn poller_infos(&self, now: Time, queue: &QueueName) -> impl Iterator<Item = PollerInfo> {
        let (capabilities, options) = (queue.workers.capabilities(), queue.workers.options());
        self.matching.pollers(queue, now).map(move |(identity, time)| PollerInfo {
            last_access_time: Some(time.to_proto()),
            identity: identity.to_owned(),
            rate_per_second: POLLER_RATE,
            worker_version_capabilities: capabilities.clone(),
            deployment_options: options.clone(),
        })
    }
}
