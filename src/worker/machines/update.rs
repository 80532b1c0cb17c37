//! Updates.

use std::collections::BTreeMap;

use temporalio_common::protos::{
    coresdk::{
        workflow_activation::DoUpdate,
        workflow_commands::{UpdateResponse, update_response::Response as Answer},
    },
    temporal::api::{
        command::v1::{ProtocolMessageCommandAttributes, command::Attributes as CommandAttributes},
        enums::v1::EventType,
        failure::v1::Failure,
        history::v1::{HistoryEvent, history_event::Attributes},
        protocol::v1::{Message, message::SequencingId},
        update::v1::{Acceptance, Meta, Outcome, Rejection, Request, Response, outcome},
    },
    utilities::pack_any,
};

use super::{
    Error, EventRef,
    annotations::Annotations,
    machine::{Outbox, unexpected, unexpected_command},
};

/// A request for an update, as it came in a message or as history recorded it.
#[derive(Debug, Clone)]
pub(super) struct UpdateRequest {
    pub(super) protocol_instance_id: String,
    message_id: String,
    /// The event behind which the request takes its place; `None` if the message did not say.
    sequenced_after: Option<SequencingId>,
    meta: Meta,
    request: Request,
}

impl UpdateRequest {
    /// Reads a message of a workflow task.
    pub(super) fn from_message(message: Message) -> Result<Self, Error> {
        let request = message
            .body
            .as_ref()
            .and_then(|body| <Request as prost::Message>::decode(body.value.as_slice()).ok())
            .ok_or_else(|| malformed(None, &message.id, "it is no update request"))?;
        Self::new(None, message.id, message.protocol_instance_id, message.sequencing_id, request)
    }

    /// Reads the request from a WorkflowExecutionUpdateAdmitted or -Accepted event; `None` for other events.
    pub(super) fn from_event(event: &HistoryEvent) -> Option<Result<Self, Error>> {
        let id = Some(event.event_id);
        Some(match event.attributes.as_ref()? {
            Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(admitted) => {
                let request = admitted.request.clone().unwrap_or_default();
                let instance = request.meta.as_ref().map(|meta| meta.update_id.clone()).unwrap_or_default();
                let message_id = format!("{instance}/request");
                Self::new(id, message_id, instance, Some(SequencingId::EventId(event.event_id)), request)
            }
            Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted) => Self::new(
                id,
                accepted.accepted_request_message_id.clone(),
                accepted.protocol_instance_id.clone(),
                Some(SequencingId::EventId(accepted.accepted_request_sequencing_event_id)),
                accepted.accepted_request.clone().unwrap_or_default(),
            ),
            _ => return None,
        })
    }

    fn new(
        event_id: Option<i64>,
        message_id: String,
        protocol_instance_id: String,
        sequenced_after: Option<SequencingId>,
        request: Request,
    ) -> Result<Self, Error> {
        if request.input.is_none() {
            return Err(malformed(event_id, &message_id, "the update request has no input"));
        }
        let Some(meta) = request.meta.clone() else {
            return Err(malformed(event_id, &message_id, "the update request has no meta"));
        };
        Ok(Self { protocol_instance_id, message_id, sequenced_after, meta, request })
    }

    /// Whether the request's turn comes before the given event.
    pub(super) fn is_due_before(&self, event_id: i64) -> bool {
        match self.sequenced_after {
            None => true,
            Some(SequencingId::EventId(after)) => after < event_id,
            Some(SequencingId::CommandIndex(_)) => false,
        }
    }
}

fn malformed(event_id: Option<i64>, message_id: &str, reason: &str) -> Error {
    Error::MalformedHistory { event_id, reason: format!("message {message_id:?}: {reason}") }
}

/// An update that the workflow was asked for.
#[derive(Debug)]
pub(super) struct Update {
    protocol_instance_id: String,
    message_id: String,
    sequencing_event_id: i64,
    meta: Meta,
    request: Request,
    answer: Answered,
    recorded: Answered,
}

/// How far the workflow has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answered {
    NotYet,
    Accepted,
    Completed,
    Rejected,
}

impl Update {
    /// An update and the job that asks the workflow for it. The validator is not run again during replay.
    pub(super) fn new(request: UpdateRequest, replaying: bool, out: &mut Outbox) -> Result<Self, Error> {
        let Some(SequencingId::EventId(sequencing_event_id)) = request.sequenced_after else {
            return Err(malformed(None, &request.message_id, "it is not sequenced by an event"));
        };
        let input = request.request.input.clone().unwrap_or_default();
        out.jobs.push(
            DoUpdate {
                id: request.meta.update_id.clone(),
                protocol_instance_id: request.protocol_instance_id.clone(),
                name: input.name,
                input: input.args.map(|args| args.payloads).unwrap_or_default(),
                headers: input.header.map(|header| header.fields).unwrap_or_default(),
                meta: Some(request.meta.clone()),
                run_validator: !replaying,
            }
            .into(),
        );
        Ok(Self {
            protocol_instance_id: request.protocol_instance_id,
            message_id: request.message_id,
            sequencing_event_id,
            meta: request.meta,
            request: request.request,
            answer: Answered::NotYet,
            recorded: Answered::NotYet,
        })
    }

    /// The workflow accepts, rejects or completes the update. A rejection after the acceptance is the update's
    /// failure.
    pub(super) fn answer(&mut self, response: UpdateResponse, out: &mut Outbox) -> Result<(), Error> {
        let answer = response
            .response
            .ok_or_else(|| Error::InvalidCommand(format!("the response to {} says nothing", self.name())))?;
        match (self.answer, answer) {
            (Answered::NotYet, Answer::Accepted(())) => {
                self.answer = Answered::Accepted;
                let acceptance = Acceptance {
                    accepted_request_message_id: self.message_id.clone(),
                    accepted_request_sequencing_event_id: self.sequencing_event_id,
                    accepted_request: Some(std::mem::take(&mut self.request)),
                };
                self.send("accept", "Acceptance", &acceptance, true, out)
            }
            (Answered::NotYet, Answer::Rejected(failure)) => {
                self.answer = Answered::Rejected;
                let rejection = Rejection {
                    rejected_request_message_id: self.message_id.clone(),
                    rejected_request_sequencing_event_id: self.sequencing_event_id,
                    rejected_request: Some(std::mem::take(&mut self.request)),
                    failure: Some(failure),
                };
                // A rejected update leaves nothing in history, so it needs no command.
                self.send("reject", "Rejection", &rejection, false, out)
            }
            (Answered::Accepted, Answer::Completed(result)) => {
                self.complete(outcome::Value::Success(result.into()), out)
            }
            (Answered::Accepted, Answer::Rejected(failure)) => self.fail(failure, out),
            (answered, _) => Err(unexpected_command(self.name(), answered.describe())),
        }
    }

    pub(super) fn handle_event(&mut self, event: &HistoryEvent) -> Result<(), Error> {
        let next = match event.event_type() {
            EventType::WorkflowExecutionUpdateAccepted => Answered::Accepted,
            _ => Answered::Completed,
        };
        let in_order = match next {
            Answered::Accepted => self.recorded == Answered::NotYet,
            _ => self.recorded == Answered::Accepted,
        };
        if !in_order || next > self.answer {
            return Err(unexpected(EventRef::of(event), self.name(), self.recorded.describe()));
        }
        self.recorded = next;
        Ok(())
    }

    fn fail(&mut self, failure: Failure, out: &mut Outbox) -> Result<(), Error> {
        self.complete(outcome::Value::Failure(failure), out)
    }

    fn complete(&mut self, value: outcome::Value, out: &mut Outbox) -> Result<(), Error> {
        self.answer = Answered::Completed;
        let outcome = Some(Outcome { value: Some(value) });
        let response = Response { meta: Some(self.meta.clone()), outcome };
        self.send("complete", "Response", &response, true, out)
    }

    /// Sends a message, and the command that gives it its place among the other commands.
    fn send(
        &self,
        what: &str,
        type_name: &str,
        body: &impl prost::Message,
        with_command: bool,
        out: &mut Outbox,
    ) -> Result<(), Error> {
        let id = format!("{}/{what}", self.message_id);
        let body = pack_any(format!("type.googleapis.com/temporal.api.update.v1.{type_name}"), body)
            .map_err(|error| Error::InvalidCommand(format!("the answer to {}: {error}", self.name())))?;
        out.messages.push(Message {
            id: id.clone(),
            protocol_instance_id: self.protocol_instance_id.clone(),
            body: Some(body),
            ..Default::default()
        });
        if with_command {
            let attributes = ProtocolMessageCommandAttributes { message_id: id };
            out.commands.push(
                Annotations::default()
                    .command(CommandAttributes::ProtocolMessageCommandAttributes(attributes)),
            );
        }
        Ok(())
    }

    fn name(&self) -> String {
        format!("update {:?}", self.meta.update_id)
    }
}

impl Answered {
    fn describe(self) -> &'static str {
        match self {
            Self::NotYet => "it is not answered",
            Self::Accepted => "it is accepted",
            Self::Completed => "it is completed",
            Self::Rejected => "it is rejected",
        }
    }
}

/// Updates by the protocol instance that carries their messages.
pub(super) type Updates = BTreeMap<String, super::machine::MachineId>;
