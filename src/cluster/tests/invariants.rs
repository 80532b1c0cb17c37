//! What holds whatever clients and workers do.

use proptest::prelude::*;
use temporalio_common::protos::temporal::api::{
    enums::v1::WorkflowIdConflictPolicy,
    workflowservice::v1::{RequestCancelWorkflowExecutionRequest, TerminateWorkflowExecutionRequest},
};

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Start,
    Restart,
    Signal,
    Cancel,
    Terminate,
    Poll,
    PollSticky,
    Complete { commands: usize, closes: bool, caches: bool, inline: bool },
    Fail,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Start),
        1 => Just(Step::Restart),
        4 => Just(Step::Signal),
        1 => Just(Step::Cancel),
        1 => Just(Step::Terminate),
        6 => Just(Step::Poll),
        3 => Just(Step::PollSticky),
        6 => (0..3_usize, prop::bool::weighted(0.2), any::<bool>(), any::<bool>())
            .prop_map(|(commands, closes, caches, inline)| Step::Complete { commands, closes, caches, inline }),
        3 => Just(Step::Fail),
        3 => (0..30_u64).prop_map(Step::Wait),
    ]
}

/// Takes the steps, and answers all histories.
fn take(steps: &[Step]) -> Vec<Vec<HistoryEvent>> {
    let mut server = Server::new();
    let mut tasks: Vec<PollWorkflowTaskQueueResponse> = Vec::new();
    let mut waiting = Vec::new();
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
            Step::Poll => waiting.push(server.begin(poll(queue("tq")))),
            Step::PollSticky => waiting.push(server.begin(poll(sticky_queue()))),
            Step::Complete { commands, closes, caches, inline } => {
                if let Some(task) = tasks.pop() {
                    let mut commands: Vec<_> = (0..commands).map(|_| record_marker("m")).collect();
                    commands.extend(closes.then(complete_workflow));
                    let mut request =
                        if caches { caching(&task, commands) } else { completion(&task, commands) };
                    request.return_new_workflow_task = inline;
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
    server.cluster.runs.iter().map(|run| run.history.since(1).to_vec()).collect()
}

/// Whether a history could have been written by a server.
fn check(history: &[HistoryEvent]) {
    let mut started = None;
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
