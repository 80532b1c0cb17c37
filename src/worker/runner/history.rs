//! Fetches history that a workflow task did not bring along.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    history::v1::HistoryEvent,
    workflowservice::v1::{GetWorkflowExecutionHistoryRequest, PollWorkflowTaskQueueResponse},
};

use super::Shared;
use crate::cluster::Error;

/// Fetches the pages of the task's history that follow the events it brought along.
pub(super) async fn page_in(
    shared: &Shared,
    task: &mut PollWorkflowTaskQueueResponse,
    events: &mut Vec<Arc<HistoryEvent>>,
) -> Result<(), Error> {
    let page_token = std::mem::take(&mut task.next_page_token);
    if !page_token.is_empty() {
        events.extend(fetch(shared, task.workflow_execution.clone(), page_token).await?);
    }
    Ok(())
}

/// Fetches the whole history of a run.
pub(super) async fn fetch_whole(
    shared: &Shared,
    execution: Option<WorkflowExecution>,
) -> Result<Vec<Arc<HistoryEvent>>, Error> {
    fetch(shared, execution, Vec::new()).await
}

async fn fetch(
    shared: &Shared,
    execution: Option<WorkflowExecution>,
    mut next_page_token: Vec<u8>,
) -> Result<Vec<Arc<HistoryEvent>>, Error> {
    let mut events = Vec::new();
    loop {
        let (page, its_events) = shared
            .call_for_events(GetWorkflowExecutionHistoryRequest {
                namespace: shared.namespace.clone(),
                execution: execution.clone(),
                next_page_token,
                ..Default::default()
            })
            .await?;
        events.extend(its_events);
        if page.next_page_token.is_empty() {
            return Ok(events);
        }
        next_page_token = page.next_page_token;
    }
}
