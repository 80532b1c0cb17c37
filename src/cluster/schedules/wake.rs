//! Waking schedules, and what they do in the cluster.

use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::WorkflowExecutionStatus,
    history::v1::history_event::Attributes,
    workflowservice::v1::{
        RequestCancelWorkflowExecutionRequest, StartWorkflowExecutionRequest,
        TerminateWorkflowExecutionRequest,
    },
};

use super::{
    ScheduleKey, Wake,
    executions::{Executions, Outcome},
};
use crate::{
    clock::Time,
    cluster::{
        Cluster,
        execution::{FollowUp, Run, RunKey},
        namespaces::NamespaceKey,
        timers::Timer,
    },
};

impl Cluster {
    /// Wakes a schedule, unless it is gone.
    pub(in crate::cluster) fn wake_schedule(&mut self, now: Time, key: ScheduleKey) {
        self.wake_schedule_for(now, key, Wake::Time);
    }

    /// Wakes a schedule because a workflow for which it waits may have closed.
    pub(in crate::cluster) fn refresh_schedule(&mut self, now: Time, key: ScheduleKey) {
        self.wake_schedule_for(now, key, Wake::Refresh);
    }

    pub(super) fn wake_schedule_for(&mut self, now: Time, key: ScheduleKey, why: Wake) {
        let open = self.schedules.get(key).filter(|schedule| schedule.is_open(now));
        let Some(Ok(namespace)) = open.map(|schedule| self.shared.namespaces.find(&schedule.namespace))
        else {
            return;
        };
        let Some(mut schedule) = self.schedules.schedules.get_mut(key.0).and_then(Option::take) else {
            return;
        };
        if let Some(watched) = schedule.watched.take() {
            self.schedules.watched.remove(&(namespace, watched, key));
        }
        let waited_for = schedule.wakeup;
        let mut client = Client { cluster: self, now, namespace };
        schedule.wake(now, why, &mut client);
        let first = schedule.info.running_workflows.first();
        let has_closed = first.is_some_and(|first| client.outcome(first) != Outcome::Running);
        if let Some(watched) = &schedule.watched {
            self.schedules.watched.insert((namespace, watched.clone(), key));
            if has_closed {
                // The schedule itself has terminated it.
                self.follow_ups.push_back(FollowUp::RefreshSchedule { schedule: key });
            }
        }
        // The timer of a time for which the schedule has waited before is still armed, unless it just fired.
        if let Some(wakeup) = schedule.wakeup
            && (waited_for != Some(wakeup) || wakeup <= now)
        {
            self.timers.arm(wakeup, Timer::Schedule { schedule: key, wakeup });
        }
        if let Some(slot) = self.schedules.schedules.get_mut(key.0) {
            *slot = Some(schedule);
        }
    }

    /// Lets the schedules know that wait for the end of a run that has just closed.
    pub(in crate::cluster) fn tell_schedules_of_close(&mut self, run: RunKey) {
        let Some(run) = self.runs.get(run) else { return };
        let watching = self.schedules.watching(run.namespace, &run.workflow_id);
        self.follow_ups.extend(watching.into_iter().map(|schedule| FollowUp::RefreshSchedule { schedule }));
    }
}

/// The cluster as a schedule sees it.
struct Client<'a> {
    cluster: &'a mut Cluster,
    now: Time,
    namespace: NamespaceKey,
}

impl Executions for Client<'_> {
    fn start(&mut self, request: StartWorkflowExecutionRequest) -> Option<String> {
        self.cluster.start_workflow_execution(self.now, request).ok().map(|response| response.run_id)
    }

    fn cancel(&mut self, request: RequestCancelWorkflowExecutionRequest) {
        let _ = self.cluster.request_cancel_workflow_execution(self.now, request);
    }

    fn terminate(&mut self, request: TerminateWorkflowExecutionRequest) {
        let _ = self.cluster.terminate_workflow_execution(self.now, request);
    }

    fn outcome(&self, first: &WorkflowExecution) -> Outcome {
        match self.cluster.last_run_of_chain(self.namespace, first) {
            Some(run) if run.is_running() => Outcome::Running,
            Some(run) => closed(run),
            None => {
                let status = WorkflowExecutionStatus::Unspecified;
                Outcome::Closed { status, result: None, failure: None }
            }
        }
    }

    fn request_id(&mut self) -> String {
        self.cluster.shared.request_ids.uuid()
    }
}

impl Cluster {
    /// The last run of the chain that began with `first`; `None` if it is gone.
    pub(super) fn last_run_of_chain(
        &self,
        namespace: NamespaceKey,
        first: &WorkflowExecution,
    ) -> Option<&Run> {
        let current = self.runs.current(namespace, &first.workflow_id)?;
        if current.info.first_execution_run_id == first.run_id {
            return Some(current);
        }
        // Another chain has the workflow id by now: go from run to run.
        let mut run = self.runs.find(namespace, &first.workflow_id, &first.run_id).ok()?;
        while let Some(next) = next_run_id(run).filter(|next| !next.is_empty()) {
            run = self.runs.find(namespace, &first.workflow_id, next).ok()?;
        }
        Some(run)
    }
}

fn next_run_id(run: &Run) -> Option<&str> {
    match run.history.last()?.attributes.as_ref()? {
        Attributes::WorkflowExecutionCompletedEventAttributes(it) => Some(&it.new_execution_run_id),
        Attributes::WorkflowExecutionFailedEventAttributes(it) => Some(&it.new_execution_run_id),
        Attributes::WorkflowExecutionTimedOutEventAttributes(it) => Some(&it.new_execution_run_id),
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(it) => Some(&it.new_execution_run_id),
        _ => None,
    }
}

fn closed(run: &Run) -> Outcome {
    let (result, failure) = match run.history.last().and_then(|event| event.attributes.as_ref()) {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(it)) => (it.result.clone(), None),
        Some(Attributes::WorkflowExecutionFailedEventAttributes(it)) => {
            (None, it.failure.clone().map(Box::new))
        }
        _ => (None, None),
    };
    Outcome::Closed { status: run.state.status, result, failure }
}
