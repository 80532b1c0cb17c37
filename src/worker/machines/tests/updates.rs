//! Updates.

use temporalio_common::protos::{
    coresdk::workflow_commands::{StartTimer, UpdateResponse, update_response::Response},
    temporal::api::{
        common::v1::Payload,
        enums::v1::EventType,
        failure::v1::Failure,
        history::v1::{history_event::Attributes, *},
        protocol::v1::{Message, message::SequencingId},
        update::v1::{Input, Meta, Outcome, Request, outcome},
    },
    utilities::pack_any,
};

use super::*;

fn request() -> Request {
    Request {
        meta: Some(Meta { update_id: "u".into(), ..Default::default() }),
        input: Some(Input { name: "change".into(), ..Default::default() }),
        ..Default::default()
    }
}

fn message(after: i64) -> Message {
    Message {
        id: "u/request".into(),
        protocol_instance_id: "u".into(),
        sequencing_id: Some(SequencingId::EventId(after)),
        body: Some(
            pack_any("type.googleapis.com/temporal.api.update.v1.Request".into(), &request())
                .expect("encodes"),
        ),
    }
}

fn respond(response: Response) -> Variant {
    let response = Some(response);
    Variant::UpdateResponse(UpdateResponse { protocol_instance_id: "u".into(), response })
}

fn accepted(history: &mut Builder, after: i64) -> i64 {
    history.add(
        EventType::WorkflowExecutionUpdateAccepted,
        Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(
            WorkflowExecutionUpdateAcceptedEventAttributes {
                protocol_instance_id: "u".into(),
                accepted_request_message_id: "u/request".into(),
                accepted_request_sequencing_event_id: after,
                accepted_request: Some(request()),
            },
        ),
    )
}

fn update_completed(history: &mut Builder, accepted_event_id: i64) {
    history.add(
        EventType::WorkflowExecutionUpdateCompleted,
        Attributes::WorkflowExecutionUpdateCompletedEventAttributes(
            WorkflowExecutionUpdateCompletedEventAttributes {
                accepted_event_id,
                outcome: Some(Outcome { value: Some(outcome::Value::Success(Default::default())) }),
                ..Default::default()
            },
        ),
    );
}

fn asked() -> (Builder, Run) {
    let mut history = Builder::new();
    history.task();
    let task = Task { messages: vec![message(2)], ..history.full() };
    (history, Run::of(task))
}

fn ids(completion: &TaskCompletion) -> Vec<&str> {
    completion.messages.iter().map(|message| message.id.as_str()).collect()
}

#[test]
fn an_update_is_accepted_and_completed() {
    let (_, mut run) = asked();
    let activation = run.activation();
    let jobs: Vec<_> = activation.jobs.iter().map(ToString::to_string).collect();
    assert_eq!(jobs, ["InitializeWorkflow", "DoUpdate(u)"]);
    let Some(Job::DoUpdate(update)) = &activation.jobs[1].variant else { panic!("{activation:?}") };
    assert!(update.run_validator);
    run.respond([respond(Response::Accepted(())), respond(Response::Completed(Payload::default()))]);
    let completion = run.completion();
    assert_eq!(ids(&completion), ["u/request/accept", "u/request/complete"]);
    let types: Vec<_> = completion.commands.iter().map(|command| command.command_type()).collect();
    assert_eq!(types, [CommandType::ProtocolMessage, CommandType::ProtocolMessage]);
}

#[test]
fn a_rejected_update_leaves_no_command_and_a_void_task() {
    let mut history = Builder::new();
    let first = history.task();
    let mut run = Run::of(history.full());
    run.activation();
    run.respond([Variant::StartTimer(StartTimer { seq: 1, ..Default::default() })]);
    run.completion();
    history.completed();
    let timer = history.timer_started("1");
    // The server shows a speculative task that it never records.
    let mut speculative = history.clone();
    let started = speculative.task();
    let task = Task { messages: vec![message(started - 1)], ..speculative.after(first) };
    run.task(Task { previous_started_event_id: first, ..task });
    assert_eq!(run.jobs(), ["DoUpdate(u)"]);
    run.respond([respond(Response::Rejected(Failure::default()))]);
    let completion = run.completion();
    assert_eq!(ids(&completion), ["u/request/reject"]);
    assert_eq!(completion.commands, []);
    run.machines.handle_reset(first);

    history.timer_fired("1", timer);
    history.task();
    run.task(history.after(first));
    assert_eq!(run.jobs(), ["FireTimer(1)"]);
}

#[test]
fn answers_must_come_in_order() {
    let (_, mut run) = asked();
    run.activation();
    let error =
        run.try_respond([respond(Response::Completed(Payload::default()))]).expect_err("not accepted");
    assert!(matches!(kind(error), Mismatch::Unexpected { .. }));
}

#[test]
fn replay_asks_for_accepted_updates_where_they_came_in() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.timer_started("1");
    let second = history.task();
    history.completed();
    let event = accepted(&mut history, second - 1);
    update_completed(&mut history, event);
    history.workflow_completed();
    let mut run = Run::of(history.full());
    let activation = run.activation();
    assert_eq!(i64::from(activation.history_length), 3);
    run.respond([Variant::StartTimer(StartTimer { seq: 1, ..Default::default() })]);
    let activation = run.activation();
    assert_eq!(i64::from(activation.history_length), second);
    let Job::DoUpdate(update) = first_job(&activation) else { panic!("{activation:?}") };
    assert!(!update.run_validator, "it was accepted once and for all");
    run.respond([
        respond(Response::Accepted(())),
        respond(Response::Completed(Payload::default())),
        complete_workflow(),
    ]);
    assert_eq!(run.step(), Step::Idle);
}

#[test]
fn an_admitted_update_is_a_request_in_history() {
    let mut history = Builder::new();
    history.task();
    history.completed();
    history.add(
        EventType::WorkflowExecutionUpdateAdmitted,
        Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(
            WorkflowExecutionUpdateAdmittedEventAttributes { request: Some(request()), ..Default::default() },
        ),
    );
    history.task();
    let mut run = Run::of(history.full());
    assert_eq!(run.jobs(), ["InitializeWorkflow"]);
    run.respond([]);
    assert_eq!(run.jobs(), ["DoUpdate(u)"]);
    run.respond([respond(Response::Accepted(()))]);
    assert_eq!(ids(&run.completion()), ["u/request/accept"]);
}

#[test]
fn a_message_that_cannot_be_read_is_an_error() {
    let mut history = Builder::new();
    history.task();
    let messages = vec![Message { body: None, ..message(2) }];
    let outcome = Run::new().machines.handle_task(Task { messages, ..history.full() });
    assert!(matches!(outcome, Err(Error::MalformedHistory { .. })), "{outcome:?}");
}
