//! The transport between an official client or worker and the cluster of the same process: no socket,
//! no port, nothing faked on the caller's side.

use std::{sync::Arc, time::Duration};

use prost::Message as _;
use temporalio_client::callback_based::{CallbackBasedGrpcService, GrpcRequest, GrpcSuccessResponse};
use tonic::Status;

use super::Service;
use crate::cluster::Error;

/// What `ConnectionOptions::service_override` takes.
pub(crate) fn in_memory(service: &Service) -> CallbackBasedGrpcService {
    let service = service.clone();
    CallbackBasedGrpcService {
        callback: Arc::new(move |request| {
            let service = service.clone();
            Box::pin(async move { answer(&service, request).await })
        }),
    }
}

async fn answer(service: &Service, request: GrpcRequest) -> Result<GrpcSuccessResponse, Status> {
    let deadline = if is_long_poll(&request.rpc) {
        None
    } else {
        timeout(&request).map(|timeout| service.now() + timeout)
    };
    let proto = service
        .call_from_client(&request.service, &request.rpc, &request.proto, deadline)
        .await
        .map_err(|error| status(&error))?;
    Ok(GrpcSuccessResponse { headers: Default::default(), proto })
}

/// Whether clients call this RPC again and again until it has something to say. Its deadline is a
/// matter of the network, which is not there, and must not make virtual time move.
fn is_long_poll(rpc: &str) -> bool {
    matches!(
        rpc,
        "GetWorkflowExecutionHistory"
            | "PollActivityTaskQueue"
            | "PollNexusTaskQueue"
            | "PollWorkflowExecutionUpdate"
            | "PollWorkflowTaskQueue"
            | "UpdateWorkflowExecution"
            | "ExecuteMultiOperation"
    )
}

/// The caller's `grpc-timeout`: up to eight digits and a unit.
fn timeout(request: &GrpcRequest) -> Option<Duration> {
    let value = request.headers.get("grpc-timeout")?.to_str().ok()?;
    let (amount, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let amount: u64 = amount.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount.saturating_mul(3600)),
        "M" => Duration::from_secs(amount.saturating_mul(60)),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// A server error as a gRPC status, its details in `grpc-status-details-bin`.
fn status(error: &Error) -> Status {
    if error.details.is_empty() {
        return Status::new(error.code, error.message.clone());
    }
    let details =
        RpcStatus { code: error.code as i32, message: error.message.clone(), details: error.details.clone() };
    Status::with_details(error.code, error.message.clone(), details.encode_to_vec().into())
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_timeout_is_read_in_every_unit() {
        let parsed = |value: &str| {
            let mut headers = tonic::codegen::http::HeaderMap::new();
            headers.insert("grpc-timeout", value.parse().expect("a header value"));
            timeout(&GrpcRequest {
                service: String::new(),
                rpc: String::new(),
                headers,
                proto: Default::default(),
            })
        };
        assert_eq!(parsed("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(parsed("30S"), Some(Duration::from_secs(30)));
        assert_eq!(parsed("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(parsed("S"), None);
        assert_eq!(parsed("7x"), None);
        assert_eq!(parsed("é"), None);
    }
}
