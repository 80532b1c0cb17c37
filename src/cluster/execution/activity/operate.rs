//! The calls of an operator: pausing, unpausing and resetting activities, and changing their options.

use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    workflowservice::v1::{
        PauseActivityRequest, PauseActivityResponse, ResetActivityRequest, ResetActivityResponse,
        UnpauseActivityRequest, UnpauseActivityResponse, UpdateActivityOptionsRequest,
        UpdateActivityOptionsResponse, pause_activity_request, reset_activity_request,
        unpause_activity_request, update_activity_options_request,
    },
};

use super::{options, pause::Unpause, pending::Pause, reset::Reset};
use crate::{
    clock::{self, Time},
    cluster::{
        Cluster, Error,
        execution::{Run, RunKey},
        requests,
    },
};

/// Which activities of a run a call is about.
#[derive(Debug)]
enum Selection {
    Id(String),
    Type(String),
    All,
}

impl Selection {
    /// The ActivityTaskScheduled events of the selected activities.
    ///
    /// # Errors
    ///
    /// NOT_FOUND if the run is closed, or if there are none.
    fn of(&self, run: &Run) -> Result<Vec<i64>, Error> {
        if !run.is_running() {
            return Err(Error::already_completed());
        }
        let selected: Vec<_> = match self {
            Self::Id(activity_id) => run.activities.find(activity_id).into_iter().collect(),
            Self::Type(name) => {
                run.activities.iter().filter(|activity| activity.activity_type == *name).collect()
            }
            Self::All => run.activities.iter().collect(),
        };
        if selected.is_empty() {
            return Err(Error::not_found(
                "Can't find pending activity with such ID. Invalid activityID or activity already completed",
            ));
        }
        Ok(selected.into_iter().map(|activity| activity.scheduled_event_id).collect())
    }
}

impl Cluster {
    /// PauseActivity.
    pub(in crate::cluster) fn pause_activity(
        &mut self,
        now: Time,
        request: PauseActivityRequest,
    ) -> Result<PauseActivityResponse, Error> {
        use pause_activity_request::Activity;
        let selection = request.activity.map(|activity| match activity {
            Activity::Id(id) => Selection::Id(id),
            Activity::Type(name) => Selection::Type(name),
        });
        let (run, selection) = self.selected(&request.namespace, request.execution.as_ref(), selection)?;
        let pause = Pause {
            time: now,
            identity: request.identity,
            reason: request.reason,
            request_id: request.request_id,
        };
        self.transact(now, run, |tx| {
            let selected = selection.of(tx.run)?;
            for &activity in &selected {
                tx.check_activity_pause(activity, &pause)?;
            }
            for &activity in &selected {
                tx.pause_activity(activity, &pause);
            }
            Ok(PauseActivityResponse::default())
        })
    }

    /// UnpauseActivity.
    pub(in crate::cluster) fn unpause_activity(
        &mut self,
        now: Time,
        request: UnpauseActivityRequest,
    ) -> Result<UnpauseActivityResponse, Error> {
        use unpause_activity_request::Activity;
        let selection = request.activity.map(|activity| match activity {
            Activity::Id(id) => Selection::Id(id),
            Activity::Type(name) => Selection::Type(name),
            Activity::UnpauseAll(_) => Selection::All,
        });
        let (run, selection) = self.selected(&request.namespace, request.execution.as_ref(), selection)?;
        let unpause = Unpause {
            reset_attempts: request.reset_attempts,
            reset_heartbeat: request.reset_heartbeat,
            jitter: clock::duration(request.jitter.as_ref()),
        };
        self.transact(now, run, |tx| {
            for activity in selection.of(tx.run)? {
                tx.unpause_activity(activity, unpause);
            }
            Ok(UnpauseActivityResponse::default())
        })
    }

    /// ResetActivity.
    pub(in crate::cluster) fn reset_activity(
        &mut self,
        now: Time,
        request: ResetActivityRequest,
    ) -> Result<ResetActivityResponse, Error> {
        use reset_activity_request::Activity;
        let selection = request.activity.map(|activity| match activity {
            Activity::Id(id) => Selection::Id(id),
            Activity::Type(name) => Selection::Type(name),
            Activity::MatchAll(_) => Selection::All,
        });
        let (run, selection) = self.selected(&request.namespace, request.execution.as_ref(), selection)?;
        let reset = Reset {
            reset_heartbeat: request.reset_heartbeat,
            keep_paused: request.keep_paused,
            restore_original_options: request.restore_original_options,
            jitter: clock::duration(request.jitter.as_ref()),
        };
        self.transact(now, run, |tx| {
            for activity in selection.of(tx.run)? {
                tx.reset_activity(activity, reset);
            }
            Ok(ResetActivityResponse::default())
        })
    }

    /// UpdateActivityOptions. The answer has all options of the last of the selected activities.
    pub(in crate::cluster) fn update_activity_options(
        &mut self,
        now: Time,
        request: UpdateActivityOptionsRequest,
    ) -> Result<UpdateActivityOptionsResponse, Error> {
        use update_activity_options_request::Activity;
        let selection = request.activity.map(|activity| match activity {
            Activity::Id(id) => Selection::Id(id),
            Activity::Type(name) => Selection::Type(name),
            Activity::MatchAll(_) => Selection::All,
        });
        let (run, selection) = self.selected(&request.namespace, request.execution.as_ref(), selection)?;
        let changes = request.activity_options;
        options::validate_priority(changes.as_ref().and_then(|changes| changes.priority.as_ref()))
            .map_err(Error::invalid_argument)?;
        let mask = request.update_mask.map(|mask| mask.paths);
        let restore = request.restore_original;
        if restore && mask.as_ref().is_some_and(|paths| !paths.is_empty()) {
            return Err(Error::invalid_argument("Both UpdateMask and RestoreOriginal are provided"));
        }
        self.transact(now, run, |tx| {
            if !restore && tx.run.is_running() && changes.is_none() {
                return Err(Error::invalid_argument("ActivityOptions are not provided"));
            }
            let selected = selection.of(tx.run)?;
            let changes = match (&changes, &mask) {
                _ if restore => None,
                (_, None) => return Err(Error::invalid_argument("UpdateMask is not provided")),
                (changes, Some(mask)) => changes.as_ref().zip(Some(mask.as_slice())),
            };
            // Everything is checked before anything is changed.
            let changed = selected
                .iter()
                .map(|&activity| tx.changed_activity_options(activity, changes))
                .collect::<Result<Vec<_>, _>>()?;
            let mut activity_options = None;
            for (activity, options) in selected.into_iter().zip(changed) {
                activity_options = tx.change_activity_options(activity, options);
            }
            Ok(UpdateActivityOptionsResponse { activity_options })
        })
    }

    /// Checks what these calls have in common.
    fn selected(
        &self,
        namespace: &str,
        execution: Option<&WorkflowExecution>,
        selection: Option<Selection>,
    ) -> Result<(RunKey, Selection), Error> {
        let namespace = self.shared.namespaces.find(namespace)?;
        let execution = execution
            .filter(|execution| !execution.workflow_id.is_empty())
            .ok_or_else(|| Error::invalid_argument("WorkflowId is not set on request."))?;
        let selection = selection.ok_or_else(|| {
            Error::invalid_argument("Either Activity.Id or Activity.Type should be set on request.")
        })?;
        requests::check_run_id(&execution.run_id)?;
        let run = self.runs.find(namespace, &execution.workflow_id, &execution.run_id)?;
        Ok((run.key, selection))
    }
}
