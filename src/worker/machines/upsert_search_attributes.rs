//! Upserts of search attributes.

use temporalio_common::protos::{
    VERSION_SEARCH_ATTR_KEY,
    temporal::api::{
        command::v1::{Command, UpsertWorkflowSearchAttributesCommandAttributes, command::Attributes},
        common::v1::SearchAttributes,
    },
};

use super::annotations::Annotations;

/// The command of an upsert.
///
/// The attribute `TemporalChangeVersion` belongs to the patches (`patches_own_it`): an upsert by the workflow
/// that names it is sent with nothing in it.
pub(super) fn upsert_search_attributes(
    attributes: Option<SearchAttributes>,
    patches_own_it: bool,
    annotations: Annotations,
) -> Command {
    let attributes = attributes.unwrap_or_default();
    let names_it = attributes.indexed_fields.contains_key(VERSION_SEARCH_ATTR_KEY);
    let attributes = if patches_own_it && names_it { SearchAttributes::default() } else { attributes };
    annotations.command(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(
        UpsertWorkflowSearchAttributesCommandAttributes { search_attributes: Some(attributes) },
    ))
}
