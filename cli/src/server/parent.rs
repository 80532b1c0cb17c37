//! Whether the process is still there that has started this one.

#[cfg(unix)]
use std::time::Duration;

/// How long it may take to notice.
#[cfg(unix)]
const INTERVAL: Duration = Duration::from_millis(250);

/// The process that has started this one.
#[derive(Debug)]
pub(crate) struct Parent {
    #[cfg(unix)]
    id: u32,
}

impl Parent {
    /// The parent as it is. It may be gone sooner than expected, so this comes first.
    pub(crate) fn now() -> Self {
        Self {
            #[cfg(unix)]
            id: std::os::unix::process::parent_id(),
        }
    }

    /// Resolves when it is gone: nobody will ever stop a server that a test has started and that has survived it.
    #[cfg(unix)]
    pub(crate) async fn gone(self) {
        while std::os::unix::process::parent_id() == self.id {
            tokio::time::sleep(INTERVAL).await;
        }
        tracing::info!("the process that has started this server is gone");
    }

    /// Never resolves: there is no telling.
    #[cfg(not(unix))]
    pub(crate) async fn gone(self) {
        std::future::pending().await
    }
}
