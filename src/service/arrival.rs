//! The requests that are on their way, and which of those that arrive at one instant goes first.

use std::collections::BTreeMap;

use crate::{
    clock::Time,
    cluster::CallId,
    rpc::Request,
    schedule::{Candidate, Lane},
};

/// A request that has not reached the cluster yet.
#[derive(Debug)]
pub(super) struct OnItsWay {
    pub(super) request: Request,
    pub(super) deadline: Option<Time>,
}

/// The requests that reach the cluster later, by when they do.
#[derive(Debug, Default)]
pub(super) struct Arrivals(BTreeMap<(Time, CallId), OnItsWay>);

impl Arrivals {
    pub(super) fn insert(&mut self, at: Time, id: CallId, request: OnItsWay) {
        self.0.insert((at, id), request);
    }

    /// When the first of them reaches the cluster.
    pub(super) fn next(&self) -> Option<Time> {
        self.0.first_key_value().map(|((at, _), _)| *at)
    }

    /// Those that reach it at this instant, in the order in which they were sent.
    pub(super) fn candidates(&self, at: Time) -> Vec<Candidate> {
        self.at(at).map(|(&(_, id), it)| candidate(id, &it.request)).collect()
    }

    /// Takes out the one that has this place among those.
    pub(super) fn take(&mut self, at: Time, place: usize) -> Option<(CallId, OnItsWay)> {
        let key = *self.at(at).nth(place)?.0;
        Some((key.1, self.0.remove(&key)?))
    }

    /// Forgets a call whose caller went away.
    pub(super) fn withdraw(&mut self, id: CallId) {
        self.0.retain(|(_, call), _| *call != id);
    }

    fn at(&self, at: Time) -> impl Iterator<Item = (&(Time, CallId), &OnItsWay)> {
        self.0.range((at, CallId(0))..=(at, CallId(u64::MAX)))
    }
}

/// Whether it can matter when, within an instant, a request reaches the cluster: not if it only waits or reads.
pub(super) fn matters_when(request: &Request) -> bool {
    let name = request.name();
    !["Poll", "Get", "Describe", "List", "Count", "Scan"].iter().any(|reading| name.starts_with(reading))
}

/// A request that could go first. What is said about one task stays in order.
fn candidate(id: CallId, request: &Request) -> Candidate {
    let lane = match request {
        Request::RespondWorkflowTaskCompleted(it) => Lane::named("task", &it.task_token),
        Request::RespondWorkflowTaskFailed(it) => Lane::named("task", &it.task_token),
        Request::RecordActivityTaskHeartbeat(it) => Lane::named("task", &it.task_token),
        Request::RespondActivityTaskCompleted(it) => Lane::named("task", &it.task_token),
        Request::RespondActivityTaskFailed(it) => Lane::named("task", &it.task_token),
        Request::RespondActivityTaskCanceled(it) => Lane::named("task", &it.task_token),
        _ => Lane::numbered("call", id.0),
    };
    Candidate { what: request.name(), lane }
}
