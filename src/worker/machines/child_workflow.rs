//! Child workflows.

use temporalio_common::protos::{
    coresdk::{
        child_workflow::{
            Cancellation, ChildWorkflowCancellationType, ChildWorkflowResult, Failure as Failed,
            StartChildWorkflowExecutionFailedCause as LangCause, Success, child_workflow_result::Status,
        },
        common::NamespacedWorkflowExecution,
        workflow_activation::{
            ResolveChildWorkflowExecution, ResolveChildWorkflowExecutionStart,
            ResolveChildWorkflowExecutionStartCancelled, ResolveChildWorkflowExecutionStartFailure,
            ResolveChildWorkflowExecutionStartSuccess,
            resolve_child_workflow_execution_start::Status as StartStatus,
        },
        workflow_commands::StartChildWorkflowExecution,
    },
    temporal::api::{
        command::v1::{Command, start_child_workflow_cmd_to_api},
        common::v1::{WorkflowExecution, WorkflowType},
        enums::v1::{RetryState, StartChildWorkflowExecutionFailedCause as Cause, TimeoutType},
        failure::v1::{
            CanceledFailureInfo, ChildWorkflowExecutionFailureInfo, Failure, TerminatedFailureInfo,
            TimeoutFailureInfo, failure::FailureInfo,
        },
        history::v1::history_event::Attributes,
    },
};

use super::{
    Error, EventRef,
    annotations::Annotations,
    flags::Flag,
    machine::{
        Outbox, RecordedEvent, compare, single_payload, unexpected, unexpected_command, without_attributes,
    },
};

/// A child workflow.
#[derive(Debug)]
pub(super) struct ChildWorkflow {
    seq: u32,
    namespace: String,
    workflow_id: String,
    workflow_type: String,
    run_id: String,
    cancellation_type: ChildWorkflowCancellationType,
    initiated_event_id: i64,
    started_event_id: i64,
    state: State,
    annotations: Annotations,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Requested,
    Initiated,
    Started,
    /// As far as the workflow knows. The child itself may go on.
    Cancelled {
        recorded: bool,
    },
    CancelledBeforeSent,
    Closed,
    Terminated,
}

/// A request to cancel the child's execution, which becomes a command of its own.
#[derive(Debug)]
pub(super) struct CancelRequest {
    pub(super) target: NamespacedWorkflowExecution,
    pub(super) annotations: Annotations,
}

impl ChildWorkflow {
    /// A child and the command that starts it.
    pub(super) fn new(
        start: StartChildWorkflowExecution,
        inherit_build_id: bool,
        annotations: Annotations,
    ) -> (Self, Command) {
        let child = Self {
            seq: start.seq,
            namespace: start.namespace.clone(),
            workflow_id: start.workflow_id.clone(),
            workflow_type: start.workflow_type.clone(),
            run_id: String::new(),
            cancellation_type: start.cancellation_type(),
            initiated_event_id: 0,
            started_event_id: 0,
            state: State::Requested,
            annotations: annotations.clone(),
        };
        (child, annotations.command(start_child_workflow_cmd_to_api(start, inherit_build_id)))
    }

    /// The workflow cancels the child.
    ///
    /// A child that is not sent yet is simply not sent. For one that is abandoned nothing goes to the server;
    /// for the others a request does. A workflow that abandons, or only tries, is told at once that the child
    /// is cancelled.
    pub(super) fn cancel(
        &mut self,
        reason: &str,
        annotations: Annotations,
        out: &mut Outbox,
    ) -> Result<Option<CancelRequest>, Error> {
        self.annotations.override_with(annotations);
        match self.state {
            State::Requested => {
                self.state = State::CancelledBeforeSent;
                let message = format!("Child Workflow Execution cancelled before scheduled: {reason}");
                let failure = self.failure(&message, Some(canceled()), RetryState::NonRetryableFailure);
                self.resolve_start(
                    StartStatus::Cancelled(ResolveChildWorkflowExecutionStartCancelled {
                        failure: Some(failure),
                    }),
                    out,
                );
                Ok(None)
            }
            State::Initiated | State::Started => {
                let request = (self.cancellation_type != ChildWorkflowCancellationType::Abandon).then(|| {
                    CancelRequest {
                        target: NamespacedWorkflowExecution {
                            namespace: self.namespace.clone(),
                            workflow_id: self.workflow_id.clone(),
                            run_id: self.run_id.clone(),
                        },
                        annotations: self.annotations.clone(),
                    }
                });
                if self.resolves_at_once() {
                    self.state = State::Cancelled { recorded: false };
                    self.resolve_cancelled(out);
                }
                Ok(request)
            }
            State::Cancelled { .. } | State::CancelledBeforeSent | State::Closed => Ok(None),
            State::Terminated => Err(unexpected_command(self.name(), self.state.describe())),
        }
    }

    pub(super) fn handle_event(
        &mut self,
        recorded: RecordedEvent<'_>,
        out: &mut Outbox,
    ) -> Result<(), Error> {
        let at = EventRef::of(recorded.event);
        let attributes = recorded.event.attributes.as_ref().ok_or_else(|| without_attributes(at))?;
        match (self.state, attributes) {
            (
                State::Requested,
                Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(initiated),
            ) => {
                if recorded.flags.try_use(Flag::IdAndTypeChecks, recorded.in_last_step) {
                    compare(at, "child workflow id", &initiated.workflow_id, &self.workflow_id)?;
                    let recorded_type =
                        initiated.workflow_type.as_ref().map_or("", |recorded| &recorded.name);
                    compare(at, "child workflow type", recorded_type, &self.workflow_type)?;
                }
                self.initiated_event_id = at.id;
                self.state = State::Initiated;
            }
            (State::Initiated, Attributes::ChildWorkflowExecutionStartedEventAttributes(started)) => {
                let execution = started.workflow_execution.as_ref().ok_or_else(|| without_attributes(at))?;
                self.started_event_id = at.id;
                self.run_id.clone_from(&execution.run_id);
                self.state = State::Started;
                let success = ResolveChildWorkflowExecutionStartSuccess { run_id: execution.run_id.clone() };
                self.resolve_start(StartStatus::Succeeded(success), out);
            }
            (State::Initiated, Attributes::StartChildWorkflowExecutionFailedEventAttributes(failed)) => {
                let cause = Cause::try_from(failed.cause)
                    .map_err(|_| Error::malformed(at.id, "unknown cause why the child did not start"))?;
                self.state = State::Closed;
                let failure = ResolveChildWorkflowExecutionStartFailure {
                    workflow_id: self.workflow_id.clone(),
                    workflow_type: self.workflow_type.clone(),
                    cause: lang_cause(cause).into(),
                };
                self.resolve_start(StartStatus::Failed(failure), out);
            }
            (State::Started, Attributes::ChildWorkflowExecutionCompletedEventAttributes(completed)) => {
                self.state = State::Closed;
                let result = single_payload(at, completed.result.as_ref())?;
                self.resolve(Status::Completed(Success { result }), out);
            }
            (State::Started, Attributes::ChildWorkflowExecutionFailedEventAttributes(failed)) => {
                self.state = State::Closed;
                let (cause, retry_state) = (failed.failure.clone(), failed.retry_state());
                self.resolve_failed("Child Workflow execution failed", cause, retry_state, out);
            }
            (State::Started, Attributes::ChildWorkflowExecutionTimedOutEventAttributes(timed_out)) => {
                self.state = State::Closed;
                let cause = Failure {
                    message: "Timed out".to_owned(),
                    failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
                        timeout_type: TimeoutType::StartToClose.into(),
                        ..Default::default()
                    })),
                    ..Default::default()
                };
                let retry_state = timed_out.retry_state();
                self.resolve_failed("Child Workflow execution timed out", Some(cause), retry_state, out);
            }
            (State::Started, Attributes::ChildWorkflowExecutionTerminatedEventAttributes(_)) => {
                self.state = State::Terminated;
                let cause = Failure {
                    message: "Terminated".to_owned(),
                    failure_info: Some(FailureInfo::TerminatedFailureInfo(TerminatedFailureInfo::default())),
                    ..Default::default()
                };
                let retry_state = RetryState::NonRetryableFailure;
                self.resolve_failed("Child Workflow execution terminated", Some(cause), retry_state, out);
            }
            (State::Started, Attributes::ChildWorkflowExecutionCanceledEventAttributes(_)) => {
                self.state = State::Cancelled { recorded: true };
                self.resolve_cancelled(out);
            }
            (State::Cancelled { .. }, attributes) => self.handle_late_event(at, attributes)?,
            _ => return Err(unexpected(at, self.name(), self.state.describe())),
        }
        Ok(())
    }

    /// The workflow knows the child as cancelled, so how it really ends is no news to it.
    fn handle_late_event(&mut self, at: EventRef, attributes: &Attributes) -> Result<(), Error> {
        let accepted = match (self.state, attributes) {
            (
                _,
                Attributes::ChildWorkflowExecutionStartedEventAttributes(_)
                | Attributes::StartChildWorkflowExecutionFailedEventAttributes(_),
            ) => true,
            (
                State::Cancelled { recorded: false },
                Attributes::ChildWorkflowExecutionCanceledEventAttributes(_),
            ) => {
                self.state = State::Cancelled { recorded: true };
                true
            }
            (
                _,
                Attributes::ChildWorkflowExecutionCompletedEventAttributes(_)
                | Attributes::ChildWorkflowExecutionFailedEventAttributes(_)
                | Attributes::ChildWorkflowExecutionTimedOutEventAttributes(_)
                | Attributes::ChildWorkflowExecutionTerminatedEventAttributes(_),
            ) => self.resolves_at_once(),
            _ => false,
        };
        if accepted { Ok(()) } else { Err(unexpected(at, self.name(), self.state.describe())) }
    }

    pub(super) fn is_cancelled_before_sent(&self) -> bool {
        self.state == State::CancelledBeforeSent
    }

    fn resolves_at_once(&self) -> bool {
        matches!(
            self.cancellation_type,
            ChildWorkflowCancellationType::Abandon | ChildWorkflowCancellationType::TryCancel
        )
    }

    fn resolve_start(&self, status: StartStatus, out: &mut Outbox) {
        out.jobs.push(ResolveChildWorkflowExecutionStart { seq: self.seq, status: Some(status) }.into());
    }

    fn resolve(&self, status: Status, out: &mut Outbox) {
        let result = Some(ChildWorkflowResult { status: Some(status) });
        out.jobs.push(ResolveChildWorkflowExecution { seq: self.seq, result }.into());
    }

    fn resolve_failed(
        &self,
        message: &str,
        cause: Option<Failure>,
        retry_state: RetryState,
        out: &mut Outbox,
    ) {
        let failure = Some(self.failure(message, cause, retry_state));
        self.resolve(Status::Failed(Failed { failure }), out);
    }

    fn resolve_cancelled(&self, out: &mut Outbox) {
        let failure = self.failure(
            "Child Workflow execution cancelled",
            Some(canceled()),
            RetryState::NonRetryableFailure,
        );
        self.resolve(Status::Cancelled(Cancellation { failure: Some(failure) }), out);
    }

    fn failure(&self, message: &str, cause: Option<Failure>, retry_state: RetryState) -> Failure {
        let info = ChildWorkflowExecutionFailureInfo {
            namespace: self.namespace.clone(),
            workflow_execution: Some(WorkflowExecution {
                workflow_id: self.workflow_id.clone(),
                run_id: self.run_id.clone(),
            }),
            workflow_type: Some(WorkflowType { name: self.workflow_type.clone() }),
            initiated_event_id: self.initiated_event_id,
            started_event_id: self.started_event_id,
            retry_state: retry_state.into(),
        };
        Failure {
            message: message.to_owned(),
            cause: cause.map(Box::new),
            failure_info: Some(FailureInfo::ChildWorkflowExecutionFailureInfo(info)),
            ..Default::default()
        }
    }

    fn name(&self) -> String {
        format!("child workflow {} ({:?})", self.seq, self.workflow_id)
    }
}

impl State {
    fn describe(self) -> &'static str {
        match self {
            Self::Requested => "its start is not recorded",
            Self::Initiated => "it is being started",
            Self::Started => "it is running",
            Self::Cancelled { .. } | Self::CancelledBeforeSent => "it is cancelled",
            Self::Closed => "it is closed",
            Self::Terminated => "it is terminated",
        }
    }
}

fn canceled() -> Failure {
    Failure {
        failure_info: Some(FailureInfo::CanceledFailureInfo(CanceledFailureInfo::default())),
        ..Default::default()
    }
}

fn lang_cause(cause: Cause) -> LangCause {
    match cause {
        Cause::Unspecified => LangCause::Unspecified,
        Cause::WorkflowAlreadyExists => LangCause::WorkflowAlreadyExists,
        Cause::NamespaceNotFound => LangCause::NamespaceNotFound,
        Cause::InvalidVersioningOverride => LangCause::InvalidVersioningOverride,
    }
}
