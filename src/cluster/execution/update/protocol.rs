//! What workers answer to updates: messages of a completed workflow task, put into their order by its commands.

use std::sync::Arc;

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    command::v1::ProtocolMessageCommandAttributes,
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{
        WorkflowExecutionUpdateAcceptedEventAttributes, WorkflowExecutionUpdateCompletedEventAttributes,
        history_event::Attributes,
    },
    protocol::v1::Message,
    update::v1::{Acceptance, Rejection, Response},
};

use super::{
    super::{
        Run, Transaction,
        completed::{CommandFailure, Completion},
    },
    registry::{Ended, State, Update},
};
use crate::cluster::{error::Error, limits::Limits};

/// The type of the message that asks a worker for an update.
pub(super) const REQUEST: &str = "temporal.api.update.v1.Request";
const ACCEPTANCE: &str = "temporal.api.update.v1.Acceptance";
const RESPONSE: &str = "temporal.api.update.v1.Response";
const REJECTION: &str = "temporal.api.update.v1.Rejection";

const CAUSE: Cause = Cause::BadUpdateWorkflowExecutionMessage;

/// The messages of a completion that no command has referred to yet.
#[derive(Debug, Default)]
pub(crate) struct Messages(Vec<Message>);

impl Messages {
    pub(crate) fn new(messages: Vec<Message>) -> Self {
        Self(messages)
    }

    /// Whether all of them say that an update is rejected.
    pub(crate) fn are_rejections(messages: &[Message]) -> bool {
        messages.iter().all(|message| body_type(message) == REJECTION)
    }

    fn take(&mut self, id: &str) -> Option<Message> {
        let index = self.0.iter().position(|message| message.id == id)?;
        Some(self.0.remove(index))
    }
}

/// What a worker says to an update.
enum Answer {
    Acceptance(Acceptance),
    Response(Response),
    Rejection(Rejection),
}

/// The ProtocolMessage command: a message takes its place among the commands.
pub(crate) fn protocol_message(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<ProtocolMessageCommandAttributes>,
) -> Result<(), CommandFailure> {
    let attributes = attributes
        .ok_or_else(|| refuse("ProtocolMessageCommandAttributes is not set on ProtocolMessageCommand."))?;
    if attributes.message_id.is_empty() {
        return Err(refuse("MessageID is not set on ProtocolMessageCommand."));
    }
    let message = completion.messages.take(&attributes.message_id).ok_or_else(|| {
        refuse(format!("ProtocolMessageCommand referenced absent message ID {}", attributes.message_id))
    })?;
    handle(tx, completion.completed_event_id, message)
}

/// The messages that no command has referred to, behind all commands.
pub(crate) fn handle_remaining_messages(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
) -> Result<(), CommandFailure> {
    std::mem::take(&mut completion.messages)
        .0
        .into_iter()
        .try_for_each(|message| handle(tx, completion.completed_event_id, message))
}

fn refuse(message: impl Into<String>) -> CommandFailure {
    CommandFailure::new(CAUSE, message)
}

/// The name of the type of a message's body; empty if it has none.
fn body_type(message: &Message) -> &str {
    let url = message.body.as_ref().map_or("", |body| body.type_url.as_str());
    url.rsplit_once('/').map_or(url, |(_, name)| name)
}

fn handle(tx: &mut Transaction<'_>, completed_event_id: i64, message: Message) -> Result<(), CommandFailure> {
    let answer = decode(tx.limits(), &message)?;
    if !tx.run.is_running() && !matches!(answer, Answer::Rejection(_)) {
        // Nothing more is written, and the update ends with the run.
        return Ok(());
    }
    let id = message.protocol_instance_id;
    if let (None, false, Answer::Acceptance(acceptance)) =
        (tx.run.state.updates.get(&id), tx.run.has_completed_update(&id), &answer)
        && let Some(request) = &acceptance.accepted_request
    {
        // The worker knows of an update that the server has forgotten; with its request it is as good as before.
        tx.run.state.updates.in_flight.push(Update {
            id: id.clone(),
            request: Arc::new(request.clone()),
            state: State::Sent,
            is_recorded: false,
        });
    }
    match (answer, tx.run.state.updates.get(&id).cloned()) {
        (Answer::Acceptance(acceptance), Some(update)) if !update.is_accepted() => {
            accept(tx, update, acceptance)
        }
        (
            Answer::Response(response),
            Some(Update { state: State::Accepted { event_id: accepted_event_id }, .. }),
        ) => complete(tx, &id, accepted_event_id, response),
        (Answer::Rejection(rejection), Some(update)) if !update.is_accepted() => {
            tx.run.state.updates.remove(&id);
            tx.run.state.updates.ended.push((id, Ended::Rejected(rejection.failure.unwrap_or_default())));
            Ok(())
        }
        (answer, _) => Err(match state_name(tx.run, &id, completed_event_id) {
            Some(state) => refuse(format!(
                "invalid state transition attempted for Update {id}: received *{} message while in state {state}",
                answer.name_in_go()
            )),
            None => refuse(format!(
                "update {id} wasn't found on the server. This is most likely a transient error which will be resolved \
                 automatically by retries"
            )),
        }),
    }
}

fn accept(tx: &mut Transaction<'_>, update: Update, acceptance: Acceptance) -> Result<(), CommandFailure> {
    let missing = |field: &str| Err(refuse(format!("invalid *update.Acceptance: {field} is not set")));
    if acceptance.accepted_request_sequencing_event_id == 0 {
        return missing("accepted_request_sequencing_event_id");
    }
    if acceptance.accepted_request_message_id.is_empty() {
        return missing("accepted_request_message_id");
    }
    let accepted = WorkflowExecutionUpdateAcceptedEventAttributes {
        protocol_instance_id: update.id,
        accepted_request_message_id: acceptance.accepted_request_message_id,
        accepted_request_sequencing_event_id: acceptance.accepted_request_sequencing_event_id,
        // The event of its admission has the request already.
        accepted_request: (!update.is_recorded).then(|| (*update.request).clone()),
    };
    let event_id = tx.add(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted.clone()));
    tx.run.apply_update_accepted(event_id, &accepted);
    Ok(())
}

fn complete(
    tx: &mut Transaction<'_>,
    id: &str,
    accepted_event_id: i64,
    response: Response,
) -> Result<(), CommandFailure> {
    if response.meta.is_none() {
        return Err(refuse("invalid *update.Response: meta is not set"));
    }
    if response.outcome.is_none() {
        return Err(refuse("invalid *update.Response: outcome is not set"));
    }
    let event_id = tx.add(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(
        WorkflowExecutionUpdateCompletedEventAttributes {
            meta: response.meta,
            accepted_event_id,
            outcome: response.outcome,
        },
    ));
    tx.run.apply_update_completed(event_id, id);
    Ok(())
}

fn decode(limits: &Limits, message: &Message) -> Result<Answer, CommandFailure> {
    let Some(body) = &message.body else {
        return Err(CommandFailure::RefuseCall(Error::invalid_argument("nil message body")));
    };
    let name = body_type(message);
    if body.value.len() > limits.blob_size {
        return Err(CommandFailure::terminate(CAUSE, format!("Message type {name} exceeds size limit.")));
    }
    let bytes = body.value.as_slice();
    let answer = match name {
        ACCEPTANCE => Acceptance::decode(bytes).map(Answer::Acceptance),
        RESPONSE => Response::decode(bytes).map(Answer::Response),
        REJECTION => Rejection::decode(bytes).map(Answer::Rejection),
        _ => {
            let (protocol, kind) = name.rsplit_once('.').unwrap_or_default();
            if protocol == "temporal.api.update.v1" {
                return Err(refuse(format!("Message type *update.{kind} not supported")));
            }
            return Err(refuse(format!("unsupported protocol type {protocol}")));
        }
    };
    answer.map_err(|error| refuse(format!("unable to decode a message of type {name}: {error}")))
}

impl Answer {
    /// How the server, which is written in Go, names the type of the message in its errors.
    fn name_in_go(&self) -> &'static str {
        match self {
            Self::Acceptance(_) => "update.Acceptance",
            Self::Response(_) => "update.Response",
            Self::Rejection(_) => "update.Rejection",
        }
    }
}

impl Update {
    fn is_accepted(&self) -> bool {
        matches!(self.state, State::Accepted { .. })
    }
}

/// How the server names the state of an update in errors; what happened in this completion is provisional. `None` if there is no
/// such update.
fn state_name(run: &Run, id: &str, completed_event_id: i64) -> Option<&'static str> {
    let name = |event_id: i64, settled, provisional| {
        if event_id > completed_event_id { provisional } else { settled }
    };
    Some(match run.state.updates.get(id).map(|update| update.state) {
        Some(State::Admitted) => "Admitted",
        Some(State::Sent) => "Sent",
        Some(State::Accepted { event_id }) => name(event_id, "Accepted", "ProvisionallyAccepted"),
        None => name(*run.completed_updates.get(id)?, "Completed", "ProvisionallyCompleted"),
    })
}
