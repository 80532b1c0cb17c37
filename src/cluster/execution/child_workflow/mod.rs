//! Child workflow executions, from the command that starts one to the event that tells its parent of its end.
//!
//! A child is *pending* in its parent from the StartChildWorkflowExecutionInitiated event until the parent hears that it
//! could not start or that it has closed. Everything between the two workflows happens in steps of their own, after the
//! transaction that they follow from:
//!
//! 1. The command is recorded as initiated.
//! 2. The child begins; the parent hears of that; then the child has its first workflow task. Nothing of this happens if
//!    the parent has closed meanwhile.
//! 3. The last run of the child's chain closes, and the parent hears of that. Runs that are continued tell it nothing.
//!
//! A parent that closes, in whatever way and even if it is itself continued by another run, does to its pending children
//! what the parent close policy of each says.
//!
//! | file | what it answers |
//! |---|---|
//! | `initiate`, `validation` | what the command StartChildWorkflowExecution does, and when it is refused |
//! | `start` | how a child begins, and how its parent hears of it |
//! | `close` | what the parent is told when the child closes |
//! | `parent_close` | what becomes of the children when the parent closes |
//! | `pending` | what a run knows of a child, and what DescribeWorkflowExecution tells of it |

mod close;
mod initiate;
mod parent_close;
mod pending;
mod start;
mod validation;

pub(crate) use initiate::start_child_workflow_execution;
pub(crate) use pending::{PendingChild, StartedChild, describe};
