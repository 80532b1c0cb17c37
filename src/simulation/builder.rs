//! What can be chosen about a simulation, and how one is run.

use std::{
    any::Any,
    collections::BTreeMap,
    env, panic,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use temporalio_common::{
    protos::temporal::api::enums::v1::IndexedValueType,
    search_attributes::{SearchAttributeKey, SearchAttributeValue},
};

use super::{Failure, Listener, ResumeError, Simulation, reproduce, resume::Resumed, run, watchdog};
use crate::{
    clock::Time, cluster::Limits, determinism::Recorder, faults::Plan, history::History,
    invariants::Invariant, panics, rng::Seed, schedule::Schedule, worker::Worker,
};

/// Describes a simulation. Get one from [`Simulation::builder`].
#[derive(Clone)]
pub struct Builder {
    pub(super) seed: Seed,
    pub(super) start: Time,
    pub(super) namespace: String,
    pub(super) search_attributes: BTreeMap<String, IndexedValueType>,
    pub(super) limits: Limits,
    pub(super) workers: Vec<Arc<Worker>>,
    pub(super) budget: u64,
    pub(super) tolerate_workflow_task_failures: bool,
    pub(super) watchdog: Duration,
    pub(super) faults: Plan,
    pub(super) schedule: Schedule,
    pub(super) replays_itself: bool,
    pub(super) resumed: Vec<Resumed>,
    pub(super) recorder: Option<Recorder>,
    pub(super) listener: Option<Arc<dyn Listener>>,
    pub(super) invariants: Vec<Invariant>,
    pub(super) settles_within: Option<Duration>,
}

/// 2025-01-01T00:00:00Z.
const DEFAULT_START: Duration = Duration::from_secs(1_735_689_600);

/// The environment variable whose number replaces the seed of every simulation.
pub(crate) const SEED_VARIABLE: &str = "TEMPORAL_SIM_SEED";

impl Default for Builder {
    fn default() -> Self {
        Self {
            seed: Seed(seed_of_environment().unwrap_or(0)),
            start: Time::from_system_time(UNIX_EPOCH + DEFAULT_START),
            namespace: "default".to_owned(),
            search_attributes: BTreeMap::new(),
            limits: Limits::default(),
            workers: Vec::new(),
            budget: 1_000_000,
            tolerate_workflow_task_failures: false,
            watchdog: Duration::from_secs(10),
            faults: Plan::default(),
            schedule: Schedule::default(),
            replays_itself: false,
            resumed: Vec::new(),
            recorder: None,
            listener: None,
            invariants: Vec::new(),
            settles_within: None,
        }
    }
}

impl Builder {
    /// A simulation whose recording is compared with another.
    pub(crate) fn recorded(seed: u64, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..Self::default() }.seed(seed)
    }

    /// A simulation with a seed, whatever the environment says, and a plan.
    pub(crate) fn planned(seed: u64, plan: Plan) -> Self {
        Self { seed: Seed(seed), faults: plan, ..Self::default() }
    }

    /// A simulation of a search: it tells the listener what it came to, and leaves it to say so.
    pub(crate) fn observed(seed: u64, plan: Plan, listener: impl Listener + 'static) -> Self {
        Self { listener: Some(Arc::new(listener)), ..Self::planned(seed, plan) }
    }

    /// The number that everything random comes from: run ids, random values of workflows, jitter. Default
    /// 0. The environment variable `TEMPORAL_SIM_SEED` has precedence, so that a failure can be reproduced
    /// without an edit.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Seed(seed_of_environment().unwrap_or(seed));
        self
    }

    /// The virtual time at which the simulation starts. Default 2025-01-01T00:00:00Z.
    #[must_use]
    pub fn start_time(mut self, time: SystemTime) -> Self {
        self.start = Time::from_system_time(time);
        self
    }

    /// The namespace of the workers and of [`Simulation::client`]. Default `default`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Registers a search attribute in the namespace `default`, as an operator does on a real server. What is
    /// not registered is refused wherever a workflow or a client sets it, as it is there.
    #[must_use]
    pub fn search_attribute<T: SearchAttributeValue>(mut self, key: &SearchAttributeKey<T>) -> Self {
        self.search_attributes.insert(key.name().to_owned(), key.indexed_value_type());
        self
    }

    /// Changes how much the cluster takes: sizes, lengths of ids, how many events, activities, children or updates a run may
    /// have. The defaults of [`Limits`] are those of a Temporal server.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Adds a worker. It runs as long as the simulation does.
    #[must_use]
    pub fn worker(mut self, worker: Worker) -> Self {
        self.workers.push(Arc::new(worker));
        self
    }

    /// How many calls and timeouts the cluster may handle before the simulation fails and says what kept
    /// it busy. Default 1,000,000, which a test that comes to an end does not reach.
    #[must_use]
    pub fn budget(mut self, steps: u64) -> Self {
        self.budget = steps;
        self
    }

    /// What goes wrong. Default: nothing.
    #[must_use]
    pub fn faults(mut self, plan: Plan) -> Self {
        self.faults = plan;
        self
    }

    /// What goes first of what happens at the same instant. Default: first in, first out. If the plan of
    /// [`faults`](Self::faults) has a schedule, that has precedence.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Whether workflow tasks may fail. By default the first one, for example a panic in workflow code,
    /// fails the simulation with its cause. If tolerated, the cluster retries them as a real one does: for
    /// ever.
    #[must_use]
    pub fn tolerate_workflow_task_failures(mut self, tolerate: bool) -> Self {
        self.tolerate_workflow_task_failures = tolerate;
        self
    }

    /// Goes on with a run that another cluster has recorded, as it was after an event: would today's code have saved
    /// it? The simulation has the run from its beginning, open, under its own ids, and its time goes on from that
    /// event, unless [`start_time`](Self::start_time) is called after this. The worker that polls the run's task queue
    /// gets its next workflow task with the whole history, and replays it.
    ///
    /// What events tell of stays as it was: timers and timeouts keep their deadlines, signals and updates that came are
    /// there. What no event tells how far it had come begins again: the attempts of activities that are not closed,
    /// children that are not (from their beginning, unless their histories are resumed as well), signals and
    /// cancellations that were on their way to other workflows. A workflow task that a worker had taken times out.
    ///
    /// Several histories can be resumed; time goes on from the latest event then.
    ///
    /// # Errors
    /// If the run cannot have been as it is after that event, or was closed.
    pub fn resume(mut self, history: &History, last_event_id: i64) -> Result<Self, ResumeError> {
        let resumed = Resumed::new(history, last_event_id)?;
        self.start = match self.resumed.as_slice() {
            [] => resumed.time(),
            _ => resumed.time().max(self.start),
        };
        self.resumed.push(resumed);
        Ok(self)
    }

    /// Whether every run that has closed is replayed at the end, with the workflows of the workers: a test that
    /// passes then also proves that its workflows replay. Each command of the code is compared with what was
    /// recorded, field by field, as [`Replayer`](crate::replay::Replayer) does it; the first difference fails the
    /// simulation. Options that the test overrides are not compared. Default `false`;
    /// [`check_determinism`](crate::check_determinism) turns it on for the first of its two runs.
    #[must_use]
    pub fn replays_itself(mut self, replays: bool) -> Self {
        self.replays_itself = replays;
        self
    }

    /// What must hold at the end, whatever goes wrong: the simulation fails if one of these does not. Can be called
    /// several times.
    #[must_use]
    pub fn invariants(mut self, invariants: impl IntoIterator<Item = Invariant>) -> Self {
        self.invariants.extend(invariants);
        self
    }

    /// When the body has returned, the faults stop, as with [`Simulation::stop_faults`], and all workflows that are still
    /// open have so much virtual time to close; one that does not fails the simulation. By default the simulation ends
    /// with its body.
    #[must_use]
    pub fn settles_within(mut self, limit: Duration) -> Self {
        self.settles_within = Some(limit);
        self
    }

    /// Whether anything is checked at the end.
    pub(super) fn expects_something(&self) -> bool {
        !self.invariants.is_empty() || self.settles_within.is_some()
    }

    /// What is expected at the end.
    pub(crate) fn expectations(&self) -> (&[Invariant], Option<Duration>) {
        (&self.invariants, self.settles_within)
    }

    /// How long, in real time, workflow or activity code may hold the thread before the simulation is
    /// given up. Default 10 s.
    #[must_use]
    pub fn watchdog(mut self, limit: Duration) -> Self {
        self.watchdog = limit;
        self
    }

    /// Runs the body in the simulation.
    ///
    /// # Panics
    /// When the simulation fails: the body errs or panics, nothing can ever happen any more, a workflow
    /// task fails, a mock was not called as expected. The message is the whole report: what happened, the
    /// seed, the command that reproduces it, what every open workflow waits for.
    #[track_caller]
    pub fn run<T, F>(self, body: F) -> T
    where
        F: AsyncFnOnce(Simulation) -> anyhow::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        match self.spawn(body) {
            Ok(value) => value,
            Err(Stopped { failure, panic: None }) => panic!("{failure}"),
            Err(Stopped { failure, panic: Some(payload) }) => {
                report_panic(&failure);
                panic::resume_unwind(payload)
            }
        }
    }

    /// Runs the body in the simulation and returns what made it fail, a panic of the body included.
    ///
    /// # Errors
    /// What makes [`run`](Self::run) panic.
    pub fn try_run<T, F>(self, body: F) -> Result<T, Failure>
    where
        F: AsyncFnOnce(Simulation) -> anyhow::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn(body).map_err(|stopped| stopped.failure)
    }

    /// Runs the body in the simulation on the tokio runtime of the caller, which must be a current-thread
    /// runtime with a paused clock: `#[tokio::test(start_paused = true)]`.
    ///
    /// Code that holds the thread for ever cannot be caught this way; prefer [`run`](Self::run), which
    /// has a thread of its own.
    ///
    /// # Errors
    /// What makes [`run`](Self::run) panic.
    pub async fn run_here<T>(
        self,
        body: impl AsyncFnOnce(Simulation) -> anyhow::Result<T>,
    ) -> Result<T, Failure> {
        run::run(self, Arc::default(), body).await.map_err(|stopped| stopped.failure)
    }

    /// Runs the simulation on a thread of its own and watches it.
    fn spawn<T, F>(self, body: F) -> Result<T, Stopped>
    where
        F: AsyncFnOnce(Simulation) -> anyhow::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (limit, seed) = (self.watchdog, self.seed);
        let reproduce = reproduce::command(seed);
        let progress = Arc::default();
        let watched = Arc::clone(&progress);
        watchdog::watch(limit, watched, seed, reproduce, move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a current-thread runtime without I/O needs nothing that could be missing");
            // A sweep says itself what becomes of its simulations.
            let _quiet = self.listener.is_some().then(panics::quiet);
            runtime.block_on(run::run(self, progress, body))
        })
    }
}

/// A simulation that did not come to a good end.
pub(super) struct Stopped {
    pub(super) failure: Failure,
    /// What the body panicked with, if that is what happened.
    pub(super) panic: Option<Box<dyn Any + Send>>,
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self { failure, panic: None }
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("seed", &self.seed.0)
            .field("namespace", &self.namespace)
            .field("workers", &self.workers.len())
            .finish_non_exhaustive()
    }
}

/// The panic's own message is out already; what the simulation knows goes after it.
#[expect(clippy::print_stderr, reason = "a failing test tells its reader why")]
fn report_panic(failure: &Failure) {
    eprintln!("\n{failure}");
}

/// The seed that the environment asks for.
pub(crate) fn seed_of_environment() -> Option<u64> {
    let value = env::var(SEED_VARIABLE).ok()?;
    match value.parse() {
        Ok(seed) => Some(seed),
        Err(_) => panic!("{SEED_VARIABLE} must be a whole number from 0 to {}, not {value:?}", u64::MAX),
    }
}
