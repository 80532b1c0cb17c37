use temporalio_common::protos::temporal::api::{
    command::v1::{Command, ProtocolMessageCommandAttributes, command::Attributes},
    enums::v1::{CommandType, EventType, SuggestContinueAsNewReason},
    history::v1::history_event::Attributes as EventAttributes,
    protocol::v1::Message,
    update::v1::{Acceptance, Input, Meta, Outcome, Rejection, Request, Response, WaitPolicy, outcome},
    workflowservice::v1::{
        GetWorkflowExecutionHistoryReverseRequest, PollWorkflowTaskQueueResponse,
        RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskCompletedResponse,
        TerminateWorkflowExecutionRequest, UpdateWorkflowExecutionRequest,
    },
};

use super::Stage;
use crate::cluster::{
    error::Error,
    execution::test_driver::{Begun, Driver, execution},
    limits::Limits,
};

/// Asks for an update, and does not wait.
fn update(driver: &mut Driver, id: &str) -> Begun<UpdateWorkflowExecutionRequest> {
    driver.begin(UpdateWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: execution(),
        wait_policy: Some(WaitPolicy { lifecycle_stage: Stage::Completed.into() }),
        request: Some(Request {
            meta: Some(Meta { update_id: id.into(), ..Default::default() }),
            input: Some(Input { name: "update".into(), ..Default::default() }),
            ..Default::default()
        }),
        ..Default::default()
    })
}

/// A message of a worker about an update.
fn message(update_id: &str, kind: &str, body: &impl prost::Message) -> Message {
    Message {
        id: format!("{update_id}/{kind}"),
        protocol_instance_id: update_id.into(),
        body: Some(prost_types::Any {
            type_url: format!("type.googleapis.com/temporal.api.update.v1.{kind}"),
            value: body.encode_to_vec(),
        }),
        sequencing_id: None,
    }
}

fn acceptance(update_id: &str) -> Message {
    let body = Acceptance {
        accepted_request_message_id: format!("{update_id}/request"),
        accepted_request_sequencing_event_id: 1,
        accepted_request: None,
    };
    message(update_id, "Acceptance", &body)
}

fn response(update_id: &str) -> Message {
    let body = Response {
        meta: Some(Meta { update_id: update_id.into(), ..Default::default() }),
        outcome: Some(Outcome { value: Some(outcome::Value::Success(Default::default())) }),
    };
    message(update_id, "Response", &body)
}

fn rejection(update_id: &str) -> Message {
    message(update_id, "Rejection", &Rejection::default())
}

/// Completes a workflow task with answers to updates, and nothing else.
fn answer(
    driver: &mut Driver,
    task: &PollWorkflowTaskQueueResponse,
    messages: Vec<Message>,
) -> Result<RespondWorkflowTaskCompletedResponse, Error> {
    driver.try_call(RespondWorkflowTaskCompletedRequest {
        namespace: "default".into(),
        task_token: task.task_token.clone(),
        messages,
        ..Default::default()
    })
}

/// The update ids that a workflow task carries.
fn carried(task: &PollWorkflowTaskQueueResponse) -> Vec<&str> {
    task.messages.iter().map(|message| message.protocol_instance_id.as_str()).collect()
}

/// A workflow that has nothing to do.
fn idle() -> Driver {
    let (mut driver, task) = Driver::start();
    driver.complete(&task, Vec::new()).expect("an empty completion");
    driver
}

#[test]
fn a_rejected_update_leaves_nothing_behind() {
    let mut driver = idle();
    let history = driver.history();
    let update = update(&mut driver, "u");
    let task = driver.workflow_task();
    assert_eq!(carried(&task), ["u"]);
    let response = answer(&mut driver, &task, vec![rejection("u")]).expect("a valid completion");
    assert_eq!(response.reset_history_event_id, 3);
    assert_eq!(driver.finish(&update).expect("an outcome").stage(), Stage::Completed);
    assert_eq!(driver.history(), history);
    assert_eq!(driver.next_deadline(), None);
}

#[test]
fn an_answered_update_is_in_the_history() {
    let mut driver = idle();
    let update = update(&mut driver, "u");
    let task = driver.workflow_task();
    answer(&mut driver, &task, vec![acceptance("u"), response("u")]).expect("a valid completion");
    assert_eq!(driver.finish(&update).expect("an outcome").stage(), Stage::Completed);
    assert_eq!(
        driver.event_types(5),
        [
            EventType::WorkflowTaskScheduled,
            EventType::WorkflowTaskStarted,
            EventType::WorkflowTaskCompleted,
            EventType::WorkflowExecutionUpdateAccepted,
            EventType::WorkflowExecutionUpdateCompleted,
        ]
    );
}

#[test]
fn commands_put_messages_into_their_place() {
    let mut driver = idle();
    update(&mut driver, "u");
    let task = driver.workflow_task();
    let refer = |message_id: String| Command {
        command_type: CommandType::ProtocolMessage.into(),
        attributes: Some(Attributes::ProtocolMessageCommandAttributes(ProtocolMessageCommandAttributes {
            message_id,
        })),
        ..Default::default()
    };
    let messages = vec![response("u"), acceptance("u")];
    driver.call(RespondWorkflowTaskCompletedRequest {
        namespace: "default".into(),
        task_token: task.task_token,
        commands: messages.iter().rev().map(|message| refer(message.id.clone())).collect(),
        messages,
        ..Default::default()
    });
    assert_eq!(
        driver.event_types(8),
        [EventType::WorkflowExecutionUpdateAccepted, EventType::WorkflowExecutionUpdateCompleted]
    );
}

#[test]
fn a_lost_update_is_sent_again() {
    let mut driver = idle();
    let update = update(&mut driver, "u");
    let lost = driver.workflow_task();
    assert_eq!(carried(&lost), ["u"]);
    let task = driver.workflow_task();
    assert_eq!((driver.seconds(), carried(&task)), (10.0, vec!["u"]));
    answer(&mut driver, &task, vec![acceptance("u"), response("u")]).expect("a valid completion");
    driver.finish(&update).expect("an outcome");
}

#[test]
fn what_a_refused_completion_said_to_updates_is_taken_back() {
    let mut driver = idle();
    let update = update(&mut driver, "u");
    let task = driver.workflow_task();
    let twice = vec![acceptance("u"), response("u"), response("u")];
    let error = answer(&mut driver, &task, twice).expect_err("two responses");
    assert_eq!(
        error.message,
        "BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u: received *update.Response message \
         while in state ProvisionallyCompleted"
    );
    let error = driver.finish(&update).expect_err("the update is aborted");
    assert_eq!(error.code, tonic::Code::FailedPrecondition);
    // The next attempt has no events yet, but a reader sees where they would be.
    assert_eq!(driver.event_types(7), [EventType::WorkflowTaskFailed, EventType::WorkflowTaskScheduled]);
}

/// Whether the last workflow task that started told the worker that there have been many updates.
fn is_told_of_many_updates(driver: &mut Driver) -> bool {
    let latest = driver.call(GetWorkflowExecutionHistoryReverseRequest {
        namespace: "default".into(),
        execution: execution(),
        maximum_page_size: 2,
        ..Default::default()
    });
    let started =
        latest.history.unwrap_or_default().events.into_iter().find_map(|event| match event.attributes {
            Some(EventAttributes::WorkflowTaskStartedEventAttributes(started)) => Some(started),
            _ => None,
        });
    let reasons = started.expect("the task that was answered").suggest_continue_as_new_reasons;
    reasons.contains(&SuggestContinueAsNewReason::TooManyUpdates.into())
}

#[test]
fn a_run_takes_so_many_updates_and_no_more() {
    let mut driver = idle();
    let limits = Limits::default();
    let ids: Vec<_> = (0..limits.updates).map(|number| format!("u{number}")).collect();
    let mut count = 0;
    for ids in ids.chunks(limits.updates_in_flight) {
        let begun: Vec<_> = ids.iter().map(|id| update(&mut driver, id)).collect();
        let task = driver.workflow_task();
        let messages = ids.iter().flat_map(|id| [acceptance(id), response(id)]).collect();
        answer(&mut driver, &task, messages).expect("a valid completion");
        for update in begun {
            driver.finish(&update).expect("an outcome");
        }
        count += ids.len();
        assert_eq!(is_told_of_many_updates(&mut driver), count >= limits.updates_suggest_continue_as_new());
    }
    let known = update(&mut driver, "u17");
    driver.finish(&known).expect("the outcome that it had");
    let one_more = update(&mut driver, "one more");
    let error = driver.finish(&one_more).expect_err("there have been too many");
    assert_eq!(error.code, tonic::Code::FailedPrecondition);
}

#[test]
fn terminating_a_run_tells_whoever_waits_for_its_updates() {
    let mut driver = idle();
    let waiting = update(&mut driver, "u");
    driver.call(TerminateWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_execution: execution(),
        ..Default::default()
    });
    let error = driver.finish(&waiting).expect_err("nobody is going to answer");
    assert_eq!(error.message, "workflow update was aborted by closing workflow");
}
