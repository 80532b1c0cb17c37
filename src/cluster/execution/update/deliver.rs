//! Updates on their way to a worker.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    protocol::v1::{Message, message::SequencingId},
    workflowservice::v1::PollWorkflowTaskQueueResponse,
};

use super::{super::RunKey, protocol::REQUEST, registry::State};
use crate::cluster::Cluster;

impl Cluster {
    /// Puts the updates that wait for a workflow task into the one that a worker has just started, in the order of their
    /// admission. They take their place right before the task's WorkflowTaskStarted event.
    pub(in crate::cluster) fn attach_updates(
        &mut self,
        run: RunKey,
        response: &mut PollWorkflowTaskQueueResponse,
    ) {
        let Some(run) = self.runs.get_mut(run) else { return };
        for update in &mut run.state.updates.in_flight {
            if update.state != State::Admitted {
                continue;
            }
            update.state = State::Sent;
            if update.is_recorded {
                // The worker finds it in the history.
                continue;
            }
            response.messages.push(Message {
                id: format!("{}/request", update.id),
                protocol_instance_id: update.id.clone(),
                body: Some(prost_types::Any {
                    type_url: format!("type.googleapis.com/{REQUEST}"),
                    value: update.request.encode_to_vec(),
                }),
                sequencing_id: Some(SequencingId::EventId(response.started_event_id.saturating_sub(1))),
            });
        }
    }
}
