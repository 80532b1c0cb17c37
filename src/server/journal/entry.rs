//! One input of the cluster, as it is written.

use bytes::Bytes;

use crate::{clock::Time, cluster::CallId};

/// One input of the cluster.
#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::server) struct Entry {
    /// When it came in, in the cluster's time.
    #[prost(message, optional, tag = "1")]
    now: Option<prost_types::Timestamp>,
    /// The call that it is about.
    #[prost(uint64, tag = "2")]
    pub(super) call: u64,
    #[prost(oneof = "Kind", tags = "3, 4, 5, 6, 7")]
    pub(super) kind: Option<Kind>,
}

/// What came in.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Kind {
    /// A call.
    #[prost(message, tag = "3")]
    Request(Request),
    /// The caller went away.
    #[prost(message, tag = "4")]
    Gone(()),
    /// The caller has waited for long enough.
    #[prost(message, tag = "5")]
    Expired(()),
    /// Time has passed.
    #[prost(message, tag = "6")]
    Passed(()),
    /// The server was started again: whoever waited for an answer is gone.
    #[prost(message, tag = "7")]
    Restarted(()),
}

/// What a caller asks.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Request {
    /// The name of the RPC.
    #[prost(string, tag = "1")]
    pub(super) rpc: String,
    /// The encoded request.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) message: Bytes,
    /// When the caller stops waiting.
    #[prost(message, optional, tag = "3")]
    deadline: Option<prost_types::Timestamp>,
}

impl Request {
    /// When the caller stops waiting.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.deadline.as_ref().map(Time::from_proto)
    }
}

impl Entry {
    pub(in crate::server) fn call(
        now: Time,
        call: CallId,
        deadline: Option<Time>,
        rpc: &str,
        message: Bytes,
    ) -> Self {
        let request = Request { rpc: rpc.to_owned(), message, deadline: deadline.map(Time::to_proto) };
        Self::new(now, call, Kind::Request(request))
    }

    pub(in crate::server) fn gone(now: Time, call: CallId) -> Self {
        Self::new(now, call, Kind::Gone(()))
    }

    pub(in crate::server) fn expired(now: Time, call: CallId) -> Self {
        Self::new(now, call, Kind::Expired(()))
    }

    pub(in crate::server) fn passed(now: Time) -> Self {
        Self::new(now, CallId(0), Kind::Passed(()))
    }

    pub(in crate::server) fn restarted(now: Time) -> Self {
        Self::new(now, CallId(0), Kind::Restarted(()))
    }

    fn new(now: Time, call: CallId, kind: Kind) -> Self {
        Self { now: Some(now.to_proto()), call: call.0, kind: Some(kind) }
    }

    /// When it came in.
    pub(super) fn time(&self) -> Option<Time> {
        self.now.as_ref().map(Time::from_proto)
    }
}
