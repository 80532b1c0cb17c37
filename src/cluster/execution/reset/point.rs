//! Where a run can be reset to.

use crate::{
    clock::Time,
    cluster::{
        Cluster,
        error::Error,
        execution::{
            Run, RunKey, Runs,
            rebuild::{Rebuild, rebuild},
        },
    },
};

impl Cluster {
    /// A run that is where its base was before the event `finish_event_id`: the events before it have been written together
    /// with nothing behind them, and a workflow task is pending that could finish there.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if one of the two is not so.
    pub(super) fn rebuild_at(
        &mut self,
        now: Time,
        base: RunKey,
        finish_event_id: i64,
    ) -> Result<Box<Run>, Error> {
        let last_event_id = finish_event_id.saturating_sub(1);
        let run_id = self.shared.run_ids.uuid();
        let base = self.runs.get(base).ok_or_else(|| Runs::no_such_run("", ""))?;
        let run = rebuild(now, &mut self.shared, Rebuild { base, last_event_id, run_id }).ok_or_else(|| {
            Error::invalid_argument(format!(
                "StateRebuilder unable to Rebuild mutable state to event ID: {last_event_id}, version: 0, this event \
                 must be at the boundary"
            ))
        })?;
        if run.state.workflow_task.is_none() {
            return Err(Error::invalid_argument(format!(
                "Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]: \
                 {finish_event_id}"
            )));
        }
        Ok(run)
    }
}
