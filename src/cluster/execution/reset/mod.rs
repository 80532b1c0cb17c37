//! ResetWorkflowExecution: a run that begins again somewhere in the middle of another one.
//!
//! The other run, the *base*, may be open or closed, and need not be the latest of its workflow id. The new run has the events
//! of the base up to the reset point, a workflow task that has failed there, and, applied again, what came to the base from
//! outside behind that point. Whatever run of the workflow id is open is terminated.
//!
//! | file | what it answers |
//! |---|---|
//! | `request` | what is asked, and what the base and the current run become |
//! | `point` | where a run can be reset to |
//! | `reapply` | which events of the base are applied again, and how |
//! | `resume` | how the new run goes on with what its base was waiting for |
//! | [`super::rebuild`] | what state the events up to the reset point make |

mod point;
mod reapply;
mod request;
mod resume;

pub(super) use resume::NO_REQUEST_ID;

/// Who terminates a run in order to begin it again somewhere in the middle. Its parent goes on to wait, and its children stay.
pub(super) const RESETTER: &str = "history-resetter";
