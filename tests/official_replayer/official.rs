//! The official replayer, under a budget of real time: it may hang or panic.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use temporal_sim::history::History;
use temporalio_common::protos::temporal::api::history::v1::History as Events;
use temporalio_sdk::workflow_replayer::{WorkflowReplayFailure, WorkflowReplayer, WorkflowReplayerOptions};

use crate::interpreter::{Errand, Interpreter};

/// How many histories one of its workers replays.
const BATCH: usize = 32;

/// How long a batch may take.
const BUDGET: Duration = Duration::from_secs(60);

/// How long a history may take that is replayed alone.
const BUDGET_ALONE: Duration = Duration::from_secs(5);

/// What the official replayer says about a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Official {
    Accepts,
    Nondeterminism(String),
    TaskFailure(String),
    Internal(String),
    Hangs,
    Panics,
}

/// One answer for each history.
pub(crate) fn judge(histories: &[History]) -> Vec<Official> {
    histories.chunks(BATCH).flat_map(judge_batch).collect()
}

/// What it says if it sees nothing but this history.
pub(crate) fn judge_alone(history: &History) -> Official {
    match attempt(std::slice::from_ref(history), BUDGET_ALONE) {
        Ok(mut answers) => answers.pop().expect("one history, one answer"),
        Err(trouble) => trouble,
    }
}

/// One history that hangs or panics takes its batch with it, so such a batch is halved until it stands alone.
fn judge_batch(histories: &[History]) -> Vec<Official> {
    match histories {
        [] => Vec::new(),
        [alone] => vec![judge_alone(alone)],
        _ => attempt(histories, BUDGET).unwrap_or_else(|_| {
            let (first, second) = histories.split_at(histories.len() / 2);
            [judge_batch(first), judge_batch(second)].concat()
        }),
    }
}

fn attempt(histories: &[History], budget: Duration) -> Result<Vec<Official>, Official> {
    let histories: Vec<_> = histories.iter().map(|it| Events { events: it.clone().into_events() }).collect();
    let (sender, receiver) = mpsc::channel();
    let replay = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let answers = tokio::task::LocalSet::new().block_on(&runtime, async {
            let options = WorkflowReplayerOptions::new()
                .register_workflow::<Interpreter>()
                .and_then(|options| options.register_workflow::<Errand>())
                .expect("two types");
            let replayer = WorkflowReplayer::new(options.build()).expect("there are workflows");
            replayer.replay_workflows(histories.into_iter().map(Into::into)).await
        });
        let _ = sender.send(answers.map(|answers| {
            answers.into_iter().map(|answer| Official::from(answer.replay_failure)).collect()
        }));
        // Its poller would keep the runtime for ten more seconds.
        runtime.shutdown_background();
    };
    // What it does not come back from is left behind with its thread.
    thread::Builder::new().stack_size(64 * 1024 * 1024).spawn(replay).expect("a thread");
    match receiver.recv_timeout(budget) {
        Ok(Ok(answers)) => Ok(answers),
        Ok(Err(error)) => Err(Official::Internal(error.to_string())),
        Err(RecvTimeoutError::Timeout) => Err(Official::Hangs),
        Err(RecvTimeoutError::Disconnected) => Err(Official::Panics),
    }
}

impl From<Option<WorkflowReplayFailure>> for Official {
    fn from(failure: Option<WorkflowReplayFailure>) -> Self {
        match failure {
            None => Self::Accepts,
            Some(WorkflowReplayFailure::Nondeterminism { message }) => Self::Nondeterminism(message),
            Some(WorkflowReplayFailure::WorkflowTaskFailure { message }) => Self::TaskFailure(message),
            Some(other) => Self::Internal(other.to_string()),
        }
    }
}
