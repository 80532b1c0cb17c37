//! What a completed workflow task tells about the worker that did it.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    common::v1::WorkerVersionStamp, deployment::v1::WorkerDeploymentVersion, enums::v1::VersioningBehavior,
    workflow::v1::ResetPointInfo,
};

use crate::{
    clock::Time,
    cluster::execution::{
        Run,
        versioning::{CompletedBy, ShownBuild},
    },
};

/// The builds by which a worker says which code it runs.
#[derive(Debug, Clone, Copy)]
pub(in crate::cluster::execution) struct WorkerBuild<'a> {
    pub(in crate::cluster::execution) stamp: Option<&'a WorkerVersionStamp>,
    pub(in crate::cluster::execution) binary_checksum: &'a str,
    /// The version of the worker, if it goes by one.
    pub(in crate::cluster::execution) version: Option<&'a WorkerDeploymentVersion>,
    /// How the run moves from version to version from here on.
    pub(in crate::cluster::execution) behavior: VersioningBehavior,
    /// The deployment to which the worker belongs, if it says so.
    pub(in crate::cluster::execution) deployment_name: &'a str,
}

impl Run {
    /// Notes where the run could be reset to if this build of the worker turned out to be bad, to which version the run
    /// goes from here on, and the search attributes that tell of both. No event does. Answers whether the run's tasks go
    /// to other workers from here on.
    pub(in crate::cluster::execution) fn track_worker(
        &mut self,
        now: Time,
        shown: &mut ShownBuild,
        worker: WorkerBuild<'_>,
        completed_event_id: i64,
    ) -> bool {
        let WorkerBuild { stamp, binary_checksum: checksum, deployment_name, version, behavior } = worker;
        let build_id = match version {
            Some(version) => &version.build_id,
            None => stamp.map_or("", |stamp| &stamp.build_id),
        };
        let goes_elsewhere = self.note_completed_by(CompletedBy { version, behavior });
        let state = &mut self.state;
        let is_as_before = version.is_none()
            && state.worker_version.as_ref() == stamp
            && *state.worker_deployment_name == *deployment_name
            && state.shows_unversioned_builds();
        if *state.worker_deployment_name != *deployment_name {
            state.worker_deployment_name = deployment_name.into();
        }
        if state.worker_version.as_ref() != stamp {
            state.worker_version = stamp.cloned();
        }
        let known = |point: &ResetPointInfo| point.build_id == build_id && point.binary_checksum == checksum;
        if !state.auto_reset_points.iter().any(known) {
            let points = Arc::make_mut(&mut state.auto_reset_points);
            // Hardly any run has a second one.
            points.reserve_exact(1);
            points.push(ResetPointInfo {
                build_id: build_id.to_owned(),
                binary_checksum: checksum.to_owned(),
                run_id: self.run_id.clone(),
                first_workflow_task_completed_id: completed_event_id,
                create_time: Some(now.to_proto()),
                expire_time: None,
                resettable: true,
            });
        }
        if !is_as_before {
            self.show_worker(shown, stamp, version);
        }
        goes_elsewhere
    }
}
