//! Search attributes and memo of a running workflow.

use std::{collections::BTreeMap, sync::Arc};

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    command::v1::{
        ModifyWorkflowPropertiesCommandAttributes, UpsertWorkflowSearchAttributesCommandAttributes,
    },
    common::v1::{Memo, Payload},
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{
        UpsertWorkflowSearchAttributesEventAttributes, WorkflowPropertiesModifiedEventAttributes,
        history_event::Attributes,
    },
    sdk::v1::UserMetadata,
};

use super::{
    Event, Transaction,
    completed::{CommandFailure, Completion},
};
use crate::cluster::payloads;

/// The UpsertWorkflowSearchAttributes command.
pub(crate) fn upsert_search_attributes(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<UpsertWorkflowSearchAttributesCommandAttributes>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    const CAUSE: Cause = Cause::BadSearchAttributes;
    let refuse = |message: &str| CommandFailure::new(CAUSE, message);
    let attributes = attributes.ok_or_else(|| {
        refuse(
            "UpsertWorkflowSearchAttributesCommandAttributes is not set on \
             UpsertWorkflowSearchAttributesCommand.",
        )
    })?;
    if let Some(upserted) = &attributes.search_attributes {
        tx.shared
            .namespaces
            .check_search_attribute_names(tx.run.namespace, upserted)
            .map_err(|error| refuse(&error.message))?;
    }
    let mut upserted = attributes
        .search_attributes
        .ok_or_else(|| refuse("SearchAttributes is not set on UpsertWorkflowSearchAttributesCommand."))?;
    if upserted.indexed_fields.is_empty() {
        return Err(refuse("IndexedFields is not set on UpsertWorkflowSearchAttributesCommand."));
    }
    tx.shared
        .namespaces
        .check_search_attribute_values(tx.run.namespace, &mut upserted)
        .map_err(|error| refuse(&error.message))?;
    if payloads_size(&upserted.indexed_fields) > tx.limits().blob_size {
        let message = "UpsertWorkflowSearchAttributesCommandAttributes exceeds size limit.";
        return Err(CommandFailure::terminate(CAUSE, message));
    }
    let mut merged = tx.run.state.search_attributes.clone();
    merge(&mut merged, &upserted.indexed_fields);
    tx.shared
        .namespaces
        .check_search_attribute_sizes(tx.run.namespace, merged.iter())
        .map_err(|error| CommandFailure::terminate(CAUSE, error.message))?;
    tx.run.state.search_attributes = merged;
    let event = UpsertWorkflowSearchAttributesEventAttributes {
        workflow_task_completed_event_id: completion.completed_event_id,
        search_attributes: Some(upserted),
    };
    tx.add_event(
        Event::new(Attributes::UpsertWorkflowSearchAttributesEventAttributes(event))
            .user_metadata(user_metadata),
    );
    Ok(())
}

/// The ModifyWorkflowProperties command, which changes the memo.
pub(crate) fn modify_properties(
    tx: &mut Transaction<'_>,
    completion: &mut Completion,
    attributes: Option<ModifyWorkflowPropertiesCommandAttributes>,
    user_metadata: Option<UserMetadata>,
) -> Result<(), CommandFailure> {
    const CAUSE: Cause = Cause::BadModifyWorkflowPropertiesAttributes;
    let refuse = |message: &str| CommandFailure::new(CAUSE, message);
    let attributes = attributes.ok_or_else(|| {
        refuse("ModifyWorkflowPropertiesCommandAttributes is not set on ModifyWorkflowPropertiesCommand.")
    })?;
    let memo = attributes
        .upserted_memo
        .ok_or_else(|| refuse("UpsertedMemo is not set on ModifyWorkflowPropertiesCommand."))?;
    if memo.fields.is_empty() {
        return Err(refuse("UpsertedMemo.Fields is not set on ModifyWorkflowPropertiesCommand."));
    }
    if payloads_size(&memo.fields) > tx.limits().blob_size {
        let message = "ModifyWorkflowPropertiesCommandAttributes exceeds size limit.";
        return Err(CommandFailure::terminate(CAUSE, message));
    }
    let mut merged = tx.run.state.memo.clone();
    merge(&mut merged, &memo.fields);
    let fields = merged.iter().map(|(key, payload)| (key.clone(), payload.clone())).collect();
    if (Memo { fields }).encoded_len() > tx.limits().memo_size {
        let message = "ModifyWorkflowPropertiesCommandAttributes. Memo exceeds size limit.";
        return Err(CommandFailure::terminate(CAUSE, message));
    }
    tx.run.state.memo = merged;
    let event = WorkflowPropertiesModifiedEventAttributes {
        workflow_task_completed_event_id: completion.completed_event_id,
        upserted_memo: Some(memo),
    };
    tx.add_event(
        Event::new(Attributes::WorkflowPropertiesModifiedEventAttributes(event)).user_metadata(user_metadata),
    );
    Ok(())
}

/// The size of names and values alone.
fn payloads_size<'a>(fields: impl IntoIterator<Item = (&'a String, &'a Payload)>) -> usize {
    fields.into_iter().map(|(name, payload)| name.len() + payload.data.len()).sum()
}

/// Sets the fields that have a value and removes those that have none.
pub(super) fn merge<'a>(
    fields: &mut Arc<BTreeMap<String, Payload>>,
    upserted: impl IntoIterator<Item = (&'a String, &'a Payload)>,
) {
    let fields = Arc::make_mut(fields);
    for (key, payload) in upserted {
        if payloads::is_nil(payload) {
            fields.remove(key);
        } else {
            fields.insert(key.clone(), payload.clone());
        }
    }
}
