//! What clients ask about the server itself.

use prost_types::Duration;
use temporalio_common::protos::temporal::api::{
    enums::v1::{ArchivalState, NamespaceState},
    namespace::v1::{BadBinaries, NamespaceConfig, NamespaceInfo, namespace_info},
    replication::v1::{ClusterReplicationConfig, NamespaceReplicationConfig},
    workflowservice::v1::{
        DescribeNamespaceRequest, DescribeNamespaceResponse, GetClusterInfoResponse, GetSystemInfoResponse,
        get_system_info_response::Capabilities,
    },
};

use super::{Cluster, Error, limits};
use crate::clock;

/// The version of the server that is imitated.
const SERVER_VERSION: &str = "1.32.0";
/// What a cluster that is alone in the world calls itself.
const CLUSTER_NAME: &str = "active";

impl Cluster {
    /// GetSystemInfo: what the server is able to do.
    pub(super) fn get_system_info(&self) -> GetSystemInfoResponse {
        GetSystemInfoResponse {
            server_version: SERVER_VERSION.to_owned(),
            capabilities: Some(Capabilities {
                signal_and_query_header: true,
                internal_error_differentiation: true,
                activity_failure_include_heartbeat: true,
                supports_schedules: true,
                encoded_failure_attributes: true,
                build_id_based_versioning: true,
                upsert_memo: true,
                eager_workflow_start: true,
                sdk_metadata: true,
                count_group_by_execution_status: true,
                nexus: true,
                server_scaled_deployments: true,
                ..Default::default()
            }),
        }
    }

    /// GetClusterInfo: what the server is.
    pub(super) fn get_cluster_info(&self) -> GetClusterInfoResponse {
        GetClusterInfoResponse {
            server_version: SERVER_VERSION.to_owned(),
            cluster_id: self.cluster_id.clone(),
            cluster_name: CLUSTER_NAME.to_owned(),
            history_shard_count: 1,
            persistence_store: "memory".to_owned(),
            visibility_store: "memory".to_owned(),
            ..Default::default()
        }
    }

    /// DescribeNamespace, by name or by id.
    pub(super) fn describe_namespace(
        &self,
        request: DescribeNamespaceRequest,
    ) -> Result<DescribeNamespaceResponse, Error> {
        let namespace = if !request.id.is_empty() {
            self.shared
                .namespaces
                .by_id(&request.id)
                .ok_or_else(|| Error::namespace_not_found(&request.id))?
        } else if request.namespace.is_empty() {
            return Err(Error::invalid_argument("Namespace not set on request."));
        } else {
            let key = self.shared.namespaces.find(&request.namespace)?;
            self.shared.namespaces.get(key).ok_or_else(|| Error::namespace_not_found(&request.namespace))?
        };
        let retention: Duration = clock::to_proto(limits::RETENTION);
        Ok(DescribeNamespaceResponse {
            namespace_info: Some(NamespaceInfo {
                name: namespace.name.clone(),
                state: NamespaceState::Registered as i32,
                id: namespace.id.clone(),
                capabilities: Some(namespace_info::Capabilities {
                    eager_workflow_start: true,
                    sync_update: true,
                    async_update: true,
                    ..Default::default()
                }),
                limits: Some(namespace_info::Limits {
                    blob_size_limit_error: limits::BLOB_SIZE as i64,
                    memo_size_limit_error: limits::MEMO_SIZE as i64,
                    workflow_task_completion_size_limit_error: limits::WORKFLOW_TASK_COMPLETION_SIZE as i64,
                    ..Default::default()
                }),
                supports_schedules: true,
                ..Default::default()
            }),
            config: Some(NamespaceConfig {
                workflow_execution_retention_ttl: Some(retention),
                bad_binaries: Some(BadBinaries::default()),
                custom_search_attribute_aliases: namespace
                    .search_attributes
                    .aliases()
                    .map(|(column, name)| (column.to_owned(), name.to_owned()))
                    .collect(),
                history_archival_state: ArchivalState::Disabled as i32,
                visibility_archival_state: ArchivalState::Disabled as i32,
                ..Default::default()
            }),
            replication_config: Some(NamespaceReplicationConfig {
                active_cluster_name: CLUSTER_NAME.to_owned(),
                clusters: vec![ClusterReplicationConfig {
                    cluster_name: CLUSTER_NAME.to_owned(),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            ..Default::default()
        })
    }
}
