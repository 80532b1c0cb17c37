//! Deterministic simulation testing for Temporal workflows: a whole cluster inside `cargo test`, in memory, on
//! virtual time, reproducible from one seed.
//!
//! Workflows and activities that were written with the official Rust SDK run unchanged:
//!
//! ```
//! # use std::time::Duration;
//! # use temporalio_macros::{activities, workflow, workflow_methods};
//! # use temporalio_sdk::{ActivityOptions, WorkflowContext, WorkflowResult};
//! # use temporalio_sdk::activities::{ActivityContext, ActivityError};
//! # #[workflow] #[derive(Default)] struct Reminder;
//! # #[workflow_methods] impl Reminder {
//! #     #[run] async fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<String> {
//! #         ctx.timer(Duration::from_secs(30 * 24 * 60 * 60)).await;
//! #         let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
//! #         Ok(ctx.execute_activity(Mail::send, name, options).await?)
//! #     }
//! # }
//! # struct Mail;
//! # #[activities] impl Mail {
//! #     #[activity] async fn send(_ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
//! #         Ok(format!("Dear {name}"))
//! #     }
//! # }
//! use temporal_sim::{Mock, Outcome, Simulation, Worker};
//!
//! let mail = Mock::new(Mail::send).script([Outcome::fail("no connection")]).returns("sent".to_owned());
//! let office = Worker::new("office").workflow::<Reminder>().mock(mail.clone());
//!
//! Simulation::builder().worker(office).run(async move |sim| {
//!     assert_eq!(sim.execute(Reminder::run, "Ada".to_owned()).await?, "sent");
//!     assert_eq!(mail.calls(), 2);
//!     // A month, and a second until the retry.
//!     assert_eq!(sim.elapsed(), Duration::from_secs(30 * 24 * 60 * 60 + 1));
//!     println!("{}", sim.history("Reminder-1")?.timeline());
//!     Ok(())
//! });
//! ```
//!
//! # Where to look
//!
//! * [`Simulation`] is what a test body gets: clients, virtual time, histories. [`Builder`] describes one: seed,
//!   start time, workers, limits.
//! * [`Worker`] has the workflows and activities, with the official worker's options and defaults.
//! * [`Mock`] stands in for an activity; [`Outcome`] is what one call of it comes to.
//! * [`history`] reads, writes and shows event histories, also those of a real cluster.
//! * [`replay`] replays histories of a real cluster against the workflow code of today.
//! * [`policy`] predicts what retry policies and timeouts do, and finds those that cannot mean what they say.
//! * [`explore`] compares settings in an outage.
//! * [`faults`] makes things go wrong, [`sweep`] looks for the seed in which that breaks something,
//!   [`strategies`] generates settings, client calls and faults for property tests.
//! * [`invariants`] are what must hold whatever goes wrong, named once and checked everywhere.
//! * [`Failure`] is the report of a simulation that failed, [`Cause`] the reason.
//! * [`check_determinism`] proves that the seed decides everything in a test.
//! * [`hold_clock`] is for activities that do real I/O.
//!
//! # Time
//!
//! Virtual time is tokio's paused clock. It stands still while anything can run, and jumps to the next timer,
//! timeout or retry when nothing can. What nobody set does not move it: a client that waits for a result, a
//! worker that polls, a timeout that is not there. When the test waits and nothing is left that could ever
//! happen, it fails with a report of what every open workflow waits for.
//!
//! # Determinism
//!
//! One `u64` decides everything; see [`Builder::seed`]. A failure prints it, with the command that runs the same
//! test again.

#[doc(hidden)]
pub mod bench;
mod clock;
mod cluster;
#[doc(hidden)]
pub mod conformance;
mod determinism;
pub mod explore;
pub mod faults;
#[doc(hidden)]
pub mod fuzz;
pub mod history;
mod index_map;
pub mod invariants;
mod mock;
mod overrides;
mod panics;
pub mod policy;
mod proto_json;
mod proto_map;
pub mod replay;
mod rng;
mod rpc;
mod rules;
pub mod schedule;
mod sdk;
#[cfg(feature = "server")]
pub mod server;
mod service;
mod simulation;
pub mod strategies;
pub mod sweep;
mod threads;
mod worker;

pub use cluster::Limits;
pub use determinism::{Difference, check_determinism, compare_runs};
pub use mock::{Mock, Outcome};
pub use simulation::{Builder, Cause, ExecuteError, Failure, ResumeError, Simulation, hold_clock};
pub use worker::{ActivityMarkers, Worker};

#[cfg(doctest)]
mod book {
    //! The code of the book and of the README, as documentation tests.

    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../book/src/first-test.md")]
    struct FirstTest;
    #[doc = include_str!("../book/src/time.md")]
    struct Time;
    #[doc = include_str!("../book/src/mocks.md")]
    struct Mocks;
    #[doc = include_str!("../book/src/histories.md")]
    struct Histories;
    #[doc = include_str!("../book/src/replay.md")]
    struct Replay;
    #[doc = include_str!("../book/src/production-histories.md")]
    struct ProductionHistories;
    #[doc = include_str!("../book/src/failures.md")]
    struct Failures;
    #[doc = include_str!("../book/src/settings.md")]
    struct Settings;
    #[doc = include_str!("../book/src/faults.md")]
    struct Faults;
    #[doc = include_str!("../book/src/determinism.md")]
    struct Determinism;
    #[doc = include_str!("../book/src/caching.md")]
    struct Caching;
    #[cfg(feature = "server")]
    #[doc = include_str!("../book/src/dev-server.md")]
    struct DevServer;
}
