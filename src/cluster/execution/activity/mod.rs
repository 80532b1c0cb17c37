//! Activities of a workflow execution, from the command that schedules one to the event that closes it.
//!
//! An activity is *pending* from its ActivityTaskScheduled event until the event that closes it. In between it leaves no
//! trace in the history: attempts, heartbeats, retries, pauses and changed options live in its [`PendingActivity`] only. The
//! event that closes it is preceded by an ActivityTaskStarted event if the last attempt was started.
//!
//! | file | what it answers |
//! |---|---|
//! | `schedule`, `cancel` | what the commands ScheduleActivityTask and RequestCancelActivityTask do |
//! | [`options`] | which activities are refused; which timeouts and retry policy one really has |
//! | `poll`, `start` | how an attempt gets from its task queue to a worker, and what the worker is told |
//! | `heartbeat`, `close` | what a heartbeat, a result, a failure and a cancellation lead to |
//! | `deadline` | which of the four timeouts is armed, and until when |
//! | `timeout` | what happens when timeouts expire |
//! | `retry` | whether a failed or timed out attempt is followed by another, and how the activity closes if not |
//! | `retried` | what is kept of the attempts that histories do not tell of |
//! | `respond` | the calls of workers: who may answer for which activity |
//! | `pause`, `reset`, `update_options`, `operate` | what an operator can do to a pending activity |
//! | `describe` | what DescribeWorkflowExecution tells of one |

mod cancel;
mod close;
mod deadline;
mod describe;
mod heartbeat;
mod operate;
mod pause;
mod pending;
mod poll;
mod reset;
mod respond;
mod retried;
mod retry;
mod schedule;
mod start;
mod timeout;
mod update_options;

pub(crate) use cancel::request_cancel_activity_task;
pub(crate) use describe::describe;
pub(crate) use pending::{Activities, PendingActivity};
pub(crate) use retried::RetriedAttempt;
pub(crate) use schedule::schedule_activity_task;

pub(super) use options::of_event as options_of_event;

use crate::rules::activity_options as options;

#[cfg(test)]
mod tests;
