//! What a call looks like on the wire, whichever transport carries it.

use std::time::Duration;

use prost::Message as _;
use tonic::{Status, codegen::http::HeaderMap};

use crate::{
    cluster::Error,
    rpc::{DecodeError, Request},
};

/// Reads a request by the names in its gRPC path.
///
/// # Errors
///
/// UNIMPLEMENTED if the RPC is not served, INTERNAL if the bytes are no request of it.
pub(crate) fn decode(service: &str, rpc: &str, request: &[u8]) -> Result<Request, Error> {
    Request::decode(service, rpc, request).map_err(|error| match error {
        DecodeError::Unknown { .. } => Error::unimplemented(rpc),
        DecodeError::Malformed { .. } => Error::internal(error.to_string()),
    })
}

/// For how long the caller waits: its `grpc-timeout`, up to eight digits and a unit. One that is longer or malformed counts as
/// none at all: some clients write what they mean by "for ever".
pub(crate) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    const DIGITS: usize = 8;
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (amount, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if amount.len() > DIGITS || !amount.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = amount.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount.saturating_mul(3600)),
        "M" => Duration::from_secs(amount.saturating_mul(60)),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// A server error as a gRPC status, its details in `grpc-status-details-bin`.
pub(crate) fn status(error: &Error) -> Status {
    if error.details.is_empty() {
        return Status::new(error.code, error.message.clone());
    }
    let details =
        RpcStatus { code: error.code as i32, message: error.message.clone(), details: error.details.clone() };
    Status::with_details(error.code, error.message.clone(), details.encode_to_vec().into())
}

/// The details of a status, as a client finds them.
///
/// # Errors
///
/// If they are not what the name of their header promises.
pub(crate) fn details(status: &Status) -> Result<Vec<prost_types::Any>, String> {
    RpcStatus::decode(status.details())
        .map(|status| status.details)
        .map_err(|error| format!("the details of a status: {error}"))
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_timeout_is_read_in_every_unit() {
        let parsed = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", value.parse().expect("a header value"));
            timeout(&headers)
        };
        assert_eq!(parsed("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(parsed("30S"), Some(Duration::from_secs(30)));
        assert_eq!(parsed("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(parsed("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for odd in ["S", "7x", "é", "-1S", "+1S", "9223372036854775807S"] {
            assert_eq!(parsed(odd), None, "{odd}");
        }
    }
}
