//! Ids that an official client draws at random, replaced by ids from the seed.
//!
//! The client gives every request that changes something a random id, so that the server can tell a retry
//! from a second request. Some of these ids reach event histories, and would make two runs with one seed
//! differ.

use std::collections::BTreeMap;

use crate::{
    rng::{Seed, Stream},
    rpc::Request,
};

/// Replaces random ids: the same one always by the same replacement.
#[derive(Debug)]
pub(super) struct ClientIds {
    stream: Stream,
    known: BTreeMap<String, String>,
}

impl ClientIds {
    pub(super) fn new(seed: Seed) -> Self {
        Self { stream: seed.stream("client ids"), known: BTreeMap::new() }
    }

    /// Replaces the ids in a request, if they look as if the client had drawn them: an id that a test has
    /// chosen stays.
    pub(super) fn replace(&mut self, request: &mut Request) {
        let id = match request {
            Request::StartWorkflowExecution(start) => &mut start.request_id,
            Request::SignalWithStartWorkflowExecution(start) => &mut start.request_id,
            Request::SignalWorkflowExecution(signal) => &mut signal.request_id,
            Request::RequestCancelWorkflowExecution(cancel) => &mut cancel.request_id,
            _ => return,
        };
        if !is_random(id) {
            return;
        }
        let stream = &mut self.stream;
        *id = self.known.entry(std::mem::take(id)).or_insert_with(|| stream.uuid()).clone();
    }
}

fn is_random(id: &str) -> bool {
    uuid::Uuid::try_parse(id).is_ok_and(|id| id.get_version() == Some(uuid::Version::Random))
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::workflowservice::v1::SignalWorkflowExecutionRequest;

    use super::*;
    use crate::rpc::Rpc as _;

    #[test]
    fn a_retry_keeps_its_id_and_a_chosen_id_stays() {
        let mut ids = ClientIds::new(Seed(7));
        let mut replaced = |id: &str| {
            let signal = SignalWorkflowExecutionRequest { request_id: id.to_owned(), ..Default::default() };
            let mut request = signal.into_request();
            ids.replace(&mut request);
            match request {
                Request::SignalWorkflowExecution(signal) => signal.request_id,
                other => panic!("{} came out", other.name()),
            }
        };
        let drawn = "4b7ca1f0-5b1e-4c6e-9d3a-0f4f8f1c2e11";
        let first = replaced(drawn);
        assert_ne!(first, drawn);
        assert_eq!(replaced(drawn), first);
        assert_ne!(replaced("9e107d9d-372b-4682-8ad4-3ed8dce5f8a2"), first);
        assert_eq!(replaced("payment-17"), "payment-17");
    }
}
