//! GetWorkflowExecutionHistory and its reverse.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    enums::v1::{EventType, HistoryEventFilterType},
    history::v1::{
        History, HistoryEvent, WorkflowExecutionContinuedAsNewEventAttributes, history_event::Attributes,
    },
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse,
        GetWorkflowExecutionHistoryReverseRequest, GetWorkflowExecutionHistoryReverseResponse,
    },
};

use crate::{
    clock::Time,
    cluster::{
        Answer, CallId, Cluster, Error,
        calls::{CallContext, Parked, Reply},
        execution::{Run, RunKey, run_timeout},
        limits, requests,
        token::{HistoryToken, Token as _},
    },
    rpc::Response,
};

/// A reader that waits at the end of a history.
#[derive(Debug, Clone)]
pub(crate) struct HistoryWait {
    /// The run that it reads.
    pub(crate) run: RunKey,
    /// Where it is; the run is always open.
    token: HistoryToken,
    /// Whether it wants nothing but the close event.
    close_event_only: bool,
    /// Whether it comes again if there is nothing.
    waits: bool,
    page: usize,
}

impl Cluster {
    /// Answers a page of a history, or parks the call until there is more.
    pub(in crate::cluster) fn get_workflow_execution_history(
        &mut self,
        now: Time,
        context: CallContext,
        request: GetWorkflowExecutionHistoryRequest,
    ) -> Reply {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let execution = requests::execution(request.execution.as_ref())?;
        let given = HistoryToken::of_request(&request.next_page_token)?;
        let mut run_id = execution.run_id.as_str();
        if let Some(token) = &given {
            if !run_id.is_empty() && run_id != token.run_id {
                return Err(Error::invalid_argument(
                    "RunId in the request does not match the NextPageToken.",
                ));
            }
            run_id = &token.run_id;
        }
        let run = self.runs.find(namespace, &execution.workflow_id, run_id)?;
        let close_event_only = request.history_event_filter_type() == HistoryEventFilterType::CloseEvent;
        let continues = given.is_some();
        let token = given.unwrap_or_else(|| HistoryToken {
            run_id: run.run_id.clone(),
            first_event_id: 1,
            end_event_id: run.history.next_event_id(),
            was_running: run.is_running(),
        });
        let page = page_size(request.maximum_page_size);
        let wait = HistoryWait { run: run.key, token, close_event_only, waits: request.wait_new_event, page };
        let waits = if close_event_only {
            run.is_running()
        } else {
            request.wait_new_event && continues && wait.is_at_the_end(run) && run.is_running()
        };
        if waits {
            Self::check_long_poll_deadline(now, context)?;
            let key = run.key;
            if let Some(run) = self.runs.get_mut(key) {
                run.waiting.push(context.id);
            }
            self.park(now, context, limits::HISTORY_LONG_POLL, Parked::History(wait));
            return Ok(None);
        }
        Ok(Some(wait.read(run, request.wait_new_event)))
    }

    /// Answers a page of a history, the newest event first.
    pub(in crate::cluster) fn get_workflow_execution_history_reverse(
        &self,
        request: GetWorkflowExecutionHistoryReverseRequest,
    ) -> Result<GetWorkflowExecutionHistoryReverseResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let execution = requests::execution(request.execution.as_ref())?;
        let given = HistoryToken::of_request(&request.next_page_token)?;
        let run_id = given.as_ref().map_or(&execution.run_id, |token| &token.run_id);
        let run = self.runs.find(namespace, &execution.workflow_id, run_id)?;
        let last = given.map_or(run.history.next_event_id() - 1, |token| token.first_event_id);
        let (events, full) = run.history.page_backwards(last, page_size(request.maximum_page_size));
        let events: Vec<_> = events.map(|event| event.as_ref().clone()).collect();
        let next = last.saturating_sub(events.len() as i64);
        let next_page_token = if full {
            HistoryToken { run_id: run.run_id.clone(), first_event_id: next, ..Default::default() }.to_bytes()
        } else {
            Vec::new()
        };
        Ok(GetWorkflowExecutionHistoryReverseResponse { history: Some(History { events }), next_page_token })
    }

    /// Answers the readers of a run that have something to read by now.
    pub(in crate::cluster) fn wake_readers(&mut self, key: RunKey) {
        let Some(run) = self.runs.get_mut(key) else { return };
        if run.waiting.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut run.waiting);
        let mut still_waiting = Vec::new();
        for call in waiting {
            let Some(Parked::History(wait)) = self.calls.get(call) else { continue };
            let Some(run) = self.runs.get(key) else { continue };
            if run.is_running() && (wait.close_event_only || wait.is_at_the_end(run)) {
                still_waiting.push(call);
            } else {
                let mut wait = wait.clone();
                wait.token.end_event_id = run.history.next_event_id();
                let response = wait.read(run, true);
                self.answer_parked(call, Ok(response));
            }
        }
        if let Some(run) = self.runs.get_mut(key) {
            run.waiting = still_waiting;
        }
    }

    /// A reader has waited in vain: it may come again.
    pub(in crate::cluster) fn empty_history(&self, wait: &HistoryWait) -> Answer {
        Ok(GetWorkflowExecutionHistoryResponse {
            history: Some(History::default()),
            next_page_token: if wait.waits { wait.token.to_bytes() } else { Vec::new() },
            ..Default::default()
        }
        .into())
    }

    /// A reader waits no longer.
    pub(in crate::cluster) fn stop_waiting(&mut self, run: RunKey, call: CallId) {
        if let Some(run) = self.runs.get_mut(run) {
            run.waiting.retain(|&waiting| waiting != call);
        }
    }
}

impl HistoryWait {
    /// Whether the reader has read everything that there is.
    fn is_at_the_end(&self, run: &Run) -> bool {
        self.token.first_event_id >= run.history.next_event_id()
    }

    /// The next page. A reader that waits gets a token until the run is closed and it has read everything.
    fn read(&self, run: &Run, waits: bool) -> Response {
        let mut next = HistoryToken { was_running: run.is_running(), ..self.token.clone() };
        if self.close_event_only {
            return response(
                run.history.since(run.history.next_event_id() - 1).map(close_event).collect(),
                Vec::new(),
            );
        }
        if waits && self.token.first_event_id >= next.end_event_id {
            next.end_event_id = run.history.next_event_id();
        }
        let (events, full) = run.history.page(self.token.first_event_id, next.end_event_id, self.page);
        let mut events: Vec<_> = events.cloned().collect();
        next.first_event_id = self.token.first_event_id.saturating_add(events.len() as i64);
        if !full && !waits && next.first_event_id == run.history.next_event_id() {
            events.extend(run.virtual_events(false).into_iter().map(Arc::new));
        }
        let token = if full || (waits && run.is_running()) { next.to_bytes() } else { Vec::new() };
        response(events, token)
    }
}

/// The close event, for a reader that wants nothing else.
///
/// If another run follows, such a reader is led on by a continue-as-new, whatever the event is: readers that
/// know better say so in a header, and the official client does not.
fn close_event(event: &Arc<HistoryEvent>) -> Arc<HistoryEvent> {
    use Attributes as A;
    let (new_execution_run_id, failure, last_completion_result) = match &event.attributes {
        Some(A::WorkflowExecutionCompletedEventAttributes(closed)) => {
            (&closed.new_execution_run_id, None, closed.result.clone())
        }
        Some(A::WorkflowExecutionFailedEventAttributes(closed)) => {
            (&closed.new_execution_run_id, closed.failure.clone(), None)
        }
        Some(A::WorkflowExecutionTimedOutEventAttributes(closed)) => {
            (&closed.new_execution_run_id, Some(run_timeout()), None)
        }
        _ => return event.clone(),
    };
    if new_execution_run_id.is_empty() {
        return event.clone();
    }
    let attributes = WorkflowExecutionContinuedAsNewEventAttributes {
        new_execution_run_id: new_execution_run_id.clone(),
        failure,
        last_completion_result,
        ..Default::default()
    };
    Arc::new(HistoryEvent {
        event_id: event.event_id,
        event_time: event.event_time,
        task_id: event.task_id,
        event_type: EventType::WorkflowExecutionContinuedAsNew as i32,
        attributes: Some(A::WorkflowExecutionContinuedAsNewEventAttributes(attributes)),
        ..Default::default()
    })
}

fn response(events: Vec<Arc<HistoryEvent>>, next_page_token: Vec<u8>) -> Response {
    let page = GetWorkflowExecutionHistoryResponse {
        history: Some(History::default()),
        next_page_token,
        ..Default::default()
    };
    Response::with_events(page, events)
}

/// How many batches a page holds at most.
fn page_size(asked: i32) -> usize {
    usize::try_from(asked)
        .ok()
        .filter(|&size| size > 0)
        .unwrap_or(limits::HISTORY_PAGE)
        .min(limits::HISTORY_PAGE)
}
