//! Updates among everything else that happens to a run.

use std::sync::Arc;

use proptest::prelude::*;
use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    history::v1::history_event::Attributes,
    protocol::v1::Message,
    update::v1::{Acceptance, Input, Meta, Outcome, Request, Response},
    workflowservice::v1::UpdateWorkflowExecutionRequest,
};

use super::*;

/// How a worker answers the updates in its workflow task.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answered {
    NotAtAll,
    Rejected,
    Accepted,
    Completed,
}

pub(super) fn answered() -> impl Strategy<Value = Answered> {
    prop::sample::select(vec![
        Answered::NotAtAll,
        Answered::Rejected,
        Answered::Accepted,
        Answered::Completed,
    ])
}

/// Asks a workflow for an update, and waits until it has completed.
pub(super) fn update(workflow_id: &str, id: u8) -> UpdateWorkflowExecutionRequest {
    UpdateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: Some(execution(workflow_id)),
        request: Some(Request {
            meta: Some(Meta { update_id: id.to_string(), ..Default::default() }),
            input: Some(Input { name: "update".to_owned(), ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What a worker says to the updates in its workflow task.
pub(super) fn messages(task: &PollWorkflowTaskQueueResponse, how: Answered) -> Vec<Message> {
    let message = |update: &Message, kind: &str, value: Vec<u8>| Message {
        id: format!("{}/{kind}", update.protocol_instance_id),
        protocol_instance_id: update.protocol_instance_id.clone(),
        body: Some(prost_types::Any {
            type_url: format!("type.googleapis.com/temporal.api.update.v1.{kind}"),
            value,
        }),
        sequencing_id: None,
    };
    let acceptance = |update: &Message| {
        let acceptance = Acceptance {
            accepted_request_message_id: update.id.clone(),
            accepted_request_sequencing_event_id: task.started_event_id - 1,
            accepted_request: None,
        };
        message(update, "Acceptance", acceptance.encode_to_vec())
    };
    let response = |update: &Message| {
        let meta = Meta { update_id: update.protocol_instance_id.clone(), ..Default::default() };
        let response = Response { meta: Some(meta), outcome: Some(Outcome::default()) };
        message(update, "Response", response.encode_to_vec())
    };
    let answers = |update: &Message| match how {
        Answered::NotAtAll => Vec::new(),
        Answered::Rejected => vec![message(update, "Rejection", Vec::new())],
        Answered::Accepted => vec![acceptance(update)],
        Answered::Completed => vec![acceptance(update), response(update)],
    };
    task.messages.iter().flat_map(answers).collect()
}

/// Whoever has no answer waits for one, and a workflow task is going to carry what is to be answered.
pub(super) fn check_waiting(server: &Server, updaters: usize) {
    let waits: usize = server.cluster.runs.iter().map(|run| run.update_waiters.len()).sum();
    assert_eq!(updaters, waits, "whoever has no answer waits for one");
    for run in server.cluster.runs.iter() {
        assert!(run.is_running() || run.update_waiters.is_empty(), "a closed run answers everybody");
        let is_carried = run.state.workflow_task.is_some() || !run.state.updates.wait_for_workflow_task();
        assert!(!run.is_running() || is_carried, "an update has a workflow task to carry it");
    }
}

/// An update is accepted once, and completed after that.
pub(super) fn check(history: &[Arc<HistoryEvent>]) {
    let mut accepted = std::collections::BTreeMap::new();
    for event in history {
        match &event.attributes {
            Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(update)) => {
                let known = accepted.values().any(|id| *id == &update.protocol_instance_id);
                assert!(!known, "{} is accepted twice", update.protocol_instance_id);
                accepted.insert(event.event_id, &update.protocol_instance_id);
            }
            Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(update)) => {
                let id = update.meta.as_ref().map(|meta| &meta.update_id);
                assert_eq!(accepted.get(&update.accepted_event_id).copied(), id);
            }
            _ => {}
        }
    }
}
