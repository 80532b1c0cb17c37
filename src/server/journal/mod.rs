//! What came in, kept in a file, so that histories survive a restart.
//!
//! The cluster is deterministic: the same seed and the same inputs at the same times make the same cluster. So it is enough
//! to keep the inputs: a restarted server hands them to a fresh cluster, and has every history, timer and token again, to the
//! byte. An input is on the disk before anybody is told what came of it.
//!
//! Calls that only read are not kept. Calls that waited when the server stopped are gone with their connections.

mod entry;
mod segment;
mod store;
mod writer;

use std::collections::BTreeSet;

pub(super) use entry::Entry;
pub(super) use store::Journal;
pub use store::JournalError;
pub(super) use writer::Writer;

use self::entry::Kind;
use crate::{
    clock::Time,
    cluster::{Call, CallId, Cluster},
    rpc,
    service::wire,
};

/// Does to a fresh cluster what a journal says was done to another one.
#[derive(Debug)]
pub(super) struct Recovery {
    cluster: Cluster,
    unanswered: BTreeSet<CallId>,
    /// The time of the last input.
    pub(super) last: Option<Time>,
    /// The highest call id so far.
    pub(super) calls: u64,
    /// How many inputs there were.
    pub(super) inputs: u64,
}

impl Recovery {
    pub(super) fn new(cluster: Cluster) -> Self {
        Self { cluster, unanswered: BTreeSet::new(), last: None, calls: 0, inputs: 0 }
    }

    /// The next input.
    ///
    /// # Errors
    ///
    /// If it cannot be one that this version has written.
    pub(super) fn apply(&mut self, entry: Entry) -> Result<(), String> {
        let now = entry.time().ok_or("an input without a time")?;
        let id = CallId(entry.call);
        self.last = self.last.max(Some(now));
        self.inputs += 1;
        match entry.kind.ok_or("an input of an unknown kind")? {
            Kind::Request(request) => {
                let (service, name) = rpc::ALL
                    .iter()
                    .find(|(_, name)| *name == request.rpc)
                    .ok_or_else(|| format!("a call of {}, which is not served", request.rpc))?;
                let deadline = request.deadline();
                let request = wire::decode(service, name, &request.message).map_err(|error| error.message)?;
                self.calls = self.calls.max(id.0);
                self.unanswered.insert(id);
                self.cluster.handle_call(now, Call { id, request, deadline });
            }
            Kind::Gone(()) => {
                self.unanswered.remove(&id);
                self.cluster.handle_gone(now, id);
            }
            Kind::Expired(()) => self.cluster.handle_expiry(now, id),
            Kind::Passed(()) => self.cluster.handle_timeout(now),
            Kind::Restarted(()) => self.restart(now),
        }
        while let Some((id, _)) = self.cluster.poll_answer() {
            self.unanswered.remove(&id);
        }
        while self.cluster.poll_patience().is_some() {}
        Ok(())
    }

    /// The server is started again: whoever waited for an answer is gone.
    pub(super) fn restart(&mut self, now: Time) {
        for id in std::mem::take(&mut self.unanswered) {
            self.cluster.handle_gone(now, id);
        }
    }

    /// The cluster as it was when the server stopped.
    pub(super) fn into_cluster(self) -> Cluster {
        self.cluster
    }
}
