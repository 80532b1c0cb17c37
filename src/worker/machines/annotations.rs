//! What the workflow attached to a command beside its attributes.

use temporalio_common::protos::temporal::api::{
    command::v1::{Command, CommandAttributesExt, command::Attributes},
    sdk::v1::{EventGroupMarker, UserMetadata},
};

/// The summary, details and group markers of a command. A cancellation inherits those of what it cancels.
#[derive(Debug, Clone, Default)]
pub(super) struct Annotations {
    pub(super) user_metadata: Option<UserMetadata>,
    pub(super) event_group_markers: Vec<EventGroupMarker>,
}

impl Annotations {
    /// Replaces what `other` sets, keeps the rest.
    pub(super) fn override_with(&mut self, other: Self) {
        if let Some(other) = other.user_metadata {
            let own = self.user_metadata.get_or_insert_default();
            own.summary = other.summary.or(own.summary.take());
            own.details = other.details.or(own.details.take());
        }
        if !other.event_group_markers.is_empty() {
            self.event_group_markers = other.event_group_markers;
        }
    }

    /// An API command with these annotations.
    pub(super) fn command(self, attributes: Attributes) -> Command {
        Command {
            command_type: attributes.as_type() as i32,
            attributes: Some(attributes),
            user_metadata: self.user_metadata,
            event_group_markers: self.event_group_markers,
        }
    }
}
