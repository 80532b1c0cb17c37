//! Whether the process is still there that has started this one.

use std::time::Duration;

/// How long it may take to notice.
const INTERVAL: Duration = Duration::from_millis(250);

/// Resolves when the process is gone that has started this one: nobody will ever stop a server that a test has started and
/// that has survived it.
#[cfg(unix)]
pub(crate) async fn gone() {
    let parent = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(INTERVAL).await;
    }
    tracing::info!("the process that has started this server is gone");
}

/// Never resolves: there is no telling.
#[cfg(not(unix))]
pub(crate) async fn gone() {
    let _ = INTERVAL;
    std::future::pending().await
}
