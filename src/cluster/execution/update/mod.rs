//! Workflow updates: requests to a run that it validates, accepts and answers.
//!
//! An update is *admitted* by a request ([`request`]) and kept in the run's [`Updates`]. It is *sent* to a worker with the next
//! workflow task ([`deliver`]); if none is pending, a speculative one is scheduled for it, whose events are written only if
//! something comes of it. The worker answers with messages ([`protocol`]): an accepted update is in the history and remains there,
//! a rejected one leaves no trace. Callers wait ([`wait`]) until the update has reached the stage that they asked for. What
//! becomes of an update that nobody is going to answer is in [`abort`].

mod abort;
mod deliver;
mod poll;
mod protocol;
mod recorded;
mod registry;
mod request;
#[cfg(test)]
mod tests;
mod wait;

pub(crate) use protocol::{Messages, handle_remaining_messages, protocol_message};
pub(crate) use registry::Updates;
pub(crate) use request::UpdateRequest;
pub(crate) use wait::{Asked, Waiter};

/// The stages of an update that callers can see, in their order.
pub(crate) use temporalio_common::protos::temporal::api::enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage;
