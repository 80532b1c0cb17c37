//! Which handler answers which RPC.

use super::{
    Cluster, Error,
    calls::{CallContext, Reply, reply},
    namespaces::Namespace,
};
use crate::{clock::Time, rpc::Request};

impl Cluster {
    /// Has the handler of the request answer it, or park it; registers the namespace that it names first, if there is no
    /// such namespace and the configuration wants that.
    pub(super) fn dispatch_in_any_namespace(
        &mut self,
        now: Time,
        context: CallContext,
        request: Request,
    ) -> Reply {
        if !self.shared.config.any_namespace {
            return self.dispatch(now, context, request);
        }
        let answer = self.dispatch(now, context, request.clone());
        match answer.as_ref().err().and_then(Error::missing_namespace) {
            Some(name) if name.len() <= self.limits().id_length => {
                let id = self.shared.namespace_ids.uuid();
                let search_attributes = &self.shared.config.search_attributes;
                self.shared.namespaces.register(Namespace::initial(&name, id, search_attributes));
                self.dispatch(now, context, request)
            }
            _ => answer,
        }
    }

    /// Has the handler of the request answer it, or park it.
    fn dispatch(&mut self, now: Time, context: CallContext, request: Request) -> Reply {
        match request {
            Request::GetSystemInfo(_) => reply(self.get_system_info()),
            Request::GetClusterInfo(_) => reply(self.get_cluster_info()),
            Request::RegisterNamespace(request) => reply(self.register_namespace(*request)?),
            Request::UpdateNamespace(request) => reply(self.update_namespace(*request)?),
            Request::DescribeNamespace(request) => reply(self.describe_namespace(*request)?),

            Request::StartWorkflowExecution(request) => reply(self.start_workflow_execution(now, *request)?),
            Request::SignalWithStartWorkflowExecution(request) => {
                reply(self.signal_with_start_workflow_execution(now, *request)?)
            }
            Request::SignalWorkflowExecution(request) => {
                reply(self.signal_workflow_execution(now, *request)?)
            }

            Request::RequestCancelWorkflowExecution(request) => {
                reply(self.request_cancel_workflow_execution(now, *request)?)
            }
            Request::TerminateWorkflowExecution(request) => {
                reply(self.terminate_workflow_execution(now, *request)?)
            }
            Request::ResetWorkflowExecution(request) => reply(self.reset_workflow_execution(now, *request)?),
            Request::UpdateWorkflowExecutionOptions(request) => {
                reply(self.update_workflow_execution_options(now, *request)?)
            }
            Request::PauseWorkflowExecution(request) => reply(self.pause_workflow_execution(now, *request)?),
            Request::UnpauseWorkflowExecution(request) => {
                reply(self.unpause_workflow_execution(now, *request)?)
            }
            Request::DeleteWorkflowExecution(request) => {
                reply(self.delete_workflow_execution(now, *request)?)
            }

            Request::DescribeWorkflowExecution(request) => {
                reply(self.describe_workflow_execution(now, *request)?)
            }
            Request::GetWorkflowExecutionHistory(request) => {
                self.get_workflow_execution_history(now, context, *request)
            }
            Request::GetWorkflowExecutionHistoryReverse(request) => {
                reply(self.get_workflow_execution_history_reverse(*request)?)
            }
            Request::DescribeTaskQueue(request) => reply(self.describe_task_queue(now, *request)?),

            Request::ListTaskQueuePartitions(request) => reply(self.list_task_queue_partitions(*request)?),
            Request::PollNexusTaskQueue(request) => self.poll_nexus_task_queue(now, context, *request),

            Request::CreateSchedule(request) => reply(self.create_schedule(now, *request)?),
            Request::DescribeSchedule(request) => reply(self.describe_schedule(now, &request)?),
            Request::UpdateSchedule(request) => reply(self.update_schedule(now, *request)?),
            Request::PatchSchedule(request) => reply(self.patch_schedule(now, *request)?),
            Request::DeleteSchedule(request) => reply(self.delete_schedule(now, &request)?),
            Request::ListScheduleMatchingTimes(request) => {
                reply(self.list_schedule_matching_times(&request)?)
            }
            Request::ListSchedules(request) => reply(self.list_schedules(now, &request)?),
            Request::CountSchedules(request) => reply(self.count_schedules(now, &request)?),

            Request::StartBatchOperation(request) => reply(self.start_batch_operation(now, *request)?),
            Request::StopBatchOperation(request) => reply(self.stop_batch_operation(now, &request)?),
            Request::DescribeBatchOperation(request) => reply(self.describe_batch_operation(&request)?),
            Request::ListBatchOperations(request) => reply(self.list_batch_operations(&request)?),

            Request::ListWorkflowExecutions(request) => reply(self.list_workflow_executions(&request)?),
            Request::ListNamespaces(request) => reply(self.list_namespaces(&request)?),
            Request::ListArchivedWorkflowExecutions(request) => {
                reply(self.list_archived_workflow_executions(&request)?)
            }
            Request::ScanWorkflowExecutions(request) => reply(self.scan_workflow_executions(*request)?),
            Request::CountWorkflowExecutions(request) => reply(self.count_workflow_executions(&request)?),
            Request::ListOpenWorkflowExecutions(request) => {
                reply(self.list_open_workflow_executions(*request)?)
            }
            Request::ListClosedWorkflowExecutions(request) => {
                reply(self.list_closed_workflow_executions(*request)?)
            }
            Request::GetSearchAttributes(_) => reply(self.get_search_attributes()),
            Request::AddSearchAttributes(request) => reply(self.add_search_attributes(*request)?),
            Request::RemoveSearchAttributes(request) => reply(self.remove_search_attributes(&request)?),
            Request::ListSearchAttributes(request) => reply(self.list_search_attributes(&request)?),

            Request::PollWorkflowTaskQueue(request) => self.poll_workflow_task_queue(now, context, *request),
            Request::RespondWorkflowTaskCompleted(request) => {
                reply(self.respond_workflow_task_completed(now, *request)?)
            }

            Request::RespondWorkflowTaskFailed(request) => {
                reply(self.respond_workflow_task_failed(now, *request)?)
            }
            Request::ResetStickyTaskQueue(request) => reply(self.reset_sticky_task_queue(now, *request)?),
            Request::ShutdownWorker(request) => reply(self.shutdown_worker(now, *request)?),
            Request::RecordWorkerHeartbeat(request) => reply(self.record_worker_heartbeat(now, *request)?),
            Request::DescribeWorker(request) => reply(self.describe_worker(now, &request)?),
            Request::ListWorkers(request) => reply(self.list_workers(now, &request)?),
            Request::CountWorkers(request) => reply(self.count_workers(now, &request)?),

            Request::UpdateWorkflowExecution(request) => {
                self.update_workflow_execution(now, context, *request)
            }
            Request::PollWorkflowExecutionUpdate(request) => {
                self.poll_workflow_execution_update(now, context, *request)
            }
            Request::ExecuteMultiOperation(request) => self.execute_multi_operation(now, context, *request),

            Request::QueryWorkflow(request) => self.query_workflow(now, context, *request),
            Request::RespondQueryTaskCompleted(request) => {
                reply(self.respond_query_task_completed(now, *request)?)
            }

            Request::PollActivityTaskQueue(request) => self.poll_activity_task_queue(now, context, *request),
            Request::RecordActivityTaskHeartbeat(request) => {
                reply(self.record_activity_task_heartbeat(now, *request)?)
            }
            Request::RecordActivityTaskHeartbeatById(request) => {
                reply(self.record_activity_task_heartbeat_by_id(now, *request)?)
            }
            Request::RespondActivityTaskCompleted(request) => {
                reply(self.respond_activity_task_completed(now, *request)?)
            }
            Request::RespondActivityTaskCompletedById(request) => {
                reply(self.respond_activity_task_completed_by_id(now, *request)?)
            }
            Request::RespondActivityTaskFailed(request) => {
                reply(self.respond_activity_task_failed(now, *request)?)
            }
            Request::RespondActivityTaskFailedById(request) => {
                reply(self.respond_activity_task_failed_by_id(now, *request)?)
            }
            Request::RespondActivityTaskCanceled(request) => {
                reply(self.respond_activity_task_canceled(now, *request)?)
            }
            Request::RespondActivityTaskCanceledById(request) => {
                reply(self.respond_activity_task_canceled_by_id(now, *request)?)
            }
            Request::PauseActivity(request) => reply(self.pause_activity(now, *request)?),
            Request::UnpauseActivity(request) => reply(self.unpause_activity(now, *request)?),
            Request::ResetActivity(request) => reply(self.reset_activity(now, *request)?),
            Request::UpdateActivityOptions(request) => reply(self.update_activity_options(now, *request)?),
        }
    }
}
