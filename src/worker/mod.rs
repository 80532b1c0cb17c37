//! The embedded worker: runs the official SDK's workflows and activities on one thread, in an order that
//! only the seed decides.
//!
//! [`Worker`] is what a test writes: what is registered, and the options. [`Runner`] is a worker that runs:
//! it polls the server's task queues and keeps the workflows that it has in its cache. Below it, [`machines`]
//! turns histories into activations and commands, [`crate::sdk`] runs the workflows' code, and [`activities`]
//! runs the activities.

pub(crate) mod activities;
pub(crate) mod codec;
mod events;
pub(crate) mod machines;
mod options;
mod payload_limits;
mod progress;
mod runner;
mod shared;
mod shutdown;
mod stalls;
mod workflows;

use std::{sync::Arc, time::Duration};

use temporalio_common::{
    ActivityDefinition, WorkflowDefinition,
    data_converters::{DataConverter, TemporalSerializable},
    worker::WorkerDeploymentOptions,
};
use temporalio_sdk::{
    activities::ExecutableActivity,
    runtime::{WorkflowErrorType, worker_tuner::WorkerTuner},
};
use temporalio_workflow::{
    InternalPatchActivationCallback, workflow_interceptors::WorkflowInterceptorConstructor,
    workflows::WorkflowImplementation,
};

pub(crate) use activities::Ledger;
pub use activities::{ActivityAttempt, ActivityMarkers, AttemptEnding, Lease};
pub(crate) use events::{Event, Events};
pub(crate) use progress::Progress;
pub(crate) use runner::{Environment, Runner};
pub(crate) use shutdown::Shutdown;
pub(crate) use workflows::Workflows;

use crate::mock::{Expectation, Mock};
use activities::{Activities, HeartbeatDetails, RegisteredActivity, sealed::Sealed};
use options::Options;

/// A worker: what it can run, and how.
///
/// Workflows and activities are registered by the types and markers that the official macros make. All
/// other settings have the official worker's defaults.
///
/// ```
/// # use std::sync::Arc;
/// # use temporal_sim::Worker;
/// # use temporalio_macros::{activities, workflow, workflow_methods};
/// # use temporalio_sdk::{WorkflowContext, WorkflowResult, activities::{ActivityContext, ActivityError}};
/// # #[workflow] #[derive(Default)] struct MoneyTransfer;
/// # #[workflow_methods] impl MoneyTransfer {
/// #     #[run] async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> { Ok(()) }
/// # }
/// struct Bank;
///
/// #[activities]
/// impl Bank {
///     #[activity]
///     async fn withdraw(_ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> { Ok(cents) }
///     #[activity]
///     async fn deposit(_ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> { Ok(cents) }
/// }
///
/// let worker = Worker::new("transfers")
///     .workflow::<MoneyTransfer>()
///     .activities(Bank, (Bank::withdraw, Bank::deposit))
///     .max_cached_workflows(0);
/// ```
///
/// Activity interceptors of the SDK can run only in the SDK's own worker; attach that one to the simulation
/// to test them.
#[derive(Clone)]
pub struct Worker {
    options: Options,
    workflows: Workflows,
    activities: Activities,
    heartbeat_details: HeartbeatDetails,
    expectations: Vec<Arc<dyn Expectation>>,
}

impl Worker {
    /// A worker for this task queue with nothing registered yet.
    pub fn new(task_queue: impl Into<String>) -> Self {
        Self {
            options: Options::new(task_queue.into()),
            workflows: Workflows::default(),
            activities: Activities::default(),
            heartbeat_details: HeartbeatDetails::default(),
            expectations: Vec::new(),
        }
    }

    /// Registers a workflow.
    ///
    /// # Panics
    /// If a workflow of the same type is registered already.
    #[track_caller]
    #[must_use]
    pub fn workflow<W>(mut self) -> Self
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
    {
        self.workflows.register::<W>(&self.name());
        self
    }

    /// Registers a workflow whose instances `make` supplies, for workflows that carry something which cannot
    /// be serialised. What it carries must not make the workflow behave differently when it is replayed.
    ///
    /// # Panics
    /// If a workflow of the same type is registered already, or if the workflow has an `#[init]` method.
    #[track_caller]
    #[must_use]
    pub fn workflow_with_factory<W, F>(mut self, make: F) -> Self
    where
        W: WorkflowImplementation,
        <W::Run as WorkflowDefinition>::Input: Send,
        F: Fn() -> W + Send + Sync + 'static,
    {
        self.workflows.register_with_factory(make, &self.name());
        self
    }

    /// How messages call it.
    fn name(&self) -> String {
        format!("the worker of task queue {}", self.options.task_queue)
    }

    /// Registers one activity by its marker, implemented by `implementer`: a value or an `Arc` of it. Several
    /// activities may share an `Arc`.
    ///
    /// # Panics
    /// If an activity of the same type is registered already.
    #[track_caller]
    #[must_use]
    pub fn activity<A>(mut self, activity: A, implementer: impl Into<Arc<A::Implementer>>) -> Self
    where
        A: ExecutableActivity,
        A::Input: Send + Sync,
        A::Output: Send + Sync,
    {
        let _ = activity;
        self.add_activity(RegisteredActivity::implemented_by::<A>(implementer.into()));
        self
    }

    /// Registers several activities of one implementer by a tuple of their markers, at most 16 of them.
    ///
    /// # Panics
    /// If an activity of the same type is registered already.
    #[track_caller]
    #[must_use]
    pub fn activities<I, M>(mut self, implementer: impl Into<Arc<I>>, markers: M) -> Self
    where
        M: ActivityMarkers<I>,
    {
        let _ = markers;
        for activity in <M as Sealed<I>>::registered(&implementer.into()) {
            self.add_activity(activity);
        }
        self
    }

    #[track_caller]
    fn add_activity(&mut self, activity: RegisteredActivity) {
        if let Err(activity) = self.activities.insert(activity) {
            panic!(
                "activity type {} is registered twice on the worker of task queue {}",
                activity.activity_type(),
                self.options.task_queue
            );
        }
    }

    /// Lets a mock stand in for an activity, whether or not the activity is registered too.
    #[must_use]
    pub fn mock<A>(mut self, mock: Mock<A>) -> Self
    where
        A: ActivityDefinition + 'static,
        A::Input: Send,
        A::Output: Send,
    {
        self.expectations.push(Arc::new(mock.clone()));
        let activity_type = mock.activity_type().to_owned();
        self.activities
            .replace(RegisteredActivity::new(&activity_type, move |context, arguments, converter| {
                mock.call(context, arguments, converter)
            }));
        self
    }

    /// Makes a type of heartbeat details known, the `T` of `ctx.record_heartbeat::<T>(..)`. Strings, numbers,
    /// `bool`, `()`, JSON values, `RawValue`, and `Option`s, `Vec`s and pairs of them are known from the start.
    ///
    /// A heartbeat whose type is unknown fails the simulation.
    #[must_use]
    pub fn heartbeat_details<T: TemporalSerializable + 'static>(mut self) -> Self {
        self.heartbeat_details.register::<T>();
        self
    }

    /// Converts values, errors and, with its codec, payloads. Default: the SDK's. Give the client of the test
    /// the same one.
    #[must_use]
    pub fn data_converter(mut self, data_converter: DataConverter) -> Self {
        self.options.data_converter = data_converter;
        self.options.has_own_data_converter = true;
        self
    }

    /// Adds an interceptor to every workflow execution; the first one added is the outermost.
    #[must_use]
    pub fn workflow_interceptor(mut self, constructor: WorkflowInterceptorConstructor) -> Self {
        self.options.workflow_interceptors.push(constructor);
        self
    }

    /// Errors that fail the workflow execution and not only its workflow task. Default: none.
    #[must_use]
    pub fn workflow_failure_errors(mut self, errors: impl IntoIterator<Item = WorkflowErrorType>) -> Self {
        self.options.workflow_failure_errors = errors.into_iter().collect();
        self
    }

    /// The same for workflows of one type, in addition to what holds for all. Default: none.
    #[must_use]
    pub fn workflow_types_to_failure_errors(
        mut self,
        workflow_type: impl Into<String>,
        errors: impl IntoIterator<Item = WorkflowErrorType>,
    ) -> Self {
        self.options.workflow_types_to_failure_errors.entry(workflow_type.into()).or_default().extend(errors);
        self
    }

    /// Decides whether the first call of `patched` for a patch id activates the patch, where no history
    /// decides it. Default: it does. (The SDK shows this option behind its feature `experimental`.)
    #[must_use]
    pub fn patch_activation_callback(mut self, callback: InternalPatchActivationCallback) -> Self {
        self.options.patch_activation_callback = Some(callback);
        self
    }

    /// Whether a workflow task fails when workflow code awaits something other than the SDK's futures, such
    /// as a tokio timer. Default `true`.
    #[must_use]
    pub fn detect_nondeterministic_futures(mut self, detect: bool) -> Self {
        self.options.detect_nondeterministic_futures = detect;
        self
    }

    /// How the worker calls itself to the server. Default `worker-<n>@<task queue>`, where `n` counts the
    /// workers of the simulation from 0. The official worker's default names its process and machine.
    #[must_use]
    pub fn identity(mut self, identity: impl Into<String>) -> Self {
        self.options.identity = Some(identity.into());
        self
    }

    /// How long after the start of the simulation the worker starts: the next version of the code, whose deployment
    /// [`Simulation::shutdown_worker`](crate::Simulation::shutdown_worker) completes by stopping the one before. Default: at
    /// once.
    #[must_use]
    pub fn starts_after(mut self, delay: Duration) -> Self {
        self.options.starts_after = delay;
        self
    }

    /// How many workflow executions stay in memory between their workflow tasks; the least recently used one
    /// goes first. With 0, every task replays its whole history: slow, and the surest way to find
    /// nondeterminism. Default 1000.
    #[must_use]
    pub fn max_cached_workflows(mut self, max: usize) -> Self {
        self.options.max_cached_workflows = max;
        self
    }

    /// The probability with which a workflow execution leaves the cache after each of its workflow tasks, so
    /// that it is replayed at points that only the seed decides. Default 0.
    ///
    /// # Panics
    /// If it is not between 0 and 1.
    #[track_caller]
    #[must_use]
    pub fn evict_at_random(mut self, probability: f64) -> Self {
        assert!((0.0..=1.0).contains(&probability), "a probability is between 0 and 1, not {probability}");
        self.options.evict_at_random = probability;
        self
    }

    /// How long a workflow task may wait on the sticky queue of this worker before any worker may have it.
    /// Default 10 s.
    #[must_use]
    pub fn sticky_queue_schedule_to_start_timeout(mut self, timeout: Duration) -> Self {
        self.options.sticky_queue_schedule_to_start_timeout = timeout;
        self
    }

    /// How many tasks of each kind may be under way at the same time, as the official worker takes it. A
    /// resource-based supplier has its maximum of slots: a simulation runs short of neither memory nor
    /// processors. Default: 100 of each kind.
    #[must_use]
    pub fn tuner(mut self, tuner: impl Into<WorkerTuner>) -> Self {
        self.options.tune(&tuner.into());
        self
    }

    /// How many workflow tasks may be under way at the same time. Default 100; at least 2 with a cache, 1
    /// without.
    #[must_use]
    pub fn max_concurrent_workflow_tasks(mut self, max: usize) -> Self {
        self.options.max_concurrent_workflow_tasks = max;
        self
    }

    /// How many activities may run at the same time. Default 100; at least 1.
    #[must_use]
    pub fn max_concurrent_activities(mut self, max: usize) -> Self {
        self.options.max_concurrent_activities = max.max(1);
        self
    }

    /// How many local activities may run at the same time. Default 100; at least 1.
    #[must_use]
    pub fn max_concurrent_local_activities(mut self, max: usize) -> Self {
        self.options.max_concurrent_local_activities = max.max(1);
        self
    }

    /// How many activities of one workflow task the worker may start at once, without their going through
    /// the task queue. Default 3; 0 turns it off.
    #[must_use]
    pub fn max_eager_activity_reservations_per_workflow_task(mut self, max: usize) -> Self {
        self.options.max_eager_activity_reservations_per_workflow_task = max;
        self
    }

    /// How many activities of the task queue the server may start per second, over all workers. Turns eager
    /// activities off. Default: no limit.
    #[must_use]
    pub fn max_task_queue_activities_per_second(mut self, max: f64) -> Self {
        self.options.max_task_queue_activities_per_second = Some(max);
        self
    }

    /// How many activities this worker asks for per second: it waits for `1 / max` seconds between two polls.
    /// Default: no limit.
    ///
    /// # Panics
    /// If it is not a positive number.
    #[track_caller]
    #[must_use]
    pub fn max_worker_activities_per_second(mut self, max: f64) -> Self {
        assert!(
            max > 0.0 && max.is_normal(),
            "max_worker_activities_per_second is a positive number, not {max}"
        );
        self.options.max_worker_activities_per_second = Some(max);
        self
    }

    /// How long activities may go on after the worker was asked to shut down. Then they are cancelled, and
    /// those that end cancelled fail with type `WorkerShutdown`, to be retried. Default: for ever.
    #[must_use]
    pub fn graceful_shutdown_period(mut self, period: Duration) -> Self {
        self.options.graceful_shutdown_period = Some(period);
        self
    }

    /// Whether payloads and memos beyond the namespace's limits are sent all the same, for the server to
    /// refuse: it fails the workflow or the activity for good. By default the worker fails the task instead,
    /// which is then retried. (The SDK shows this option behind its feature `experimental`.)
    #[must_use]
    pub fn disable_payload_error_limit(mut self, disable: bool) -> Self {
        self.options.disable_payload_error_limit = disable;
        self
    }

    /// The longest interval at which heartbeats are throttled. Default 60 s.
    #[must_use]
    pub fn max_heartbeat_throttle_interval(mut self, interval: Duration) -> Self {
        self.options.max_heartbeat_throttle_interval = interval;
        self
    }

    /// The interval at which the heartbeats of an activity without a heartbeat timeout are throttled; with
    /// one it is 80 % of that. Default 30 s.
    #[must_use]
    pub fn default_heartbeat_throttle_interval(mut self, interval: Duration) -> Self {
        self.options.default_heartbeat_throttle_interval = interval;
        self
    }

    /// The deployment version of this worker. Default: none. The official worker's default is a hash of its
    /// executable, which would differ with every build.
    #[must_use]
    pub fn deployment_options(mut self, options: WorkerDeploymentOptions) -> Self {
        self.options.deployment_options = Some(options);
        self
    }

    /// How long after the start of the simulation it starts.
    pub(crate) fn delay(&self) -> Duration {
        self.options.starts_after
    }

    /// Whether somebody means this worker who names a task queue or an identity.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.options.task_queue == name || self.options.identity.as_deref() == Some(name)
    }

    /// The task queue and the data converter, if this workflow is registered.
    pub(crate) fn runs(&self, workflow_type: &str) -> Option<(&str, &DataConverter)> {
        let registered = self.workflows.types().any(|it| it == workflow_type);
        registered.then_some((self.options.task_queue.as_str(), &self.options.data_converter))
    }

    /// The types of its workflows.
    pub(crate) fn workflow_types(&self) -> impl Iterator<Item = &str> {
        self.workflows.types()
    }

    /// The types of its activities.
    pub(crate) fn activity_types(&self) -> impl Iterator<Item = &str> {
        self.activities.types().into_iter()
    }

    /// What is needed to run its workflows without a server.
    pub(crate) fn workflow_parts(&self) -> WorkflowParts<'_> {
        let Options { data_converter, has_own_data_converter, workflow_interceptors, .. } = &self.options;
        WorkflowParts {
            workflows: &self.workflows,
            data_converter: has_own_data_converter.then_some(data_converter),
            interceptors: workflow_interceptors,
        }
    }

    /// Refuses a worker that goes by a version: no task would ever find it.
    ///
    /// # Errors
    ///
    /// If it does, with its version.
    pub(crate) fn check_versioning(&self) -> anyhow::Result<()> {
        let Some(deployment) = self.options.deployment_options.as_ref().filter(|it| it.use_worker_versioning)
        else {
            return Ok(());
        };
        anyhow::bail!(
            "the worker for task queue {:?} goes by version {}.{}, and would get no task: worker deployments have no              current version here; leave `use_worker_versioning` off",
            self.options.task_queue,
            deployment.version.deployment_name,
            deployment.version.build_id
        )
    }

    /// What its mocks expected and did not get.
    pub(crate) fn unmet_expectations(&self) -> Vec<String> {
        self.expectations.iter().filter_map(|expectation| expectation.unmet()).collect()
    }
}

/// What a worker runs workflows with.
pub(crate) struct WorkflowParts<'a> {
    pub(crate) workflows: &'a Workflows,
    /// The data converter, if one was set.
    pub(crate) data_converter: Option<&'a DataConverter>,
    pub(crate) interceptors: &'a [WorkflowInterceptorConstructor],
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Worker")
            .field("task_queue", &self.options.task_queue)
            .field("workflows", &self.workflows.types().collect::<Vec<_>>())
            .field("activities", &self.activities.types())
            .finish_non_exhaustive()
    }
}
