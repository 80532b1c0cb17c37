//! What the worker itself refuses to send: payloads and memos beyond the limits of its namespace.
//!
//! The server would end the workflow or the activity for good. To fail the task instead leaves room for a
//! worker with better code, so that is what the official worker does.

use std::{any::Any, cell::OnceCell};

use temporalio_common::{
    payload_limits::{PayloadLimits as Limits, validate_known_payload_limits},
    protos::temporal::api::{
        failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
        namespace::v1::namespace_info::Limits as NamespaceLimits,
    },
};

/// The limits of the worker's namespace, once they are known.
#[derive(Debug, Default)]
pub(crate) struct PayloadLimits(OnceCell<NamespaceLimits>);

impl PayloadLimits {
    /// Takes over what the server says of the namespace.
    pub(super) fn learn(&self, limits: NamespaceLimits) {
        // Whoever was first asked the same server.
        let _ = self.0.set(limits);
    }

    /// Why a request is not to be sent, as the failure to report in its place.
    pub(super) fn check<R: prost::Message + Any>(&self, request: &R) -> Result<(), Box<Failure>> {
        let Some(limits) = self.0.get() else { return Ok(()) };
        let limits = Limits {
            blob_error: usize::try_from(limits.blob_size_limit_error).unwrap_or(0),
            memo_error: usize::try_from(limits.memo_size_limit_error).unwrap_or(0),
            ..Default::default()
        };
        // No part of a request is larger than the request.
        let smallest = [limits.blob_error, limits.memo_error].into_iter().filter(|limit| *limit > 0).min();
        if smallest.is_none_or(|smallest| request.encoded_len() <= smallest) {
            return Ok(());
        }
        match validate_known_payload_limits(request, &limits) {
            None => Ok(()),
            Some(violation) => Err(Box::new(Failure {
                message: violation.to_string(),
                failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                    r#type: "PayloadsTooLarge".to_owned(),
                    ..Default::default()
                })),
                ..Default::default()
            })),
        }
    }
}
