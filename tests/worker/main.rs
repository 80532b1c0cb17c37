//! The embedded worker, seen from a test that uses it: what official workflows and activities experience.

mod activities;
mod context;
mod interceptors;
mod local_activities;
mod registration;
mod workflows;

use temporal_sim::{Failure, history::History};
use temporalio_common::protos::temporal::api::enums::v1::EventType;

/// How often an event of this type occurs.
fn count(history: &History, event_type: EventType) -> usize {
    history.events().iter().filter(|event| event.event_type() == event_type).count()
}

/// Why a simulation failed, without the report around it.
fn cause(failure: &Failure) -> String {
    failure.cause().to_string()
}
