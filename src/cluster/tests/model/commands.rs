//! The commands that workers make up.

use proptest::prelude::*;
use temporalio_common::protos::temporal::api::{
    command::v1::{
        CancelTimerCommandAttributes, Command, ContinueAsNewWorkflowExecutionCommandAttributes,
        FailWorkflowExecutionCommandAttributes, ModifyWorkflowPropertiesCommandAttributes,
        RequestCancelActivityTaskCommandAttributes, RequestCancelExternalWorkflowExecutionCommandAttributes,
        ScheduleActivityTaskCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
        StartTimerCommandAttributes, command::Attributes,
    },
    common::v1::{ActivityType, Memo, Payload, RetryPolicy},
    enums::v1::{CommandType, ParentClosePolicy, WorkflowIdReusePolicy},
    failure::v1::Failure,
};

use super::{
    super::{children, command, complete_workflow, execution, queue, record_marker, seconds},
    steps::id,
};
use crate::clock;

/// A command. Some of them make no sense where they are made, and fail the workflow task.
#[derive(Debug, Clone)]
pub(super) enum Made {
    Marker,
    Timer {
        timer: u8,
        seconds: u8,
    },
    CancelTimer {
        timer: u8,
    },
    Activity {
        activity: u8,
        attempts: i32,
        start_to_close: u8,
        heartbeat: u8,
        eager: bool,
    },
    /// The oldest pending activity, or one that is not there.
    CancelActivity,
    Memo {
        key: u8,
    },
    Child {
        id: &'static str,
        policy: ParentClosePolicy,
        reuse: WorkflowIdReusePolicy,
    },
    Signal {
        id: &'static str,
        child_only: bool,
    },
    Cancel {
        id: &'static str,
        child_only: bool,
    },
}

/// A command that closes the run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    Complete,
    Fail,
    Cancel,
    ContinueAsNew,
}

pub(super) fn made() -> impl Strategy<Value = Made> {
    use ParentClosePolicy::{Abandon, RequestCancel, Terminate};
    use WorkflowIdReusePolicy::{AllowDuplicate, RejectDuplicate, TerminateIfRunning};
    let policy = prop::sample::select(vec![Abandon, RequestCancel, Terminate]);
    let reuse =
        prop::sample::select(vec![AllowDuplicate, AllowDuplicate, RejectDuplicate, TerminateIfRunning]);
    prop_oneof![
        2 => Just(Made::Marker),
        3 => (0..3_u8, 0..20_u8).prop_map(|(timer, seconds)| Made::Timer { timer, seconds }),
        1 => (0..3_u8).prop_map(|timer| Made::CancelTimer { timer }),
        4 => (0..3_u8, 0..3_i32, 1..20_u8, prop::sample::select(vec![0, 0, 3]), any::<bool>()).prop_map(
            |(activity, attempts, start_to_close, heartbeat, eager)| Made::Activity {
                activity, attempts, start_to_close, heartbeat, eager,
            }
        ),
        1 => Just(Made::CancelActivity),
        1 => (0..2_u8).prop_map(|key| Made::Memo { key }),
        3 => (id(), policy, reuse).prop_map(|(id, policy, reuse)| Made::Child { id, policy, reuse }),
        1 => (id(), any::<bool>()).prop_map(|(id, child_only)| Made::Signal { id, child_only }),
        1 => (id(), any::<bool>()).prop_map(|(id, child_only)| Made::Cancel { id, child_only }),
    ]
}

pub(super) fn ending() -> impl Strategy<Value = Ending> {
    use Ending::{Cancel, Complete, ContinueAsNew, Fail};
    prop::sample::select(vec![Complete, Complete, Fail, Cancel, ContinueAsNew])
}

impl Made {
    /// The command. `oldest_activity` is the ActivityTaskScheduled event of the run's oldest pending activity.
    pub(super) fn command(&self, oldest_activity: Option<i64>) -> Command {
        match *self {
            Self::Marker => record_marker("m"),
            Self::Timer { timer, seconds: time } => of(
                CommandType::StartTimer,
                Attributes::StartTimerCommandAttributes(StartTimerCommandAttributes {
                    timer_id: timer.to_string(),
                    start_to_fire_timeout: Some(clock::to_proto(seconds(time.into()))),
                }),
            ),
            Self::CancelTimer { timer } => of(
                CommandType::CancelTimer,
                Attributes::CancelTimerCommandAttributes(CancelTimerCommandAttributes {
                    timer_id: timer.to_string(),
                }),
            ),
            Self::Activity { activity, attempts, start_to_close, heartbeat, eager } => of(
                CommandType::ScheduleActivityTask,
                Attributes::ScheduleActivityTaskCommandAttributes(ScheduleActivityTaskCommandAttributes {
                    activity_id: activity.to_string(),
                    activity_type: Some(ActivityType { name: "A".to_owned() }),
                    task_queue: Some(queue("tq")),
                    start_to_close_timeout: Some(clock::to_proto(seconds(start_to_close.into()))),
                    heartbeat_timeout: Some(clock::to_proto(seconds(heartbeat.into()))),
                    retry_policy: Some(RetryPolicy { maximum_attempts: attempts, ..Default::default() }),
                    request_eager_execution: eager,
                    ..Default::default()
                }),
            ),
            Self::CancelActivity => of(
                CommandType::RequestCancelActivityTask,
                Attributes::RequestCancelActivityTaskCommandAttributes(
                    RequestCancelActivityTaskCommandAttributes {
                        scheduled_event_id: oldest_activity.unwrap_or(9_999),
                    },
                ),
            ),
            Self::Memo { key } => of(
                CommandType::ModifyWorkflowProperties,
                Attributes::ModifyWorkflowPropertiesCommandAttributes(
                    ModifyWorkflowPropertiesCommandAttributes {
                        upserted_memo: Some(Memo {
                            fields: [(
                                key.to_string(),
                                Payload { data: b"remembered".to_vec(), ..Default::default() },
                            )]
                            .into(),
                        }),
                    },
                ),
            ),
            Self::Child { id, policy, reuse } => {
                let mut command = children::start_child(id, "tq", policy);
                if let Some(Attributes::StartChildWorkflowExecutionCommandAttributes(child)) =
                    &mut command.attributes
                {
                    child.workflow_id_reuse_policy = reuse as i32;
                }
                command
            }
            Self::Signal { id, child_only } => {
                command(Attributes::SignalExternalWorkflowExecutionCommandAttributes(
                    SignalExternalWorkflowExecutionCommandAttributes {
                        execution: Some(execution(id)),
                        signal_name: "from outside".to_owned(),
                        child_workflow_only: child_only,
                        ..Default::default()
                    },
                ))
            }
            Self::Cancel { id, child_only } => {
                command(Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(
                    RequestCancelExternalWorkflowExecutionCommandAttributes {
                        workflow_id: id.to_owned(),
                        child_workflow_only: child_only,
                        ..Default::default()
                    },
                ))
            }
        }
    }
}

impl Ending {
    /// The command.
    pub(super) fn command(self) -> Command {
        match self {
            Self::Complete => complete_workflow(),
            Self::Fail => command(Attributes::FailWorkflowExecutionCommandAttributes(
                FailWorkflowExecutionCommandAttributes {
                    failure: Some(Failure { message: "no".to_owned(), ..Default::default() }),
                },
            )),
            Self::Cancel => command(Attributes::CancelWorkflowExecutionCommandAttributes(Default::default())),
            Self::ContinueAsNew => command(Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(
                ContinueAsNewWorkflowExecutionCommandAttributes::default(),
            )),
        }
    }
}

fn of(kind: CommandType, attributes: Attributes) -> Command {
    Command { command_type: kind as i32, attributes: Some(attributes), ..Default::default() }
}
