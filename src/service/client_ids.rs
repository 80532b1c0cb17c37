//! Ids that an official client draws at random, replaced by ids from the seed.
//!
//! The client gives every request that changes something a random id, so that the server can tell a retry
//! from a second request. Some of these ids reach event histories, and would make two runs with one seed
//! differ.

use std::collections::{BTreeMap, BTreeSet};

use temporalio_common::protos::temporal::api::workflowservice::v1::{
    UpdateWorkflowExecutionRequest, execute_multi_operation_request::operation::Operation,
};

use crate::{
    rng::{Seed, Stream},
    rpc::Request,
};

/// Replaces random ids: the same one always by the same replacement.
#[derive(Debug)]
pub(super) struct ClientIds {
    stream: Stream,
    known: BTreeMap<String, String>,
    /// All replacements.
    drawn: BTreeSet<String>,
}

impl ClientIds {
    pub(super) fn new(seed: Seed) -> Self {
        Self { stream: seed.stream("client ids"), known: BTreeMap::new(), drawn: BTreeSet::new() }
    }

    /// Replaces the ids in a request, if they look as if the client had drawn them: an id that a test has
    /// chosen stays.
    pub(super) fn replace(&mut self, request: &mut Request) {
        match request {
            Request::StartWorkflowExecution(start) => self.replace_id(&mut start.request_id),
            Request::SignalWithStartWorkflowExecution(start) => self.replace_id(&mut start.request_id),
            Request::SignalWorkflowExecution(signal) => self.replace_id(&mut signal.request_id),
            Request::RequestCancelWorkflowExecution(cancel) => self.replace_id(&mut cancel.request_id),
            Request::UpdateWorkflowExecution(update) => self.replace_update_ids(update),
            Request::PollWorkflowExecutionUpdate(poll) => {
                if let Some(update) = &mut poll.update_ref {
                    self.replace_id(&mut update.update_id);
                }
            }
            Request::ExecuteMultiOperation(operations) => {
                for operation in &mut operations.operations {
                    match &mut operation.operation {
                        Some(Operation::StartWorkflow(start)) => self.replace_id(&mut start.request_id),
                        Some(Operation::UpdateWorkflow(update)) => self.replace_update_ids(update),
                        None => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// Gives a request other ids, as if the client had drawn new ones. An id that a test has chosen stays.
    pub(super) fn renew(&mut self, request: &mut Request) {
        match request {
            Request::StartWorkflowExecution(start) => self.renew_id(&mut start.request_id),
            Request::SignalWithStartWorkflowExecution(start) => self.renew_id(&mut start.request_id),
            Request::SignalWorkflowExecution(signal) => self.renew_id(&mut signal.request_id),
            Request::RequestCancelWorkflowExecution(cancel) => self.renew_id(&mut cancel.request_id),
            Request::UpdateWorkflowExecution(update) => {
                if let Some(request) = &mut update.request {
                    self.renew_id(&mut request.request_id);
                    if let Some(meta) = &mut request.meta {
                        self.renew_id(&mut meta.update_id);
                    }
                }
            }
            _ => {}
        }
    }

    fn renew_id(&mut self, id: &mut String) {
        if self.drawn.contains(id.as_str()) {
            *id = self.stream.uuid();
            self.drawn.insert(id.clone());
        }
    }

    fn replace_update_ids(&mut self, update: &mut UpdateWorkflowExecutionRequest) {
        let Some(request) = &mut update.request else { return };
        self.replace_id(&mut request.request_id);
        if let Some(meta) = &mut request.meta {
            self.replace_id(&mut meta.update_id);
        }
    }

    /// A replacement that comes back, because an answer told it to the client, stays what it is.
    fn replace_id(&mut self, id: &mut String) {
        if !is_random(id) || self.drawn.contains(id.as_str()) {
            return;
        }
        let Self { stream, known, drawn } = self;
        *id = known
            .entry(std::mem::take(id))
            .or_insert_with(|| {
                let replacement = stream.uuid();
                drawn.insert(replacement.clone());
                replacement
            })
            .clone();
    }
}

fn is_random(id: &str) -> bool {
    uuid::Uuid::try_parse(id).is_ok_and(|id| id.get_version() == Some(uuid::Version::Random))
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::{
        update::v1::{Meta, Request as UpdateRequest, UpdateRef},
        workflowservice::v1::{PollWorkflowExecutionUpdateRequest, SignalWorkflowExecutionRequest},
    };

    use super::*;
    use crate::rpc::Rpc as _;

    #[test]
    fn a_retry_keeps_its_id_and_a_chosen_id_stays() {
        let mut ids = ClientIds::new(Seed(7));
        let mut replaced = |id: &str| {
            let signal = SignalWorkflowExecutionRequest { request_id: id.to_owned(), ..Default::default() };
            let mut request = Box::new(signal).into_request();
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
    #[test]
    fn an_update_keeps_its_id_when_it_is_polled_for() {
        let mut ids = ClientIds::new(Seed(7));
        let drawn = "4b7ca1f0-5b1e-4c6e-9d3a-0f4f8f1c2e11".to_owned();
        let meta = Meta { update_id: drawn.clone(), ..Default::default() };
        let update = UpdateRequest { meta: Some(meta), ..Default::default() };
        let mut request =
            Box::new(UpdateWorkflowExecutionRequest { request: Some(update), ..Default::default() })
                .into_request();
        ids.replace(&mut request);
        let Request::UpdateWorkflowExecution(update) = request else { panic!("another request came out") };
        let replaced =
            update.request.and_then(|request| request.meta).expect("the update has its meta").update_id;
        assert_ne!(replaced, drawn);

        for asked in [drawn, replaced.clone()] {
            let update_ref = UpdateRef { update_id: asked, ..Default::default() };
            let poll =
                PollWorkflowExecutionUpdateRequest { update_ref: Some(update_ref), ..Default::default() };
            let mut request = Box::new(poll).into_request();
            ids.replace(&mut request);
            let Request::PollWorkflowExecutionUpdate(poll) = request else {
                panic!("another request came out")
            };
            assert_eq!(poll.update_ref.map(|update| update.update_id), Some(replaced.clone()));
        }
    }
}
