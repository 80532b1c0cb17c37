//! Histories that the official worker recorded on a real server.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use proptest::{collection::vec, prelude::*, sample::Index};
use prost::Message as _;
use temporalio_common::protos::{
    coresdk::common::{WorkerDeploymentVersion, extract_local_activity_marker_data},
    temporal::api::{
        enums::v1::EventType,
        history::v1::{History, HistoryEvent, history_event::Attributes},
    },
};

use super::{super::machine::records, echo::Echo, *};
use crate::worker::machines::local_activity::LocalActivityMarker;

fn histories() -> Vec<(String, Vec<HistoryEvent>)> {
    let histories = histories_in("production");
    assert_eq!(histories.len(), 33);
    histories
}

fn histories_in(folder: &str) -> Vec<(String, Vec<HistoryEvent>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("histories").join(folder);
    let mut histories: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder is part of the repository")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pb"))
        .map(|path| {
            let history = History::decode(std::fs::read(&path).expect("readable").as_slice());
            let name = path.with_extension("").to_string_lossy().into_owned();
            (name, history.expect("a history").events)
        })
        .collect();
    histories.sort_by(|(left, _), (right, _)| left.cmp(right));
    histories
}

/// The task of a worker that gets the whole history.
fn shared(events: &[HistoryEvent]) -> Vec<Arc<HistoryEvent>> {
    events.iter().cloned().map(Arc::new).collect()
}

fn whole(events: &[HistoryEvent]) -> Task {
    let previous_started_event_id = completed_tasks(events).last().copied().unwrap_or_default();
    let started_event_id = events
        .last()
        .filter(|last| last.event_type() == EventType::WorkflowTaskStarted)
        .map_or(previous_started_event_id, |last| last.event_id);
    Task { history: shared(events), previous_started_event_id, started_event_id, ..Default::default() }
}

/// The WorkflowTaskStarted events whose tasks were completed.
fn completed_tasks(events: &[HistoryEvent]) -> Vec<i64> {
    events
        .iter()
        .filter_map(|event| match &event.attributes {
            Some(Attributes::WorkflowTaskCompletedEventAttributes(completed)) => {
                Some(completed.started_event_id)
            }
            _ => None,
        })
        .collect()
}

/// The result of a local activity, as its marker has it.
fn recorded_result(events: &[HistoryEvent], activity: &LocalActivity) -> LocalActivityResult {
    let (data, marker) = events
        .iter()
        .find_map(|event| match &event.attributes {
            Some(Attributes::MarkerRecordedEventAttributes(marker)) => {
                let data = extract_local_activity_marker_data(&marker.details)?;
                (data.seq == activity.seq).then_some((data, LocalActivityMarker::read(event)?))
            }
            _ => None,
        })
        .expect("it was recorded");
    LocalActivityResult {
        seq: activity.seq,
        outcome: marker.into_resolution().outcome,
        runtime: Duration::from_millis(5),
        attempt: data.attempt,
        backoff: data.backoff.map(|backoff| crate::clock::duration(Some(&backoff))),
        original_schedule_time: Some(activity.original_schedule_time),
    }
}

/// A cold worker gets the whole history: every command finds its event, every event its command.
#[test]
fn replayed_as_a_whole() {
    for (name, events) in histories() {
        let mut run = Run::observed();
        let mut echo = Echo::new(events.clone());
        run.task(whole(&events));
        loop {
            assert_eq!(run.machines.poll_local_activity(), None, "{name}: its results are in history");
            match run.step() {
                Step::Activate(activation) => {
                    let commands = echo.activate(&activation);
                    run.try_respond(commands).unwrap_or_else(|error| panic!("{name}: {error}"));
                }
                Step::Idle => break,
                Step::Complete(completion) => {
                    assert_eq!(completion.commands, [], "{name}: open, and nothing to do");
                    break;
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        let mut matched = 0;
        for observation in run.machines.take_observations() {
            match observation {
                Observation::Matched { event, command, .. } => {
                    let command = command.map(|command| command.command_type());
                    assert!(command.is_none_or(|command| records(event.event_type(), command)));
                    matched += 1;
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        let recorded = events.iter().filter(|event| event.is_command_event()).count();
        assert_eq!(matched, recorded, "{name}");
    }
}

/// The activations are, field by field, those that the official worker gives its workflows for these histories:
/// `.activations` files have them, length-delimited. Real histories, and generated ones that mix everything.
#[test]
fn activations_are_those_of_the_official_worker() {
    for (name, events) in histories().into_iter().chain(histories_in("generated")) {
        let bytes = std::fs::read(format!("{name}.activations")).expect("one for each history");
        let mut official = bytes.as_slice();
        let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = &events[0].attributes else {
            panic!("{name} does not begin with its start")
        };
        let info = RunInfo {
            namespace: "default".into(),
            workflow_id: "workflow".into(),
            run_id: started.original_execution_run_id.clone(),
            task_queue: "queue".into(),
        };
        let deployment_version =
            Some(WorkerDeploymentVersion { build_id: "own".into(), ..Default::default() });
        let options = Options { sdk_metadata: true, deployment_version, ..Default::default() };
        let mut run = Run { machines: Machines::new(info, options) };
        let mut echo = Echo::new(events.clone());
        run.task(whole(&events));
        while let Step::Activate(activation) = run.step() {
            let expected = WorkflowActivation::decode_length_delimited(&mut official).expect("recorded");
            assert_eq!(activation, expected, "{name}");
            run.respond(echo.activate(&activation));
        }
        assert!(official.is_empty(), "{name}: the official worker activates the workflow again");
    }
}

/// A worker that is there from the start gets one task after the other, and completes each with the commands
/// whose events were recorded.
#[test]
fn followed_task_by_task() {
    for (name, events) in histories() {
        let mut run = Run::new();
        let mut echo = Echo::new(events.clone());
        let (mut seen, mut previous) = (0, 0);
        for started in completed_tasks(&events) {
            let until = usize::try_from(started).expect("ids are positive");
            run.task(Task {
                history: shared(&events[seen..until]),
                previous_started_event_id: previous,
                started_event_id: started,
                messages: echo.messages(started),
                ..Default::default()
            });
            (seen, previous) = (until, started);
            let mut activations = 0;
            let completion = loop {
                while let Some(request) = run.machines.poll_local_activity() {
                    if let LocalActivityRequest::Start(activity) = request {
                        let result = recorded_result(&events, &activity);
                        run.machines.handle_local_activity_result(result).expect("it is running");
                    }
                }
                match run.step() {
                    Step::Activate(activation) => {
                        activations += 1;
                        assert_eq!(i64::from(activation.history_length), started, "{name}");
                        assert!(!activation.is_replaying, "{name}: event {started} is news");
                        let commands = echo.activate(&activation);
                        run.try_respond(commands).unwrap_or_else(|error| panic!("{name}: {error}"));
                    }
                    Step::Complete(completion) => break completion,
                    other => panic!("{name}: {other:?} at event {started}"),
                }
            };
            let recorded: Vec<_> = echo.recorded_after(started).map(HistoryEvent::event_type).collect();
            let produced: Vec<_> = completion.commands.iter().map(|command| command.command_type()).collect();
            assert_eq!(recorded.len(), produced.len(), "{name}: {recorded:?} {produced:?}");
            for (event, command) in recorded.iter().zip(&produced) {
                assert!(records(*event, *command), "{name}: {event:?} for {command:?}");
            }
            assert!(activations > 0 || recorded.is_empty(), "{name}");
        }
    }
}

/// Markers of local activities come out as they were recorded, down to the activation they belong to.
#[test]
fn markers_are_the_recorded_ones() {
    let (_, events) = histories()
        .into_iter()
        .find(|(name, _)| name.ends_with("quote_flaky_rates"))
        .expect("part of the corpus");
    let positions: BTreeMap<u32, Option<u64>> = events
        .iter()
        .filter_map(LocalActivityMarker::read)
        .map(|marker| (marker.data.seq, marker.data.activation_index))
        .collect();
    assert_eq!(positions, [(1, Some(1)), (2, Some(1)), (3, Some(1)), (4, Some(2))].into());
    let mut run = Run::new();
    let mut echo = Echo::new(events.clone());
    let mut produced = BTreeMap::new();
    let (mut seen, mut previous) = (0, 0);
    for started in completed_tasks(&events) {
        let until = usize::try_from(started).expect("ids are positive");
        run.task(Task {
            history: shared(&events[seen..until]),
            previous_started_event_id: previous,
            started_event_id: started,
            ..Default::default()
        });
        (seen, previous) = (until, started);
        loop {
            while let Some(LocalActivityRequest::Start(activity)) = run.machines.poll_local_activity() {
                let result = recorded_result(&events, &activity);
                run.machines.handle_local_activity_result(result).expect("it is running");
            }
            match run.step() {
                Step::Activate(activation) => {
                    let commands = echo.activate(&activation);
                    run.respond(commands);
                }
                Step::Complete(completion) => {
                    for command in completion.commands {
                        use temporalio_common::protos::temporal::api::command::v1::command::Attributes;
                        if let Some(Attributes::RecordMarkerCommandAttributes(marker)) = command.attributes {
                            let data = extract_local_activity_marker_data(&marker.details).expect("a marker");
                            produced.insert(data.seq, data.activation_index);
                        }
                    }
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(produced, positions);
}

/// The same history leads to the same activations, whether it is replayed or was followed as it grew.
#[test]
fn replay_repeats_the_activations() {
    for (name, events) in histories() {
        let replayed = {
            let mut run = Run::new();
            run.task(whole(&events));
            activations(&mut run, &mut Echo::new(events.clone()), &events)
        };
        let mut run = Run::new();
        let mut echo = Echo::new(events.clone());
        let (mut seen, mut previous) = (0, 0);
        let mut grown = vec![];
        for started in completed_tasks(&events) {
            let until = usize::try_from(started).expect("ids are positive");
            run.task(Task {
                history: shared(&events[seen..until]),
                previous_started_event_id: previous,
                started_event_id: started,
                messages: echo.messages(started),
                ..Default::default()
            });
            (seen, previous) = (until, started);
            grown.extend(activations(&mut run, &mut echo, &events));
        }
        assert_eq!(replayed, grown, "{name}");
    }
}

/// Drives a task to its end; each activation as its length of history, its time and its jobs. Patches are
/// announced only in replay, and times differ by how long local activities ran.
fn activations(run: &mut Run, echo: &mut Echo, events: &[HistoryEvent]) -> Vec<String> {
    let mut seen = vec![];
    loop {
        while let Some(LocalActivityRequest::Start(activity)) = run.machines.poll_local_activity() {
            let result = recorded_result(events, &activity);
            run.machines.handle_local_activity_result(result).expect("it is running");
        }
        match run.step() {
            Step::Activate(activation) => {
                let jobs: Vec<_> = activation
                    .jobs
                    .iter()
                    .map(ToString::to_string)
                    .filter(|job| job != "NotifyHasPatch")
                    .collect();
                seen.push(format!("{}: {}", activation.history_length, jobs.join(", ")));
                let commands = echo.activate(&activation);
                run.respond(commands);
            }
            _ => return seen,
        }
    }
}

/// Replays a damaged history with the code of the undamaged one.
fn replay_damaged(damaged: &[HistoryEvent], code: &[HistoryEvent]) -> Result<(), Error> {
    let mut run = Run::observed();
    let mut echo = Echo::new(code.to_vec());
    run.machines.handle_task(whole(damaged))?;
    for _ in 0..=2 * damaged.len() {
        match run.machines.next_step()? {
            Step::Activate(activation) => run.try_respond(echo.activate(&activation))?,
            _ => return Ok(()),
        }
    }
    panic!("there is no end to it")
}

#[test]
fn a_missing_event_is_an_error() {
    for (name, events) in histories() {
        // Without its last event a history is a shorter history.
        for missing in 0..events.len() - 1 {
            let mut damaged = events.clone();
            damaged.remove(missing);
            let outcome = replay_damaged(&damaged, &events);
            assert!(outcome.is_err(), "{name} without event {}", missing + 1);
        }
    }
}

proptest! {
    /// Nothing that can be done to a history makes the machines panic, or run for ever.
    #[test]
    fn exchanged_events_do_no_harm(
        history in any::<Index>(),
        pairs in vec((any::<Index>(), any::<Index>()), 1..4),
        may_ignore in any::<bool>(),
    ) {
        static HISTORIES: LazyLock<Vec<(String, Vec<HistoryEvent>)>> = LazyLock::new(histories);
        let (_, events) = history.get(&HISTORIES);
        let mut damaged = events.clone();
        for (one, other) in pairs {
            let (one, other) = (one.index(events.len()), other.index(events.len()));
            let (left, right) = (damaged[one].event_id, damaged[other].event_id);
            damaged.swap(one, other);
            (damaged[one].event_id, damaged[other].event_id) = (left, right);
            damaged[one].worker_may_ignore = may_ignore;
        }
        let _ = replay_damaged(&damaged, events);
    }
}
