//! Patches.
//!
//! Outside replay every patch is taken, and recorded as a marker. In replay a patch is taken if its marker is
//! in history. What the workflow asks and what history has combine like this:
//!
//! | history                | no call        | `patched`        | `deprecate_patch` |
//! |------------------------|----------------|------------------|-------------------|
//! | not replaying          | nothing        | marker, true     | deprecated marker |
//! | a marker               | nondeterminism | true             | fine              |
//! | a deprecated marker    | skipped        | true             | fine              |
//! | replaying, no marker   | nothing        | false, no marker | fine              |

use std::collections::BTreeSet;

use crate::proto_map::ProtoMap;
use temporalio_common::protos::{
    VERSION_SEARCH_ATTR_KEY,
    constants::PATCH_MARKER_NAME,
    coresdk::{
        AsJsonPayloadExt,
        common::{build_has_change_marker_details, decode_change_marker_details},
        workflow_commands::SetPatchMarker,
    },
    temporal::api::{
        command::v1::{RecordMarkerCommandAttributes, command::Attributes as CommandAttributes},
        common::v1::SearchAttributes,
        history::v1::{HistoryEvent, history_event::Attributes},
    },
};

use super::{
    Error, EventRef, Machines, Mismatch, Nondeterminism,
    annotations::Annotations,
    flags::Flag,
    machine::{Machine, compare},
    upsert_search_attributes::upsert_search_attributes,
};

/// The size of a search attribute that a server refuses. An upsert that would reach it is left out.
const SEARCH_ATTRIBUTE_SIZE_LIMIT: usize = 2048;

/// A patch that the workflow asked for.
#[derive(Debug)]
pub(super) struct Patch {
    patch_id: String,
}

impl Patch {
    pub(super) fn handle_event(&self, event: &HistoryEvent) -> Result<(), Error> {
        let at = EventRef::of(event);
        match patch_marker(event) {
            Some(marker) => compare(at, "patch id", &marker.patch_id, &self.patch_id),
            None => compare(at, "marker name", marker_name(event).unwrap_or_default(), PATCH_MARKER_NAME),
        }
    }
}

/// What the marker of a patch says.
pub(super) struct PatchMarker {
    pub(super) patch_id: String,
    pub(super) deprecated: bool,
}

/// Reads the marker of a patch; `None` for any other event.
pub(super) fn patch_marker(event: &HistoryEvent) -> Option<PatchMarker> {
    match &event.attributes {
        Some(Attributes::MarkerRecordedEventAttributes(marker))
            if marker.marker_name == PATCH_MARKER_NAME =>
        {
            let (patch_id, deprecated) = decode_change_marker_details(&marker.details)?;
            Some(PatchMarker { patch_id, deprecated })
        }
        _ => None,
    }
}

/// The name of a marker; `None` for any other event.
pub(super) fn marker_name(event: &HistoryEvent) -> Option<&str> {
    match &event.attributes {
        Some(Attributes::MarkerRecordedEventAttributes(marker)) => Some(&marker.marker_name),
        _ => None,
    }
}

/// What to do with the next command of the workflow at a command event.
pub(super) enum PatchRule {
    /// Match them.
    Match,
    /// Drop the command and look at the next one: it asked for a patch that history does not have here.
    DropCommand,
    /// Leave the command, go past the event, and past the upsert that follows it.
    SkipEvent { and_the_next: bool },
}

impl PatchRule {
    /// The rule for an event and the machine of the next command.
    pub(super) fn of(
        event: &HistoryEvent,
        machine: Option<&Machine>,
        next: Option<&HistoryEvent>,
    ) -> Result<Self, Error> {
        let patch = match machine {
            Some(Machine::Patch(patch)) => Some(patch),
            _ => None,
        };
        let Some(marker) = patch_marker(event) else {
            return Ok(if patch.is_some() { Self::DropCommand } else { Self::Match });
        };
        let fits = patch.is_some_and(|patch| patch.patch_id == marker.patch_id);
        match patch {
            _ if marker.deprecated && !fits => Ok(Self::SkipEvent { and_the_next: is_version_upsert(next) }),
            Some(_) => Ok(Self::Match),
            None => {
                let kind = Mismatch::PatchNotAsked { patch_id: marker.patch_id };
                Err(Nondeterminism { event: Some(EventRef::of(event)), kind }.into())
            }
        }
    }
}

/// Whether an event upserts `TemporalChangeVersion`.
fn is_version_upsert(event: Option<&HistoryEvent>) -> bool {
    match event.and_then(|event| event.attributes.as_ref()) {
        Some(Attributes::UpsertWorkflowSearchAttributesEventAttributes(upsert)) => upsert
            .search_attributes
            .as_ref()
            .is_some_and(|attributes| attributes.indexed_fields.contains_key(VERSION_SEARCH_ATTR_KEY)),
        _ => false,
    }
}

impl Machines {
    /// The workflow asks for a patch. The first time, that is a marker; and an upsert that names all patches
    /// of the run, so that runs can be found by them.
    pub(super) fn set_patch_marker(
        &mut self,
        patch: SetPatchMarker,
        annotations: Annotations,
    ) -> Result<(), Error> {
        let SetPatchMarker { patch_id, deprecated } = patch;
        let in_history = match self.patches.get(&patch_id) {
            Some(true) => return Ok(()),
            Some(false) => true,
            None => false,
        };
        let details = build_has_change_marker_details(&patch_id, deprecated)
            .map_err(|error| Error::InvalidCommand(format!("patch {patch_id:?}: {error}")))?;
        let marker = RecordMarkerCommandAttributes {
            marker_name: PATCH_MARKER_NAME.to_owned(),
            details,
            ..Default::default()
        };
        let command = annotations.clone().command(CommandAttributes::RecordMarkerCommandAttributes(marker));
        let upserts =
            self.flags.try_use(Flag::UpsertOnPatch, !self.replaying) && (in_history || !self.replaying);
        self.issue(Machine::Patch(Patch { patch_id: patch_id.clone() }), command);
        self.patches.insert(patch_id, true);
        if upserts {
            self.upsert_change_version(annotations)?;
        }
        Ok(())
    }

    fn upsert_change_version(&mut self, annotations: Annotations) -> Result<(), Error> {
        let asked: BTreeSet<&str> =
            self.patches.iter().filter(|(_, asked)| **asked).map(|(id, _)| id.as_str()).collect();
        let mut value = asked
            .as_json_payload()
            .map_err(|error| Error::InvalidCommand(format!("{VERSION_SEARCH_ATTR_KEY}: {error}")))?;
        if value.data.len() >= SEARCH_ATTRIBUTE_SIZE_LIMIT {
            return Ok(());
        }
        value.metadata.insert("type".to_owned(), b"KeywordList".to_vec());
        let indexed_fields = ProtoMap::from([(VERSION_SEARCH_ATTR_KEY.to_owned(), value)]);
        let command = upsert_search_attributes(Some(SearchAttributes { indexed_fields }), false, annotations);
        self.issue(Machine::Recorded, command);
        Ok(())
    }
}

/// The patches of a run by their ids, and whether the workflow has asked for them; the others are known from
/// their markers.
pub(super) type Patches = std::collections::BTreeMap<String, bool>;
