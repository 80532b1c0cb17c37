//! The event that the server records for a command.
//!
//! A server completes what a command leaves out, so a command cannot be compared with its event as it is. Here
//! the command is turned into the event that it would become, by the server's own rules.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    activity::v1::ActivityOptions,
    command::v1::{
        Command, ContinueAsNewWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
        StartChildWorkflowExecutionCommandAttributes, command::Attributes as Issued,
    },
    common::v1::{WorkflowExecution, WorkflowType},
    enums::v1::{EventType, ParentClosePolicy, WorkflowIdReusePolicy},
    history::v1::{HistoryEvent, history_event::Attributes as Recorded, *},
    protocol::v1::Message,
    taskqueue::v1::TaskQueue,
    update::v1::{Acceptance, Response},
};

use crate::{
    clock,
    history::History,
    rules::{activity_options, names, retry, workflow_timeouts},
};

/// What the server knows of a run, and fills in where a command says nothing.
#[derive(Debug)]
pub(super) struct RunFacts<'a> {
    workflow_type: Option<&'a WorkflowType>,
    task_queue: Option<&'a TaskQueue>,
    execution_timeout: Option<prost_types::Duration>,
    run_timeout: Option<prost_types::Duration>,
    task_timeout: Option<prost_types::Duration>,
}

impl<'a> RunFacts<'a> {
    /// What the first event of a history says.
    pub(super) fn of(history: &'a History) -> Self {
        let started = match history.events().first().and_then(|event| event.attributes.as_ref()) {
            Some(Recorded::WorkflowExecutionStartedEventAttributes(started)) => Some(started),
            _ => None,
        };
        Self {
            workflow_type: started.and_then(|it| it.workflow_type.as_ref()),
            task_queue: started.and_then(|it| it.task_queue.as_ref()),
            execution_timeout: started.and_then(|it| it.workflow_execution_timeout),
            run_timeout: started.and_then(|it| it.workflow_run_timeout),
            task_timeout: started.and_then(|it| it.workflow_task_timeout),
        }
    }

    /// The event for a command; `message` is what the command of an update refers to. `None` if that is missing,
    /// or if no event records commands of this kind.
    pub(super) fn predict(&self, command: &Command, message: Option<&Message>) -> Option<HistoryEvent> {
        let attributes = self.attributes(command.attributes.clone()?, message)?;
        Some(HistoryEvent {
            event_type: event_type(&attributes).into(),
            attributes: Some(attributes),
            user_metadata: command.user_metadata.clone(),
            ..Default::default()
        })
    }

    fn attributes(&self, command: Issued, message: Option<&Message>) -> Option<Recorded> {
        Some(match command {
            Issued::StartTimerCommandAttributes(it) => {
                Recorded::TimerStartedEventAttributes(TimerStartedEventAttributes {
                    timer_id: it.timer_id,
                    start_to_fire_timeout: it.start_to_fire_timeout,
                    ..Default::default()
                })
            }
            Issued::CancelTimerCommandAttributes(it) => {
                Recorded::TimerCanceledEventAttributes(TimerCanceledEventAttributes {
                    timer_id: it.timer_id,
                    ..Default::default()
                })
            }
            Issued::ScheduleActivityTaskCommandAttributes(it) => {
                Recorded::ActivityTaskScheduledEventAttributes(self.activity(it))
            }
            Issued::RequestCancelActivityTaskCommandAttributes(it) => {
                Recorded::ActivityTaskCancelRequestedEventAttributes(
                    ActivityTaskCancelRequestedEventAttributes {
                        scheduled_event_id: it.scheduled_event_id,
                        ..Default::default()
                    },
                )
            }
            Issued::StartChildWorkflowExecutionCommandAttributes(it) => {
                Recorded::StartChildWorkflowExecutionInitiatedEventAttributes(self.child(it))
            }
            Issued::SignalExternalWorkflowExecutionCommandAttributes(it) =>
            {
                #[allow(deprecated, reason = "the field has no successor")]
                Recorded::SignalExternalWorkflowExecutionInitiatedEventAttributes(
                    SignalExternalWorkflowExecutionInitiatedEventAttributes {
                        namespace: it.namespace,
                        workflow_execution: it.execution,
                        signal_name: it.signal_name,
                        input: it.input,
                        child_workflow_only: it.child_workflow_only,
                        header: it.header,
                        ..Default::default()
                    },
                )
            }
            Issued::RequestCancelExternalWorkflowExecutionCommandAttributes(it) =>
            {
                #[allow(deprecated, reason = "the field has no successor")]
                Recorded::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(
                    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
                        namespace: it.namespace,
                        workflow_execution: Some(WorkflowExecution {
                            workflow_id: it.workflow_id,
                            run_id: it.run_id,
                        }),
                        child_workflow_only: it.child_workflow_only,
                        reason: it.reason,
                        ..Default::default()
                    },
                )
            }
            Issued::RecordMarkerCommandAttributes(it) => {
                Recorded::MarkerRecordedEventAttributes(MarkerRecordedEventAttributes {
                    marker_name: it.marker_name,
                    details: it.details,
                    header: it.header,
                    failure: it.failure,
                    ..Default::default()
                })
            }
            Issued::UpsertWorkflowSearchAttributesCommandAttributes(it) => {
                Recorded::UpsertWorkflowSearchAttributesEventAttributes(
                    UpsertWorkflowSearchAttributesEventAttributes {
                        search_attributes: it.search_attributes,
                        ..Default::default()
                    },
                )
            }
            Issued::ModifyWorkflowPropertiesCommandAttributes(it) => {
                Recorded::WorkflowPropertiesModifiedEventAttributes(
                    WorkflowPropertiesModifiedEventAttributes {
                        upserted_memo: it.upserted_memo,
                        ..Default::default()
                    },
                )
            }
            Issued::CompleteWorkflowExecutionCommandAttributes(it) => {
                Recorded::WorkflowExecutionCompletedEventAttributes(
                    WorkflowExecutionCompletedEventAttributes { result: it.result, ..Default::default() },
                )
            }
            Issued::FailWorkflowExecutionCommandAttributes(it) => {
                Recorded::WorkflowExecutionFailedEventAttributes(WorkflowExecutionFailedEventAttributes {
                    failure: it.failure,
                    ..Default::default()
                })
            }
            Issued::CancelWorkflowExecutionCommandAttributes(it) => {
                Recorded::WorkflowExecutionCanceledEventAttributes(WorkflowExecutionCanceledEventAttributes {
                    details: it.details,
                    ..Default::default()
                })
            }
            Issued::ContinueAsNewWorkflowExecutionCommandAttributes(it) => {
                Recorded::WorkflowExecutionContinuedAsNewEventAttributes(self.next_run(it))
            }
            Issued::ProtocolMessageCommandAttributes(_) => return update(message?),
            _ => return None,
        })
    }

    /// Its timeouts and its retry policy are filled in. Options that a server would refuse are left alone.
    fn activity(&self, it: ScheduleActivityTaskCommandAttributes) -> ActivityTaskScheduledEventAttributes {
        let mut options = ActivityOptions {
            task_queue: self.task_queue(it.task_queue),
            schedule_to_close_timeout: it.schedule_to_close_timeout,
            schedule_to_start_timeout: it.schedule_to_start_timeout,
            start_to_close_timeout: it.start_to_close_timeout,
            heartbeat_timeout: it.heartbeat_timeout,
            retry_policy: it.retry_policy,
            priority: it.priority,
            ..Default::default()
        };
        let name = it.activity_type.as_ref().map(|it| it.name.clone()).unwrap_or_default();
        let mut completed = options.clone();
        if activity_options::normalize(
            &it.activity_id,
            &name,
            &mut completed,
            self.run_timeout,
            names::ID_LENGTH,
        )
        .is_ok()
        {
            options = completed;
        }
        ActivityTaskScheduledEventAttributes {
            activity_id: it.activity_id,
            activity_type: it.activity_type,
            task_queue: options.task_queue,
            header: it.header,
            input: it.input,
            schedule_to_close_timeout: options.schedule_to_close_timeout,
            schedule_to_start_timeout: options.schedule_to_start_timeout,
            start_to_close_timeout: options.start_to_close_timeout,
            heartbeat_timeout: options.heartbeat_timeout,
            retry_policy: options.retry_policy,
            priority: options.priority,
            ..Default::default()
        }
    }

    fn child(
        &self,
        it: StartChildWorkflowExecutionCommandAttributes,
    ) -> StartChildWorkflowExecutionInitiatedEventAttributes {
        let execution_timeout = clock::duration(it.workflow_execution_timeout.as_ref());
        let run_timeout = clock::duration(it.workflow_run_timeout.as_ref());
        let run_timeout = workflow_timeouts::run_timeout(run_timeout, execution_timeout);
        let task_timeout = clock::duration(it.workflow_task_timeout.as_ref());
        let task_timeout = workflow_timeouts::task_timeout(task_timeout, run_timeout);
        let mut retry_policy = it.retry_policy;
        if let Some(policy) = &mut retry_policy {
            retry::fill_defaults(policy);
        }
        let or_default = |given: i32, default: i32| if given == 0 { default } else { given };
        #[allow(deprecated, reason = "the field has no successor")]
        StartChildWorkflowExecutionInitiatedEventAttributes {
            namespace: it.namespace,
            workflow_id: it.workflow_id,
            workflow_type: it.workflow_type,
            task_queue: self.task_queue(it.task_queue),
            input: it.input,
            workflow_execution_timeout: it.workflow_execution_timeout,
            workflow_run_timeout: Some(clock::to_proto(run_timeout)),
            workflow_task_timeout: Some(clock::to_proto(task_timeout)),
            parent_close_policy: or_default(it.parent_close_policy, ParentClosePolicy::Terminate.into()),
            workflow_id_reuse_policy: or_default(
                it.workflow_id_reuse_policy,
                WorkflowIdReusePolicy::AllowDuplicate.into(),
            ),
            retry_policy,
            cron_schedule: it.cron_schedule,
            header: it.header,
            memo: it.memo,
            search_attributes: it.search_attributes,
            priority: it.priority,
            versioning_override: it.versioning_override,
            ..Default::default()
        }
    }

    /// The next run has this run's type, task queue and timeouts where the command has none.
    fn next_run(
        &self,
        it: ContinueAsNewWorkflowExecutionCommandAttributes,
    ) -> WorkflowExecutionContinuedAsNewEventAttributes {
        let or = |given: Option<prost_types::Duration>, own: Option<prost_types::Duration>| {
            let given = clock::duration(given.as_ref());
            if given.is_zero() { clock::duration(own.as_ref()) } else { given }
        };
        let execution_timeout = clock::duration(self.execution_timeout.as_ref());
        let run_timeout = or(it.workflow_run_timeout, self.run_timeout);
        let run_timeout = workflow_timeouts::run_timeout(run_timeout, execution_timeout);
        let task_timeout = or(it.workflow_task_timeout, self.task_timeout);
        let task_timeout = workflow_timeouts::task_timeout(task_timeout, run_timeout);
        let named = it.workflow_type.filter(|workflow_type| !workflow_type.name.is_empty());
        WorkflowExecutionContinuedAsNewEventAttributes {
            workflow_type: named.or_else(|| self.workflow_type.cloned()),
            task_queue: self.task_queue(it.task_queue),
            input: it.input,
            workflow_run_timeout: Some(clock::to_proto(run_timeout)),
            workflow_task_timeout: Some(clock::to_proto(task_timeout)),
            backoff_start_interval: it.backoff_start_interval,
            last_completion_result: it.last_completion_result,
            header: it.header,
            memo: it.memo,
            search_attributes: it.search_attributes,
            initial_versioning_behavior: it.initial_versioning_behavior,
            ..Default::default()
        }
    }

    fn task_queue(&self, given: Option<TaskQueue>) -> Option<TaskQueue> {
        given.filter(|queue| !queue.name.is_empty()).or_else(|| self.task_queue.cloned())
    }
}

/// The event of an acceptance or of an answer.
fn update(message: &Message) -> Option<Recorded> {
    let body = message.body.as_ref()?;
    match body.type_url.rsplit('.').next()? {
        "Acceptance" => {
            let acceptance = Acceptance::decode(body.value.as_slice()).ok()?;
            Some(Recorded::WorkflowExecutionUpdateAcceptedEventAttributes(
                WorkflowExecutionUpdateAcceptedEventAttributes {
                    protocol_instance_id: message.protocol_instance_id.clone(),
                    accepted_request_message_id: acceptance.accepted_request_message_id,
                    accepted_request_sequencing_event_id: acceptance.accepted_request_sequencing_event_id,
                    accepted_request: acceptance.accepted_request,
                },
            ))
        }
        "Response" => {
            let response = Response::decode(body.value.as_slice()).ok()?;
            Some(Recorded::WorkflowExecutionUpdateCompletedEventAttributes(
                WorkflowExecutionUpdateCompletedEventAttributes {
                    meta: response.meta,
                    outcome: response.outcome,
                    ..Default::default()
                },
            ))
        }
        _ => None,
    }
}

fn event_type(attributes: &Recorded) -> EventType {
    match attributes {
        Recorded::TimerStartedEventAttributes(_) => EventType::TimerStarted,
        Recorded::TimerCanceledEventAttributes(_) => EventType::TimerCanceled,
        Recorded::ActivityTaskScheduledEventAttributes(_) => EventType::ActivityTaskScheduled,
        Recorded::ActivityTaskCancelRequestedEventAttributes(_) => EventType::ActivityTaskCancelRequested,
        Recorded::StartChildWorkflowExecutionInitiatedEventAttributes(_) => {
            EventType::StartChildWorkflowExecutionInitiated
        }
        Recorded::SignalExternalWorkflowExecutionInitiatedEventAttributes(_) => {
            EventType::SignalExternalWorkflowExecutionInitiated
        }
        Recorded::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_) => {
            EventType::RequestCancelExternalWorkflowExecutionInitiated
        }
        Recorded::MarkerRecordedEventAttributes(_) => EventType::MarkerRecorded,
        Recorded::UpsertWorkflowSearchAttributesEventAttributes(_) => {
            EventType::UpsertWorkflowSearchAttributes
        }
        Recorded::WorkflowPropertiesModifiedEventAttributes(_) => EventType::WorkflowPropertiesModified,
        Recorded::WorkflowExecutionCompletedEventAttributes(_) => EventType::WorkflowExecutionCompleted,
        Recorded::WorkflowExecutionFailedEventAttributes(_) => EventType::WorkflowExecutionFailed,
        Recorded::WorkflowExecutionCanceledEventAttributes(_) => EventType::WorkflowExecutionCanceled,
        Recorded::WorkflowExecutionContinuedAsNewEventAttributes(_) => {
            EventType::WorkflowExecutionContinuedAsNew
        }
        Recorded::WorkflowExecutionUpdateAcceptedEventAttributes(_) => {
            EventType::WorkflowExecutionUpdateAccepted
        }
        Recorded::WorkflowExecutionUpdateCompletedEventAttributes(_) => {
            EventType::WorkflowExecutionUpdateCompleted
        }
        _ => EventType::Unspecified,
    }
}
