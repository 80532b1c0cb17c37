//! What clients ask about the server itself.

use temporalio_common::protos::temporal::api::workflowservice::v1::{
    GetClusterInfoResponse, GetSystemInfoResponse, get_system_info_response::Capabilities,
};

use super::Cluster;

/// The version of the server that is imitated.
const SERVER_VERSION: &str = "1.32.0";
/// What a cluster that is alone in the world calls itself.
pub(super) const CLUSTER_NAME: &str = "active";

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
}
