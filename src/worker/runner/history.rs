//! Fetches history that a workflow task did not bring along.

use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    history::v1::{History, HistoryEvent},
    workflowservice::v1::{GetWorkflowExecutionHistoryRequest, PollWorkflowTaskQueueResponse},
};

use super::Shared;
use crate::cluster::Error;

/// Fetches the further pages of the task's history.
pub(super) async fn page_in(shared: &Shared, task: &mut PollWorkflowTaskQueueResponse) -> Result<(), Error> {
    let page_token = std::mem::take(&mut task.next_page_token);
    if page_token.is_empty() {
        return Ok(());
    }
    let rest = fetch(shared, task.workflow_execution.clone(), page_token).await?;
    task.history.get_or_insert_default().events.extend(rest);
    Ok(())
}

/// Puts the whole history in the place of the part that the task brought.
pub(super) async fn fetch_whole(
    shared: &Shared,
    task: &mut PollWorkflowTaskQueueResponse,
) -> Result<(), Error> {
    let events = fetch(shared, task.workflow_execution.clone(), Vec::new()).await?;
    task.history = Some(History { events });
    task.next_page_token.clear();
    Ok(())
}

async fn fetch(
    shared: &Shared,
    execution: Option<WorkflowExecution>,
    mut next_page_token: Vec<u8>,
) -> Result<Vec<HistoryEvent>, Error> {
    let mut events = Vec::new();
    loop {
        let page = shared
            .call(GetWorkflowExecutionHistoryRequest {
                namespace: shared.namespace.clone(),
                execution: execution.clone(),
                next_page_token,
                ..Default::default()
            })
            .await?;
        events.extend(page.history.into_iter().flat_map(|history| history.events));
        if page.next_page_token.is_empty() {
            return Ok(events);
        }
        next_page_token = page.next_page_token;
    }
}
