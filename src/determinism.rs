//! The check that one seed decides everything.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

use crate::{
    service::TraceEntry,
    simulation::{Builder, Execution},
};

/// Runs a simulation twice with one seed and compares everything that was recorded: each event of each
/// history byte for byte, and the order and virtual time of every RPC.
///
/// The closure gets a builder with the seed set and must build all state anew, as the whole test would:
///
/// ```no_run
/// # use temporal_sim::{check_determinism, Worker};
/// check_determinism(7, |simulation| {
///     simulation.worker(Worker::new("payments")).run(async |sim| {
///         // start workflows, await results
///         Ok(())
///     })
/// });
/// ```
///
/// # Panics
/// If the two runs differ; the message shows the first difference, both sides.
#[track_caller]
pub fn check_determinism(seed: u64, simulation: impl Fn(Builder)) {
    if let Err(difference) = compare_runs(seed, simulation) {
        panic!("{difference}");
    }
}

/// Does what [`check_determinism`] does, and returns the difference.
///
/// # Errors
/// The first difference between the two runs.
pub fn compare_runs(seed: u64, simulation: impl Fn(Builder)) -> Result<(), Box<Difference>> {
    // Of two runs that are the same, one replay says it all.
    let [first, second] = [true, false].map(|replays_itself| {
        let recorder = Recorder::default();
        simulation(Builder::recorded(seed, recorder.clone()).replays_itself(replays_itself));
        recorder.take()
    });
    first.compare(&second, seed)
}

/// Where two runs of a simulation with the same seed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    seed: u64,
    place: String,
    first: String,
    second: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "two runs with seed {} differ at {}\n  first run:  {}\n  second run: {}\n\nSomething besides the seed decides: a clock or randomness of the machine, the order of a HashMap, another thread, or state that the first run left behind.",
            self.seed, self.place, self.first, self.second
        )
    }
}

impl std::error::Error for Difference {}

/// Keeps what one run recorded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Recording>>);

#[derive(Debug, Default)]
struct Recording {
    simulations: Vec<(Vec<TraceEntry>, Vec<Execution>)>,
}

impl Recorder {
    pub(crate) fn record(&self, trace: Vec<TraceEntry>, executions: Vec<Execution>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).simulations.push((trace, executions));
    }

    fn take(&self) -> Recording {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Recording {
    fn compare(&self, other: &Self, seed: u64) -> Result<(), Box<Difference>> {
        let differ = |place: String, first: Option<String>, second: Option<String>| {
            let or_nothing = |side: Option<String>| side.unwrap_or_else(|| "(nothing)".to_owned());
            Err(Box::new(Difference { seed, place, first: or_nothing(first), second: or_nothing(second) }))
        };
        for index in 0..self.simulations.len().max(other.simulations.len()) {
            let (Some((trace, executions)), Some((other_trace, other_executions))) =
                (self.simulations.get(index), other.simulations.get(index))
            else {
                let count = |recording: &Self| Some(format!("{} simulations", recording.simulations.len()));
                return differ("the number of simulations".to_owned(), count(self), count(other));
            };
            // Histories first: they say most about what went another way.
            if let Some((position, a, b)) =
                first_difference(executions, other_executions, |a, b| a.run.run_id == b.run.run_id)
            {
                let id = |execution: Option<&Execution>| {
                    execution.map(|it| format!("{:?}, run {}", it.run.workflow_id, it.run.run_id))
                };
                return differ(format!("run {} of all runs", position + 1), id(a), id(b));
            }
            for (a, b) in executions.iter().zip(other_executions) {
                if let Some((position, left, right)) =
                    first_difference(a.history.events(), b.history.events(), PartialEq::eq)
                {
                    let show = |event: Option<&Arc<_>>| event.map(|event| in_json(event));
                    return differ(
                        format!("event {} of {:?}", position + 1, a.run.workflow_id),
                        show(left),
                        show(right),
                    );
                }
            }
            if let Some((position, a, b)) = first_difference(trace, other_trace, PartialEq::eq) {
                let show = |entry: Option<&TraceEntry>| {
                    entry.map(|entry| format!("{} at {:?}", entry.rpc, entry.time))
                };
                return differ(format!("call {} of the cluster", position + 1), show(a), show(b));
            }
        }
        Ok(())
    }
}

/// Everything that an event says, in one line.
fn in_json(event: &HistoryEvent) -> String {
    crate::proto_json::to_value(event).map_or_else(|error| error.to_string(), |json| json.to_string())
}

type Found<'a, T> = (usize, Option<&'a T>, Option<&'a T>);

/// The first place where two sequences differ; one that ends early differs there.
fn first_difference<'a, T>(a: &'a [T], b: &'a [T], same: impl Fn(&T, &T) -> bool) -> Option<Found<'a, T>> {
    let position = a.iter().zip(b).position(|(a, b)| !same(a, b)).unwrap_or_else(|| a.len().min(b.len()));
    let found = (position, a.get(position), b.get(position));
    (found.1.is_some() || found.2.is_some()).then_some(found)
}
