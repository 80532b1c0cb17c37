//! What a completed workflow task tells about the worker that did it.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    common::v1::WorkerVersionStamp, workflow::v1::ResetPointInfo,
};

use crate::{
    clock::Time,
    cluster::execution::{Run, options::UNVERSIONED},
};

/// The builds by which a worker says which code it runs.
#[derive(Debug, Clone, Copy)]
pub(in crate::cluster::execution) struct WorkerBuild<'a> {
    pub(in crate::cluster::execution) stamp: Option<&'a WorkerVersionStamp>,
    pub(in crate::cluster::execution) binary_checksum: &'a str,
    /// The deployment to which the worker belongs, if it says so.
    pub(in crate::cluster::execution) deployment_name: &'a str,
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
        let WorkerBuild { stamp, binary_checksum: checksum, deployment_name } = worker;
        let build_id = stamp.map_or("", |stamp| &stamp.build_id);
        self.show_deployment(deployment_name);
        let state = &mut self.state;
        if stamp.is_some() && state.worker_version.as_ref() != stamp {
            state.worker_version = stamp.cloned();
        }
        let known = |point: &ResetPointInfo| point.build_id == build_id && point.binary_checksum == checksum;
        let is_known = state.auto_reset_points.iter().any(known);
        if is_known && state.has_builds() {
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
        let mut builds = state.builds();
        let unversioned = state.options.versioning_override.is_none().then(|| UNVERSIONED.to_owned());
        let stamped = (!build_id.is_empty()).then(|| format!("{UNVERSIONED}:{build_id}"));
        for build in unversioned.into_iter().chain(stamped) {
            if !builds.contains(&build) {
                builds.push(build);
            }
        }
        if builds != state.builds() {
            state.set_builds(builds);
        }
    }
}
