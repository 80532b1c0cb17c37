//! Real time inside a simulation: how code that waits for the outside world keeps virtual time still.

use std::{future::Future, sync::mpsc};

/// Awaits a future while virtual time stands still.
///
/// Virtual time jumps ahead whenever every task of the simulation waits, and it cannot know that a socket
/// or another thread is about to answer. An activity that does real I/O wraps it in this, so that its
/// timeouts do not fire meanwhile:
///
/// ```no_run
/// # async fn fetch() -> std::io::Result<String> { Ok(String::new()) }
/// # async fn activity() -> std::io::Result<()> {
/// let page = temporal_sim::hold_clock(fetch()).await?;
/// # Ok(()) }
/// ```
///
/// Outside of a paused tokio clock it only awaits the future.
pub async fn hold_clock<F: Future>(future: F) -> F::Output {
    // Tokio's clock does not move by itself while a blocking task exists.
    let (hold, held) = mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || {
        let _ = held.recv();
    });
    let output = future.await;
    drop(hold);
    output
}
