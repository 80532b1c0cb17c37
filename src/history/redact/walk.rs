//! The way through all fields of all events.

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value};
use temporalio_common::protos::{
    constants::{LOCAL_ACTIVITY_MARKER_NAME, PATCH_MARKER_NAME},
    temporal::api::{common::v1::Payload, enums::v1::TaskQueueKind},
};

use super::{Redaction, ids::Replaced};
use crate::proto_json;

/// In the metadata of a payload: it was redacted, with the key of this fingerprint.
pub(in crate::history) const REDACTED: &str = "redacted";

/// Fields with texts that are structure: what the code calls things, what the server needs to know about them,
/// and random ids.
const STRUCTURE: &[&str] = &[
    "attached_request_id",
    "base_run_id",
    "binary_checksum",
    "build_id",
    "component_path",
    "continued_execution_run_id",
    "cron_schedule",
    "deployment_name",
    "endpoint",
    "endpoint_id",
    "first_execution_run_id",
    "inherited_build_id",
    "job_id",
    "marker_name",
    "name",
    "namespace",
    "namespace_id",
    "new_execution_run_id",
    "new_run_id",
    "non_retryable_error_types",
    "operation",
    "original_execution_run_id",
    "parent_pinned_worker_deployment_version",
    "parent_workflow_namespace",
    "parent_workflow_namespace_id",
    "pinned_version",
    "request_id",
    "run_id",
    "sdk_name",
    "sdk_version",
    "series_name",
    "service",
    "signal_name",
    "source",
    "type",
    "worker_deployment_name",
    "worker_deployment_version",
];

/// Fields with ids that somebody chose, or names that may have been made like ids.
const IDS: &[&str] = &[
    "accepted_request_message_id",
    "activity_id",
    "business_id",
    "id",
    "inbound_update_id",
    "new_task_queue",
    "normal_name",
    "operation_id",
    "protocol_instance_id",
    "rejected_request_message_id",
    "task_queue_name",
    "timer_id",
    "update_id",
    "workflow_id",
];

/// Details of markers that SDKs read, by the name of the marker.
const MARKER_DETAILS: &[(&str, &[&str])] = &[
    (PATCH_MARKER_NAME, &["patch-data"]),
    (LOCAL_ACTIVITY_MARKER_NAME, &["data"]),
    // The versions of the SDKs for Go and Java.
    ("Version", &["change-id", "changeId", "version", "version-search-attribute-updated"]),
];

/// One way through histories, which remembers what it has replaced.
pub(super) struct Walk<'a> {
    redaction: &'a Redaction,
    fingerprint: Vec<u8>,
    replaced: Replaced,
}

/// What one way through a message does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Replaces payloads and texts.
    Data,
    /// Replaces the parts of ids that are values which the first way has replaced.
    Ids,
}

impl<'a> Walk<'a> {
    pub(super) fn new(redaction: &'a Redaction) -> Self {
        let fingerprint = redaction.key.fingerprint().into_bytes();
        Self { redaction, fingerprint, replaced: Replaced::default() }
    }

    /// Goes through all that is in a message. Fails if its messages are nested more deeply than protobuf can be read;
    /// it is as it was then.
    pub(super) fn walk<M: Message + Name + Default>(
        &mut self,
        message: &mut M,
        pass: Pass,
    ) -> Result<(), proto_json::Error> {
        let mut reflected = proto_json::reflect(message)?;
        self.message(&mut reflected, pass);
        *message = reflected.transcode_to().map_err(proto_json::mismatch)?;
        Ok(())
    }

    fn message(&mut self, message: &mut DynamicMessage, pass: Pass) {
        let descriptor = message.descriptor();
        match (descriptor.name(), pass) {
            ("Payload", Pass::Data) => return self.payload(message),
            ("Payload", Pass::Ids) => return,
            ("TaskQueue", _) if is_sticky(message) => return self.sticky_queue(message),
            ("SearchAttributes", _) if !self.redaction.search_attributes => return,
            ("MarkerRecordedEventAttributes", _) => return self.marker(message, pass),
            _ => {}
        }
        for (field, value) in message.fields_mut() {
            if descriptor.name() == "SearchAttributes" {
                self.search_attributes(value, pass);
            } else {
                self.field(descriptor.name(), &field, value, pass);
            }
        }
    }

    fn field(&mut self, message: &str, field: &FieldDescriptor, value: &mut Value, pass: Pass) {
        let kind = match field.kind() {
            Kind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind(),
            kind => kind,
        };
        let name = field.name();
        for_each(value, &mut |value| match (value, &kind) {
            (Value::Message(message), _) => self.message(message, pass),
            (Value::String(text), _) if field.is_map() => self.text(text, pass),
            (Value::String(text), _) if IDS.contains(&name) => self.id(name, text, pass),
            // Task queues may be made for somebody, principals are somebody.
            (Value::String(text), _) if (message, name) == ("TaskQueue", "name") => self.id(name, text, pass),
            (Value::String(text), _) if (message, name) == ("Principal", "name") => self.text(text, pass),
            (Value::String(_), _) if STRUCTURE.contains(&name) => {}
            (Value::String(text), _) => self.text(text, pass),
            (Value::Bytes(bytes), _) if pass == Pass::Data => {
                *bytes = self.redaction.key.bytes(bytes).into();
            }
            _ => {}
        });
    }

    fn text(&self, text: &mut String, pass: Pass) {
        if pass == Pass::Data {
            *text = self.redaction.key.token(text);
        }
    }

    fn id(&self, name: &str, text: &mut String, pass: Pass) {
        if pass == Pass::Data {
            return;
        }
        if self.redaction.workflow_ids && matches!(name, "workflow_id" | "business_id") {
            *text = self.redaction.key.token(text);
        } else if name == "workflow_id" || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            // Other ids that are numbers are those with which an SDK counts.
            *text = self.replaced.within(text);
        }
    }

    /// The name of a sticky queue is made from that of a machine.
    fn sticky_queue(&self, message: &mut DynamicMessage) {
        for (field, value) in message.fields_mut() {
            if let (Value::String(name), "name") = (value, field.name()) {
                *name = self.redaction.key.token(name);
            }
        }
    }

    fn search_attributes(&mut self, fields: &mut Value, pass: Pass) {
        let Value::Map(fields) = fields else { return };
        for (name, value) in fields {
            let is_temporals = match name {
                MapKey::String(name) => name.starts_with("Temporal") || name == "BuildIds",
                _ => false,
            };
            if let Value::Message(payload) = value
                && !is_temporals
            {
                self.message(payload, pass);
            }
        }
    }

    fn marker(&mut self, marker: &mut DynamicMessage, pass: Pass) {
        let name = marker.get_field_by_name("marker_name");
        let name = name.as_ref().and_then(|name| name.as_str()).unwrap_or_default().to_owned();
        let kept =
            MARKER_DETAILS.iter().find(|(marker, _)| *marker == name).map_or(&[][..], |(_, kept)| kept);
        for (field, value) in marker.fields_mut() {
            match value {
                Value::Map(details) if field.name() == "details" => {
                    for (key, detail) in details {
                        let is_kept = matches!(key, MapKey::String(key) if kept.contains(&key.as_str()));
                        if let Value::Message(payloads) = detail
                            && !is_kept
                        {
                            self.message(payloads, pass);
                        }
                    }
                }
                value => self.field("MarkerRecordedEventAttributes", &field, value, pass),
            }
        }
    }

    fn payload(&mut self, message: &mut DynamicMessage) {
        let Ok(payload) = message.transcode_to::<Payload>() else { return };
        if payload.metadata.get(REDACTED) == Some(&self.fingerprint) {
            return;
        }
        let mut redacted = DynamicMessage::new(message.descriptor());
        if redacted.transcode_from(&self.redacted(payload)).is_err() {
            // What nobody has looked at must not be kept.
            redacted.clear();
        }
        *message = redacted;
    }

    fn redacted(&mut self, mut payload: Payload) -> Payload {
        let encoding = payload.metadata.get("encoding").map(Vec::as_slice).unwrap_or_default();
        payload.data = match encoding {
            b"binary/null" => return payload,
            // Of any message type, that is the message with nothing set.
            b"binary/protobuf" => Vec::new(),
            b"json/plain" | b"json/protobuf" => match serde_json::from_slice(&payload.data) {
                Ok(value) => self.redaction.replace_json(value, &mut self.replaced).to_string().into_bytes(),
                Err(_) => self.redaction.key.bytes(&payload.data),
            },
            _ => self.redaction.key.bytes(&payload.data),
        };
        payload.metadata.insert(REDACTED.to_owned(), self.fingerprint.clone());
        payload
    }
}

fn is_sticky(task_queue: &DynamicMessage) -> bool {
    let kind = task_queue.get_field_by_name("kind");
    kind.and_then(|kind| kind.as_enum_number()) == Some(TaskQueueKind::Sticky as i32)
}

/// Every value in a list or a map, or the value itself.
fn for_each(value: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::List(items) => items.iter_mut().for_each(visit),
        Value::Map(entries) => entries.values_mut().for_each(visit),
        value => visit(value),
    }
}
