//! Workflow tasks, as their events tell of them.

use temporalio_common::protos::temporal::api::{
    enums::v1::TimeoutType,
    history::v1::{HistoryEvent, history_event::Attributes},
};

use crate::{
    clock::{self, Time},
    cluster::{
        Shared,
        execution::{
            Run,
            workflow_task::{WorkflowTask, WorkflowTaskKind},
        },
    },
};

/// Takes notice of an event of a workflow task that is not its completion; `false` if it is another event.
pub(super) fn apply(
    shared: &mut Shared,
    run: &mut Run,
    event: &HistoryEvent,
    attributes: &Attributes,
) -> bool {
    use Attributes as A;
    let time = event.event_time.as_ref().map(Time::from_proto).unwrap_or_default();
    match attributes {
        A::WorkflowTaskScheduledEventAttributes(scheduled) => {
            run.state.workflow_task_attempt = scheduled.attempt;
            run.state.had_workflow_task = true;
            run.state.workflow_task = Some(WorkflowTask {
                task_queue: scheduled.task_queue.clone().unwrap_or_default(),
                start_to_close_timeout: clock::duration(scheduled.start_to_close_timeout.as_ref()),
                ..pending(shared, event.event_id, scheduled.attempt, time)
            });
        }
        A::WorkflowTaskStartedEventAttributes(started) => {
            if let Some(task) = &mut run.state.workflow_task {
                task.started_event_id = event.event_id;
                task.started_time = Some(time);
                task.request_id.clone_from(&started.request_id);
                task.identity.clone_from(&started.identity);
                task.history_size = started.history_size_bytes;
                task.target_version_changed = started.target_worker_deployment_version_changed;
                task.suggest_continue_as_new = started.suggest_continue_as_new_reasons().collect();
            }
        }
        A::WorkflowTaskFailedEventAttributes(_) => expect_attempt(shared, run, time, true),
        A::WorkflowTaskTimedOutEventAttributes(timed_out) => {
            let counts = timed_out.timeout_type() != TimeoutType::ScheduleToStart;
            expect_attempt(shared, run, time, counts);
        }
        _ => return false,
    }
    true
}

/// The workflow task did not complete: another attempt of it is pending that has no events.
fn expect_attempt(shared: &mut Shared, run: &mut Run, time: Time, counts: bool) {
    run.state.workflow_task = None;
    run.state.workflow_task_attempt =
        if counts { run.state.workflow_task_attempt.saturating_add(1) } else { 1 };
    let attempt = run.state.workflow_task_attempt;
    if attempt > 1 {
        run.state.workflow_task = Some(WorkflowTask {
            task_queue: run.info.normal_task_queue(),
            start_to_close_timeout: run.info.workflow_task_timeout,
            // Whatever follows, it is not the event of this attempt.
            ..pending(shared, 0, attempt, time)
        });
    }
}

fn pending(shared: &mut Shared, scheduled_event_id: i64, attempt: i32, time: Time) -> WorkflowTask {
    WorkflowTask {
        kind: WorkflowTaskKind::Normal,
        stamp: shared.next_stamp(),
        scheduled_event_id,
        started_event_id: 0,
        attempt,
        scheduled_time: time,
        original_scheduled_time: time,
        started_time: None,
        start_to_close_timeout: Default::default(),
        task_queue: Default::default(),
        request_id: String::new(),
        identity: String::new(),
        worker_version: None,
        history_size: 0,
        target_version_changed: false,
        suggest_continue_as_new: Vec::new(),
    }
}
