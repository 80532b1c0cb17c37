//! What goes wrong: plans of faults, in virtual time.
//!
//! A [`Plan`] says what goes wrong and when: a worker crashes, an activity's answer gets lost, a downstream system is
//! out for four hours. It is plain data, small and readable as JSON, and a simulation that has one is as repeatable as
//! one without. Every fault is something that a real cluster may do: a workflow that does not survive one has a bug.
//!
//! ```
//! use std::time::Duration;
//! use temporal_sim::{Simulation, Worker, faults::{ActivityEffect, Fault, Plan, When}};
//! use temporal_sim_fixtures::{Money, money_transfer::{Bank, MoneyTransfer, Transfer}};
//!
//! // The first answer of a withdrawal never reaches the cluster, and the worker crashes after a minute.
//! let plan = Plan::new([
//!     Fault::activity("Bank::withdraw", When::once(), ActivityEffect::LoseAnswer),
//!     Fault::worker_down(0, Duration::from_secs(60), Duration::from_secs(30)),
//! ]);
//! let bank = Bank::with_accounts([("alice", Money::euros(100)), ("bob", Money::ZERO)]);
//! let payments = Worker::new("payments").workflow::<MoneyTransfer>().activities(
//!     bank.clone(),
//!     (Bank::validate, Bank::withdraw, Bank::deposit, Bank::refund),
//! );
//! Simulation::builder().worker(payments).faults(plan).run(async move |sim| {
//!     let rent = Transfer { reference: "1".into(), from: "alice".into(), to: "bob".into(), amount: Money::euros(40) };
//!     sim.execute(MoneyTransfer::run, rent).await?;
//!     // It was tried again after its timeout, and the bank knows the reference.
//!     assert_eq!(sim.elapsed(), Duration::from_secs(11));
//!     assert_eq!(bank.balance("alice"), Money::euros(60));
//!     assert_eq!(sim.faults_fired(), [1, 0]);
//!     Ok(())
//! });
//! ```
//!
//! # What can go wrong
//!
//! | fault | what happens |
//! |---|---|
//! | [`ActivityFault`] | an attempt fails, hangs, is slow, loses its heartbeats or its answer, answers late or twice |
//! | [`Outage`] | a system that an activity calls is down, then answers some calls, then so many a second |
//! | [`WorkerDown`] | a worker crashes and comes back: its cache and what it was doing are lost; its tasks pile up |
//! | [`Eviction`] | a worker forgets all workflows, which are replayed when they go on |
//! | [`WorkflowTaskFault`] | a workflow task is lost or fails |
//! | [`CallFault`] | a call is refused, takes effect without an answer, is slow, arrives twice, is made twice, is overtaken |
//! | [`LocalActivityFault`] | an attempt of a local activity fails, hangs, is slow, or the worker is lost with it |
//! | [`Stall`] | a worker's polls do not get through: a backlog grows, sticky workflow tasks time out |
//! | [`ClockStep`] | the cluster's clock is set forward |

mod activity;
mod call;
mod clock_step;
mod index;
mod injector;
mod local_activity;
mod outage;
mod plan;
mod when;
mod worker;
mod workflow_task;

pub use activity::{ActivityEffect, ActivityFault};
pub use call::{CallEffect, CallError, CallFault, Callers};
pub use clock_step::ClockStep;
pub use local_activity::{LocalActivityEffect, LocalActivityFault};
pub use outage::{Outage, Recovery};
pub use plan::{Fault, InvalidPlan, Plan};
pub use when::When;
pub use worker::{Eviction, Stall, StalledQueue, WorkerDown};
pub use workflow_task::{WorkflowTaskEffect, WorkflowTaskFault};

pub(crate) use index::Absence;
pub(crate) use injector::Injector;
pub(crate) use outage::{OutageState, unavailable};
pub(crate) use plan::read_json;

#[cfg(test)]
mod tests;
