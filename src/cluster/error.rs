//! The errors of a Temporal server: gRPC code, message and detail message.

use tonic::Code;

/// An error as the server answers it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code:?}: {message}")]
pub(crate) struct Error {
    /// The gRPC status code.
    pub(crate) code: Code,
    /// The message, in the server's words.
    pub(crate) message: String,
    /// Detail messages, each with its type URL, as in `google.rpc.Status`.
    pub(crate) details: Vec<prost_types::Any>,
}

impl Error {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new() }
    }

    pub(crate) fn unimplemented(rpc: &str) -> Self {
        Self::new(Code::Unimplemented, format!("{rpc} is not served by temporal-sim"))
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// The caller's own deadline passed.
    pub(crate) fn deadline_exceeded() -> Self {
        Self::new(Code::DeadlineExceeded, "context deadline exceeded")
    }
}
