//! The threads on which replays run, and what gives a replay up whose code holds its thread.
//!
//! The one place of a replay that looks at real time: code that never comes back can be noticed in no other way.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use tokio::runtime::Runtime;

use super::progress::Progress;
use crate::{panics, threads};

/// Why a piece of work has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It made no step for as long as it was allowed to.
    Blocked,
    /// It panicked.
    Panicked(String),
}

/// Threads that wait for a replay, each with a tokio runtime whose clock is virtual. Clones share them.
///
/// A thread and a runtime cost more than the replay of a short history, so they are kept for the next one.
#[derive(Clone, Default)]
pub(super) struct Lanes(Arc<Mutex<Vec<Lane>>>);

/// The way to one thread, which ends when this is dropped, or else when its code gives it back.
type Lane = Sender<Job>;

type Job = Box<dyn FnOnce(&Runtime) + Send>;

impl Lanes {
    /// Runs `work` on one of the threads until it ends or has made no step for `limit` of real time. The thread is left
    /// behind then: nothing can stop it but the end of the process.
    pub(super) fn watch<T, F>(
        &self,
        limit: Duration,
        progress: &Arc<Progress>,
        work: impl FnOnce(Arc<Progress>) -> F + Send + 'static,
    ) -> Result<T, Stopped>
    where
        T: Send + 'static,
        F: Future<Output = T>,
    {
        let lane = match self.idle() {
            Some(lane) => lane,
            None => start()?,
        };
        let (sender, receiver) = mpsc::channel();
        let shared = progress.clone();
        let job = Box::new(move |runtime: &Runtime| {
            let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work(shared))));
            // The receiver is gone only if the work was given up.
            let _ = sender.send(result.map_err(|panic| Stopped::Panicked(panics::message(&*panic))));
        });
        let ended = || Stopped::Panicked("the thread of the replay ended without a result".to_owned());
        lane.send(job).map_err(|_| ended())?;
        let (mut last, mut idle) = (progress.steps(), 0);
        let mut ready = soon(&receiver);
        loop {
            match ready.take().map_or_else(|| receiver.recv_timeout(limit / LOOKS), Ok) {
                Ok(result) => {
                    self.0.lock().unwrap_or_else(PoisonError::into_inner).push(lane);
                    return result;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(ended()),
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

    fn idle(&self) -> Option<Lane> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// Starts a thread that does one job after the other.
fn start() -> Result<Lane, Stopped> {
    let (lane, jobs) = mpsc::channel::<Job>();
    let spawned = threads::namesake().stack_size(STACK).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without I/O asks the system for nothing");
        while let Some(job) = soon(&jobs).or_else(|| jobs.recv().ok()) {
            job(&runtime);
        }
    });
    match spawned {
        Ok(_) => Ok(lane),
        Err(error) => Err(Stopped::Panicked(format!("the system cannot start a thread: {error}"))),
    }
}

/// What comes within the time that it takes to replay a short history. A thread that falls asleep has to be woken up
/// again, and that takes longer.
fn soon<T>(receiver: &Receiver<T>) -> Option<T> {
    (0..YIELDS).find_map(|_| {
        let received = receiver.try_recv().ok();
        if received.is_none() {
            thread::yield_now();
        }
        received
    })
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lanes")
    }
}

/// How often to let other threads run before falling asleep: some ten microseconds.
const YIELDS: u32 = 100;

/// How often to look at a piece of work before it has used up its time.
const LOOKS: u32 = 10;

/// Debug builds of workflows with many awaits overflow the 2 MiB that a thread gets by default. Only what
/// is touched is ever paid for.
const STACK: usize = 64 * 1024 * 1024;
