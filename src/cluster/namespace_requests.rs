//! Registering, updating and describing namespaces.

use temporalio_common::protos::temporal::api::{
    enums::v1::{ArchivalState, NamespaceState, ReplicationState},
    errordetails::v1::NamespaceAlreadyExistsFailure,
    namespace::v1::{BadBinaries, NamespaceConfig, NamespaceInfo, namespace_info},
    replication::v1::{ClusterReplicationConfig, NamespaceReplicationConfig},
    workflowservice::v1::{
        DescribeNamespaceRequest, DescribeNamespaceResponse, RegisterNamespaceRequest,
        RegisterNamespaceResponse, UpdateNamespaceRequest, UpdateNamespaceResponse,
    },
};
use tonic::Code;

use super::{
    Cluster, Error,
    limits::{self, Limits},
    namespaces::Namespace,
    search_attributes::Registry,
    system::CLUSTER_NAME,
};
use crate::clock;

/// The namespace in which a server runs its own workflows. It exists, but is of no use to anybody.
const SYSTEM_NAMESPACE: &str = "temporal-system";

impl Cluster {
    /// RegisterNamespace: adds a namespace, which has the search attributes of the namespace `default`.
    pub(super) fn register_namespace(
        &mut self,
        request: RegisterNamespaceRequest,
    ) -> Result<RegisterNamespaceResponse, Error> {
        if request.namespace.is_empty() {
            return Err(namespace_not_set());
        }
        let retention = clock::duration(request.workflow_execution_retention_period.as_ref());
        if retention.is_zero() {
            return Err(Error::invalid_argument("A valid retention period is not set on request."));
        }
        let name = request.namespace;
        if name == SYSTEM_NAMESPACE || self.shared.namespaces.find(&name).is_ok() {
            return Err(Error::detailed(
                Code::AlreadyExists,
                format!("Namespace {name:?} already exists"),
                "NamespaceAlreadyExistsFailure",
                &NamespaceAlreadyExistsFailure::default(),
            ));
        }
        self.shared.namespaces.register(Namespace {
            id: self.shared.namespace_ids.uuid(),
            name,
            description: request.description,
            owner_email: request.owner_email,
            data: request.data.into_iter().collect(),
            retention,
            is_registered_by_request: true,
            search_attributes: Registry::default(),
        });
        Ok(RegisterNamespaceResponse::default())
    }

    /// UpdateNamespace: changes what is given, and adds to the data.
    pub(super) fn update_namespace(
        &mut self,
        request: UpdateNamespaceRequest,
    ) -> Result<UpdateNamespaceResponse, Error> {
        if request.namespace.is_empty() {
            return Err(namespace_not_set());
        }
        let key = self.shared.namespaces.find(&request.namespace)?;
        let namespace = self
            .shared
            .namespaces
            .get_mut(key)
            .ok_or_else(|| Error::namespace_not_found(&request.namespace))?;
        if let Some(info) = request.update_info {
            if !info.description.is_empty() {
                namespace.description = info.description;
            }
            if !info.owner_email.is_empty() {
                namespace.owner_email = info.owner_email;
            }
            namespace.data.extend(info.data);
        }
        let retention = request.config.and_then(|config| config.workflow_execution_retention_ttl);
        if let Some(retention) = retention {
            namespace.retention = clock::duration(Some(&retention));
        }
        Ok(UpdateNamespaceResponse {
            namespace_info: Some(info(&self.shared.config.limits, namespace)),
            config: Some(config(namespace)),
            replication_config: Some(replication_config(namespace)),
            ..Default::default()
        })
    }

    /// DescribeNamespace, by name or by id.
    pub(super) fn describe_namespace(
        &self,
        request: DescribeNamespaceRequest,
    ) -> Result<DescribeNamespaceResponse, Error> {
        let namespaces = &self.shared.namespaces;
        let namespace = if !request.id.is_empty() {
            namespaces.by_id(&request.id).ok_or_else(|| Error::namespace_not_found(&request.id))?
        } else if request.namespace.is_empty() {
            return Err(namespace_not_set());
        } else {
            let key = namespaces.find(&request.namespace)?;
            namespaces.get(key).ok_or_else(|| Error::namespace_not_found(&request.namespace))?
        };
        Ok(DescribeNamespaceResponse {
            namespace_info: Some(info(&self.shared.config.limits, namespace)),
            config: Some(config(namespace)),
            replication_config: Some(replication_config(namespace)),
            ..Default::default()
        })
    }
}

fn namespace_not_set() -> Error {
    Error::invalid_argument("Namespace not set on request.")
}

fn info(limits: &Limits, namespace: &Namespace) -> NamespaceInfo {
    NamespaceInfo {
        name: namespace.name.clone(),
        state: NamespaceState::Registered as i32,
        description: namespace.description.clone(),
        owner_email: namespace.owner_email.clone(),
        data: namespace.data.clone().into_iter().collect(),
        id: namespace.id.clone(),
        capabilities: Some(namespace_info::Capabilities {
            eager_workflow_start: true,
            sync_update: true,
            async_update: true,
            ..Default::default()
        }),
        limits: Some(namespace_info::Limits {
            blob_size_limit_error: limits.blob_size as i64,
            memo_size_limit_error: limits.memo_size as i64,
            workflow_task_completion_size_limit_error: limits::WORKFLOW_TASK_COMPLETION_SIZE as i64,
        }),
        supports_schedules: true,
    }
}

fn config(namespace: &Namespace) -> NamespaceConfig {
    NamespaceConfig {
        workflow_execution_retention_ttl: Some(clock::to_proto(namespace.retention)),
        bad_binaries: Some(BadBinaries::default()),
        custom_search_attribute_aliases: namespace
            .search_attributes
            .aliases()
            .map(|(column, name)| (column.to_owned(), name.to_owned()))
            .collect(),
        history_archival_state: ArchivalState::Disabled as i32,
        visibility_archival_state: ArchivalState::Disabled as i32,
        ..Default::default()
    }
}

fn replication_config(namespace: &Namespace) -> NamespaceReplicationConfig {
    // A namespace that a server has from its start does not say in which state it is.
    let state = if namespace.is_registered_by_request {
        ReplicationState::Normal
    } else {
        ReplicationState::Unspecified
    };
    NamespaceReplicationConfig {
        active_cluster_name: CLUSTER_NAME.to_owned(),
        clusters: vec![ClusterReplicationConfig {
            cluster_name: CLUSTER_NAME.to_owned(),
            ..Default::default()
        }],
        state: state as i32,
    }
}
