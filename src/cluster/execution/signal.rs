//! Signals.

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    common::v1::Link,
    enums::v1::EventType,
    history::v1::{WorkflowExecutionSignaledEventAttributes, history_event::Attributes},
    workflowservice::v1::{SignalWorkflowExecutionRequest, SignalWorkflowExecutionResponse},
};

use super::{Event, RunKey, Transaction};
use crate::{
    clock::Time,
    cluster::{Cluster, error::Error, requests},
};

/// A signal on its way to a run.
#[derive(Debug, Clone)]
pub(crate) struct Signal {
    /// What its event says.
    pub(crate) attributes: WorkflowExecutionSignaledEventAttributes,
    pub(crate) links: Vec<Link>,
    /// Whether it makes a delayed run start to work at once. A plain signal waits with the run.
    pub(crate) skips_first_backoff: bool,
}

impl Cluster {
    /// SignalWorkflowExecution.
    pub(in crate::cluster) fn signal_workflow_execution(
        &mut self,
        now: Time,
        request: SignalWorkflowExecutionRequest,
    ) -> Result<SignalWorkflowExecutionResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let execution = requests::execution(request.workflow_execution.as_ref())?;
        if request.signal_name.is_empty() {
            return Err(Error::invalid_argument("SignalName is not set on request."));
        }
        requests::check_length(self.limits(), &request.signal_name, "SignalName length exceeds limit.")?;
        requests::check_length(self.limits(), &request.request_id, "RequestId length exceeds limit.")?;
        requests::check_links(self.limits(), &request.links)?;
        let size = request.input.as_ref().map_or(0, |input| input.encoded_len())
            + request.header.as_ref().map_or(0, |header| header.encoded_len());
        requests::check_blob(self.limits(), size)?;
        let run = self.runs.find(namespace, &execution.workflow_id, &execution.run_id)?.key;
        let request_id =
            if request.request_id.is_empty() { self.shared.request_ids.uuid() } else { request.request_id };
        let signal = Signal {
            attributes: WorkflowExecutionSignaledEventAttributes {
                signal_name: request.signal_name,
                input: request.input,
                identity: request.identity,
                header: request.header,
                request_id: request_id.clone(),
                ..Default::default()
            },
            links: request.links,
            skips_first_backoff: false,
        };
        self.signal_run(now, run, signal)?;
        let link = self
            .runs
            .get(run)
            .map(|run| self.request_id_link(run, &request_id, EventType::WorkflowExecutionSignaled));
        Ok(SignalWorkflowExecutionResponse { link })
    }

    /// Gives a signal to a run, once: a request id that the run knows does nothing.
    ///
    /// # Errors
    ///
    /// NOT_FOUND if the run is closed, RESOURCE_EXHAUSTED if a worker is about to close it, and
    /// INVALID_ARGUMENT if it has taken too many signals.
    pub(in crate::cluster) fn signal_run(
        &mut self,
        now: Time,
        run: RunKey,
        signal: Signal,
    ) -> Result<(), Error> {
        self.transact(now, run, |tx| {
            let run = &*tx.run;
            if run.signal_request_ids.contains(&signal.attributes.request_id) {
                return Ok(());
            }
            if !run.is_running() {
                return Err(Error::already_completed());
            }
            // Another workflow does not try again by itself, so its signal is taken all the same.
            let comes_again = signal.attributes.external_workflow_execution.is_none();
            if comes_again && run.state.close_attempted && run.state.has_started_workflow_task() {
                return Err(Error::workflow_closing());
            }
            if run.state.signal_count >= tx.limits().signals {
                return Err(Error::invalid_argument("exceeded workflow execution limit for signal events"));
            }
            let waits = run.state.waits_for_first_workflow_task() && !signal.skips_first_backoff;
            tx.record_signal(signal);
            if !waits {
                tx.need_workflow_task();
            }
            Ok(())
        })
    }
}

impl Transaction<'_> {
    /// Writes the event of a signal.
    pub(crate) fn record_signal(&mut self, signal: Signal) {
        self.run.state.signal_count += 1;
        if !signal.attributes.request_id.is_empty() {
            self.run.signal_request_ids.insert(signal.attributes.request_id.clone());
        }
        self.add_event(
            Event::new(Attributes::WorkflowExecutionSignaledEventAttributes(signal.attributes))
                .links(signal.links),
        );
    }
}
