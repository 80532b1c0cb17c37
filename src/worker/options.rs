//! The knobs of a worker and their defaults.

use std::{collections::BTreeMap, time::Duration};

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
use temporalio_sdk::runtime::{
    WorkflowErrorType,
    worker_tuner::{ResourceBasedSlotOptions, SlotSupplier, WorkerTuner},
};
use temporalio_workflow::{
    InternalPatchActivationCallback, workflow_interceptors::WorkflowInterceptorConstructor,
};

/// The knobs of a worker. The setters of [`Worker`](super::Worker) say what each one means.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) task_queue: String,
    pub(crate) identity: Option<String>,
    /// How long after the start of the simulation it starts.
    pub(crate) starts_after: Duration,
    pub(crate) data_converter: DataConverter,
    /// Whether the data converter was set, so that it may have a codec.
    pub(crate) has_own_data_converter: bool,
    pub(crate) workflow_interceptors: Vec<WorkflowInterceptorConstructor>,
    pub(crate) workflow_failure_errors: Vec<WorkflowErrorType>,
    /// The same for single workflow types.
    pub(crate) workflow_types_to_failure_errors: BTreeMap<String, Vec<WorkflowErrorType>>,
    pub(crate) patch_activation_callback: Option<InternalPatchActivationCallback>,
    pub(crate) detect_nondeterministic_futures: bool,
    pub(crate) max_cached_workflows: usize,
    pub(crate) evict_at_random: f64,
    pub(crate) sticky_queue_schedule_to_start_timeout: Duration,
    pub(crate) max_concurrent_workflow_tasks: usize,
    pub(crate) max_concurrent_activities: usize,
    pub(crate) max_concurrent_local_activities: usize,
    pub(crate) max_eager_activity_reservations_per_workflow_task: usize,
    pub(crate) max_task_queue_activities_per_second: Option<f64>,
    pub(crate) max_worker_activities_per_second: Option<f64>,
    pub(crate) graceful_shutdown_period: Option<Duration>,
    pub(crate) disable_payload_error_limit: bool,
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
            starts_after: Duration::ZERO,
            data_converter: DataConverter::default(),
            has_own_data_converter: false,
            workflow_interceptors: Vec::new(),
            workflow_failure_errors: Vec::new(),
            workflow_types_to_failure_errors: BTreeMap::new(),
            patch_activation_callback: None,
            detect_nondeterministic_futures: true,
            max_cached_workflows: 1000,
            evict_at_random: 0.0,
            sticky_queue_schedule_to_start_timeout: Duration::from_secs(10),
            max_concurrent_workflow_tasks: 100,
            max_concurrent_activities: 100,
            max_concurrent_local_activities: 100,
            max_eager_activity_reservations_per_workflow_task: 3,
            max_task_queue_activities_per_second: None,
            max_worker_activities_per_second: None,
            graceful_shutdown_period: None,
            disable_payload_error_limit: false,
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

    /// Whether nondeterminism fails a workflow of this type and not only its task.
    pub(crate) fn fails_on_nondeterminism(&self, workflow_type: &str) -> bool {
        let of_type = self.workflow_types_to_failure_errors.get(workflow_type);
        let mut all = self.workflow_failure_errors.iter().chain(of_type.into_iter().flatten());
        all.any(|error| *error == WorkflowErrorType::Nondeterminism)
    }

    /// Takes over how many tasks of each kind a tuner lets run at the same time.
    pub(crate) fn tune(&mut self, tuner: &WorkerTuner) {
        let (workflow_tasks, activities, local_activities) = match tuner {
            WorkerTuner::ResourceBased(tuner) => (
                maximum(tuner.workflow_task_slot_options, MAXIMUM_WORKFLOW_TASKS),
                maximum(tuner.activity_task_slot_options, MAXIMUM_ACTIVITIES),
                maximum(tuner.local_activity_task_slot_options, MAXIMUM_ACTIVITIES),
            ),
            WorkerTuner::ResourceBasedWithController(tuner) => (
                maximum(tuner.workflow_task_slot_options, MAXIMUM_WORKFLOW_TASKS),
                maximum(tuner.activity_task_slot_options, MAXIMUM_ACTIVITIES),
                maximum(tuner.local_activity_task_slot_options, MAXIMUM_ACTIVITIES),
            ),
            WorkerTuner::TunerHolder(tuner) => (
                slots(&tuner.workflow_task_slot_supplier, MAXIMUM_WORKFLOW_TASKS),
                slots(&tuner.activity_task_slot_supplier, MAXIMUM_ACTIVITIES),
                slots(&tuner.local_activity_task_slot_supplier, MAXIMUM_ACTIVITIES),
            ),
            tuner => panic!("this kind of worker tuner is not known here: {tuner:?}"),
        };
        self.max_concurrent_workflow_tasks = workflow_tasks;
        self.max_concurrent_activities = activities.max(1);
        self.max_concurrent_local_activities = local_activities.max(1);
    }
}

/// How many slots a resource-based supplier has at most, unless told otherwise.
const MAXIMUM_WORKFLOW_TASKS: usize = 1_000;
const MAXIMUM_ACTIVITIES: usize = 2_000;

fn slots(supplier: &SlotSupplier, default_maximum: usize) -> usize {
    match supplier {
        SlotSupplier::FixedSize(supplier) => supplier.num_slots,
        SlotSupplier::ResourceBased(supplier) => maximum(Some(supplier.slot_options), default_maximum),
        supplier => panic!("this kind of slot supplier is not known here: {supplier:?}"),
    }
}

/// A simulation runs short of no resource, so a resource-based supplier has all the slots that it may have.
fn maximum(options: Option<ResourceBasedSlotOptions>, default_maximum: usize) -> usize {
    options.and_then(|options| options.maximum_slots).unwrap_or(default_maximum)
}
