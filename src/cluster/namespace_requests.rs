//! Registering, updating and describing namespaces.

use std::time::Duration;

use temporalio_common::protos::temporal::api::{
    enums::v1::{ArchivalState, NamespaceState, ReplicationState},
    errordetails::v1::NamespaceAlreadyExistsFailure,
    namespace::v1::{BadBinaries, NamespaceConfig, NamespaceInfo, namespace_info},
    replication::v1::{ClusterReplicationConfig, NamespaceReplicationConfig},
    workflowservice::v1::{
        DescribeNamespaceRequest, DescribeNamespaceResponse, ListArchivedWorkflowExecutionsRequest,
        ListArchivedWorkflowExecutionsResponse, ListNamespacesRequest, ListNamespacesResponse,
        RegisterNamespaceRequest, RegisterNamespaceResponse, UpdateNamespaceRequest, UpdateNamespaceResponse,
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
        if request.is_global_namespace {
            return Err(Error::invalid_argument("Cannot register global namespace when not enabled"));
        }
        let retention = retention(request.workflow_execution_retention_period.as_ref())?;
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
        let given = request.config.and_then(|config| config.workflow_execution_retention_ttl);
        let new_retention = given.map(|given| retention(Some(&given))).transpose()?;
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
        if let Some(retention) = new_retention {
            namespace.retention = retention;
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

impl Cluster {
    /// ListNamespaces: by id, with the server's own.
    pub(super) fn list_namespaces(
        &self,
        request: &ListNamespacesRequest,
    ) -> Result<ListNamespacesResponse, Error> {
        /// Most namespaces of a page that has no size.
        const PAGE: usize = 100;
        let size = match usize::try_from(request.page_size) {
            Ok(0) => PAGE,
            Ok(size) => size,
            Err(_) => return Err(Error::invalid_argument("Invalid page size.")),
        };
        let limits = self.limits();
        let system = system_namespace();
        let mut all: Vec<_> = self.shared.namespaces.iter().chain([&system]).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        let behind = |namespace: &&Namespace| namespace.id.as_bytes() > &*request.next_page_token;
        let page: Vec<_> = all.into_iter().filter(behind).take(size).collect();
        let last = page.last().filter(|_| page.len() == size);
        Ok(ListNamespacesResponse {
            next_page_token: last.map(|namespace| namespace.id.clone().into_bytes()).unwrap_or_default(),
            namespaces: page
                .into_iter()
                .map(|namespace| DescribeNamespaceResponse {
                    namespace_info: Some(info(limits, namespace)),
                    config: Some(config(namespace)),
                    replication_config: Some(replication_config(namespace)),
                    ..Default::default()
                })
                .collect(),
        })
    }

    /// Says that nothing is archived.
    pub(super) fn list_archived_workflow_executions(
        &self,
        request: &ListArchivedWorkflowExecutionsRequest,
    ) -> Result<ListArchivedWorkflowExecutionsResponse, Error> {
        self.shared.namespaces.find(&request.namespace)?;
        Err(Error::invalid_argument("Cluster is not configured for visibility archival."))
    }
}

/// The namespace of the server's own workflows, as it is listed.
fn system_namespace() -> Namespace {
    Namespace {
        id: "32049b68-7872-4094-8e63-d0dd59896a83".to_owned(),
        name: SYSTEM_NAMESPACE.to_owned(),
        description: "Temporal internal system namespace".to_owned(),
        owner_email: "temporal-core@temporal.io".to_owned(),
        data: Default::default(),
        retention: Duration::from_secs(7 * 24 * 3600),
        is_registered_by_request: false,
        search_attributes: Registry::default(),
    }
}

/// How long closed runs of a namespace are to be kept.
///
/// # Errors
///
/// INVALID_ARGUMENT if that is less than an hour.
fn retention(given: Option<&prost_types::Duration>) -> Result<Duration, Error> {
    const SHORTEST: Duration = Duration::from_secs(3600);
    let retention = clock::duration(given);
    if retention < SHORTEST {
        return Err(Error::invalid_argument("A valid retention period is not set on request."));
    }
    Ok(retention)
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
            workflow_pause: limits.workflow_pause,
            worker_heartbeats: true,
            worker_poll_complete_on_shutdown: limits.cancel_polls_on_shutdown,
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
