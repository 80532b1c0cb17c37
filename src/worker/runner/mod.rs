//! A worker that runs.
//!
//! [`Runner::run`] polls the task queues and gives every workflow task to the [`run`] that it is for. Each
//! run that is in the cache is a future of its own, so is each activity attempt; all of them live in the
//! runner's one future. Dropping that future is a crash of the worker: nothing is reported, everything that
//! was under way is lost, and the server finds out by its timeouts.

mod history;
mod local_activity;
mod mailbox;
mod polling;
mod reporting;
mod run;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

use futures_util::{StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};
use temporalio_client::{Client, ClientOptions, Connection};
use temporalio_common::protos::temporal::api::{
    enums::v1::{TaskQueueType, WorkflowTaskFailedCause},
    failure::v1::Failure,
    workflowservice::v1::{DescribeNamespaceRequest, PollActivityTaskQueueResponse, ShutdownWorkerRequest},
};
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{self, UnboundedReceiver, UnboundedSender},
};

use super::{
    Event, Events, Ledger, Progress, Worker, activities::run_attempt, codec::Codec, machines,
    options::Options, payload_limits::PayloadLimits, shared::Shared, shutdown::Shutdown, stalls::Stalls,
};
use crate::{
    faults::{Injector, WorkflowTaskEffect},
    index_map::IndexMap,
    overrides::Overrides,
    rng::{Seed, Stream},
    sdk::WorkflowSettings,
    service::{Concurrent, Service},
};
use mailbox::{Delivery, Mailbox};
use polling::{ActivityTasks, WorkflowTasks};

/// What surrounds a worker in a simulation.
pub(crate) struct Environment {
    /// The server.
    pub(crate) service: Service,
    /// The connection of the client that activities can ask their context for; `None` if they get none.
    pub(crate) connection: Option<Connection>,
    /// The namespace whose task queues are polled.
    pub(crate) namespace: String,
    /// The simulation's seed.
    pub(crate) seed: Seed,
    /// Which of the simulation's workers this is.
    pub(crate) index: usize,
    /// What is changed about the options of local activities.
    pub(crate) overrides: Overrides,
    /// What goes wrong.
    pub(crate) faults: Injector,
    /// Where the worker writes down what activity code does.
    pub(crate) ledger: Ledger,
    /// Where the worker marks whose code it runs.
    pub(crate) progress: Arc<Progress>,
    /// Where the worker's events go.
    pub(crate) events: Events,
    /// How the worker is asked to shut down.
    pub(crate) shutdown: Shutdown,
}

/// A worker that runs. Several can be made from one [`Worker`], at the same time or one after the other.
pub(crate) struct Runner {
    shared: Rc<Shared>,
    context: Rc<RunContext>,
    /// The runs in the cache, by run id.
    runs: IndexMap<Arc<str>, CachedRun>,
    /// The futures of these runs; each ends with its run id.
    serving: FuturesUnordered<LocalBoxFuture<'static, Arc<str>>>,
    /// The activity attempts that are under way.
    attempts: Concurrent<'static, ()>,
    /// How many tasks were dispatched so far, to tell which run was used last.
    dispatched: u64,
    eager: UnboundedReceiver<EagerActivity>,
    abandoned: UnboundedReceiver<LocalBoxFuture<'static, ()>>,
    foreign_wakes: UnboundedReceiver<String>,
}

/// What the runs need besides [`Shared`].
struct RunContext {
    /// The sticky queue; `None` without a cache.
    sticky_queue: Option<String>,
    machine_options: Arc<machines::Options>,
    eviction: RefCell<Stream>,
    eager: UnboundedSender<EagerActivity>,
    /// For local activities whose attempt is over for the workflow, but whose code still runs.
    abandoned: UnboundedSender<LocalBoxFuture<'static, ()>>,
}

/// An activity task that came with the answer to a workflow task completion, and its reserved slot.
struct EagerActivity {
    task: Box<PollActivityTaskQueueResponse>,
    slot: OwnedSemaphorePermit,
}

struct CachedRun {
    mailbox: Rc<Mailbox>,
    last_used: u64,
}

impl Runner {
    /// A worker that starts when [`Self::run`] is polled.
    pub(crate) fn new(worker: impl Into<Arc<Worker>>, environment: Environment) -> Self {
        let worker: Arc<Worker> = worker.into();
        let Environment {
            service,
            connection,
            namespace,
            seed,
            index,
            overrides,
            faults,
            ledger,
            progress,
            events,
            shutdown,
        } = environment;
        let options = &worker.options;
        let identity =
            options.identity.clone().unwrap_or_else(|| format!("worker-{index}@{}", options.task_queue));
        let (foreign_wakes_sender, foreign_wakes) = mpsc::unbounded_channel();
        let (eager_sender, eager) = mpsc::unbounded_channel();
        let (abandoned_sender, abandoned) = mpsc::unbounded_channel();
        let evictions = faults.evictions(index);
        let now = service.now();
        let evicted = Cell::new(evictions.partition_point(|(at, _)| *at < now));
        let attempts = Concurrent::new(&service, "an activity");
        let shared = Shared {
            client: connection.and_then(|connection| {
                let client_options = ClientOptions::new(namespace.clone())
                    .data_converter(options.data_converter.clone())
                    .build();
                Client::new(connection, client_options).ok()
            }),
            codec: Codec::new(options.data_converter.clone(), options.has_own_data_converter),
            settings: WorkflowSettings {
                namespace: namespace.clone(),
                task_queue: options.task_queue.clone(),
                data_converter: options.data_converter.clone(),
                interceptors: options.workflow_interceptors.clone(),
                detect_nondeterministic_futures: options.detect_nondeterministic_futures,
                patch_activation: options.patch_activation_callback.clone(),
                foreign_wakes: Some(foreign_wakes_sender),
            },
            activity_slots: Arc::new(Semaphore::new(options.max_concurrent_activities)),
            local_activity_slots: Arc::new(Semaphore::new(options.max_concurrent_local_activities)),
            payload_limits: PayloadLimits::default(),
            shutdown,
            service,
            namespace,
            identity,
            overrides,
            evictions,
            evicted,
            stalls: Stalls::new(&faults, index),
            faults,
            ledger,
            progress,
            events,
            worker: worker.clone(),
        };
        let context = RunContext {
            sticky_queue: sticky_queue(options, index),
            machine_options: Arc::new(machines::Options {
                sdk_metadata: true,
                sdk_name: SDK_NAME.to_owned(),
                sdk_version: SDK_VERSION.to_owned(),
                deployment_version: options.deployment_version(),
                observe: false,
            }),
            eviction: RefCell::new(seed.stream(&format!("evictions of worker {index}"))),
            eager: eager_sender,
            abandoned: abandoned_sender,
        };
        Self {
            shared: Rc::new(shared),
            context: Rc::new(context),
            runs: IndexMap::default(),
            serving: FuturesUnordered::new(),
            attempts,
            dispatched: 0,
            eager,
            abandoned,
            foreign_wakes,
        }
    }

    /// Polls and works until it is asked to shut down and has finished what it has begun.
    ///
    /// # Errors
    /// In words for people: there is nothing that it could do, or the server refuses to give out tasks.
    pub(crate) async fn run(mut self) -> Result<(), String> {
        let worker = &self.shared.worker;
        if worker.workflows.is_empty() && worker.activities.is_empty() {
            return Err(format!(
                "the worker of task queue {} has nothing to run: register at least one workflow or activity",
                worker.options.task_queue
            ));
        }
        self.learn_payload_limits().await;
        let mut workflow_tasks = WorkflowTasks::new(&self.shared, self.context.sticky_queue.clone());
        let mut activity_tasks = ActivityTasks::new(&self.shared);
        loop {
            tokio::select! {
                biased;
                Some(run_id) = self.serving.next(), if !self.serving.is_empty() => self.run_ended(&run_id),
                Some(()) = self.attempts.next(), if !self.attempts.is_empty() => {}
                Some(run_id) = self.foreign_wakes.recv() => self.woken_from_outside(&run_id),
                Some(EagerActivity { task, slot }) = self.eager.recv() => self.start_attempt(task, slot),
                Some(execution) = self.abandoned.recv() => self.attempts.push(execution),
                () = self.shared.next_eviction() => self.evict_all(),
                () = self.shared.shutdown.requested() => break,
                polled = workflow_tasks.next() => match polled {
                    Ok(Some(delivery)) => self.dispatch(delivery),
                    Ok(None) => {}
                    Err(reason) => return Err(reason),
                },
                polled = activity_tasks.next() => match polled {
                    Ok(Some((task, slot))) => self.start_attempt(task, slot),
                    Ok(None) => {}
                    Err(reason) => return Err(reason),
                },
            }
        }
        for delivery in workflow_tasks.close() {
            self.dispatch(delivery);
        }
        if let Some((task, slot)) = activity_tasks.close() {
            self.start_attempt(task, slot);
        }
        self.shut_down().await;
        Ok(())
    }

    /// Asks the server how large payloads may be. If it does not know the namespace, the polls will say so.
    async fn learn_payload_limits(&self) {
        if self.shared.worker.options.disable_payload_error_limit {
            return;
        }
        let namespace = self.shared.namespace.clone();
        let described = self.shared.call(DescribeNamespaceRequest { namespace, ..Default::default() }).await;
        if let Some(limits) = described.ok().and_then(|it| it.namespace_info).and_then(|info| info.limits) {
            self.shared.payload_limits.learn(limits);
        }
    }

    /// Tells the server, and finishes what has begun. Activities are cancelled after the grace period.
    async fn shut_down(mut self) {
        let shared = self.shared.clone();
        if let Err(error) = shared.call(self.shutdown_request()).await {
            let type_name = shared.worker.options.task_queue.clone();
            shared.report(Event::CallRefused { rpc: "ShutdownWorker", type_name, error });
        }
        let period = shared.worker.options.graceful_shutdown_period;
        let mut grace_ends = period.map(|period| shared.service.now() + period);
        loop {
            while let Ok(EagerActivity { task, slot }) = self.eager.try_recv() {
                self.start_attempt(task, slot);
            }
            while let Ok(execution) = self.abandoned.try_recv() {
                self.attempts.push(execution);
            }
            self.runs.values().for_each(|cached| cached.mailbox.evict());
            if self.serving.is_empty() && self.attempts.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                Some(run_id) = self.serving.next(), if !self.serving.is_empty() => self.run_ended(&run_id),
                Some(()) = self.attempts.next(), if !self.attempts.is_empty() => {}
                Some(EagerActivity { task, slot }) = self.eager.recv() => self.start_attempt(task, slot),
                Some(execution) = self.abandoned.recv() => self.attempts.push(execution),
                () = shared.sleep_until(grace_ends) => {
                    grace_ends = None;
                    shared.shutdown.cancel_activities();
                }
            }
        }
        shared.shutdown.complete();
    }

    fn shutdown_request(&self) -> ShutdownWorkerRequest {
        let Shared { worker, namespace, identity, .. } = &*self.shared;
        let polls = [
            (!worker.workflows.is_empty(), TaskQueueType::Workflow),
            (!worker.activities.is_empty(), TaskQueueType::Activity),
        ];
        ShutdownWorkerRequest {
            namespace: namespace.clone(),
            sticky_task_queue: self.context.sticky_queue.clone().unwrap_or_default(),
            identity: identity.clone(),
            reason: "graceful shutdown".to_owned(),
            task_queue: worker.options.task_queue.clone(),
            task_queue_types: polls
                .into_iter()
                .filter_map(|(polls, kind)| polls.then_some(kind.into()))
                .collect(),
            ..Default::default()
        }
    }

    fn start_attempt(&mut self, task: Box<PollActivityTaskQueueResponse>, slot: OwnedSemaphorePermit) {
        let shared = self.shared.clone();
        self.attempts.push(Box::pin(async move {
            run_attempt(&shared, task).await;
            drop(slot);
        }));
    }

    /// Gives a workflow task to its run, which is made if it is not in the cache. A fault may make the worker lose it or
    /// fail it.
    fn dispatch(&mut self, delivery: Delivery) {
        let workflow_type = delivery.task.workflow_type.as_ref().map_or("", |it| &it.name);
        let is_query = delivery.task.query.is_some();
        let effect = (!is_query)
            .then(|| self.shared.faults.workflow_task(self.shared.service.now(), workflow_type))
            .flatten();
        match effect {
            Some(WorkflowTaskEffect::Lose) => return,
            Some(WorkflowTaskEffect::Fail) => {
                let shared = self.shared.clone();
                self.attempts.push(Box::pin(async move {
                    let failure = Failure::application_failure("a fault of the plan".to_owned(), false);
                    let cause = WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure;
                    let request = reporting::failure(&shared, delivery.task.task_token, cause, failure);
                    // The task may have timed out meanwhile.
                    let _ = shared.call(request).await;
                    drop(delivery.slot);
                }));
                return;
            }
            None => {}
        }
        self.dispatched += 1;
        let run_id = delivery.task.workflow_execution.as_ref().map_or("", |execution| &execution.run_id);
        if let Some(cached) = self.runs.get_mut(run_id) {
            cached.last_used = self.dispatched;
            cached.mailbox.deliver(delivery);
            return;
        }
        self.make_room();
        let run_id: Arc<str> = run_id.into();
        let mailbox = Rc::new(Mailbox::default());
        mailbox.deliver(delivery);
        let cached = CachedRun { mailbox: mailbox.clone(), last_used: self.dispatched };
        self.runs.insert(run_id.clone(), cached);
        let (shared, context) = (self.shared.clone(), self.context.clone());
        self.serving.push(Box::pin(async move {
            run::serve(shared, context, mailbox, run_id.clone()).await;
            run_id
        }));
    }

    /// Asks the least recently used idle run to leave, if the cache is full. A cache full of runs that have
    /// work to do grows for as long as they have.
    fn make_room(&self) {
        let max = self.shared.worker.options.max_cached_workflows;
        if max == 0 || self.runs.len() < max {
            return;
        }
        let idle = self.runs.values().filter(|cached| cached.mailbox.is_idle());
        if let Some(cached) = idle.min_by_key(|cached| cached.last_used) {
            cached.mailbox.evict();
        }
    }

    /// Asks all runs to leave that have nothing to do.
    fn evict_all(&self) {
        for cached in self.runs.values().filter(|cached| cached.mailbox.is_idle()) {
            cached.mailbox.evict();
        }
    }

    /// A run has left the cache; tasks that came in meanwhile begin anew.
    fn run_ended(&mut self, run_id: &str) {
        if let Some(cached) = self.runs.swap_remove(run_id) {
            for delivery in cached.mailbox.take_all() {
                self.dispatch(delivery);
            }
        }
    }

    fn woken_from_outside(&self, run_id: &str) {
        if let Some(cached) = self.runs.get(run_id) {
            cached.mailbox.wake_from_outside();
        }
    }
}

/// What the official worker writes into histories.
const SDK_NAME: &str = "temporal-rust";
const SDK_VERSION: &str = "1.1.1";

/// The name of the sticky queue: one for each worker, because it leads to that worker's cache.
fn sticky_queue(options: &Options, index: usize) -> Option<String> {
    (options.max_cached_workflows > 0).then(|| format!("sticky-{}-{index}", options.task_queue))
}

#[cfg(test)]
mod tests;
