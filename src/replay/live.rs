//! Histories of a live cluster.

use futures_util::{TryStreamExt as _, stream::TryReadyChunksError};
use temporalio_client::{
    Client, UntypedWorkflow, WorkflowExecution, WorkflowFetchHistoryOptions, WorkflowListOptions,
    errors::ClientError,
};

use super::{Loaded, Replayer, Report, Verdict};
use crate::history::History;

/// How many histories are fetched at the same time.
const FETCHED_AT_ONCE: usize = 8;

/// How many histories are in memory, and replayed at the same time.
const REPLAYED_AT_ONCE: usize = 64;

impl Replayer {
    /// Replays the executions of a cluster that a visibility query finds, such as
    /// `WorkflowType = 'MoneyTransfer' AND ExecutionStatus = 'Running'`, in the order in which the cluster lists them:
    ///
    /// ```no_run
    /// # async fn replay(client: temporalio_client::Client, replayer: temporal_sim::replay::Replayer)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// let report = replayer.replay_cluster(&client, "ExecutionStatus = 'Running'").await?;
    /// report.assert_compatible();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// List and histories are read page by page, a few histories at a time, so that there may be any number. A history that
    /// cannot be fetched, because its execution has been deleted meanwhile, is a verdict of its own. The replays hold the
    /// thread of the caller.
    ///
    /// # Errors
    /// If the cluster does not answer the query.
    pub async fn replay_cluster(&self, client: &Client, query: &str) -> Result<Report, ClientError> {
        let executions = client.list_workflows(query, WorkflowListOptions::default());
        let fetched = executions.map_ok(async |execution| Ok(fetch(client, execution).await));
        let mut fetched = fetched.try_buffered(FETCHED_AT_ONCE).try_ready_chunks(REPLAYED_AT_ONCE);
        let batch = self.batch(None);
        let mut verdicts = Vec::new();
        while let Some(chunk) = fetched.try_next().await.map_err(|TryReadyChunksError(_, error)| error)? {
            verdicts.extend(
                self.judge_all(&batch, chunk.into_iter(), |history| Loaded { source: None, history }),
            );
        }
        Ok(Report::new(verdicts))
    }
}

/// The history of an execution, or the verdict that there is none.
async fn fetch(client: &Client, execution: WorkflowExecution) -> Result<History, Box<Verdict>> {
    let mut info = client.get_workflow_handle::<UntypedWorkflow>(execution.id()).info().clone();
    info.run_id = Some(execution.run_id().to_owned());
    let history = info.bind_untyped(client.clone()).fetch_history(WorkflowFetchHistoryOptions::default());
    let unreadable = |reason: String| {
        Box::new(Verdict {
            workflow_type: execution.workflow_type().to_owned(),
            workflow_id: execution.id().to_owned(),
            run_id: execution.run_id().to_owned(),
            source: None,
            ..Verdict::unreadable(Default::default(), reason)
        })
    };
    let events = history.into_events().await;
    let events = events.map_err(|error| unreadable(format!("the history cannot be fetched: {error}")))?;
    History::new(events).map_err(|error| unreadable(error.to_string()))
}
