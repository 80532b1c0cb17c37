//! What a completed workflow task tells about the worker that did it.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{enums::v1::IndexedValueType, workflow::v1::ResetPointInfo};

use crate::{
    clock::Time,
    cluster::{execution::Run, search_attributes::Value},
};

/// The search attribute that lists the builds of a run's workers.
const BUILD_IDS: &str = "BuildIds";

/// The builds by which a worker says which code it runs.
#[derive(Debug, Clone, Copy)]
pub(in crate::cluster::execution) struct WorkerBuild<'a> {
    pub(in crate::cluster::execution) build_id: &'a str,
    pub(in crate::cluster::execution) binary_checksum: &'a str,
}

impl Run {
    /// Notes where the run could be reset to if this build of the worker turned out to be bad, and lists
    /// the build in the search attribute `BuildIds`. No event tells of either.
    pub(in crate::cluster::execution) fn track_worker(
        &mut self,
        now: Time,
        worker: WorkerBuild<'_>,
        completed_event_id: i64,
    ) {
        let WorkerBuild { build_id, binary_checksum: checksum } = worker;
        let state = &mut self.state;
        let known = |point: &ResetPointInfo| point.build_id == build_id && point.binary_checksum == checksum;
        let is_known = state.auto_reset_points.iter().any(known);
        if is_known && state.search_attributes.contains_key(BUILD_IDS) {
            return;
        }
        if !is_known {
            Arc::make_mut(&mut state.auto_reset_points).push(ResetPointInfo {
                build_id: build_id.to_owned(),
                binary_checksum: checksum.to_owned(),
                run_id: self.run_id.clone(),
                first_workflow_task_completed_id: completed_event_id,
                create_time: Some(now.to_proto()),
                expire_time: None,
                resettable: true,
            });
        }
        if state.options.versioning_override.is_some() {
            return;
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
