//! What holds whatever clients and workers do.

use std::collections::BTreeMap;

use proptest::prelude::*;
use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    enums::v1::WorkflowIdConflictPolicy,
    history::v1::history_event::Attributes,
    protocol::v1::Message,
    update::v1::{self as update, Acceptance, Input, Meta, Outcome, Request as UpdateRequest},
    workflowservice::v1::{
        RequestCancelWorkflowExecutionRequest, TerminateWorkflowExecutionRequest,
        UpdateWorkflowExecutionRequest,
    },
};

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Start,
    Restart,
    Signal,
    Cancel,
    Terminate,
    Update(u8),
    Poll,
    PollSticky,
    Complete { commands: usize, closes: bool, caches: bool, inline: bool, updates: Answered },
    Fail,
    Wait(u64),
}

/// How a worker answers the updates in its workflow task.
#[derive(Debug, Clone, Copy)]
enum Answered {
    NotAtAll,
    Rejected,
    Accepted,
    Completed,
}

fn answered() -> impl Strategy<Value = Answered> {
    prop_oneof![
        Just(Answered::NotAtAll),
        Just(Answered::Rejected),
        Just(Answered::Accepted),
        Just(Answered::Completed)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Start),
        1 => Just(Step::Restart),
        4 => Just(Step::Signal),
        1 => Just(Step::Cancel),
        1 => Just(Step::Terminate),
        4 => (0..12_u8).prop_map(Step::Update),
        6 => Just(Step::Poll),
        3 => Just(Step::PollSticky),
        6 => (0..3_usize, prop::bool::weighted(0.2), any::<bool>(), any::<bool>(), answered()).prop_map(
            |(commands, closes, caches, inline, updates)| Step::Complete { commands, closes, caches, inline, updates }
        ),
        3 => Just(Step::Fail),
        3 => (0..30_u64).prop_map(Step::Wait),
    ]
}

/// What a worker says to the updates in its workflow task.
fn messages(task: &PollWorkflowTaskQueueResponse, how: Answered) -> Vec<Message> {
    let message = |update: &Message, kind: &str, value: Vec<u8>| Message {
        id: format!("{}/{kind}", update.protocol_instance_id),
        protocol_instance_id: update.protocol_instance_id.clone(),
        body: Some(prost_types::Any {
            type_url: format!("type.googleapis.com/temporal.api.update.v1.{kind}"),
            value,
            ..Default::default()
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
        let response = update::Response { meta: Some(meta), outcome: Some(Outcome::default()) };
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

/// Takes the steps, and answers all histories.
fn take(steps: &[Step]) -> Vec<Vec<HistoryEvent>> {
    let mut server = Server::new();
    let mut tasks: Vec<PollWorkflowTaskQueueResponse> = Vec::new();
    let mut waiting = Vec::new();
    let mut updaters = Vec::new();
    for step in steps {
        match *step {
            Step::Start => drop(server.call(start("wf"))),
            Step::Restart => drop(server.call(StartWorkflowExecutionRequest {
                workflow_id_conflict_policy: WorkflowIdConflictPolicy::TerminateExisting as i32,
                ..start("wf")
            })),
            Step::Signal => drop(server.call(SignalWorkflowExecutionRequest {
                namespace: "default".to_owned(),
                workflow_execution: Some(execution("wf")),
                signal_name: "s".to_owned(),
                ..Default::default()
            })),
            Step::Cancel => drop(server.call(RequestCancelWorkflowExecutionRequest {
                namespace: "default".to_owned(),
                workflow_execution: Some(execution("wf")),
                ..Default::default()
            })),
            Step::Terminate => drop(server.call(TerminateWorkflowExecutionRequest {
                namespace: "default".to_owned(),
                workflow_execution: Some(execution("wf")),
                ..Default::default()
            })),
            Step::Update(id) => {
                let request = UpdateRequest {
                    meta: Some(Meta { update_id: id.to_string(), ..Default::default() }),
                    input: Some(Input { name: "update".to_owned(), ..Default::default() }),
                    ..Default::default()
                };
                let update = server.begin(UpdateWorkflowExecutionRequest {
                    namespace: "default".to_owned(),
                    workflow_execution: Some(execution("wf")),
                    request: Some(request),
                    ..Default::default()
                });
                updaters.push(update);
            }
            Step::Poll => waiting.push(server.begin(poll(queue("tq")))),
            Step::PollSticky => waiting.push(server.begin(poll(sticky_queue()))),
            Step::Complete { commands, closes, caches, inline, updates } => {
                if let Some(task) = tasks.pop() {
                    let mut commands: Vec<_> = (0..commands).map(|_| record_marker("m")).collect();
                    commands.extend(closes.then(complete_workflow));
                    let mut request =
                        if caches { caching(&task, commands) } else { completion(&task, commands) };
                    request.return_new_workflow_task = inline;
                    request.messages = messages(&task, updates);
                    if let Ok(response) = server.call(request) {
                        tasks.extend(response.workflow_task);
                    }
                }
            }
            Step::Fail => {
                if let Some(task) = tasks.pop() {
                    drop(server.call(RespondWorkflowTaskFailedRequest {
                        namespace: "default".to_owned(),
                        task_token: task.task_token,
                        ..Default::default()
                    }));
                }
            }
            Step::Wait(time) => server.advance(seconds(time)),
        }
        waiting.retain(|&call| match server.answer::<PollWorkflowTaskQueueRequest>(call) {
            Some(Ok(task)) => {
                tasks.push(task);
                false
            }
            Some(Err(error)) => panic!("a poll failed: {error}"),
            None => true,
        });
    }
    updaters.retain(|&call| server.answer::<UpdateWorkflowExecutionRequest>(call).is_none());
    let waits: usize = server.cluster.runs.iter().map(|run| run.update_waiters.len()).sum();
    assert_eq!(updaters.len(), waits, "whoever has no answer waits for one");
    for run in server.cluster.runs.iter() {
        assert!(run.is_running() || run.update_waiters.is_empty(), "a closed run answers everybody");
        let is_carried = run.state.workflow_task.is_some() || !run.state.updates.wait_for_workflow_task();
        assert!(!run.is_running() || is_carried, "an update has a workflow task to carry it");
    }
    server.cluster.runs.iter().map(|run| run.history.since(1).to_vec()).collect()
}

/// Whether a history could have been written by a server.
fn check(history: &[HistoryEvent]) {
    let mut started = None;
    let mut updates = BTreeMap::new();
    for (index, event) in history.iter().enumerate() {
        assert_eq!(event.event_id, index as i64 + 1, "ids are contiguous");
        let is_task_end =
            matches!(event.event_type(), EventType::WorkflowTaskCompleted | EventType::WorkflowTaskFailed);
        match event.event_type() {
            EventType::WorkflowTaskStarted => {
                assert_eq!(started, None, "there is one workflow task at a time");
                started = Some(event.event_id);
            }
            EventType::WorkflowTaskTimedOut => started = None,
            _ if is_task_end => {
                assert_eq!(
                    started.take(),
                    Some(event.event_id - 1),
                    "nothing comes in while a task is started"
                );
            }
            _ => assert_eq!(started, None, "{event:?} came in while a task was started"),
        }
        match &event.attributes {
            Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) => {
                let again = updates.insert(event.event_id, accepted.protocol_instance_id.clone());
                assert_eq!(again, None);
                let ids: std::collections::BTreeSet<_> = updates.values().collect();
                assert_eq!(ids.len(), updates.len(), "an update is accepted once");
            }
            Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(completed)) => {
                let id = completed.meta.as_ref().map(|meta| &meta.update_id);
                assert_eq!(updates.get(&completed.accepted_event_id), id, "an update is accepted before");
            }
            _ => {}
        }
        let closes = matches!(
            event.event_type(),
            EventType::WorkflowExecutionCompleted | EventType::WorkflowExecutionTerminated
        );
        assert!(!closes || index + 1 == history.len(), "nothing comes after the close event");
    }
    let ids: Vec<_> = history.iter().map(|event| event.task_id).collect();
    assert!(ids.is_sorted());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn histories_are_sound_and_repeatable(steps in prop::collection::vec(step(), 1..60)) {
        let histories = take(&steps);
        histories.iter().for_each(|history| check(history));
        prop_assert_eq!(histories, take(&steps));
    }
}
