//! What holds whatever clients and workers do.

use proptest::prelude::*;
use temporalio_common::protos::temporal::api::{
    command::v1::{
        RequestCancelExternalWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
        SignalExternalWorkflowExecutionCommandAttributes, StartTimerCommandAttributes,
    },
    common::v1::ActivityType,
    enums::v1::{
        ParentClosePolicy, ResetReapplyExcludeType, WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
    },
    history::v1::history_event,
    workflowservice::v1::{
        RequestCancelWorkflowExecutionRequest, ResetWorkflowExecutionRequest,
        TerminateWorkflowExecutionRequest,
    },
};

use super::{updates::Answered, *};
use crate::cluster::execution::check_rebuild;

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
    Complete { commands: Vec<Made>, closes: bool, caches: bool, inline: bool, updates: Answered },
    Fail,
    Reset { point: i64, excludes_signals: bool },
    Wait(u64),
}

/// A command that a worker makes.
#[derive(Debug, Clone)]
enum Made {
    Marker,
    Timer(u8),
    Activity(u8),
    Child { workflow_id: &'static str, policy: ParentClosePolicy, reuse: WorkflowIdReusePolicy },
    Signal { workflow_id: &'static str, child_only: bool },
    Cancel { workflow_id: &'static str, child_only: bool },
}

/// The workflow that clients start, and the children of it and of each other.
fn workflow_id() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["wf", "a", "b"])
}

fn made() -> impl Strategy<Value = Made> {
    use ParentClosePolicy::{Abandon, RequestCancel, Terminate};
    use WorkflowIdReusePolicy::{AllowDuplicate, RejectDuplicate, TerminateIfRunning};
    let policy = prop::sample::select(vec![Abandon, RequestCancel, Terminate]);
    let reuse =
        prop::sample::select(vec![AllowDuplicate, AllowDuplicate, RejectDuplicate, TerminateIfRunning]);
    prop_oneof![
        2 => Just(Made::Marker),
        2 => (0..3_u8).prop_map(Made::Timer),
        2 => (0..3_u8).prop_map(Made::Activity),
        4 => (workflow_id(), policy, reuse)
            .prop_map(|(workflow_id, policy, reuse)| Made::Child { workflow_id, policy, reuse }),
        1 => (workflow_id(), any::<bool>())
            .prop_map(|(workflow_id, child_only)| Made::Signal { workflow_id, child_only }),
        1 => (workflow_id(), any::<bool>())
            .prop_map(|(workflow_id, child_only)| Made::Cancel { workflow_id, child_only }),
    ]
}

fn make(made: &Made) -> Command {
    match *made {
        Made::Marker => record_marker("m"),
        Made::Timer(id) => {
            let timer_id = format!("timer {id}");
            let start_to_fire_timeout = Some(crate::clock::to_proto(seconds(u64::from(id) * 10)));
            command(Attributes::StartTimerCommandAttributes(StartTimerCommandAttributes {
                timer_id,
                start_to_fire_timeout,
            }))
        }
        Made::Activity(id) => {
            let timeout = Some(crate::clock::to_proto(seconds(20)));
            command(Attributes::ScheduleActivityTaskCommandAttributes(
                ScheduleActivityTaskCommandAttributes {
                    activity_id: format!("activity {id}"),
                    activity_type: Some(ActivityType { name: "A".to_owned() }),
                    task_queue: Some(queue("activities")),
                    schedule_to_close_timeout: timeout,
                    ..Default::default()
                },
            ))
        }
        Made::Child { workflow_id, policy, reuse } => {
            let mut command = children::start_child(workflow_id, "tq", policy);
            if let Some(Attributes::StartChildWorkflowExecutionCommandAttributes(child)) =
                &mut command.attributes
            {
                child.workflow_id_reuse_policy = reuse as i32;
            }
            command
        }
        Made::Signal { workflow_id, child_only } => {
            command(Attributes::SignalExternalWorkflowExecutionCommandAttributes(
                SignalExternalWorkflowExecutionCommandAttributes {
                    execution: Some(execution(workflow_id)),
                    signal_name: "s".to_owned(),
                    child_workflow_only: child_only,
                    ..Default::default()
                },
            ))
        }
        Made::Cancel { workflow_id, child_only } => {
            command(Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(
                RequestCancelExternalWorkflowExecutionCommandAttributes {
                    workflow_id: workflow_id.to_owned(),
                    child_workflow_only: child_only,
                    ..Default::default()
                },
            ))
        }
    }
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
        6 => (prop::collection::vec(made(), 0..3), prop::bool::weighted(0.2), any::<bool>(), any::<bool>(), updates::answered())
            .prop_map(|(commands, closes, caches, inline, updates)| Step::Complete { commands, closes, caches, inline, updates }),
        3 => Just(Step::Fail),
        2 => (2..40_i64, any::<bool>())
            .prop_map(|(point, excludes_signals)| Step::Reset { point, excludes_signals }),
        3 => (0..30_u64).prop_map(Step::Wait),
    ]
}

/// Takes the steps, and answers all histories.
fn take(steps: &[Step]) -> Vec<Vec<HistoryEvent>> {
    let mut server = Server::new();
    let mut tasks: Vec<PollWorkflowTaskQueueResponse> = Vec::new();
    let mut waiting = Vec::new();
    let mut updaters = Vec::new();
    for step in steps {
        match step.clone() {
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
            Step::Update(id) => updaters.push(server.begin(updates::update("wf", id))),
            Step::Poll => waiting.push(server.begin(poll(queue("tq")))),
            Step::PollSticky => waiting.push(server.begin(poll(sticky_queue()))),
            Step::Complete { commands, closes, caches, inline, updates } => {
                if let Some(task) = tasks.pop() {
                    let mut commands: Vec<_> = commands.iter().map(make).collect();
                    commands.extend(closes.then(complete_workflow));
                    let mut request =
                        if caches { caching(&task, commands) } else { completion(&task, commands) };
                    request.return_new_workflow_task = inline;
                    request.messages = updates::messages(&task, updates);
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
            Step::Reset { point, excludes_signals } => {
                let excluded =
                    excludes_signals.then_some(ResetReapplyExcludeType::Signal as i32).into_iter().collect();
                drop(server.call(ResetWorkflowExecutionRequest {
                    namespace: "default".to_owned(),
                    workflow_execution: Some(execution("wf")),
                    reason: "reset".to_owned(),
                    request_id: format!("reset {point}"),
                    workflow_task_finish_event_id: point,
                    reset_reapply_exclude_types: excluded,
                    ..Default::default()
                }));
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
    updates::check_waiting(&mut server, updaters);
    let Cluster { runs, shared, .. } = &mut server.cluster;
    for run in runs.iter().filter(|run| run.is_running()) {
        check_rebuild(server.now, shared, run);
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

/// Whether each child of a run went through its life in order.
fn check_children(history: &[HistoryEvent]) {
    use history_event::Attributes as A;
    // The id of the ChildWorkflowExecutionStarted event of each child that is initiated; 0 before that.
    let mut pending = std::collections::BTreeMap::new();
    for event in history {
        match &event.attributes {
            Some(A::StartChildWorkflowExecutionInitiatedEventAttributes(_)) => {
                pending.insert(event.event_id, 0);
            }
            Some(A::StartChildWorkflowExecutionFailedEventAttributes(failed)) => {
                assert_eq!(pending.remove(&failed.initiated_event_id), Some(0));
            }
            Some(A::ChildWorkflowExecutionStartedEventAttributes(started)) => {
                assert_eq!(pending.insert(started.initiated_event_id, event.event_id), Some(0));
            }
            Some(A::ChildWorkflowExecutionCompletedEventAttributes(closed)) => {
                assert_eq!(pending.remove(&closed.initiated_event_id), Some(closed.started_event_id));
            }
            Some(A::ChildWorkflowExecutionTerminatedEventAttributes(closed)) => {
                assert_eq!(pending.remove(&closed.initiated_event_id), Some(closed.started_event_id));
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn histories_are_sound_and_repeatable(steps in prop::collection::vec(step(), 1..60)) {
        let histories = take(&steps);
        for history in &histories {
            check(history);
            updates::check(history);
            check_children(history);
        }
        prop_assert_eq!(histories, take(&steps));
    }
}
