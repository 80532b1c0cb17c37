//! A workflow that does exactly what a history says it did: it answers each activation with the commands whose
//! events follow it. It stands in for the code of workflows whose histories were recorded elsewhere.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use temporalio_common::protos::{
    constants::{LOCAL_ACTIVITY_MARKER_NAME, PATCH_MARKER_NAME},
    coresdk::{
        common::{decode_change_marker_details, extract_local_activity_marker_data},
        workflow_activation::{WorkflowActivation, workflow_activation_job::Variant as Job},
        workflow_commands::{workflow_command::Variant, *},
    },
    temporal::api::{
        enums::v1::EventType,
        history::v1::{HistoryEvent, history_event::Attributes},
        protocol::v1::{Message, message::SequencingId},
        update::v1::outcome,
    },
    utilities::pack_any,
};

use crate::clock::to_proto;

/// See the module.
#[derive(Debug)]
pub(super) struct Echo {
    events: Vec<HistoryEvent>,
    /// Commands that are not issued yet, by the event they lead to.
    pending: VecDeque<(i64, Variant)>,
    /// The last event up to which commands were looked for.
    looked_to: i64,
    /// Local activities that the workflow awaits.
    awaited: BTreeSet<u32>,
    activities: BTreeMap<i64, u32>,
    children: u32,
    updates: BTreeMap<i64, String>,
}

impl Echo {
    pub(super) fn new(events: Vec<HistoryEvent>) -> Self {
        Self {
            events,
            pending: VecDeque::new(),
            looked_to: 0,
            awaited: BTreeSet::new(),
            activities: BTreeMap::new(),
            children: 0,
            updates: BTreeMap::new(),
        }
    }

    /// What the workflow does in an activation. It awaits each local activity before it goes on.
    pub(super) fn activate(&mut self, activation: &WorkflowActivation) -> Vec<Variant> {
        for job in &activation.jobs {
            if let Some(Job::ResolveActivity(resolution)) = &job.variant {
                self.awaited.remove(&resolution.seq);
            }
        }
        if i64::from(activation.history_length) > self.looked_to {
            self.looked_to = activation.history_length.into();
            self.look_for_commands();
        }
        let mut commands = vec![];
        while self.awaited.is_empty() {
            let Some((_, command)) = self.pending.pop_front() else { break };
            if let Variant::ScheduleLocalActivity(schedule) = &command {
                self.awaited.insert(schedule.seq);
            }
            commands.push(command);
        }
        commands
    }

    /// The update requests that came with the task which started at the given event: those that it accepted.
    pub(super) fn messages(&self, started_event_id: i64) -> Vec<Message> {
        self.recorded_after(started_event_id)
            .filter_map(|event| match &event.attributes {
                Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) => {
                    let request = accepted.accepted_request.clone().expect("recorded with its request");
                    Some(Message {
                        id: accepted.accepted_request_message_id.clone(),
                        protocol_instance_id: accepted.protocol_instance_id.clone(),
                        sequencing_id: Some(SequencingId::EventId(
                            accepted.accepted_request_sequencing_event_id,
                        )),
                        body: Some(
                            pack_any("type.googleapis.com/temporal.api.update.v1.Request".into(), &request)
                                .expect("it was decoded before"),
                        ),
                    })
                }
                _ => None,
            })
            .collect()
    }

    /// The command events of the task that started at the given event.
    pub(super) fn recorded_after(&self, started_event_id: i64) -> impl Iterator<Item = &HistoryEvent> {
        let after = self.events.iter().skip(usize::try_from(started_event_id).expect("ids are positive"));
        let completed = after.clone().next().map(HistoryEvent::event_type);
        let count = if completed == Some(EventType::WorkflowTaskCompleted) { usize::MAX } else { 0 };
        after.skip(1).take(count).take_while(|event| event.is_command_event())
    }

    fn look_for_commands(&mut self) {
        let recorded: Vec<_> = self.recorded_after(self.looked_to).cloned().collect();
        let mut after_patch = false;
        for event in recorded {
            let follows_patch = std::mem::take(&mut after_patch);
            let id = event.event_id;
            let command = match event.attributes.expect("recorded") {
                Attributes::ActivityTaskScheduledEventAttributes(scheduled) => {
                    let seq = scheduled.activity_id.parse().expect("the SDK counts its activities");
                    self.activities.insert(id, seq);
                    Variant::ScheduleActivity(ScheduleActivity {
                        seq,
                        activity_id: scheduled.activity_id,
                        activity_type: scheduled.activity_type.expect("it has a type").name,
                        cancellation_type: ActivityCancellationType::WaitCancellationCompleted.into(),
                        ..Default::default()
                    })
                }
                Attributes::ActivityTaskCancelRequestedEventAttributes(requested) => {
                    let seq = self.activities[&requested.scheduled_event_id];
                    Variant::RequestCancelActivity(RequestCancelActivity { seq })
                }
                Attributes::TimerStartedEventAttributes(started) => Variant::StartTimer(StartTimer {
                    seq: started.timer_id.parse().expect("the SDK counts its timers"),
                    start_to_fire_timeout: started.start_to_fire_timeout,
                }),
                Attributes::TimerCanceledEventAttributes(canceled) => Variant::CancelTimer(CancelTimer {
                    seq: canceled.timer_id.parse().expect("the SDK counts its timers"),
                }),
                Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(initiated) => {
                    self.children += 1;
                    Variant::StartChildWorkflowExecution(StartChildWorkflowExecution {
                        seq: self.children,
                        workflow_id: initiated.workflow_id,
                        workflow_type: initiated.workflow_type.expect("it has a type").name,
                        ..Default::default()
                    })
                }
                Attributes::UpsertWorkflowSearchAttributesEventAttributes(_) if follows_patch => continue,
                Attributes::UpsertWorkflowSearchAttributesEventAttributes(upserted) => {
                    Variant::UpsertWorkflowSearchAttributes(UpsertWorkflowSearchAttributes {
                        search_attributes: upserted.search_attributes,
                    })
                }
                Attributes::WorkflowPropertiesModifiedEventAttributes(modified) => {
                    Variant::ModifyWorkflowProperties(ModifyWorkflowProperties {
                        upserted_memo: modified.upserted_memo,
                    })
                }
                Attributes::MarkerRecordedEventAttributes(marker) => match marker.marker_name.as_str() {
                    PATCH_MARKER_NAME => {
                        let (patch_id, deprecated) =
                            decode_change_marker_details(&marker.details).expect("a patch marker");
                        after_patch = true;
                        Variant::SetPatchMarker(SetPatchMarker { patch_id, deprecated })
                    }
                    LOCAL_ACTIVITY_MARKER_NAME => {
                        let data = extract_local_activity_marker_data(&marker.details).expect("a marker");
                        Variant::ScheduleLocalActivity(ScheduleLocalActivity {
                            seq: data.seq,
                            activity_id: data.activity_id,
                            activity_type: data.activity_type,
                            attempt: data.attempt,
                            start_to_close_timeout: Some(to_proto(std::time::Duration::from_secs(5))),
                            ..Default::default()
                        })
                    }
                    other => panic!("unknown marker {other}"),
                },
                Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted) => {
                    self.updates.insert(id, accepted.protocol_instance_id.clone());
                    Variant::UpdateResponse(UpdateResponse {
                        protocol_instance_id: accepted.protocol_instance_id,
                        response: Some(update_response::Response::Accepted(())),
                    })
                }
                Attributes::WorkflowExecutionUpdateCompletedEventAttributes(completed) => {
                    let value = completed.outcome.and_then(|outcome| outcome.value).expect("an outcome");
                    Variant::UpdateResponse(UpdateResponse {
                        protocol_instance_id: self.updates[&completed.accepted_event_id].clone(),
                        response: Some(match value {
                            outcome::Value::Success(result) => update_response::Response::Completed(
                                result.payloads.into_iter().next().unwrap_or_default(),
                            ),
                            outcome::Value::Failure(failure) => update_response::Response::Rejected(failure),
                        }),
                    })
                }
                Attributes::WorkflowExecutionCompletedEventAttributes(_) => super::complete_workflow(),
                Attributes::WorkflowExecutionFailedEventAttributes(failed) => {
                    Variant::FailWorkflowExecution(FailWorkflowExecution { failure: failed.failure })
                }
                Attributes::WorkflowExecutionCanceledEventAttributes(_) => {
                    Variant::CancelWorkflowExecution(CancelWorkflowExecution::default())
                }
                Attributes::WorkflowExecutionContinuedAsNewEventAttributes(continued) => {
                    Variant::ContinueAsNewWorkflowExecution(ContinueAsNewWorkflowExecution {
                        workflow_type: continued.workflow_type.unwrap_or_default().name,
                        ..Default::default()
                    })
                }
                other => panic!("no command for {other:?}"),
            };
            self.pending.push_back((id, command));
        }
    }
}
