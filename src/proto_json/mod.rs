//! Any message of the Temporal API to and from proto3 JSON.
//!
//! The generated types cannot do this themselves: their serde form has the field names of Rust and numbers
//! for enums. So messages go through [`prost_reflect`] and the descriptor set of the official `.proto` files,
//! which `cargo run -p temporal-sim-descriptors` compiles.
//!
//! What is written is, byte for byte, what the Temporal CLI writes: fields in the order in which the
//! `.proto` files declare them, map keys sorted, bytes in base64, 64-bit integers as strings, enums by name,
//! fields with their default value left out. What is read may also spell enums the way older tools do
//! (`WorkflowExecutionStarted` instead of `EVENT_TYPE_WORKFLOW_EXECUTION_STARTED`).

mod read;
mod write;

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

/// The descriptor set of the official `.proto` files.
pub(crate) const DESCRIPTORS: &[u8] = include_bytes!("descriptors.bin");

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(DESCRIPTORS).expect("descriptors.bin is what temporal-sim-descriptors wrote")
});

/// What to do with a field that the message type does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnknownFields {
    /// Leave it out: the JSON may come from a server with a later API.
    Ignore,
    /// Refuse the whole message: a field that is not there is a mistake.
    Refuse,
}

/// Why something could not be turned from or into JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The text is no JSON at all.
    #[error("not valid JSON at line {line}, column {column}: {reason}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What the parser expected.
        reason: String,
    },
    /// The JSON does not fit the message type.
    #[error("`{path}`: {reason}")]
    Value {
        /// Where the value is: `events[4].eventType`; `.` for the message itself.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The name is none of a message of the Temporal API.
    #[error("`{name}` is no message type of the Temporal API")]
    UnknownType {
        /// The name, as `temporal.api.history.v1.History`.
        name: String,
    },
    /// The message holds something that has no JSON form.
    #[error("no JSON form: {reason}")]
    Unwritable {
        /// What it is.
        reason: String,
    },
}

/// Parses JSON text, for [`from_value`] to read.
pub(crate) fn from_text(json: &str) -> Result<serde_json::Value, Error> {
    read::parse(json)
}

/// Reads a message from a JSON value.
pub(crate) fn from_value<M: Message + Name + Default>(
    json: serde_json::Value,
    unknown: UnknownFields,
) -> Result<M, Error> {
    read::message(&message_type(&M::full_name())?, json, unknown)?.transcode_to().map_err(mismatch)
}

/// A message as a JSON value.
pub(crate) fn to_value<M: Message + Name>(message: &M) -> Result<serde_json::Value, Error> {
    write::value(&reflect(message)?)
}

/// A message as JSON text with an indentation of two spaces, without a line feed at its end.
pub(crate) fn to_string_pretty<M: Message + Name>(message: &M) -> Result<String, Error> {
    write::pretty(&reflect(message)?)
}

/// The wire form of the JSON of a message type that is known by name only.
pub(crate) fn encode(name: &str, json: serde_json::Value, unknown: UnknownFields) -> Result<Vec<u8>, Error> {
    Ok(read::message(&message_type(name)?, json, unknown)?.encode_to_vec())
}

/// The JSON of the wire form of a message type that is known by name only.
pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<serde_json::Value, Error> {
    write::value(&DynamicMessage::decode(message_type(name)?, bytes).map_err(mismatch)?)
}

/// The request and the response type of an RPC; `None` if there is no such service or RPC.
pub(crate) fn rpc_types(service: &str, rpc: &str) -> Option<(MessageDescriptor, MessageDescriptor)> {
    let service = POOL.get_service_by_name(service)?;
    service.methods().find(|method| method.name() == rpc).map(|method| (method.input(), method.output()))
}

/// The names of the RPCs of a service.
#[cfg(test)]
pub(crate) fn rpc_names(service: &str) -> Vec<String> {
    let service = POOL.get_service_by_name(service).expect("a service of the API");
    service.methods().map(|method| method.name().to_owned()).collect()
}

/// The message type of a name, as `temporal.api.history.v1.History`.
pub(crate) fn message_type(name: &str) -> Result<MessageDescriptor, Error> {
    POOL.get_message_by_name(name).ok_or_else(|| Error::UnknownType { name: name.to_owned() })
}

/// A message whose fields can be walked by their names.
pub(crate) fn reflect<M: Message + Name>(message: &M) -> Result<DynamicMessage, Error> {
    let mut reflected = DynamicMessage::new(message_type(&M::full_name())?);
    reflected.transcode_from(message).map_err(mismatch)?;
    Ok(reflected)
}

/// Why a message is not what its descriptor says, or too deep to be read.
pub(crate) fn mismatch(error: prost::DecodeError) -> Error {
    Error::Unwritable { reason: error.to_string() }
}

/// The message type that an `Any` names by its URL.
fn any_type(url: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(url.rsplit('/').next()?)
}

fn is_any(descriptor: &MessageDescriptor) -> bool {
    descriptor.full_name() == "google.protobuf.Any"
}

/// Whether proto JSON gives this message type a form of its own, and not that of an object with its fields.
fn is_well_known(descriptor: &MessageDescriptor) -> bool {
    descriptor.package_name() == "google.protobuf"
}

#[cfg(test)]
mod tests;
