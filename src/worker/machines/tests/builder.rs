//! Small histories, written by hand: one event a second, ids counted up.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    common::v1::{ActivityType, WorkflowExecution, WorkflowType},
    enums::v1::EventType,
    failure::v1::Failure,
    history::v1::{history_event::Attributes, *},
    sdk::v1::WorkflowTaskCompletedMetadata,
};

use crate::{clock::to_proto, worker::machines::Task};

pub(super) const RUN_ID: &str = "run-1";

/// A history under construction. Methods return the id of the event they add.
#[derive(Debug, Clone)]
pub(super) struct Builder {
    pub(super) events: Vec<HistoryEvent>,
    task: i64,
    started: i64,
    completed: i64,
    flags: Vec<u32>,
}

impl Builder {
    /// A workflow that was started, recorded by a worker with all flags.
    pub(super) fn new() -> Self {
        Self::with_flags(&[1, 2, 3])
    }

    /// A workflow that was started, recorded by a worker that knew these flags.
    pub(super) fn with_flags(flags: &[u32]) -> Self {
        let mut builder = Self { events: vec![], task: 0, started: 0, completed: 0, flags: flags.to_vec() };
        builder.add(
            EventType::WorkflowExecutionStarted,
            Attributes::WorkflowExecutionStartedEventAttributes(WorkflowExecutionStartedEventAttributes {
                workflow_type: Some(WorkflowType { name: "Example".into() }),
                workflow_task_timeout: Some(to_proto(std::time::Duration::from_secs(10))),
                original_execution_run_id: RUN_ID.into(),
                attempt: 1,
                ..Default::default()
            }),
        );
        builder
    }

    pub(super) fn add(&mut self, event_type: EventType, attributes: Attributes) -> i64 {
        let event_id = self.events.len() as i64 + 1;
        self.events.push(HistoryEvent {
            event_id,
            event_type: event_type.into(),
            event_time: Some(prost_types::Timestamp { seconds: 1_700_000_000 + event_id, nanos: 0 }),
            attributes: Some(attributes),
            ..Default::default()
        });
        event_id
    }

    /// WorkflowTaskScheduled and WorkflowTaskStarted.
    pub(super) fn task(&mut self) -> i64 {
        self.task = self.add(
            EventType::WorkflowTaskScheduled,
            Attributes::WorkflowTaskScheduledEventAttributes(Default::default()),
        );
        self.started = self.add(
            EventType::WorkflowTaskStarted,
            Attributes::WorkflowTaskStartedEventAttributes(WorkflowTaskStartedEventAttributes {
                scheduled_event_id: self.task,
                history_size_bytes: self.events.len() as i64 * 100,
                ..Default::default()
            }),
        );
        self.started
    }

    /// WorkflowTaskCompleted.
    pub(super) fn completed(&mut self) -> i64 {
        let core_used_flags = std::mem::take(&mut self.flags);
        self.completed = self.started;
        self.add(
            EventType::WorkflowTaskCompleted,
            Attributes::WorkflowTaskCompletedEventAttributes(WorkflowTaskCompletedEventAttributes {
                scheduled_event_id: self.task,
                started_event_id: self.started,
                sdk_metadata: Some(WorkflowTaskCompletedMetadata { core_used_flags, ..Default::default() }),
                ..Default::default()
            }),
        )
    }

    /// WorkflowTaskFailed.
    pub(super) fn task_failed(&mut self) -> i64 {
        self.add(
            EventType::WorkflowTaskFailed,
            Attributes::WorkflowTaskFailedEventAttributes(WorkflowTaskFailedEventAttributes {
                scheduled_event_id: self.task,
                started_event_id: self.started,
                ..Default::default()
            }),
        )
    }

    /// WorkflowTaskTimedOut.
    pub(super) fn task_timed_out(&mut self) -> i64 {
        self.add(
            EventType::WorkflowTaskTimedOut,
            Attributes::WorkflowTaskTimedOutEventAttributes(WorkflowTaskTimedOutEventAttributes {
                scheduled_event_id: self.task,
                started_event_id: self.started,
                ..Default::default()
            }),
        )
    }

    pub(super) fn timer_started(&mut self, timer_id: &str) -> i64 {
        self.add(
            EventType::TimerStarted,
            Attributes::TimerStartedEventAttributes(TimerStartedEventAttributes {
                timer_id: timer_id.into(),
                ..Default::default()
            }),
        )
    }

    pub(super) fn timer_fired(&mut self, timer_id: &str, started_event_id: i64) -> i64 {
        self.add(
            EventType::TimerFired,
            Attributes::TimerFiredEventAttributes(TimerFiredEventAttributes {
                timer_id: timer_id.into(),
                started_event_id,
            }),
        )
    }

    pub(super) fn timer_canceled(&mut self, timer_id: &str, started_event_id: i64) -> i64 {
        self.add(
            EventType::TimerCanceled,
            Attributes::TimerCanceledEventAttributes(TimerCanceledEventAttributes {
                timer_id: timer_id.into(),
                started_event_id,
                ..Default::default()
            }),
        )
    }

    pub(super) fn signaled(&mut self, signal_name: &str) -> i64 {
        self.add(
            EventType::WorkflowExecutionSignaled,
            Attributes::WorkflowExecutionSignaledEventAttributes(WorkflowExecutionSignaledEventAttributes {
                signal_name: signal_name.into(),
                ..Default::default()
            }),
        )
    }

    pub(super) fn activity_scheduled(&mut self, activity_id: &str, activity_type: &str) -> i64 {
        self.add(
            EventType::ActivityTaskScheduled,
            Attributes::ActivityTaskScheduledEventAttributes(ActivityTaskScheduledEventAttributes {
                activity_id: activity_id.into(),
                activity_type: Some(ActivityType { name: activity_type.into() }),
                ..Default::default()
            }),
        )
    }

    pub(super) fn activity_started(&mut self, scheduled_event_id: i64) -> i64 {
        self.add(
            EventType::ActivityTaskStarted,
            Attributes::ActivityTaskStartedEventAttributes(ActivityTaskStartedEventAttributes {
                scheduled_event_id,
                ..Default::default()
            }),
        )
    }

    pub(super) fn activity_completed(&mut self, scheduled_event_id: i64) -> i64 {
        self.add(
            EventType::ActivityTaskCompleted,
            Attributes::ActivityTaskCompletedEventAttributes(ActivityTaskCompletedEventAttributes {
                scheduled_event_id,
                ..Default::default()
            }),
        )
    }

    pub(super) fn activity_failed(&mut self, scheduled_event_id: i64, message: &str) -> i64 {
        self.add(
            EventType::ActivityTaskFailed,
            Attributes::ActivityTaskFailedEventAttributes(ActivityTaskFailedEventAttributes {
                scheduled_event_id,
                failure: Some(Failure { message: message.into(), ..Default::default() }),
                ..Default::default()
            }),
        )
    }

    pub(super) fn activity_cancel_requested(&mut self, scheduled_event_id: i64) -> i64 {
        self.add(
            EventType::ActivityTaskCancelRequested,
            Attributes::ActivityTaskCancelRequestedEventAttributes(
                ActivityTaskCancelRequestedEventAttributes { scheduled_event_id, ..Default::default() },
            ),
        )
    }

    pub(super) fn activity_canceled(&mut self, scheduled_event_id: i64) -> i64 {
        self.add(
            EventType::ActivityTaskCanceled,
            Attributes::ActivityTaskCanceledEventAttributes(ActivityTaskCanceledEventAttributes {
                scheduled_event_id,
                ..Default::default()
            }),
        )
    }

    pub(super) fn child_initiated(&mut self, workflow_id: &str) -> i64 {
        self.add(
            EventType::StartChildWorkflowExecutionInitiated,
            Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(
                StartChildWorkflowExecutionInitiatedEventAttributes {
                    workflow_id: workflow_id.into(),
                    workflow_type: Some(WorkflowType { name: "Child".into() }),
                    ..Default::default()
                },
            ),
        )
    }

    pub(super) fn child_started(&mut self, initiated_event_id: i64) -> i64 {
        self.add(
            EventType::ChildWorkflowExecutionStarted,
            Attributes::ChildWorkflowExecutionStartedEventAttributes(
                ChildWorkflowExecutionStartedEventAttributes {
                    initiated_event_id,
                    workflow_execution: Some(WorkflowExecution {
                        workflow_id: "child".into(),
                        run_id: "child-run".into(),
                    }),
                    ..Default::default()
                },
            ),
        )
    }

    pub(super) fn child_completed(&mut self, initiated_event_id: i64) -> i64 {
        self.add(
            EventType::ChildWorkflowExecutionCompleted,
            Attributes::ChildWorkflowExecutionCompletedEventAttributes(
                ChildWorkflowExecutionCompletedEventAttributes { initiated_event_id, ..Default::default() },
            ),
        )
    }

    pub(super) fn child_canceled(&mut self, initiated_event_id: i64) -> i64 {
        self.add(
            EventType::ChildWorkflowExecutionCanceled,
            Attributes::ChildWorkflowExecutionCanceledEventAttributes(
                ChildWorkflowExecutionCanceledEventAttributes { initiated_event_id, ..Default::default() },
            ),
        )
    }

    pub(super) fn cancel_external_initiated(&mut self) -> i64 {
        self.add(
            EventType::RequestCancelExternalWorkflowExecutionInitiated,
            Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(Default::default()),
        )
    }

    pub(super) fn upserted(&mut self, names: &[&str]) -> i64 {
        let indexed_fields = names.iter().map(|name| ((*name).to_owned(), Default::default())).collect();
        self.add(
            EventType::UpsertWorkflowSearchAttributes,
            Attributes::UpsertWorkflowSearchAttributesEventAttributes(
                UpsertWorkflowSearchAttributesEventAttributes {
                    search_attributes: Some(
                        temporalio_common::protos::temporal::api::common::v1::SearchAttributes {
                            indexed_fields,
                        },
                    ),
                    ..Default::default()
                },
            ),
        )
    }

    pub(super) fn marker(&mut self, marker: MarkerRecordedEventAttributes) -> i64 {
        self.add(EventType::MarkerRecorded, Attributes::MarkerRecordedEventAttributes(marker))
    }

    pub(super) fn workflow_completed(&mut self) -> i64 {
        self.add(
            EventType::WorkflowExecutionCompleted,
            Attributes::WorkflowExecutionCompletedEventAttributes(Default::default()),
        )
    }

    /// The task that a worker without any of this history would get.
    pub(super) fn full(&self) -> Task {
        Task {
            history: self.events.iter().cloned().map(Arc::new).collect(),
            previous_started_event_id: self.completed,
            started_event_id: self.started,
            ..Default::default()
        }
    }

    /// The task that a worker would get which has seen everything up to the given event.
    pub(super) fn after(&self, seen: i64) -> Task {
        let mut task = self.full();
        task.history.retain(|event| event.event_id > seen);
        task
    }
}
