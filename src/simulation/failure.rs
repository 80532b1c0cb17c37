//! Why a simulation failed, and the report that says so.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::report::Execution;
use crate::{clock::Time, invariants::Violation, replay::Verdict, rng::Seed, schedule::Deviations};

/// More violations than this help nobody.
const VIOLATIONS_SHOWN: usize = 10;

/// More verdicts than this help nobody.
const VERDICTS_SHOWN: usize = 3;

/// A simulation that failed: why, and everything that helps to understand and to reproduce it.
///
/// Its [`Display`](fmt::Display) form is the whole report.
#[derive(Debug, Clone)]
pub struct Failure {
    cause: Cause,
    seed: Seed,
    reproduce: String,
    time: Option<(Time, Duration)>,
    deviations: Deviations,
    executions: Vec<Execution>,
}

/// Why a simulation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The body returned an error.
    Error {
        /// The error and its sources.
        message: String,
    },
    /// The body panicked.
    Panic {
        /// What it panicked with.
        message: String,
    },
    /// The body waits for something and nothing can ever happen any more.
    Deadlock,
    /// The cluster was kept busy beyond [`Builder::budget`](super::Builder::budget).
    Budget {
        /// The number of calls and timeouts that were allowed.
        steps: u64,
    },
    /// A workflow task failed.
    WorkflowTaskFailed {
        /// The workflow's type.
        workflow_type: String,
        /// The workflow's id.
        workflow_id: String,
        /// The server's name for the cause.
        cause: String,
        /// What the worker said about it.
        message: String,
    },
    /// A worker could not go on.
    Worker {
        /// What is wrong with it and what to do.
        message: String,
    },
    /// Workflow or activity code held the thread.
    Blocked {
        /// Which workflow or activity.
        what: String,
        /// For how long, in real time.
        limit: Duration,
    },
    /// Mocks were not called as expected.
    Mocks {
        /// One line for each of them.
        unmet: Vec<String>,
    },
    /// Runs that have closed do not replay; see [`Builder::replays_itself`](super::Builder::replays_itself).
    Replay {
        /// What is wrong with each of them.
        verdicts: Vec<Verdict>,
    },
    /// Something does not hold that must; see [`Builder::invariants`](super::Builder::invariants).
    Invariants {
        /// What does not, and where.
        violations: Vec<Violation>,
    },
    /// The simulation could not be set up.
    Setup {
        /// What is wrong.
        message: String,
    },
}

impl Failure {
    pub(super) fn new(
        cause: Cause,
        seed: Seed,
        reproduce: String,
        time: (Time, Duration),
        deviations: Deviations,
        executions: Vec<Execution>,
    ) -> Self {
        Self { cause, seed, reproduce, time: Some(time), deviations, executions }
    }

    /// A failure of a simulation that cannot be asked any more.
    pub(super) fn without_executions(cause: Cause, seed: Seed, reproduce: String) -> Self {
        let (deviations, executions) = (Deviations::default(), Vec::new());
        Self { cause, seed, reproduce, time: None, deviations, executions }
    }

    /// Why the simulation failed.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Where the simulation did not go first in, first out.
    pub fn deviations(&self) -> &Deviations {
        &self.deviations
    }

    /// The seed of the simulation.
    pub fn seed(&self) -> u64 {
        self.seed.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "simulation failed: {}\n", self.cause)?;
        if let Some((time, elapsed)) = &self.time {
            writeln!(f, "  virtual time  {}, {} after the start", timestamp(*time), humanized(*elapsed))?;
        }
        writeln!(f, "  seed          {}", self.seed.0)?;
        writeln!(f, "  reproduce     {}", self.reproduce)?;
        if !self.deviations.is_empty() {
            let lines = self.deviations.to_string().replace('\n', "\n                ");
            writeln!(f, "  schedule      {lines}")?;
        }
        for execution in &self.executions {
            write!(f, "\n{execution}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl Cause {
    /// Whether it is about this run.
    pub(super) fn is_about(&self, run_id: &str) -> bool {
        match self {
            Self::Invariants { violations } => {
                violations.iter().any(|violation| violation.run_id() == Some(run_id))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { message } => write!(f, "the test body returned an error: {message}"),
            Self::Panic { message } => write!(f, "the test body panicked: {message}"),
            Self::Deadlock => write!(
                f,
                "deadlock: the test body waits, and no timer, timeout, retry or running activity is left that could go on"
            ),
            Self::Budget { steps } => write!(
                f,
                "the budget of {steps} calls and timeouts is used up: something goes round and round (see what is busiest below; raise it with `Builder::budget` if all is well)"
            ),
            Self::WorkflowTaskFailed { workflow_type, workflow_id, cause, message } => write!(
                f,
                "a workflow task of {workflow_type} {workflow_id:?} failed ({cause}): {message}\n\n  A cluster would retry it until the code is fixed. To let it, call `tolerate_workflow_task_failures(true)`."
            ),
            Self::Worker { message } => write!(f, "a worker cannot go on: {message}"),
            Self::Blocked { what, limit } => write!(
                f,
                "{what} has held its thread for {limit:?} of real time. Workflow code must not block or loop without an await; an activity that blocks belongs into `tokio::task::spawn_blocking`. The limit is `Builder::watchdog`"
            ),
            Self::Mocks { unmet } => {
                write!(f, "mocks were not called as expected:")?;
                unmet.iter().try_for_each(|line| write!(f, "\n  {line}"))
            }
            Self::Replay { verdicts } => {
                write!(
                    f,
                    "{} that ended well does something else when it is replayed. Its code looks at something \
                     that is not in its history: a clock or randomness of the machine, the environment, the order \
                     of a HashMap, state that executions share",
                    match verdicts.len() {
                        1 => "a workflow execution".to_owned(),
                        more => format!("each of {more} workflow executions"),
                    }
                )?;
                verdicts.iter().take(VERDICTS_SHOWN).try_for_each(|verdict| {
                    verdict.to_string().lines().enumerate().try_for_each(|(number, line)| {
                        write!(f, "{}{line}", if number == 0 { "\n\n  " } else { "\n  " })
                    })
                })
            }
            Self::Invariants { violations } => {
                match violations.as_slice() {
                    [violation] => return write!(f, "{violation}"),
                    _ => write!(f, "{} violations of invariants:", violations.len())?,
                }
                violations
                    .iter()
                    .take(VIOLATIONS_SHOWN)
                    .try_for_each(|violation| write!(f, "\n  {violation}"))
            }
            Self::Setup { message } => write!(f, "it could not be set up: {message}"),
        }
    }
}

/// Where whatever notices first that the simulation has failed says so.
#[derive(Debug, Default)]
pub(crate) struct Fatal {
    cause: Mutex<Option<Cause>>,
    noticed: Notify,
}

impl Fatal {
    /// The simulation has failed, unless it has already.
    pub(crate) fn fail(&self, cause: Cause) {
        self.cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(cause);
        self.noticed.notify_one();
    }

    /// Waits until the simulation has failed.
    pub(super) async fn failed(&self) -> Cause {
        loop {
            if let Some(cause) = self.cause.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return cause;
            }
            self.noticed.notified().await;
        }
    }
}

/// An instant as a person reads it.
fn timestamp(time: Time) -> String {
    let nanos = time.as_nanos();
    jiff::Timestamp::from_nanosecond(nanos)
        .map_or_else(|_| format!("{nanos} ns after 1970"), |time| time.to_string())
}

/// A duration as a person reads it.
fn humanized(duration: Duration) -> String {
    if duration.is_zero() {
        return "0 s".to_owned();
    }
    jiff::SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{} s", duration.as_secs()), |duration| format!("{duration:#}"))
}
