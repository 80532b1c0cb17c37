//! Updates as their events tell of them.

use std::sync::Arc;

use temporalio_common::protos::temporal::api::{
    enums::v1::{EventType, UpdateAdmittedEventOrigin},
    history::v1::{
        WorkflowExecutionUpdateAcceptedEventAttributes as Accepted,
        WorkflowExecutionUpdateAdmittedEventAttributes as Admitted, history_event::Attributes,
    },
    update::v1::Request,
};

use super::{
    super::{Run, Transaction},
    registry::{State, Update},
};

impl Run {
    /// An event says that the update has been admitted. Workers take it from there, and get no message.
    pub(in crate::cluster::execution) fn apply_update_admitted(
        &mut self,
        event_id: Option<i64>,
        admitted: &Admitted,
    ) {
        let request = admitted.request.clone().unwrap_or_default();
        self.attach_request(&request.request_id, EventType::WorkflowExecutionUpdateAdmitted, event_id);
        let id = request.meta.as_ref().map(|meta| meta.update_id.clone()).unwrap_or_default();
        if self.state.updates.contains(&id) {
            return;
        }
        self.state.updates.in_flight.push(Update {
            id,
            request: Arc::new(request),
            state: State::Admitted,
            is_recorded: true,
        });
    }

    /// The workflow is at the update.
    pub(in crate::cluster::execution) fn apply_update_accepted(
        &mut self,
        event_id: i64,
        accepted: &Accepted,
    ) {
        if let Some(request) = &accepted.accepted_request {
            self.attach_request(
                &request.request_id,
                EventType::WorkflowExecutionUpdateAccepted,
                Some(event_id),
            );
        }
        let id = &accepted.protocol_instance_id;
        let in_flight = &mut self.state.updates.in_flight;
        let state = State::Accepted { event_id };
        match in_flight.iter_mut().find(|update| update.id == *id) {
            Some(update) => update.state = state,
            None => in_flight.push(Update {
                id: id.clone(),
                request: Arc::new(accepted.accepted_request.clone().unwrap_or_default()),
                state,
                is_recorded: false,
            }),
        }
    }

    /// The workflow has answered the update.
    pub(in crate::cluster::execution) fn apply_update_completed(&mut self, event_id: i64, id: &str) {
        self.state.updates.remove(id);
        self.completed_updates.insert(id.to_owned(), event_id);
    }
}

impl Transaction<'_> {
    /// Brings an update into the run that a run before it had accepted or admitted.
    pub(in crate::cluster::execution) fn admit_update_again(
        &mut self,
        request: Request,
        origin: UpdateAdmittedEventOrigin,
    ) {
        let admitted = Admitted { request: Some(request), origin: origin as i32 };
        self.run.apply_update_admitted(None, &admitted);
        self.add(Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(admitted));
    }
}
