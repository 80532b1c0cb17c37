//! Running a workflow without a client: the shortest way from an input to a result.

use temporalio_common::{
    WorkflowDefinition,
    data_converters::{
        DataConverter, PayloadConversionError, SerializationContextData, WorkflowSerializationContext,
    },
    error::IncomingError,
    payload_visitor::decode_payloads,
    protos::temporal::api::{
        common::v1::{Payloads, WorkflowExecution, WorkflowType},
        enums::v1::HistoryEventFilterType,
        history::v1::{HistoryEvent, history_event::Attributes},
        taskqueue::v1::TaskQueue,
        workflowservice::v1::{GetWorkflowExecutionHistoryRequest, StartWorkflowExecutionRequest},
    },
};

use std::sync::atomic::Ordering;

use super::Simulation;
use crate::cluster;

/// Why [`Simulation::execute`] has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// No worker of the simulation has the workflow, so nobody would run it.
    #[error("no worker of the simulation has the workflow {workflow_type}; add it with `Worker::workflow`")]
    NotRegistered {
        /// The workflow type.
        workflow_type: String,
    },
    /// The cluster refused to start the workflow or to show its result.
    #[error("the cluster refused: {message} ({code:?})")]
    Refused {
        /// The gRPC status code.
        code: tonic::Code,
        /// The server's message.
        message: String,
    },
    /// The workflow failed.
    #[error("workflow failed: {0}")]
    Failed(#[source] Box<IncomingError>),
    /// The workflow was cancelled.
    #[error("workflow cancelled")]
    Cancelled,
    /// The workflow was terminated.
    #[error("workflow terminated: {reason}")]
    Terminated {
        /// The reason that was given.
        reason: String,
    },
    /// The workflow timed out.
    #[error("workflow timed out")]
    TimedOut,
    /// The input or the result could not be converted.
    #[error(transparent)]
    PayloadConversion(#[from] PayloadConversionError),
}

impl Simulation {
    /// Runs a workflow and returns its result: that of the last run, if it continues as new or is retried.
    ///
    /// The workflow runs on the task queue of the first worker that has it. Its id is its type and a
    /// number, `MoneyTransfer-1`. For any option of a start, or to signal the workflow while it runs, start
    /// it with [`client`](Self::client).
    ///
    /// # Errors
    /// When the workflow ends without a result, or cannot be started.
    pub async fn execute<W: WorkflowDefinition>(
        &self,
        workflow: W,
        input: W::Input,
    ) -> Result<W::Output, ExecuteError> {
        let (task_queue, converter) = self.worker_of(workflow.name())?;
        let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
        let workflow_id = format!("{}-{}", workflow.name(), self.next_execution());
        let input = Payloads { payloads: converter.to_payloads(&context, &input).await? };
        let mut run_id = self
            .0
            .service
            .call(StartWorkflowExecutionRequest {
                namespace: self.0.namespace.clone(),
                workflow_id: workflow_id.clone(),
                workflow_type: Some(WorkflowType { name: workflow.name().to_owned() }),
                task_queue: Some(TaskQueue { name: task_queue.to_owned(), ..Default::default() }),
                input: Some(input),
                identity: "temporal-sim".to_owned(),
                ..Default::default()
            })
            .await?
            .run_id;
        loop {
            let mut close = self.close_event(&workflow_id, run_id).await?;
            // Fails only if the codec does.
            decode_payloads(&mut *close, converter.codec(), &context).await?;
            match next_run(&close) {
                Some(next) => run_id = next.to_owned(),
                None => return outcome::<W>(*close, converter, &context),
            }
        }
    }

    /// The task queue of the first worker that has a workflow, and how its values are converted.
    fn worker_of(&self, workflow_type: &str) -> Result<(&str, &DataConverter), ExecuteError> {
        self.0
            .workers
            .iter()
            .find_map(|worker| worker.runs(workflow_type))
            .ok_or_else(|| ExecuteError::NotRegistered { workflow_type: workflow_type.to_owned() })
    }

    /// Counts the workflows that [`Self::execute`] has started.
    fn next_execution(&self) -> u64 {
        self.0.executions.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Waits until a run has closed.
    async fn close_event(
        &self,
        workflow_id: &str,
        run_id: String,
    ) -> Result<Box<HistoryEvent>, ExecuteError> {
        let mut next_page_token = Vec::new();
        loop {
            let page = self
                .0
                .service
                .call(GetWorkflowExecutionHistoryRequest {
                    namespace: self.0.namespace.clone(),
                    execution: Some(WorkflowExecution {
                        workflow_id: workflow_id.to_owned(),
                        run_id: run_id.clone(),
                    }),
                    wait_new_event: true,
                    history_event_filter_type: HistoryEventFilterType::CloseEvent.into(),
                    next_page_token,
                    ..Default::default()
                })
                .await?;
            if let Some(event) = page.history.and_then(|history| history.events.into_iter().next()) {
                return Ok(Box::new(event));
            }
            next_page_token = page.next_page_token;
        }
    }
}

/// The run that goes on where this one closed.
fn next_run(close: &HistoryEvent) -> Option<&str> {
    let run_id = match close.attributes.as_ref()? {
        Attributes::WorkflowExecutionCompletedEventAttributes(closed) => &closed.new_execution_run_id,
        Attributes::WorkflowExecutionFailedEventAttributes(closed) => &closed.new_execution_run_id,
        Attributes::WorkflowExecutionTimedOutEventAttributes(closed) => &closed.new_execution_run_id,
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(closed) => &closed.new_execution_run_id,
        _ => return None,
    };
    (!run_id.is_empty()).then_some(run_id)
}

fn outcome<W: WorkflowDefinition>(
    close: HistoryEvent,
    converter: &DataConverter,
    context: &SerializationContextData,
) -> Result<W::Output, ExecuteError> {
    use temporalio_common::data_converters::{GenericPayloadConverter as _, SerializationContext};

    let payloads = converter.payload_converter();
    match close.attributes {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(completed)) => {
            let result = completed.result.unwrap_or_default().payloads;
            Ok(payloads.from_payloads(&SerializationContext::new(context, payloads), result)?)
        }
        Some(Attributes::WorkflowExecutionFailedEventAttributes(failed)) => {
            let failure = failed.failure.unwrap_or_default();
            let error = converter.failure_converter().to_error(failure, payloads, context)?;
            Err(ExecuteError::Failed(Box::new(error)))
        }
        Some(Attributes::WorkflowExecutionTerminatedEventAttributes(terminated)) => {
            Err(ExecuteError::Terminated { reason: terminated.reason })
        }
        Some(Attributes::WorkflowExecutionTimedOutEventAttributes(_)) => Err(ExecuteError::TimedOut),
        _ => Err(ExecuteError::Cancelled),
    }
}

impl From<cluster::Error> for ExecuteError {
    fn from(error: cluster::Error) -> Self {
        Self::Refused { code: error.code, message: error.message }
    }
}
