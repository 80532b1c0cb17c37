//! What a completed workflow task tells about the worker that did it.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    enums::v1::IndexedValueType, workflow::v1::ResetPointInfo,
    workflowservice::v1::RespondWorkflowTaskCompletedRequest,
};

use super::build_id;
use crate::cluster::{execution::Transaction, search_attributes::Value};

/// The search attribute that lists the builds of a run's workers.
const BUILD_IDS: &str = "BuildIds";

impl Transaction<'_> {
    /// Notes where the run could be reset to if this build of the worker turned out to be bad, and lists
    /// the build in the search attribute `BuildIds`. No event tells of either.
    pub(super) fn track_worker(
        &mut self,
        request: &RespondWorkflowTaskCompletedRequest,
        completed_event_id: i64,
    ) {
        let build_id = build_id(request.worker_version_stamp.as_ref());
        let checksum = request.binary_checksum.as_str();
        let state = &mut self.run.state;
        let known = |point: &ResetPointInfo| point.build_id == build_id && point.binary_checksum == checksum;
        let is_known = state.auto_reset_points.iter().any(known);
        if is_known && state.search_attributes.contains_key(BUILD_IDS) {
            return;
        }
        if !is_known {
            Arc::make_mut(&mut state.auto_reset_points).push(ResetPointInfo {
                build_id: build_id.to_owned(),
                binary_checksum: checksum.to_owned(),
                run_id: self.run.run_id.clone(),
                first_workflow_task_completed_id: completed_event_id,
                create_time: Some(self.now.to_proto()),
                expire_time: None,
                resettable: true,
            });
        }
        let mut ids: Vec<String> = state
            .search_attributes
            .get(BUILD_IDS)
            .and_then(|payload| serde_json::from_slice(&payload.data).ok())
            .unwrap_or_default();
        let stamped = (!build_id.is_empty()).then(|| format!("unversioned:{build_id}"));
        for id in std::iter::once("unversioned".to_owned()).chain(stamped) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        let payload = Value::KeywordList(ids).encode(IndexedValueType::KeywordList);
        Arc::make_mut(&mut state.search_attributes).insert(BUILD_IDS.to_owned(), payload);
    }
}
