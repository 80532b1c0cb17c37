//! Gives a simulation up whose code holds the thread.
//!
//! The one place that looks at real time: code that never comes back cannot be noticed in virtual time,
//! which stands still meanwhile.

use std::{
    panic,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use super::{
    builder::Stopped,
    failure::{Cause, Failure},
};
use crate::{rng::Seed, threads, worker::Progress};

/// Runs `simulation` on a thread of its own until it ends, or until the same piece of user code has held
/// the thread for `limit`. The thread is left behind then: nothing can stop it but the end of the process.
pub(super) fn watch<T: Send + 'static>(
    limit: Duration,
    progress: Arc<Progress>,
    seed: Seed,
    reproduce: String,
    simulation: impl FnOnce() -> Result<T, Stopped> + Send + 'static,
) -> Result<T, Stopped> {
    let (sender, receiver) = mpsc::channel();
    let handle = threads::namesake()
        .stack_size(STACK)
        .spawn(move || {
            // The receiver is gone only if the simulation was given up.
            let _ = sender.send(simulation());
        })
        .expect("the system can start one more thread");
    let mut last = progress.current();
    loop {
        match receiver.recv_timeout(limit) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Disconnected) => match handle.join() {
                Err(payload) => panic::resume_unwind(payload),
                Ok(()) => unreachable!("the thread sends its result before it ends"),
            },
            Err(RecvTimeoutError::Timeout) => {
                let current = progress.current();
                if current.is_some() && current == last {
                    let what = current.map(|current| current.to_string()).unwrap_or_default();
                    return Err(
                        Failure::without_executions(Cause::Blocked { what, limit }, seed, reproduce).into()
                    );
                }
                last = current;
            }
        }
    }
}

/// Debug builds of workflows with many awaits overflow the 2 MiB that a thread gets by default. Only what
/// is touched is ever paid for.
const STACK: usize = 64 * 1024 * 1024;
