//! The knobs of a worker and their defaults.

use std::time::Duration;

use temporalio_common::{
    data_converters::DataConverter,
    protos::{
        coresdk::common::WorkerDeploymentVersion,
        temporal::api::{
            deployment::v1::WorkerDeploymentOptions as DeploymentProto,
            enums::v1::{VersioningBehavior, WorkerVersioningMode},
        },
    },
    worker::WorkerDeploymentOptions,
};
use temporalio_sdk::runtime::WorkflowErrorType;
use temporalio_workflow::workflow_interceptors::WorkflowInterceptorConstructor;

/// The knobs of a worker. The setters of [`Worker`](super::Worker) say what each one means.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) task_queue: String,
    pub(crate) identity: Option<String>,
    pub(crate) data_converter: DataConverter,
    /// Whether the data converter was set, so that it may have a codec.
    pub(crate) has_own_data_converter: bool,
    pub(crate) workflow_interceptors: Vec<WorkflowInterceptorConstructor>,
    pub(crate) workflow_failure_errors: Vec<WorkflowErrorType>,
    pub(crate) detect_nondeterministic_futures: bool,
    pub(crate) max_cached_workflows: usize,
    pub(crate) evict_at_random: f64,
    pub(crate) sticky_queue_schedule_to_start_timeout: Duration,
    pub(crate) max_concurrent_workflow_tasks: usize,
    pub(crate) max_concurrent_activities: usize,
    pub(crate) max_concurrent_local_activities: usize,
    pub(crate) max_eager_activity_reservations_per_workflow_task: usize,
    pub(crate) max_task_queue_activities_per_second: Option<f64>,
    pub(crate) max_heartbeat_throttle_interval: Duration,
    pub(crate) default_heartbeat_throttle_interval: Duration,
    pub(crate) deployment_options: Option<WorkerDeploymentOptions>,
}

impl Options {
    /// The official worker's defaults.
    pub(crate) fn new(task_queue: String) -> Self {
        Self {
            task_queue,
            identity: None,
            data_converter: DataConverter::default(),
            has_own_data_converter: false,
            workflow_interceptors: Vec::new(),
            workflow_failure_errors: Vec::new(),
            detect_nondeterministic_futures: true,
            max_cached_workflows: 1000,
            evict_at_random: 0.0,
            sticky_queue_schedule_to_start_timeout: Duration::from_secs(10),
            max_concurrent_workflow_tasks: 100,
            max_concurrent_activities: 100,
            max_concurrent_local_activities: 100,
            max_eager_activity_reservations_per_workflow_task: 3,
            max_task_queue_activities_per_second: None,
            max_heartbeat_throttle_interval: Duration::from_secs(60),
            default_heartbeat_throttle_interval: Duration::from_secs(30),
            deployment_options: None,
        }
    }

    /// The deployment options as the server wants them with every call.
    pub(crate) fn deployment(&self) -> Option<DeploymentProto> {
        self.deployment_options.as_ref().map(|options| {
            let mode = if options.use_worker_versioning {
                WorkerVersioningMode::Versioned
            } else {
                WorkerVersioningMode::Unversioned
            };
            DeploymentProto {
                deployment_name: options.version.deployment_name.clone(),
                build_id: options.version.build_id.clone(),
                worker_versioning_mode: mode.into(),
            }
        })
    }

    /// The deployment version as activations report it.
    pub(crate) fn deployment_version(&self) -> Option<WorkerDeploymentVersion> {
        self.deployment_options.as_ref().map(|options| WorkerDeploymentVersion {
            deployment_name: options.version.deployment_name.clone(),
            build_id: options.version.build_id.clone(),
        })
    }

    /// The versioning behaviour of workflows that do not state one.
    pub(crate) fn default_versioning_behavior(&self) -> Option<VersioningBehavior> {
        self.deployment_options
            .as_ref()
            .and_then(|options| options.default_versioning_behavior)
            .map(Into::into)
    }

    /// Whether nondeterminism fails the workflow and not only its task.
    pub(crate) fn fails_on_nondeterminism(&self) -> bool {
        self.workflow_failure_errors.contains(&WorkflowErrorType::Nondeterminism)
    }
}
