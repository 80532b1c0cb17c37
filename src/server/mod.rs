//! The cluster over gRPC: a dev server, and a drop-in for Temporal's test server, for any SDK in any language.
//!
//! ```no_run
//! use temporal_sim::server::{Options, Server, ServerTime};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut options = Options::default();
//! options.time = ServerTime::Skipping { locked: false };
//! let server = Server::bind(options).await?;
//! println!("listening on {}", server.address());
//! server.run(std::future::pending()).await?;
//! # Ok(()) }
//! ```
//!
//! It has the RPCs that the cluster of a [`Simulation`](crate::Simulation) has, and answers them by the same code. What is
//! here is only what a network adds: connections (`connections`, `routes`, `grpc`), a clock (`wall_clock`,
//! `engine`), and a file that the cluster survives a restart in (`journal`).

mod budget;
mod connections;
mod driver;
mod engine;
mod grpc;
mod inbox;
mod journal;
mod options;
mod reflection;
mod routes;
mod setup;
mod wall_clock;

use std::net::SocketAddr;

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::oneshot,
};

use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

pub use journal::JournalError;
pub use options::{Capacity, Options, SearchAttributeType, ServerTime};
pub use setup::SetupError;

use self::{
    budget::Budget,
    driver::Driver,
    engine::Engine,
    journal::{Journal, Recovery, Writer},
    reflection::Reflection,
    routes::Routes,
    wall_clock::WallClock,
};
use crate::{
    cluster::{Cluster, Config, LongPolls},
    rng::Seed,
};

/// Connections that are not accepted yet.
const BACKLOG: u32 = 1024;

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    driver: Driver,
    routes: Routes,
    capacity: Capacity,
    failed: Option<oneshot::Receiver<String>>,
    recovered: u64,
}

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// No thread could be started to write the file.
    #[error("cannot start to write the file: {0}")]
    Writer(std::io::Error),
    /// What the server should have from the start is refused.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// Why a server stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The file can no longer be written, so that nothing can be promised any more.
    #[error("cannot write the file: {0}")]
    Journal(String),
}

impl Server {
    /// Starts to listen. Who connects is served as soon as [`Self::run`] is called.
    ///
    /// # Errors
    ///
    /// If the address is taken, the file cannot be used, or a namespace or search attribute is refused.
    pub async fn bind(options: Options) -> Result<Self, StartError> {
        let listener = listen(options.address)
            .map_err(|source| StartError::Address { address: options.address, source })?;
        let address = listener.local_addr().unwrap_or(options.address);
        let mut clock = WallClock::start();
        let settings = format!("{:?} {}", options.limits, options.deletes_closed_runs);
        let (journal, seed) = match &options.file {
            None => (None, Seed(options.seed)),
            Some(path) => {
                let (journal, seed) = Journal::open(path, Seed(options.seed), &settings)?;
                (Some(journal), seed)
            }
        };
        let config = Config {
            long_polls: LongPolls::Expire,
            driver_ends_long_polls: true,
            any_namespace: options.any_namespace,
            search_attributes: if options.any_namespace {
                setup::indexed(&options)
            } else {
                Default::default()
            },
            limits: options.limits.clone(),
            deletes_closed_runs: options.deletes_closed_runs,
            skips_time: options.time != ServerTime::Real,
            ..Config::default()
        };
        let mut recovery = Recovery::new(Cluster::new(config, seed));
        if let Some(journal) = &journal {
            journal.replay(|entry| recovery.apply(entry))?;
        }
        let (mut calls, recovered, last) = (recovery.calls, recovery.inputs, recovery.last);
        if let Some(last) = last {
            recovery.restart(last);
        }
        let skips_time = options.time != ServerTime::Real;
        let locks = match options.time {
            ServerTime::Real => None,
            ServerTime::Skipping { locked } => Some(u32::from(locked)),
        };
        let wall = clock.now();
        let mut engine = Engine::new(recovery.into_cluster(), wall, last, locks);
        engine.limit_parked(options.capacity.waiting_calls);
        let mut failed = None;
        let writer = match journal {
            None => None,
            Some(journal) => {
                engine.keep_entries(last);
                let (sender, receiver) = oneshot::channel();
                failed = Some(receiver);
                Some(Writer::start(journal, |reason| drop(sender.send(reason))).map_err(StartError::Writer)?)
            }
        };
        setup::set_up(&mut engine, wall, &mut calls, &options)?;
        let (driver, handle) = Driver::new(engine, clock, writer, calls, options.any_namespace);
        let services = if skips_time { SERVICES.as_slice() } else { &SERVICES[..SERVICES.len() - 1] };
        let reporter = HealthReporter::new();
        for service in services {
            reporter.set_service_status(service, ServingStatus::Serving).await;
        }
        let health = HealthServer::new(HealthService::from_health_reporter(reporter));
        let routes = Routes {
            handle,
            services,
            skips_time,
            message_size: options.capacity.message_size,
            budget: Budget::new(options.capacity.bytes_in_hand),
            health,
            reflection: Reflection::new(services),
        };
        Ok(Self { listener, address, driver, routes, capacity: options.capacity, failed, recovered })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many inputs of an earlier server the file had.
    pub fn recovered(&self) -> u64 {
        self.recovered
    }

    /// Serves until `stop` is done. Then the calls that wait are answered as if they had waited for long enough, and the
    /// connections are closed.
    ///
    /// # Errors
    ///
    /// If the file can no longer be written.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), RunError> {
        let Self { listener, driver, routes, capacity, failed, .. } = self;
        let mut failure = None;
        let stop = async {
            let failed = async {
                match failed {
                    Some(failed) => failed.await.ok(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop => {}
                reason = failed => failure = reason,
            }
        };
        tokio::join!(driver.run(), connections::serve(listener, routes, capacity, stop));
        failure.map_or(Ok(()), |reason| Err(RunError::Journal(reason)))
    }
}

/// The services that there are; the last one only where time can be skipped.
const SERVICES: [&str; 6] = [
    "temporal.api.workflowservice.v1.WorkflowService",
    "temporal.api.operatorservice.v1.OperatorService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "temporal.api.testservice.v1.TestService",
];

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // SDKs choose a port by opening and closing it, so that the system still remembers it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
