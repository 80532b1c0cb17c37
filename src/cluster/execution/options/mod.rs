//! The options of a run that a client can change while it is open: priority and versioning override.
//!
//! A change is an event, which no worker has to see: it schedules no workflow task. A change that changes nothing leaves
//! no event.
//!
//! | file | what it answers |
//! |---|---|
//! | `request` | who may change what, and what the caller is told |
//! | `mask` | which options a request means, and what they become |
//! | `versioning` | which versioning overrides are taken |

mod mask;
mod request;
mod versioning;

pub(super) use mask::check_change;
pub(crate) use versioning::{check_override, normalised as normalised_override};

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    common::v1::Priority,
    enums::v1::EventType,
    history::v1::{
        WorkflowExecutionOptionsUpdatedEventAttributes as OptionsUpdated,
        WorkflowExecutionStartedEventAttributes,
    },
    workflow::v1::{VersioningOverride, WorkflowExecutionOptions},
};

use super::Run;

/// The options of a run as they are at present.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ExecutionOptions {
    pub(crate) priority: Option<Priority>,
    /// Which version of the workers it goes to, whatever they say themselves.
    pub(crate) versioning_override: Option<VersioningOverride>,
    /// Whether there ever was an override.
    has_versioning: bool,
}

impl ExecutionOptions {
    /// The options with which a run starts.
    pub(super) fn of(started: &WorkflowExecutionStartedEventAttributes) -> Self {
        Self {
            priority: started.priority.clone(),
            versioning_override: started.versioning_override.clone(),
            has_versioning: started.versioning_override.is_some(),
        }
    }

    /// The options as a client sees them.
    fn to_proto(&self) -> WorkflowExecutionOptions {
        WorkflowExecutionOptions {
            versioning_override: self.versioning_override.clone(),
            priority: self.priority.clone(),
            ..Default::default()
        }
    }

    /// Whether there ever was an override.
    pub(super) fn has_versioning(&self) -> bool {
        self.has_versioning
    }
}

impl Run {
    /// Changes the options as their event says. `event_id` is `None` while the event is held back.
    pub(in crate::cluster) fn apply_options_updated(
        &mut self,
        updated: &OptionsUpdated,
        event_id: Option<i64>,
    ) {
        self.attach_request(
            &updated.attached_request_id,
            EventType::WorkflowExecutionOptionsUpdated,
            event_id,
        );
        if updated.priority.is_some() {
            // A priority can be replaced, but not taken away.
            Arc::make_mut(&mut self.state.options).priority.clone_from(&updated.priority);
        }
        if updated.unset_versioning_override || updated.versioning_override.is_some() {
            let before = self.state.effective_behavior();
            let options = Arc::make_mut(&mut self.state.options);
            options.versioning_override.clone_from(&updated.versioning_override);
            options.has_versioning |= updated.versioning_override.is_some();
            if before != self.state.effective_behavior() {
                Arc::make_mut(&mut self.state.versioning).end_transition();
                self.show_versions(None, None);
            }
        }
    }
}
