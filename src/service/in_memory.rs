//! The transport between an official client or worker and the cluster of the same process: no socket,
//! no port, nothing faked on the caller's side.

use std::sync::Arc;

use temporalio_client::callback_based::{CallbackBasedGrpcService, GrpcRequest, GrpcSuccessResponse};
use tonic::Status;

use super::{Service, wire};

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
        wire::timeout(&request.headers).map(|timeout| service.now() + timeout)
    };
    let proto = service
        .call_from_client(&request.service, &request.rpc, &request.proto, deadline)
        .await
        .map_err(|error| wire::status(&error))?;
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
