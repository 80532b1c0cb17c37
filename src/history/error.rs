//! Why a history cannot be read or written.

use std::{io, path::PathBuf};

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("the history is empty (0 bytes): was the export interrupted?")]
    Nothing,
    /// It is compressed, and cannot be unpacked.
    #[error("cannot unpack gzip: {reason}; unpack it by hand, or export the history anew")]
    Gzip {
        /// What the decoder found.
        reason: String,
    },
    /// It looks like JSON, but is not.
    #[error("not valid JSON at line {line}, column {column}: {reason}; export the history anew")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What the parser expected.
        reason: String,
    },
    /// It is JSON, but not that of a history.
    #[error("`{path}`: {reason}; expected the JSON of `temporal workflow show --output json`")]
    Value {
        /// Where the value is: `events[4].eventType` is the type of event 5.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is neither JSON nor the protobuf of a history.
    #[error(
        "cannot decode event {event} at byte {offset}: {reason}; \
         expected JSON or a binary `temporal.api.history.v1.History`"
    )]
    Protobuf {
        /// The number of the event, counted from 1.
        event: usize,
        /// Where the event begins, counted in bytes from 0.
        offset: usize,
        /// What the decoder found.
        reason: String,
    },
    /// Its events are not a whole history.
    #[error(transparent)]
    Invalid(#[from] InvalidHistory),
    /// One of the above, in a file.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Self>,
    },
}

/// Why events are not the history of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHistory {
    /// There are none.
    #[error("the history has no events: export it with `temporal workflow show --output json`")]
    Empty,
    /// The beginning is missing.
    #[error(
        "the history begins with event {event_id} of type {event_type}, not with \
         EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: export it from its first event on"
    )]
    NotFromTheStart {
        /// The name of the first event's type.
        event_type: &'static str,
        /// Its id.
        event_id: i64,
    },
    /// Something in between is missing, or out of order.
    #[error("event {expected} is missing: event {found} stands in its place; export the history anew")]
    Gap {
        /// The id that should have come.
        expected: i64,
        /// The id that came.
        found: i64,
    },
}

/// Why a history could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// It holds something that has no JSON form, such as a time after the year 9999.
    #[error("{reason}; write the history as protobuf instead")]
    Json {
        /// What it is.
        reason: String,
    },
    /// The file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file's name does not tell in which form to write.
    #[error("{}: a history is written to a `.json`, `.pb`, `.json.gz` or `.pb.gz` file", path.display())]
    UnknownExtension {
        /// The file.
        path: PathBuf,
    },
}
