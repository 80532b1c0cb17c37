//! The RPCs of a Temporal frontend that are served here: one row each, with their types.
//!
//! Every transport and the cluster share this table, so an RPC has one name, one pair of types and one
//! handler. An RPC that has no row is answered with UNIMPLEMENTED and its name.

use std::sync::Arc;

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    history::v1::{History, HistoryEvent},
    operatorservice::v1 as operator,
    workflowservice::v1 as workflow,
};

/// A request message and the response that belongs to it.
pub(crate) trait Rpc: Sized {
    /// What a successful call answers.
    type Response;
    /// The name of the RPC, as the service definition spells it.
    const NAME: &'static str;

    /// Wraps the message for [`crate::cluster::Cluster::handle_call`].
    fn into_request(self: Box<Self>) -> Request;
    /// Unwraps the message of an answer; `None` if it belongs to another RPC.
    fn message(answer: ResponseMessage) -> Option<Box<Self::Response>>;

    /// Unwraps an answer, with the events of its history in their place; `None` if it belongs to another RPC.
    fn response(answer: Response) -> Option<Box<Self::Response>> {
        Self::message(answer.into_message())
    }
}

/// The successful answer of any RPC in the table.
///
/// The events of the history that it carries are shared with the cluster, which keeps them: who reads them in this
/// process need not copy them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Response {
    /// The answer. Its history lacks the shared events.
    pub(crate) message: ResponseMessage,
    /// The events that its history begins with.
    pub(crate) events: Vec<Arc<HistoryEvent>>,
}

impl Response {
    /// Adds the events of a history to an answer that has a place for one.
    pub(crate) fn with_events(message: impl Into<ResponseMessage>, events: Vec<Arc<HistoryEvent>>) -> Self {
        Self { message: message.into(), events }
    }

    /// Encodes the answer for the wire.
    pub(crate) fn encode(self) -> Vec<u8> {
        self.into_message().encode()
    }

    /// The whole answer, with copies of the events in their place.
    fn into_message(mut self) -> ResponseMessage {
        if !self.events.is_empty()
            && let Some(history) = self.message.history()
        {
            let events = self.events.into_iter().map(Arc::unwrap_or_clone);
            history.get_or_insert_default().events.splice(0..0, events);
        }
        self.message
    }
}

impl<M: Into<ResponseMessage>> From<M> for Response {
    fn from(message: M) -> Self {
        Self { message: message.into(), events: Vec::new() }
    }
}

impl ResponseMessage {
    /// The place for a history.
    fn history(&mut self) -> Option<&mut Option<History>> {
        match self {
            Self::PollWorkflowTaskQueue(task) => Some(&mut task.history),
            Self::RespondWorkflowTaskCompleted(answer) => {
                answer.workflow_task.as_mut().map(|task| &mut task.history)
            }
            Self::GetWorkflowExecutionHistory(page) => Some(&mut page.history),
            _ => None,
        }
    }
}

/// Why bytes could not be turned into a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    /// The service or the RPC is not in the table.
    #[error("unknown RPC {service}/{rpc}")]
    Unknown { service: String, rpc: String },
    /// The bytes are no message of the RPC's request type.
    #[error("cannot decode the request of {rpc}: {reason}")]
    Malformed { rpc: &'static str, reason: String },
}

macro_rules! rpcs {
    ($( $service:literal in $module:ident { $( $rpc:ident($request:ident) -> $response:ident; )* } )*) => {
        /// The request of any RPC in the table.
        #[expect(clippy::enum_variant_names, reason = "the RPCs have these names")]
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Request { $( $( $rpc(Box<$module::$request>), )* )* }

        /// The names of all RPCs in the table: service and RPC, as a gRPC path carries them.
        pub(crate) const ALL: &[(&str, &str)] = &[$( $( ($service, stringify!($rpc)), )* )*];

        /// The message that answers any RPC in the table.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum ResponseMessage { $( $( $rpc(Box<$module::$response>), )* )* }

        impl Request {
            /// Decodes a request by the names that a gRPC path carries.
            pub(crate) fn decode(service: &str, rpc: &str, bytes: &[u8]) -> Result<Self, DecodeError> {
                match (service, rpc) {
                    $( $( ($service, stringify!($rpc)) => $module::$request::decode(bytes)
                        .map(|message| Self::$rpc(Box::new(message)))
                        .map_err(|error| DecodeError::Malformed { rpc: stringify!($rpc), reason: error.to_string() }), )* )*
                    _ => Err(DecodeError::Unknown { service: service.to_owned(), rpc: rpc.to_owned() }),
                }
            }

            /// The name of the RPC.
            pub(crate) fn name(&self) -> &'static str {
                match self { $( $( Self::$rpc(_) => stringify!($rpc), )* )* }
            }
        }

        impl ResponseMessage {
            fn encode(&self) -> Vec<u8> {
                match self { $( $( Self::$rpc(message) => message.encode_to_vec(), )* )* }
            }
        }

        $( $(
            impl Rpc for $module::$request {
                type Response = $module::$response;
                const NAME: &'static str = stringify!($rpc);
                fn into_request(self: Box<Self>) -> Request { Request::$rpc(self) }
                fn message(answer: ResponseMessage) -> Option<Box<Self::Response>> {
                    match answer { ResponseMessage::$rpc(message) => Some(message), _ => None }
                }
            }
            impl From<$module::$response> for ResponseMessage {
                fn from(message: $module::$response) -> Self { Self::$rpc(Box::new(message)) }
            }
        )* )*
    };
}

rpcs! {
    "temporal.api.workflowservice.v1.WorkflowService" in workflow {
        // namespaces and the service itself
        GetSystemInfo(GetSystemInfoRequest) -> GetSystemInfoResponse;
        GetClusterInfo(GetClusterInfoRequest) -> GetClusterInfoResponse;
        RegisterNamespace(RegisterNamespaceRequest) -> RegisterNamespaceResponse;
        UpdateNamespace(UpdateNamespaceRequest) -> UpdateNamespaceResponse;
        DescribeNamespace(DescribeNamespaceRequest) -> DescribeNamespaceResponse;
        ListNamespaces(ListNamespacesRequest) -> ListNamespacesResponse;
        // starting
        StartWorkflowExecution(StartWorkflowExecutionRequest) -> StartWorkflowExecutionResponse;
        SignalWithStartWorkflowExecution(SignalWithStartWorkflowExecutionRequest) -> SignalWithStartWorkflowExecutionResponse;
        // talking to a run
        SignalWorkflowExecution(SignalWorkflowExecutionRequest) -> SignalWorkflowExecutionResponse;
        UpdateWorkflowExecution(UpdateWorkflowExecutionRequest) -> UpdateWorkflowExecutionResponse;
        PollWorkflowExecutionUpdate(PollWorkflowExecutionUpdateRequest) -> PollWorkflowExecutionUpdateResponse;
        ExecuteMultiOperation(ExecuteMultiOperationRequest) -> ExecuteMultiOperationResponse;
        QueryWorkflow(QueryWorkflowRequest) -> QueryWorkflowResponse;
        UpdateWorkflowExecutionOptions(UpdateWorkflowExecutionOptionsRequest) -> UpdateWorkflowExecutionOptionsResponse;
        PauseWorkflowExecution(PauseWorkflowExecutionRequest) -> PauseWorkflowExecutionResponse;
        UnpauseWorkflowExecution(UnpauseWorkflowExecutionRequest) -> UnpauseWorkflowExecutionResponse;
        // ending a run
        RequestCancelWorkflowExecution(RequestCancelWorkflowExecutionRequest) -> RequestCancelWorkflowExecutionResponse;
        TerminateWorkflowExecution(TerminateWorkflowExecutionRequest) -> TerminateWorkflowExecutionResponse;
        ResetWorkflowExecution(ResetWorkflowExecutionRequest) -> ResetWorkflowExecutionResponse;
        DeleteWorkflowExecution(DeleteWorkflowExecutionRequest) -> DeleteWorkflowExecutionResponse;
        // reading
        DescribeWorkflowExecution(DescribeWorkflowExecutionRequest) -> DescribeWorkflowExecutionResponse;
        GetWorkflowExecutionHistory(GetWorkflowExecutionHistoryRequest) -> GetWorkflowExecutionHistoryResponse;
        GetWorkflowExecutionHistoryReverse(GetWorkflowExecutionHistoryReverseRequest) -> GetWorkflowExecutionHistoryReverseResponse;
        // visibility
        ListWorkflowExecutions(ListWorkflowExecutionsRequest) -> ListWorkflowExecutionsResponse;
        CountWorkflowExecutions(CountWorkflowExecutionsRequest) -> CountWorkflowExecutionsResponse;
        ScanWorkflowExecutions(ScanWorkflowExecutionsRequest) -> ScanWorkflowExecutionsResponse;
        ListArchivedWorkflowExecutions(ListArchivedWorkflowExecutionsRequest) -> ListArchivedWorkflowExecutionsResponse;
        ListOpenWorkflowExecutions(ListOpenWorkflowExecutionsRequest) -> ListOpenWorkflowExecutionsResponse;
        ListClosedWorkflowExecutions(ListClosedWorkflowExecutionsRequest) -> ListClosedWorkflowExecutionsResponse;
        GetSearchAttributes(GetSearchAttributesRequest) -> GetSearchAttributesResponse;
        DescribeTaskQueue(DescribeTaskQueueRequest) -> DescribeTaskQueueResponse;
        ListTaskQueuePartitions(ListTaskQueuePartitionsRequest) -> ListTaskQueuePartitionsResponse;
        PollNexusTaskQueue(PollNexusTaskQueueRequest) -> PollNexusTaskQueueResponse;
        // schedules
        CreateSchedule(CreateScheduleRequest) -> CreateScheduleResponse;
        DescribeSchedule(DescribeScheduleRequest) -> DescribeScheduleResponse;
        UpdateSchedule(UpdateScheduleRequest) -> UpdateScheduleResponse;
        PatchSchedule(PatchScheduleRequest) -> PatchScheduleResponse;
        DeleteSchedule(DeleteScheduleRequest) -> DeleteScheduleResponse;
        ListScheduleMatchingTimes(ListScheduleMatchingTimesRequest) -> ListScheduleMatchingTimesResponse;
        ListSchedules(ListSchedulesRequest) -> ListSchedulesResponse;
        CountSchedules(CountSchedulesRequest) -> CountSchedulesResponse;
        // batch operations
        StartBatchOperation(StartBatchOperationRequest) -> StartBatchOperationResponse;
        StopBatchOperation(StopBatchOperationRequest) -> StopBatchOperationResponse;
        DescribeBatchOperation(DescribeBatchOperationRequest) -> DescribeBatchOperationResponse;
        ListBatchOperations(ListBatchOperationsRequest) -> ListBatchOperationsResponse;
        // workflow tasks
        PollWorkflowTaskQueue(PollWorkflowTaskQueueRequest) -> PollWorkflowTaskQueueResponse;
        RespondWorkflowTaskCompleted(RespondWorkflowTaskCompletedRequest) -> RespondWorkflowTaskCompletedResponse;
        RespondWorkflowTaskFailed(RespondWorkflowTaskFailedRequest) -> RespondWorkflowTaskFailedResponse;
        RespondQueryTaskCompleted(RespondQueryTaskCompletedRequest) -> RespondQueryTaskCompletedResponse;
        ResetStickyTaskQueue(ResetStickyTaskQueueRequest) -> ResetStickyTaskQueueResponse;
        ShutdownWorker(ShutdownWorkerRequest) -> ShutdownWorkerResponse;
        // workers
        RecordWorkerHeartbeat(RecordWorkerHeartbeatRequest) -> RecordWorkerHeartbeatResponse;
        DescribeWorker(DescribeWorkerRequest) -> DescribeWorkerResponse;
        ListWorkers(ListWorkersRequest) -> ListWorkersResponse;
        CountWorkers(CountWorkersRequest) -> CountWorkersResponse;
        // activity tasks
        PollActivityTaskQueue(PollActivityTaskQueueRequest) -> PollActivityTaskQueueResponse;
        RecordActivityTaskHeartbeat(RecordActivityTaskHeartbeatRequest) -> RecordActivityTaskHeartbeatResponse;
        RecordActivityTaskHeartbeatById(RecordActivityTaskHeartbeatByIdRequest) -> RecordActivityTaskHeartbeatByIdResponse;
        RespondActivityTaskCompleted(RespondActivityTaskCompletedRequest) -> RespondActivityTaskCompletedResponse;
        RespondActivityTaskCompletedById(RespondActivityTaskCompletedByIdRequest) -> RespondActivityTaskCompletedByIdResponse;
        RespondActivityTaskFailed(RespondActivityTaskFailedRequest) -> RespondActivityTaskFailedResponse;
        RespondActivityTaskFailedById(RespondActivityTaskFailedByIdRequest) -> RespondActivityTaskFailedByIdResponse;
        RespondActivityTaskCanceled(RespondActivityTaskCanceledRequest) -> RespondActivityTaskCanceledResponse;
        RespondActivityTaskCanceledById(RespondActivityTaskCanceledByIdRequest) -> RespondActivityTaskCanceledByIdResponse;
        PauseActivity(PauseActivityRequest) -> PauseActivityResponse;
        UnpauseActivity(UnpauseActivityRequest) -> UnpauseActivityResponse;
        ResetActivity(ResetActivityRequest) -> ResetActivityResponse;
        UpdateActivityOptions(UpdateActivityOptionsRequest) -> UpdateActivityOptionsResponse;
    }
    "temporal.api.operatorservice.v1.OperatorService" in operator {
        AddSearchAttributes(AddSearchAttributesRequest) -> AddSearchAttributesResponse;
        RemoveSearchAttributes(RemoveSearchAttributesRequest) -> RemoveSearchAttributesResponse;
        ListSearchAttributes(ListSearchAttributesRequest) -> ListSearchAttributesResponse;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto_json;

    const PAGE: &str = include_str!("../book/src/faithfulness.md");

    #[test]
    fn the_page_on_faithfulness_says_of_every_rpc_whether_it_is_served() {
        let services = ["workflowservice.v1.WorkflowService", "operatorservice.v1.OperatorService"];
        for service in services.map(|name| format!("temporal.api.{name}")) {
            for rpc in proto_json::rpc_names(&service) {
                let row = PAGE.lines().find_map(|line| line.strip_prefix(&format!("| {rpc} | ")));
                let row = row.unwrap_or_else(|| panic!("the page has no row for {rpc}"));
                let is_served = ALL.contains(&(service.as_str(), rpc.as_str()));
                assert_eq!(!row.starts_with("absent"), is_served, "{rpc}: {row}");
                assert!(!is_served || row.contains('`'), "{rpc}: the row names no case and no test");
            }
        }
    }

    #[test]
    fn the_cases_that_the_page_names_are_there() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("histories/conformance/cases");
        let rows =
            PAGE.lines().filter(|line| line.contains(" | exact | ") || line.contains(" | simplified: "));
        for case in rows.filter_map(|row| row.rsplit('|').nth(1)?.split('`').nth(1)) {
            let (file, area) = (folder.join(format!("{case}.json")), folder.join(case));
            assert!(case.contains(".rs") || file.exists() || area.is_dir(), "there is no case {case}");
        }
    }
}
