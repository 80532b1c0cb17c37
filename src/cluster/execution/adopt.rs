//! A run that another cluster has recorded goes on in this one.
//!
//! Its state is what its events make it. Deadlines that events tell of stay where they were: those of timers, of the run, of
//! activities as a whole. Whatever was under way outside of the run begins again, because nothing in the history says how
//! far it had come: attempts of activities, children whose runs are not here, signals and requests to others. A workflow
//! task that a worker of the other cluster had times out, as if that worker were gone.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

use super::{FollowUp, History, Run, RunSpec, Transaction, begin::run_without_events, rebuild::apply_events};
use crate::{
    clock::Time,
    cluster::{Cluster, error::Error, timers::Timer},
};

impl Cluster {
    /// Takes over a run with these events, the first of which is its WorkflowExecutionStarted event and none of which closes
    /// it. It does nothing before [`Self::go_on`].
    ///
    /// # Errors
    ///
    /// NOT_FOUND if there is no such namespace, INVALID_ARGUMENT if the workflow id is in use, or if the events do not begin as
    /// they must.
    pub(crate) fn adopt(&mut self, namespace: &str, events: &[Arc<HistoryEvent>]) -> Result<(), Error> {
        let namespace = self.shared.namespaces.find(namespace)?;
        let Some((first, Attributes::WorkflowExecutionStartedEventAttributes(started))) =
            events.first().and_then(|first| Some((first, first.attributes.as_ref()?)))
        else {
            return Err(Error::invalid_argument("The first event is not WorkflowExecutionStarted."));
        };
        if self.runs.current(namespace, &started.workflow_id).is_some() {
            return Err(Error::invalid_argument(format!(
                "A run of the workflow id {:?} has been taken over already.",
                started.workflow_id
            )));
        }
        let spec = RunSpec {
            namespace,
            run_id: started.original_execution_run_id.clone(),
            started: started.clone(),
            user_metadata: first.user_metadata.clone(),
            links: first.links.clone(),
            create_request_id: self.shared.request_ids.uuid(),
        };
        let started_at = first.event_time.as_ref().map(Time::from_proto).unwrap_or_default();
        let mut run = run_without_events(started_at, &mut self.shared, &spec);
        run.history = History::of_recorded(events);
        apply_events(started_at, &mut self.shared, &mut run, events.iter().map(AsRef::as_ref));
        self.add_run(run);
        Ok(())
    }

    /// Lets the runs that were taken over go on.
    pub(crate) fn go_on(&mut self, now: Time) {
        let adopted: Vec<_> = self.runs.iter().map(|run| run.key).collect();
        for run in adopted {
            self.change(now, run, |tx| tx.go_on());
        }
        self.settle(now);
    }
}

impl Transaction<'_> {
    /// Takes up what the events of the run have begun.
    fn go_on(&mut self) {
        let (run, now) = (self.run.key, self.now);
        self.go_on_with_workflow_task();
        for scheduled_event_id in
            self.keys(|run| run.activities.iter().map(|it| it.scheduled_event_id).collect())
        {
            self.run.activities.update(scheduled_event_id, |activity| activity.scheduled_time = now);
            self.dispatch_activity(scheduled_event_id);
        }
        for initiated_event_id in self.keys(|run| run.children.iter().map(|(&id, _)| id).collect()) {
            let has_started =
                self.run.children.get(&initiated_event_id).is_some_and(|it| it.started.is_some());
            self.follow_up(if has_started {
                FollowUp::RestartChild { run, initiated_event_id }
            } else {
                FollowUp::StartChild { run, initiated_event_id }
            });
        }
        for initiated_event_id in self.keys(|run| run.signals_out.iter().map(|(&id, _)| id).collect()) {
            self.follow_up(FollowUp::SignalExternal { run, initiated_event_id });
        }
        for initiated_event_id in self.keys(|run| run.cancels_out.iter().map(|(&id, _)| id).collect()) {
            self.follow_up(FollowUp::CancelExternal { run, initiated_event_id });
        }
        if let Some(expiration) = self.run.info.run_expiration {
            self.arm(expiration, Timer::RunTimeout { run });
        }
        if self.run.state.waits_for_first_workflow_task() {
            self.arm(self.run.info.execution_time, Timer::FirstWorkflowTaskBackoff { run });
        }
    }

    fn go_on_with_workflow_task(&mut self) {
        let Some(task) = &self.run.state.workflow_task else { return };
        match task.started_time {
            Some(started) => {
                let timer = Timer::WorkflowTaskStartToClose { run: self.run.key, stamp: task.stamp };
                self.arm((started + task.start_to_close_timeout).max(self.now), timer);
            }
            None => self.dispatch_workflow_task(),
        }
    }

    /// The ids of what is pending: the run changes while they are gone through.
    fn keys(&self, keys: impl Fn(&Run) -> Vec<i64>) -> Vec<i64> {
        keys(self.run)
    }
}
