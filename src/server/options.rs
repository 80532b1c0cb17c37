//! What can be chosen about a server.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;

use crate::Limits;

/// What can be chosen about a [`Server`](super::Server).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Where it listens. Default: port 7233 of 127.0.0.1, so that nobody else can reach it. With port 0 the system
    /// chooses one: [`Server::address`](super::Server::address) says which.
    pub address: SocketAddr,
    /// How its time goes. Default: as everybody's.
    pub time: ServerTime,
    /// The namespaces that it has from the start, besides `default`.
    pub namespaces: Vec<String>,
    /// Whether a namespace that a call names is there from then on, as in Temporal's test server. Default: `false`, and
    /// such a call is answered with NOT_FOUND.
    pub any_namespace: bool,
    /// The custom search attributes of these namespaces and of `default`.
    pub search_attributes: BTreeMap<String, SearchAttributeType>,
    /// Where ids come from. Two servers with one seed that are asked the same at the same times answer the same. A server
    /// with a file goes on with the seed that the file was begun with.
    pub seed: u64,
    /// The file that histories survive a restart in. Default: none, and they do not.
    pub file: Option<PathBuf>,
    /// The limits of the Temporal server.
    pub limits: Limits,
    /// How much the server takes from those who connect to it.
    pub capacity: Capacity,
    /// Whether closed runs are deleted when the retention of their namespace is over: one day, unless the namespace was
    /// registered with another. Default: `true`.
    pub deletes_closed_runs: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 7233)),
            time: ServerTime::Real,
            namespaces: Vec::new(),
            any_namespace: false,
            search_attributes: BTreeMap::new(),
            seed: 0,
            file: None,
            limits: Limits::default(),
            capacity: Capacity::default(),
            deletes_closed_runs: true,
        }
    }
}

/// How the time of a server goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerTime {
    /// As everybody's.
    Real,
    /// As everybody's, but what nothing happens in is skipped, unless a client of the TestService has locked time.
    Skipping {
        /// Whether time is locked at first, once, until somebody unlocks it.
        locked: bool,
    },
}

/// How much a server takes from those who connect to it. What is beyond has to wait, or is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capacity {
    /// Most connections at a time. Further ones wait to be accepted. Default: 4096.
    pub connections: usize,
    /// Most calls of one connection at a time. Clients let further ones wait. Default: 10,000.
    pub calls_per_connection: u32,
    /// Most calls that wait for a task, for an event or for a worker. Further ones are answered with RESOURCE_EXHAUSTED.
    /// Default: 100,000.
    pub waiting_calls: usize,
    /// Largest request, in bytes. Default: 4 MiB, as a real server.
    pub message_size: usize,
    /// Most bytes of requests that are not answered and of answers that are not sent, all connections together. What is
    /// beyond is answered with RESOURCE_EXHAUSTED. Default: 512 MiB.
    pub bytes_in_hand: usize,
    /// Largest set of headers of a call, in bytes. Default: 64 KiB.
    pub header_size: u32,
    /// A connection on which nothing happens for this long is asked whether anybody is there. Default: one minute.
    pub keep_alive: Duration,
    /// A connection on which nobody has answered for this long is closed. Default: 20 s.
    pub keep_alive_timeout: Duration,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            connections: 4096,
            calls_per_connection: 10_000,
            waiting_calls: 100_000,
            message_size: 4 * 1024 * 1024,
            bytes_in_hand: 512 * 1024 * 1024,
            header_size: 64 * 1024,
            keep_alive: Duration::from_secs(60),
            keep_alive_timeout: Duration::from_secs(20),
        }
    }
}

/// The type of a custom search attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchAttributeType {
    /// `true` or `false`.
    Bool,
    /// An instant.
    Datetime,
    /// A floating point number.
    Double,
    /// A whole number.
    Int,
    /// A string that is compared as a whole.
    Keyword,
    /// Several such strings.
    KeywordList,
    /// A string whose words are looked for.
    Text,
}

impl SearchAttributeType {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 7] = [
        ("Bool", Self::Bool),
        ("Datetime", Self::Datetime),
        ("Double", Self::Double),
        ("Int", Self::Int),
        ("Keyword", Self::Keyword),
        ("KeywordList", Self::KeywordList),
        ("Text", Self::Text),
    ];

    pub(super) fn indexed(self) -> IndexedValueType {
        match self {
            Self::Bool => IndexedValueType::Bool,
            Self::Datetime => IndexedValueType::Datetime,
            Self::Double => IndexedValueType::Double,
            Self::Int => IndexedValueType::Int,
            Self::Keyword => IndexedValueType::Keyword,
            Self::KeywordList => IndexedValueType::KeywordList,
            Self::Text => IndexedValueType::Text,
        }
    }
}
