//! DescribeTaskQueue.

use temporalio_common::protos::temporal::api::{
    enums::v1::{RateLimitSource, TaskQueueType},
    taskqueue::v1::{PollerInfo, TaskQueueStats, TaskQueueStatus, TaskQueueVersioningInfo},
    workflowservice::v1::{
        DescribeTaskQueueRequest, DescribeTaskQueueResponse, describe_task_queue_response::EffectiveRateLimit,
    },
};

use super::{QueueName, TaskKind};
use crate::cluster::{Cluster, Error, reads::NO_TIME, requests};

/// Tasks per second of a whole task queue that a server limits nobody to.
const RATE_LIMIT: f32 = 4000.0;
/// Tasks per second that one worker is given.
const POLLER_RATE: f64 = 100_000.0;

impl Cluster {
    /// Who polls a task queue, and how many tasks wait there.
    pub(in crate::cluster) fn describe_task_queue(
        &self,
        request: DescribeTaskQueueRequest,
    ) -> Result<DescribeTaskQueueResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let task_queue = requests::task_queue(request.task_queue.as_ref())?;
        let kind = match request.task_queue_type() {
            TaskQueueType::Activity => TaskKind::Activity,
            TaskQueueType::Nexus => {
                return Err(Error::unimplemented("DescribeTaskQueue of Nexus task queues"));
            }
            _ => TaskKind::Workflow,
        };
        let queue = QueueName { namespace, kind, name: task_queue.name.clone() };
        let backlog = self.matching.backlog(&queue) as i64;
        let pollers = self.matching.pollers(&queue).map(|(identity, time)| PollerInfo {
            last_access_time: Some(time.to_proto()),
            identity: identity.to_owned(),
            rate_per_second: POLLER_RATE,
            ..Default::default()
        });
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
        Ok(DescribeTaskQueueResponse {
            pollers: pollers.collect(),
            stats: request
                .report_stats
                .then(|| TaskQueueStats { approximate_backlog_count: backlog, ..Default::default() }),
            versioning_info: Some(TaskQueueVersioningInfo {
                current_version: "__unversioned__".to_owned(),
                update_time: Some(NO_TIME),
                ..Default::default()
            }),
            effective_rate_limit: Some(effective_rate_limit),
            task_queue_status: request
                .include_task_queue_status
                .then(|| TaskQueueStatus { backlog_count_hint: backlog, ..Default::default() }),
            ..Default::default()
        })
    }
}
