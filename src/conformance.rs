//! A server as the conformance cases call it: any RPC, by name, in proto JSON. [`Frontend`] is the cluster in memory; for a
//! server behind a connection there are the forms of requests, answers and errors.
//!
//! Only for this project's own tests, which stand outside of the crate; not part of the public interface.

use std::time::Duration;

use prost_reflect::MessageDescriptor;
use serde_json::Value;
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;

use crate::{
    clock::Time,
    cluster::{Cluster, Config, Limits, LongPolls},
    proto_json::{self, UnknownFields},
    rng::Seed,
    service::{Service, wire},
};

/// The virtual time at which every frontend starts: 2026-09-01T10:20:30Z. It is far from the dates that
/// cases speak of, which are written as they are, unlike those near the start.
const START: Time = Time::from_nanos(1_788_258_030_000_000_000);

/// The search attributes of the server that recorded the cases.
pub const SEARCH_ATTRIBUTES: [(&str, IndexedValueType); 7] = [
    ("CustomBoolField", IndexedValueType::Bool),
    ("CustomDatetimeField", IndexedValueType::Datetime),
    ("CustomDoubleField", IndexedValueType::Double),
    ("CustomIntField", IndexedValueType::Int),
    ("CustomKeywordField", IndexedValueType::Keyword),
    ("CustomStringField", IndexedValueType::Keyword),
    ("CustomTextField", IndexedValueType::Text),
];

/// A cluster that has nothing in it but the namespace `default`, and its clock.
#[derive(Clone)]
pub struct Frontend(Service);

/// A gRPC status, as a client sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The code's name, as `NOT_FOUND`.
    pub code: String,
    /// The message.
    pub message: String,
    /// Detail messages in proto JSON, each with its `@type`.
    pub details: Vec<Value>,
}

impl Frontend {
    /// Starts a cluster in which long polls expire. Must be called within a tokio runtime whose clock is
    /// paused; [`Self::drive`] has to be polled beside the calls.
    pub fn start(seed: u64, limits: Limits) -> Self {
        let seed = Seed(seed);
        let config = Config {
            long_polls: LongPolls::Expire,
            limits,
            search_attributes: SEARCH_ATTRIBUTES.map(|(name, kind)| (name.to_owned(), kind)).into(),
            ..Default::default()
        };
        Self(Service::new(Cluster::new(config, seed), seed, START))
    }

    /// Lets things happen in the cluster as time passes. Never ends.
    pub async fn drive(&self) {
        self.0.drive().await;
    }

    /// Seconds of virtual time since the Unix epoch.
    pub fn now(&self) -> f64 {
        self.0.now().as_nanos() as f64 / 1e9
    }

    /// Calls an RPC and waits for its answer until `deadline` from now has passed.
    ///
    /// # Errors
    ///
    /// The outer error is a mistake in the call itself: an RPC that the API does not have, or a request
    /// that is not of its request type. The inner one is what the server answered.
    pub async fn call(
        &self,
        service: &str,
        rpc: &str,
        request: Value,
        deadline: Duration,
    ) -> Result<Result<Value, Status>, String> {
        let request = encode_request(service, rpc, request)?;
        let deadline = self.0.now() + deadline;
        match self.0.call_encoded(service, rpc, &request, Some(deadline)).await {
            Ok(response) => decode_response(service, rpc, &response).map(Ok),
            Err(error) => Status::of(&wire::status(&error)).map(Err),
        }
    }
}

impl Status {
    /// Reads a status as a client gets it, its details from `grpc-status-details-bin`.
    ///
    /// # Errors
    ///
    /// If a detail is of a type that the API does not have.
    pub fn of(status: &tonic::Status) -> Result<Self, String> {
        let details = wire::details(status)?;
        let details = details.iter().map(|detail| {
            proto_json::to_value(detail).map_err(|problem| format!("detail {}: {problem}", detail.type_url))
        });
        Ok(Self {
            code: screaming(&format!("{:?}", status.code())),
            details: details.collect::<Result<_, _>>()?,
            message: status.message().to_owned(),
        })
    }
}

/// A request as it is sent.
///
/// # Errors
///
/// If the API has no such RPC, or the request is not of its request type.
pub fn encode_request(service: &str, rpc: &str, request: Value) -> Result<Vec<u8>, String> {
    let (input, _) = rpc_types(service, rpc)?;
    proto_json::encode(input.full_name(), request, UnknownFields::Refuse)
        .map_err(|error| format!("request of {rpc}: {error}"))
}

/// An answer as it was sent.
///
/// # Errors
///
/// If the API has no such RPC, or the answer is not of its response type.
pub fn decode_response(service: &str, rpc: &str, response: &[u8]) -> Result<Value, String> {
    let (_, output) = rpc_types(service, rpc)?;
    proto_json::decode(output.full_name(), response).map_err(|error| format!("response of {rpc}: {error}"))
}

/// Whether the request of an RPC has a field with this JSON name.
pub fn request_has_field(service: &str, rpc: &str, field: &str) -> bool {
    rpc_types(service, rpc).is_ok_and(|(input, _)| input.get_field_by_json_name(field).is_some())
}

fn rpc_types(service: &str, rpc: &str) -> Result<(MessageDescriptor, MessageDescriptor), String> {
    proto_json::rpc_types(service, rpc).ok_or_else(|| format!("{service} has no RPC {rpc}"))
}

/// `NotFound` as `NOT_FOUND`.
fn screaming(name: &str) -> String {
    let mut screaming = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !screaming.is_empty() {
            screaming.push('_');
        }
        screaming.push(letter.to_ascii_uppercase());
    }
    screaming
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WORKFLOW_SERVICE: &str = "temporal.api.workflowservice.v1.WorkflowService";

    async fn call(rpc: &str, request: Value) -> Result<Result<Value, Status>, String> {
        Frontend::start(1, Limits::default())
            .call(WORKFLOW_SERVICE, rpc, request, Duration::from_secs(10))
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn an_rpc_that_is_not_served_is_an_answer() {
        let status = call("ListDeployments", json!({"namespace": "default"})).await.unwrap().unwrap_err();
        assert_eq!(status.code, "UNIMPLEMENTED");
    }

    #[tokio::test(start_paused = true)]
    async fn a_mistake_in_a_request_is_not_an_answer() {
        let mistake = call("StartWorkflowExecution", json!({"workflow": "wf"})).await.unwrap_err();
        assert!(mistake.contains("unrecognized field name 'workflow'"), "{mistake}");
        assert!(call("StartWorkflow", json!({})).await.unwrap_err().contains("has no RPC StartWorkflow"));
    }

    #[test]
    fn requests_are_known_by_the_json_names_of_their_fields() {
        let has = |rpc, field| request_has_field(WORKFLOW_SERVICE, rpc, field);
        assert!(has("StartWorkflowExecution", "requestId"));
        assert!(!has("StartWorkflowExecution", "request_id"));
        assert!(!has("StartWorkflow", "requestId"));
    }
}
