//! Activities of a workflow execution, from the command that schedules one to the event that closes it.
//!
//! An activity is *pending* from its ActivityTaskScheduled event until the event that closes it. In between it
//! leaves no trace in the history: attempts, heartbeats, retries, pauses and changed options live in its
//! [`PendingActivity`] only. The event that closes it is preceded by an ActivityTaskStarted event if the last
//! attempt was started.
//!
//! | file | what it answers |
//! |---|---|
//! | `options` | which commands are refused; which timeouts and retry policy an activity really has |
//! | `deadline` | which of the four timeouts is armed, and until when |
//! | `retry` | what a failed or timed out attempt leads to |

mod deadline;
mod options;
mod pending;
mod retry;

#[cfg(test)]
mod tests;
