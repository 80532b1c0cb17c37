//! The state machines between a workflow's history and its code, without any I/O and without a clock.
//!
//! One [`Machines`] serves one run for as long as the worker keeps it in its cache. Workflow tasks go in, and
//! come out as activations for the workflow code; the commands of the code go in, and come out as the commands
//! that complete the task. While there is recorded history to follow, the commands are checked against its
//! events instead. The rules are those of the official worker, so that both record the same history for the
//! same code.
//!
//! A task is driven like this:
//!
//! ```text
//! machines.handle_task(task)?;
//! loop {
//!     while let Some(request) = machines.poll_local_activity() { /* start or cancel it */ }
//!     match machines.next_step()? {
//!         Step::Activate(activation) => machines.handle_commands(now, run_the_workflow(activation))?,
//!         Step::AwaitLocalActivities { .. } => /* handle_local_activity_result or handle_heartbeat_due */,
//!         Step::Complete(completion) => break,     // RespondWorkflowTaskCompleted
//!         Step::AnswerQuery(result) => break,      // RespondQueryTaskCompleted
//!         Step::Idle => break,
//!     }
//! }
//! ```

mod error;
mod local_activities;
mod observation;
mod task;

pub(crate) use error::{Error, EventRef, Mismatch, Nondeterminism};
pub(crate) use local_activities::{
    LocalActivity, LocalActivityOutcome, LocalActivityRequest, LocalActivityResult,
};
pub(crate) use observation::Observation;
pub(crate) use task::{Options, RunInfo, Step, Task, TaskCompletion};

use temporalio_common::protos::coresdk::workflow_completion::Success;

use crate::clock::Time;

/// The state machines of one run.
#[derive(Debug)]
pub(crate) struct Machines {
    run: RunInfo,
    options: Options,
}

impl Machines {
    /// Machines that have seen nothing of the run's history yet.
    pub(crate) fn new(run: RunInfo, options: Options) -> Self {
        Self { run, options }
    }

    /// A workflow task for this run came in.
    ///
    /// # Errors
    /// [`Error::PartialHistory`] if events are missing; anything that can be wrong with a history.
    pub(crate) fn handle_task(&mut self, task: Task) -> Result<(), Error> {
        let _ = (task, &self.run, &self.options);
        Ok(())
    }

    /// What to do next. Before this, do what [`Self::poll_local_activity`] says.
    ///
    /// # Errors
    /// As [`Self::handle_commands`].
    pub(crate) fn next_step(&mut self) -> Result<Step, Error> {
        Ok(Step::Idle)
    }

    /// What the workflow code did in the activation that [`Self::next_step`] gave out. `now` is the worker's
    /// time, at which local activities are scheduled.
    ///
    /// # Errors
    /// [`Error::Nondeterminism`] if history has something else; [`Error::InvalidCommand`] if the commands
    /// make no sense in themselves.
    pub(crate) fn handle_commands(&mut self, now: Time, result: Success) -> Result<(), Error> {
        let _ = (now, result);
        Ok(())
    }

    /// The next thing to do about local activities, `None` once they are all handed out.
    pub(crate) fn poll_local_activity(&mut self) -> Option<LocalActivityRequest> {
        None
    }

    /// A local activity ended, or wants to back off over a timer. Results that come between two activations,
    /// or between two tasks, are kept until they can be delivered.
    ///
    /// # Errors
    /// [`Error::InvalidCommand`] if there is no such local activity.
    pub(crate) fn handle_local_activity_result(&mut self, result: LocalActivityResult) -> Result<(), Error> {
        let _ = result;
        Ok(())
    }

    /// The task is about to time out while local activities run: complete it, and ask for another.
    pub(crate) fn handle_heartbeat_due(&mut self) {}

    /// The server answered a completion with `reset_history_event_id`: the task was speculative and left no
    /// events, so the history goes on after the given WorkflowTaskStarted event.
    pub(crate) fn handle_reset(&mut self, started_event_id: i64) {
        let _ = started_event_id;
    }

    /// Whether the workflow issued its last command.
    pub(crate) fn is_finished(&self) -> bool {
        false
    }

    /// Whether recorded history is being followed.
    pub(crate) fn is_replaying(&self) -> bool {
        false
    }

    /// How many local activities are waiting or running.
    pub(crate) fn outstanding_local_activities(&self) -> usize {
        0
    }

    /// What happened at each event since the last call, if [`Options::observe`] is set.
    pub(crate) fn take_observations(&mut self) -> Vec<Observation> {
        Vec::new()
    }
}
