//! DescribeWorkflowExecution.

use std::collections::BTreeMap;

use temporalio_common::protos::temporal::api::{
    common::v1::{Memo, Payload, SearchAttributes},
    workflow::v1::{
        RequestIdInfo, ResetPoints, WorkflowExecutionConfig, WorkflowExecutionExtendedInfo,
        WorkflowExecutionInfo,
    },
    workflowservice::v1::{DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse},
};

use crate::{
    clock::{self, Time},
    cluster::{
        Cluster, Error,
        execution::{Run, activity, describe_children},
        requests,
    },
};

/// How the server writes a time that is not set: the first second of the year 1.
pub(crate) const NO_TIME: prost_types::Timestamp =
    prost_types::Timestamp { seconds: -62_135_596_800, nanos: 0 };

impl Cluster {
    /// What a run is, and what it has pending.
    pub(in crate::cluster) fn describe_workflow_execution(
        &self,
        now: Time,
        request: DescribeWorkflowExecutionRequest,
    ) -> Result<DescribeWorkflowExecutionResponse, Error> {
        let namespace = self.shared.namespaces.find(&request.namespace)?;
        let execution = requests::execution(request.execution.as_ref())?;
        let run = self.runs.find(namespace, &execution.workflow_id, &execution.run_id)?;
        Ok(DescribeWorkflowExecutionResponse {
            execution_config: Some(config(run)),
            workflow_execution_info: Some(execution_info(run)),
            pending_activities: activity::describe(run, now),
            pending_children: describe_children(run),
            pending_workflow_task: run.state.workflow_task.as_ref().map(|task| task.describe()),
            workflow_extended_info: Some(extended_info(run)),
            ..Default::default()
        })
    }
}

fn config(run: &Run) -> WorkflowExecutionConfig {
    let started = run.started();
    WorkflowExecutionConfig {
        task_queue: Some(run.info.normal_task_queue()),
        workflow_execution_timeout: started.workflow_execution_timeout,
        workflow_run_timeout: started.workflow_run_timeout,
        default_workflow_task_timeout: started.workflow_task_timeout,
        user_metadata: run.info.user_metadata.clone(),
    }
}

/// What lists and descriptions say of a run.
pub(crate) fn execution_info(run: &Run) -> WorkflowExecutionInfo {
    let started = run.started();
    WorkflowExecutionInfo {
        execution: Some(run.execution()),
        r#type: started.workflow_type.clone(),
        start_time: Some(run.info.start_time.to_proto()),
        close_time: run.state.close_time.map(Time::to_proto),
        status: run.state.visible_status() as i32,
        history_length: run.history.next_event_id() - 1,
        parent_namespace_id: started.parent_workflow_namespace_id.clone(),
        parent_execution: started.parent_workflow_execution.clone(),
        execution_time: Some(run.info.execution_time.to_proto()),
        memo: Some(Memo { fields: fields(&run.state.memo) }),
        search_attributes: Some(SearchAttributes { indexed_fields: fields(&run.state.search_attributes) }),
        auto_reset_points: Some(ResetPoints { points: run.state.auto_reset_points.to_vec() }),
        most_recent_worker_version_stamp: run.state.worker_version.clone(),
        worker_deployment_name: run.state.worker_deployment_name.to_string(),
        task_queue: run.info.task_queue.clone(),
        history_size_bytes: run.history.size() as i64,
        execution_duration: run
            .state
            .close_time
            .map(|close_time| clock::to_proto(close_time.since(run.info.execution_time))),
        state_transition_count: run.state.transition_count,
        root_execution: Some(started.root_workflow_execution.clone().unwrap_or_else(|| run.execution())),
        first_run_id: run.info.first_execution_run_id.clone(),
        priority: run.state.options.priority.clone(),
        versioning_info: run.state.describe_versioning(),
        ..Default::default()
    }
}

fn extended_info(run: &Run) -> WorkflowExecutionExtendedInfo {
    let request_id_infos = run.requests().map(|(request_id, request)| {
        let info = RequestIdInfo {
            event_type: request.event_type as i32,
            event_id: request.event_id.unwrap_or_default(),
            buffered: request.event_id.is_none(),
        };
        (request_id.to_owned(), info)
    });
    WorkflowExecutionExtendedInfo {
        execution_expiration_time: run.info.execution_expiration.map(Time::to_proto),
        run_expiration_time: Some(run.info.run_expiration.map_or(NO_TIME, Time::to_proto)),
        cancel_requested: run.state.cancel_requested,
        original_start_time: Some(run.info.original_start_time.to_proto()),
        last_reset_time: run.is_result_of_reset().then(|| run.info.start_time.to_proto()),
        reset_run_id: run.state.reset_run_id.clone(),
        pause_info: run.state.pause.as_ref().map(|pause| pause.describe()),
        request_id_infos: request_id_infos.collect(),
        ..Default::default()
    }
}

fn fields(fields: &BTreeMap<String, Payload>) -> crate::proto_map::ProtoMap<Payload> {
    fields.iter().map(|(key, payload)| (key.clone(), payload.clone())).collect()
}
