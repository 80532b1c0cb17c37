//! A simulated cluster with its workers, and the test body that runs in it.

mod builder;
mod clock;
mod deadlock;
mod ended;
mod execute;
mod failure;
mod overrides;
mod replay;
mod report;
mod reproduce;
mod resume;
mod run;
mod settle;
mod watchdog;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::{Duration, SystemTime},
};

use temporalio_client::{Client, ClientOptions, Connection};

pub use builder::Builder;
pub(crate) use builder::seed_of_environment;
pub use clock::hold_clock;
pub(crate) use ended::{EndedRun, Listener};
pub use execute::ExecuteError;
pub use failure::{Cause, Failure};
pub(crate) use replay::divergent;
pub(crate) use report::Execution;
pub(crate) use reproduce::command as reproduce_command;
pub use resume::ResumeError;

use crate::{
    clock::Time,
    faults::Injector,
    history::History,
    overrides::Overrides,
    policy::lint::{Finding, Linter},
    rng::Seed,
    service::Service,
    worker::{Ledger, Shutdown, Worker},
};
use failure::Fatal;

/// A running simulation: hands out clients, moves virtual time, shows what was recorded.
///
/// Clones are handles to the same simulation. Get the first one in the body of
/// [`Builder::run`].
#[derive(Clone)]
pub struct Simulation(Arc<Inner>);

struct Inner {
    seed: Seed,
    start: Time,
    namespace: String,
    service: Service,
    connection: Connection,
    client: Client,
    workers: Vec<Arc<Worker>>,
    /// How each of the workers is asked to shut down.
    shutdowns: Vec<Shutdown>,
    overrides: Overrides,
    faults: Injector,
    ledger: Ledger,
    /// What the body says that it has reached, with how often.
    reached: Mutex<BTreeMap<String, u64>>,
    executions: AtomicU64,
    fatal: Arc<Fatal>,
}

impl Simulation {
    /// Describes a simulation: seed, start time, workers.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The number that everything random in this simulation comes from.
    pub fn seed(&self) -> u64 {
        self.0.seed.0
    }

    /// An official client of the simulated cluster, in the simulation's namespace, with the default data
    /// converter.
    pub fn client(&self) -> Client {
        self.0.client.clone()
    }

    /// An official client with options of your own: another namespace, a data converter, interceptors.
    ///
    /// # Errors
    /// What [`Client::new`] refuses.
    pub fn client_with(&self, options: ClientOptions) -> anyhow::Result<Client> {
        Ok(Client::new(self.0.connection.clone(), options)?)
    }

    /// The connection that the clients of this simulation share, for what wants one.
    pub fn connection(&self) -> Connection {
        self.0.connection.clone()
    }

    /// The virtual time.
    pub fn now(&self) -> SystemTime {
        self.0.service.now().to_system_time()
    }

    /// How much virtual time has passed since the simulation started.
    pub fn elapsed(&self) -> Duration {
        self.0.service.now().since(self.0.start)
    }

    /// Lets virtual time pass, and with it everything that happens in it. The same as tokio's own `sleep`,
    /// which works as well.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Lets virtual time pass until the given instant; returns at once if that is in the past.
    pub async fn advance_to(&self, time: SystemTime) {
        self.0.service.reaches(Time::from_system_time(time)).await;
    }

    /// Lets virtual time pass until nothing more happens by itself: no timer, timeout or retry of the
    /// cluster is left and no activity runs. What remains open waits for the test.
    ///
    /// Workflows that go on for ever keep this from returning; [`Builder::budget`] ends it then.
    pub async fn run_until_idle(&self) {
        deadlock::idle(&self.0.service, &self.0.faults).await;
    }

    /// Shuts workers down as a deployment does: they take no further tasks, finish what they have begun,
    /// and tell the server, so that nobody waits for their sticky queues. Activities may go on for as long
    /// as [`Worker::graceful_shutdown_period`] says. Returns once they have stopped.
    ///
    /// `name` is the task queue of the workers, or the [`identity`](Worker::identity) of one of them.
    ///
    /// # Errors
    /// If no worker of the simulation has this task queue or identity.
    pub async fn shutdown_worker(&self, name: &str) -> anyhow::Result<()> {
        let workers = self.0.workers.iter().zip(&self.0.shutdowns);
        let called = workers.filter(|(worker, _)| worker.is_called(name)).map(|(_, shutdown)| shutdown);
        let called = called.collect::<Vec<_>>();
        anyhow::ensure!(!called.is_empty(), "no worker has the task queue or the identity {name:?}");
        called.iter().for_each(|shutdown| shutdown.request());
        for shutdown in called {
            shutdown.completed().await;
        }
        Ok(())
    }

    /// The event history of the latest run of a workflow.
    ///
    /// # Errors
    /// If the simulation's namespace has no workflow with this id; the message lists those it has.
    pub fn history(&self, workflow_id: &str) -> anyhow::Result<History> {
        let histories = self.histories();
        let ids = histories.iter().map(History::workflow_id).collect::<Vec<_>>().join(", ");
        histories
            .iter()
            .rfind(|history| history.workflow_id() == workflow_id)
            .cloned()
            .ok_or_else(|| anyhow::anyhow!("no workflow has the id {workflow_id:?}; there are: {ids}"))
    }

    /// How often each fault of the plan has happened so far, in the order of the plan.
    pub fn faults_fired(&self) -> Vec<u64> {
        self.0.faults.fired()
    }

    /// From here on nothing goes wrong any more: workers that are away come back at once. What a test demands while
    /// things go wrong is safety; that everything comes to its end can be asked for only afterwards.
    pub fn stop_faults(&self) {
        self.0.faults.stop();
    }

    /// Says that the test has come to something that a sweep should come to: a branch of an outcome, a case of an input. It
    /// counts in the [coverage](crate::sweep::Coverage) of the sweep under this name.
    pub fn reached(&self, name: impl Into<String>) {
        let mut reached = self.0.reached.lock().unwrap_or_else(PoisonError::into_inner);
        *reached.entry(name.into()).or_default() += 1;
    }

    /// Settings of activities and workflows that cannot mean what they say, in whatever has run so far. See
    /// [`Linter`] for more than a look at the histories.
    pub fn lint(&self) -> Vec<Finding> {
        Linter::default().histories(&self.histories())
    }

    /// The event histories of all runs in the simulation's namespace, in the order in which they started.
    pub fn histories(&self) -> Vec<History> {
        report::executions(&self.0.service)
            .into_iter()
            .filter(|execution| execution.run.namespace == self.0.namespace)
            .map(|execution| execution.history)
            .collect()
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation")
            .field("seed", &self.seed())
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}
