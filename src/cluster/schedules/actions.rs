//! The actions of a schedule: starting workflows, ending those in their way, and remembering what became of
//! them.

use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{ScheduleOverlapPolicy, WorkflowExecutionStatus as Status, WorkflowIdReusePolicy},
    schedule::v1::{ScheduleActionResult, schedule_action::Action},
    workflow::v1::NewWorkflowExecutionInfo,
    workflowservice::v1::{
        RequestCancelWorkflowExecutionRequest, StartWorkflowExecutionRequest,
        TerminateWorkflowExecutionRequest,
    },
};

use super::{
    executions::{Executions, Outcome},
    overlap::{self, BufferedStart},
    schedule::Schedule,
};
use crate::{clock::Time, cluster::payloads};

/// Actions that are remembered.
const RECENT_ACTIONS: usize = 10;

impl Schedule {
    /// Looks at the buffer once. Answers whether it has to be looked at again.
    pub(super) fn work_off_buffer(&mut self, now: Time, executions: &mut impl Executions) -> bool {
        if std::mem::take(&mut self.needs_refresh) {
            for execution in self.info.running_workflows.clone() {
                self.look_at(&execution, executions);
            }
        }
        let action = self.definition.action.as_ref().and_then(|action| action.action.clone());
        let Some(Action::StartWorkflow(template)) = action.filter(|_| !self.buffer.is_empty()) else {
            self.buffer.clear();
            self.watched = None;
            return false;
        };
        let is_running = !self.info.running_workflows.is_empty();
        let decision = overlap::decide(&self.buffer, is_running, self.policies().overlap_policy());
        self.buffer = decision.remaining;
        self.info.overlap_skipped += decision.skipped;
        let mut again = false;
        for (start, is_overlapping) in decision
            .overlapping
            .iter()
            .map(|start| (start, true))
            .chain(decision.start.iter().map(|start| (start, false)))
        {
            again |= !self.take_action(now, start, is_overlapping, &template, executions);
        }
        if decision.terminate || decision.cancel {
            for execution in self.info.running_workflows.clone() {
                self.end(execution, decision.terminate, executions);
            }
        }
        // Whatever is still buffered waits for the end of a running workflow.
        let first = self.info.running_workflows.first().filter(|_| !self.buffer.is_empty());
        self.watched = first.map(|execution| execution.workflow_id.clone());
        again
    }

    /// Starts the workflow, if that is allowed. Answers whether it did.
    fn take_action(
        &mut self,
        now: Time,
        start: &BufferedStart,
        is_overlapping: bool,
        template: &NewWorkflowExecutionInfo,
        executions: &mut impl Executions,
    ) -> bool {
        if !self.can_act(start.manual) {
            return false;
        }
        if !start.manual && self.state().limited_actions {
            self.state_mut().remaining_actions -= 1;
            self.conflict_token += 1;
        }
        let request = self.start_request(start, template, executions.request_id());
        let workflow_id = request.workflow_id.clone();
        let Some(run_id) = executions.start(request) else { return false };
        let execution = WorkflowExecution { workflow_id, run_id };
        self.info.action_count += 1;
        self.info.recent_actions.push(ScheduleActionResult {
            schedule_time: Some(start.actual.to_proto()),
            actual_time: Some(now.to_proto()),
            start_workflow_result: Some(execution.clone()),
            start_workflow_status: Status::Running as i32,
        });
        let surplus = self.info.recent_actions.len().saturating_sub(RECENT_ACTIONS);
        self.info.recent_actions.drain(..surplus);
        if !is_overlapping {
            self.info.running_workflows.push(execution);
        }
        true
    }

    fn start_request(
        &self,
        start: &BufferedStart,
        template: &NewWorkflowExecutionInfo,
        request_id: String,
    ) -> StartWorkflowExecutionRequest {
        let template = template.clone();
        let nominal = written(start.nominal);
        let mut search_attributes = template.search_attributes.unwrap_or_default();
        for (name, value) in [("TemporalScheduledStartTime", &nominal), ("TemporalScheduledById", &self.id)] {
            search_attributes.indexed_fields.insert(name.to_owned(), payloads::json_payload(value));
        }
        let reuse_policy = if start.manual {
            WorkflowIdReusePolicy::AllowDuplicate
        } else {
            WorkflowIdReusePolicy::RejectDuplicate
        };
        // Only workflows that run one after the other know of one another.
        let follows = start.overlap_policy != ScheduleOverlapPolicy::AllowAll;
        StartWorkflowExecutionRequest {
            namespace: self.namespace.clone(),
            workflow_id: format!("{}-{nominal}", template.workflow_id),
            workflow_type: template.workflow_type,
            task_queue: template.task_queue,
            input: template.input,
            workflow_execution_timeout: template.workflow_execution_timeout,
            workflow_run_timeout: template.workflow_run_timeout,
            workflow_task_timeout: template.workflow_task_timeout,
            identity: self.identity(),
            request_id,
            workflow_id_reuse_policy: reuse_policy as i32,
            retry_policy: template.retry_policy,
            memo: template.memo,
            search_attributes: Some(search_attributes),
            header: template.header,
            last_completion_result: self.last_completion_result.clone().filter(|_| follows),
            continued_failure: self.continued_failure.clone().filter(|_| follows),
            user_metadata: template.user_metadata,
            priority: template.priority,
            ..Default::default()
        }
    }

    fn end(&self, execution: WorkflowExecution, terminate: bool, executions: &mut impl Executions) {
        let namespace = self.namespace.clone();
        let identity = self.identity();
        let first_execution_run_id = execution.run_id;
        let workflow_execution =
            Some(WorkflowExecution { workflow_id: execution.workflow_id, run_id: String::new() });
        if terminate {
            executions.terminate(TerminateWorkflowExecutionRequest {
                namespace,
                workflow_execution,
                reason: "terminated by schedule overlap policy".to_owned(),
                identity,
                first_execution_run_id,
                ..Default::default()
            });
        } else {
            let request_id = executions.request_id();
            executions.cancel(RequestCancelWorkflowExecutionRequest {
                namespace,
                workflow_execution,
                identity,
                request_id,
                first_execution_run_id,
                reason: "cancelled by schedule overlap policy".to_owned(),
                ..Default::default()
            });
        }
    }

    /// Finds out whether a workflow that was running has closed, and what follows from that.
    fn look_at(&mut self, execution: &WorkflowExecution, executions: &impl Executions) {
        let Outcome::Closed { status, result, failure } = executions.outcome(execution) else { return };
        self.info.running_workflows.retain(|running| running.workflow_id != execution.workflow_id);
        let is_this = |action: &&mut ScheduleActionResult| {
            let started = action.start_workflow_result.as_ref();
            started.is_some_and(|started| started.workflow_id == execution.workflow_id)
        };
        if let Some(action) = self.info.recent_actions.iter_mut().find(is_this) {
            action.start_workflow_status = status as i32;
        }
        let notes = match status {
            Status::Failed => {
                let message = failure.as_ref().map(|failure| failure.message.as_str()).unwrap_or_default();
                Some(format!("paused due to workflow failure: {}: {message}", execution.workflow_id))
            }
            Status::TimedOut => Some(format!("paused due to workflow timeout: {}", execution.workflow_id)),
            _ => None,
        };
        if let Some(notes) = notes.filter(|_| self.policies().pause_on_failure && !self.state().paused) {
            let state = self.state_mut();
            state.paused = true;
            state.notes = notes;
            self.conflict_token += 1;
        }
        if result.is_some() {
            self.last_completion_result = result;
            self.continued_failure = None;
        } else if failure.is_some() {
            self.continued_failure = failure.map(|failure| *failure);
        }
    }

    /// Who starts and ends the workflows of the schedule.
    fn identity(&self) -> String {
        format!("temporal-scheduler-{}-{}", self.namespace, self.id)
    }
}

/// An instant in whole seconds, as it ends a workflow id.
fn written(time: Time) -> String {
    let seconds = i64::try_from(time.as_nanos().div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX).to_string()
}
