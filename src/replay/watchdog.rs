//! Gives a replay up whose code holds its thread.
//!
//! The one place of a replay that looks at real time: code that never comes back can be noticed in no other way.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use crate::{sdk::panic_message, worker::machines::Observation};

/// How far a replay has come, readable while its code holds the thread.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    steps: u64,
    started_event_id: i64,
    observations: Vec<Observation>,
}

impl Progress {
    /// The code is about to get an activation of the task that began with this WorkflowTaskStarted event.
    pub(super) fn begin_activation(&self, started_event_id: i64) {
        let mut state = self.lock();
        state.steps += 1;
        state.started_event_id = started_event_id;
    }

    /// The replay has moved on without an activation.
    pub(super) fn step(&self) {
        self.lock().steps += 1;
    }

    /// Keeps what the machines have observed.
    pub(super) fn observe(&self, observations: Vec<Observation>) {
        self.lock().observations.extend(observations);
    }

    /// Everything that was observed.
    pub(super) fn observations(&self) -> Vec<Observation> {
        self.lock().observations.clone()
    }

    /// The WorkflowTaskStarted event of the last activation.
    pub(super) fn started_event_id(&self) -> i64 {
        self.lock().started_event_id
    }

    fn steps(&self) -> u64 {
        self.lock().steps
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a piece of work has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It made no step for as long as it was allowed to.
    Blocked,
    /// It panicked.
    Panicked(String),
}

/// Runs `work` on a thread of its own, inside a tokio runtime whose clock is virtual, until it ends or has made
/// no step for `limit` of real time. The thread is left behind then: nothing can stop it but the end of the
/// process.
pub(super) fn watch<T, F>(
    limit: Duration,
    progress: &Arc<Progress>,
    work: impl FnOnce(Arc<Progress>) -> F + Send + 'static,
) -> Result<T, Stopped>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let (sender, receiver) = mpsc::channel();
    let shared = progress.clone();
    let mut builder = thread::Builder::new().stack_size(STACK);
    if let Some(name) = thread::current().name() {
        // Test tools take the name of the thread for the name of the test.
        builder = builder.name(name.to_owned());
    }
    let spawned = builder.spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .expect("a runtime without I/O asks the system for nothing");
            runtime.block_on(work(shared))
        }));
        // The receiver is gone only if the work was given up.
        let _ = sender.send(result.map_err(|panic| Stopped::Panicked(panic_message(panic))));
    });
    if let Err(error) = spawned {
        return Err(Stopped::Panicked(format!("the system cannot start a thread: {error}")));
    }
    let (mut last, mut idle) = (progress.steps(), 0);
    loop {
        match receiver.recv_timeout(limit / LOOKS) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Stopped::Panicked("the thread of the replay ended without a result".to_owned()));
            }
            Err(RecvTimeoutError::Timeout) => {
                let steps = progress.steps();
                idle = if steps == last { idle + 1 } else { 0 };
                if idle == LOOKS {
                    return Err(Stopped::Blocked);
                }
                last = steps;
            }
        }
    }
}

/// How often to look at a piece of work before it has used up its time.
const LOOKS: u32 = 10;

/// Debug builds of workflows with many awaits overflow the 2 MiB that a thread gets by default. Only what
/// is touched is ever paid for.
const STACK: usize = 64 * 1024 * 1024;
