//! What a program records in a simulation, with signals, updates and a cancellation at some time.

use std::time::Duration;

use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use temporal_sim::{Cause, Simulation, Worker, history::History};
use temporalio_client::WorkflowStartOptions;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

use crate::{
    interpreter::{Errand, Interpreter, LABEL, Office},
    program::{Program, Task},
};

/// What happens to a run from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stimulus {
    Signal,
    Update { number: u8 },
    Cancel,
    Terminate,
}

/// Up to four of them, each some seconds after the last.
pub(crate) fn stimuli(random: &mut ChaCha8Rng) -> Vec<(Duration, Stimulus)> {
    let count = random.random_range(0..=4);
    let one = |random: &mut ChaCha8Rng| {
        let stimulus = match random.random_range(0..12) {
            0..=6 => Stimulus::Signal,
            7..=9 => Stimulus::Update { number: random.random_range(0..120) },
            10 => Stimulus::Cancel,
            _ => Stimulus::Terminate,
        };
        (Duration::from_secs(random.random_range(0..6)), stimulus)
    };
    (0..count).map(|_| one(random)).collect()
}

pub(crate) fn worker() -> Worker {
    Worker::new("office")
        .workflow::<Interpreter>()
        .workflow::<Errand>()
        .activities(Office, (Office::file, Office::stamp, Office::post))
}

/// The history of the program's first run, as far as it came by itself; `None` if a workflow task failed. The SDK
/// does so itself when one task brings both a cancellation of the workflow and the end of what that cancels.
pub(crate) fn record(seed: u64, program: Program, stimuli: Vec<(Duration, Stimulus)>) -> Option<History> {
    let simulation = Simulation::builder().seed(seed).worker(worker()).search_attribute(&LABEL);
    let recorded = simulation.try_run(async move |sim| {
        let client = sim.client();
        let idle = Task { number: 0, seconds: 1_000_000, fails: false };
        let other = WorkflowStartOptions::new("office", "other-0").build();
        client.start_workflow(Errand::run, idle, other).await?;
        let options = WorkflowStartOptions::new("office", "program").build();
        let handle = client.start_workflow(Interpreter::run, program, options).await?;
        for (pause, stimulus) in stimuli {
            sim.sleep(pause).await;
            // The run may be closed, and the update may be rejected.
            let _ = match stimulus {
                Stimulus::Signal => handle.signal(Interpreter::nudge, (), Default::default()).await.is_ok(),
                Stimulus::Update { number } => {
                    handle.start_update(Interpreter::ask, number, Default::default()).await.is_ok()
                }
                Stimulus::Cancel => handle.cancel(Default::default()).await.is_ok(),
                Stimulus::Terminate => handle.terminate(Default::default()).await.is_ok(),
            };
        }
        sim.run_until_idle().await;
        let first = sim.histories().into_iter().find(|history| history.workflow_id() == "program");
        first.ok_or_else(|| anyhow::anyhow!("the program has not started"))
    });
    match recorded {
        Ok(history) => Some(history),
        Err(failure) => match failure.cause() {
            Cause::WorkflowTaskFailed { message, .. } if message.contains("not found to unblock") => None,
            _ => panic!("{failure}"),
        },
    }
}

/// The history as if the program had been the input of the run.
pub(crate) fn with_program(history: &History, program: &Program) -> History {
    let mut events = history.clone().into_events();
    if let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = &mut events[0].attributes {
        for payload in started.input.iter_mut().flat_map(|input| &mut input.payloads) {
            payload.data = serde_json::to_vec(program).expect("programs have a JSON form");
        }
    }
    History::new(events).expect("the ids are as they were")
}

/// The history up to some event at which it may have been exported: a server writes the completion of a workflow
/// task and the events of its commands at once.
pub(crate) fn beginning(history: &History, random: &mut ChaCha8Rng) -> History {
    let events = history.events();
    let ends: Vec<_> = (4..=events.len())
        .filter(|&end| events.get(end).is_none_or(|next| !next.is_command_event()))
        .collect();
    let end = ends.choose(random).copied().unwrap_or(events.len());
    History::new(events[..end].to_vec()).expect("the beginning of a history is one")
}
