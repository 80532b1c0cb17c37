//! What workers say of themselves: RecordWorkerHeartbeat, and who asks for it.
//!
//! A worker tells every minute or so what it is and how much it has to do. Who says that it shuts down, or nothing at all for
//! five minutes, is forgotten.

mod query;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use temporalio_common::protos::temporal::api::{
    enums::v1::WorkerStatus,
    worker::v1::{WorkerHeartbeat, WorkerInfo, WorkerListInfo},
    workflowservice::v1::{
        CountWorkersRequest, CountWorkersResponse, DescribeWorkerRequest, DescribeWorkerResponse,
        ListWorkersRequest, ListWorkersResponse, RecordWorkerHeartbeatRequest, RecordWorkerHeartbeatResponse,
    },
};

use self::query::Filter;
use super::{Cluster, Error, namespaces::NamespaceKey};
use crate::clock::Time;

/// A worker of which nothing was heard for longer is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(5 * 60);
/// Most workers of one namespace; a real server takes a million, of all namespaces. With one more the one is forgotten of which
/// nothing was heard for the longest time.
const MOST: usize = 10_000;
/// The task queues of the server's own workers begin so.
const SYSTEM_TASK_QUEUE: &str = "temporal-sys-";

/// What the workers of all namespaces said last, by their instance keys.
#[derive(Debug, Default)]
pub(super) struct Workers(BTreeMap<NamespaceKey, BTreeMap<String, Seen>>);

#[derive(Debug)]
struct Seen {
    heartbeat: WorkerHeartbeat,
    at: Time,
}

impl Workers {
    /// Takes over what workers of a namespace say.
    pub(super) fn record(
        &mut self,
        now: Time,
        namespace: NamespaceKey,
        heartbeats: impl IntoIterator<Item = WorkerHeartbeat>,
    ) {
        let workers = self.0.entry(namespace).or_default();
        workers.retain(|_, seen| now.since(seen.at) <= FORGOTTEN_AFTER);
        for heartbeat in heartbeats {
            let key = &heartbeat.worker_instance_key;
            if heartbeat.status() == WorkerStatus::Shutdown {
                workers.remove(key);
                continue;
            }
            if workers.len() >= MOST && !workers.contains_key(key) {
                let longest_ago = workers.iter().min_by_key(|(_, seen)| seen.at).map(|(key, _)| key.clone());
                longest_ago.and_then(|key| workers.remove(&key));
            }
            workers.insert(key.clone(), Seen { heartbeat, at: now });
        }
    }

    /// The workers of a namespace, by their instance keys; `None` if none of them has ever said anything.
    fn of(&self, now: Time, namespace: NamespaceKey) -> Option<impl Iterator<Item = &WorkerHeartbeat>> {
        let workers = self.0.get(&namespace)?.values();
        Some(workers.filter(move |seen| now.since(seen.at) <= FORGOTTEN_AFTER).map(|seen| &seen.heartbeat))
    }

    /// Those of them that a query is about.
    fn find(
        &self,
        now: Time,
        namespace: NamespaceKey,
        query: &str,
        with_system: bool,
    ) -> Result<Vec<&WorkerHeartbeat>, Error> {
        let filter = Filter::parse(query)?;
        let workers = self.of(now, namespace).into_iter().flatten();
        let workers = workers.filter(|it| with_system || !it.task_queue.starts_with(SYSTEM_TASK_QUEUE));
        Ok(workers.filter(|it| filter.fits(it)).collect())
    }
}

impl Cluster {
    /// RecordWorkerHeartbeat.
    pub(super) fn record_worker_heartbeat(
        &mut self,
        now: Time,
        request: RecordWorkerHeartbeatRequest,
    ) -> Result<RecordWorkerHeartbeatResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        self.workers.record(now, namespace, request.worker_heartbeat);
        Ok(RecordWorkerHeartbeatResponse::default())
    }

    /// DescribeWorker: all that a worker said last.
    pub(super) fn describe_worker(
        &self,
        now: Time,
        request: &DescribeWorkerRequest,
    ) -> Result<DescribeWorkerResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let Some(mut workers) = self.workers.of(now, namespace) else {
            // The registry of a server knows the namespaces only by what their workers said.
            let id = self.shared.namespaces.get(namespace).map(|namespace| namespace.id.as_str());
            return Err(Error::namespace_not_found(id.unwrap_or_default()));
        };
        let key = &request.worker_instance_key;
        let worker = workers.find(|worker| worker.worker_instance_key == *key);
        let worker = worker.ok_or_else(|| Error::not_found(format!("Worker {key} not found")))?;
        Ok(DescribeWorkerResponse { worker_info: Some(info(worker)) })
    }

    /// ListWorkers, by their instance keys.
    pub(super) fn list_workers(
        &self,
        now: Time,
        request: &ListWorkersRequest,
    ) -> Result<ListWorkersResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let mut workers =
            self.workers.find(now, namespace, &request.query, request.include_system_workers)?;
        if !request.next_page_token.is_empty() {
            let PageToken { last } = serde_json::from_slice(&request.next_page_token)
                .map_err(|_| Error::invalid_argument("invalid next_page_token"))?;
            workers.retain(|worker| worker.worker_instance_key > last);
        }
        let page = usize::try_from(request.page_size).ok().filter(|&size| size > 0).unwrap_or(usize::MAX);
        let is_last = workers.len() <= page;
        workers.truncate(page);
        let next_page_token = match workers.last() {
            Some(last) if !is_last => PageToken { last: last.worker_instance_key.clone() }.encode(),
            _ => Vec::new(),
        };
        Ok(ListWorkersResponse {
            next_page_token,
            workers_info: workers.iter().map(|worker| info(worker)).collect(),
            workers: workers.into_iter().map(summary).collect(),
        })
    }

    /// CountWorkers.
    pub(super) fn count_workers(
        &self,
        now: Time,
        request: &CountWorkersRequest,
    ) -> Result<CountWorkersResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let workers = self.workers.find(now, namespace, &request.query, request.include_system_workers)?;
        Ok(CountWorkersResponse { count: workers.len() as i64 })
    }
}

/// Where the next page of a list goes on.
#[derive(Serialize, Deserialize)]
struct PageToken {
    /// The instance key of the last worker of this page.
    last: String,
}

impl PageToken {
    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn info(worker: &WorkerHeartbeat) -> WorkerInfo {
    WorkerInfo { worker_heartbeat: Some(worker.clone()) }
}

/// What a list says of a worker.
fn summary(worker: &WorkerHeartbeat) -> WorkerListInfo {
    let host = worker.host_info.clone().unwrap_or_default();
    WorkerListInfo {
        worker_instance_key: worker.worker_instance_key.clone(),
        worker_identity: worker.worker_identity.clone(),
        task_queue: worker.task_queue.clone(),
        deployment_version: worker.deployment_version.clone(),
        sdk_name: worker.sdk_name.clone(),
        sdk_version: worker.sdk_version.clone(),
        status: worker.status,
        start_time: worker.start_time,
        host_name: host.host_name,
        worker_grouping_key: host.worker_grouping_key,
        process_id: host.process_id,
        plugins: worker.plugins.clone(),
        drivers: worker.drivers.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_nanos(1_000_000_000_000_000_000);
    const NAMESPACE: &str = "default";

    fn worker(key: &str, task_queue: &str) -> WorkerHeartbeat {
        WorkerHeartbeat {
            worker_instance_key: key.to_owned(),
            task_queue: task_queue.to_owned(),
            status: WorkerStatus::Running as i32,
            ..Default::default()
        }
    }

    fn cluster_with(heartbeats: impl IntoIterator<Item = (Time, WorkerHeartbeat)>) -> Cluster {
        let mut cluster = Cluster::new(crate::cluster::Config::default(), crate::rng::Seed(1));
        for (at, heartbeat) in heartbeats {
            let request = RecordWorkerHeartbeatRequest {
                namespace: NAMESPACE.to_owned(),
                worker_heartbeat: vec![heartbeat],
                ..Default::default()
            };
            cluster.record_worker_heartbeat(at, request).unwrap();
        }
        cluster
    }

    fn listed(cluster: &Cluster, request: ListWorkersRequest) -> (Vec<String>, Vec<u8>) {
        let request = ListWorkersRequest { namespace: NAMESPACE.to_owned(), ..request };
        let list = cluster.list_workers(NOW, &request).unwrap();
        let keys = list.workers.into_iter().map(|worker| worker.worker_instance_key).collect();
        (keys, list.next_page_token)
    }

    #[test]
    fn workers_are_listed_page_by_page() {
        let cluster = cluster_with(["b", "a", "c"].map(|key| (NOW, worker(key, "payments"))));
        let page = |next_page_token| {
            listed(&cluster, ListWorkersRequest { page_size: 2, next_page_token, ..Default::default() })
        };
        let (first, token) = page(Vec::new());
        let (second, end) = page(token);
        assert_eq!((first, second), (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]));
        assert!(end.is_empty());
    }

    #[test]
    fn a_query_decides_who_is_listed() {
        let cluster = cluster_with([
            (NOW, worker("a", "payments")),
            (NOW, worker("b", "shipping")),
            (NOW, worker("c", "temporal-sys-batcher")),
        ]);
        let with = |query: &str| {
            listed(&cluster, ListWorkersRequest { query: query.to_owned(), ..Default::default() }).0
        };
        assert_eq!(with("TaskQueue = 'payments'"), ["a"]);
        assert_eq!(with(""), ["a", "b"]);
    }

    #[test]
    fn who_shuts_down_or_says_nothing_is_forgotten() {
        let shutdown =
            WorkerHeartbeat { status: WorkerStatus::Shutdown as i32, ..worker("leaves", "payments") };
        let long_ago = Time::from_nanos(NOW.as_nanos() - 6 * 60 * 1_000_000_000);
        let cluster = cluster_with([
            (long_ago, worker("silent", "payments")),
            (NOW, worker("leaves", "payments")),
            (NOW, shutdown),
        ]);
        assert!(listed(&cluster, ListWorkersRequest::default()).0.is_empty());
        let request = DescribeWorkerRequest {
            namespace: NAMESPACE.to_owned(),
            worker_instance_key: "silent".to_owned(),
        };
        let error = cluster.describe_worker(NOW, &request).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (tonic::Code::NotFound, "Worker silent not found"));
    }
}
