//! Reading histories.

use std::{fs, io::Read as _, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::read::MultiGzDecoder;
use prost::Message as _;
use serde_json::{Value, json};
use temporalio_common::protos::temporal::api::history::v1::{self as proto, HistoryEvent};

use super::{History, InvalidHistory, LoadError, Page};
use crate::proto_json::{self, UnknownFields};

/// The tag of `events` in `temporal.api.history.v1.History`: field 1, length-delimited.
const EVENTS_TAG: u8 = 0x0a;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// What a compressed history may unpack to; a server allows histories of 50 MB.
const UNPACKED_LIMIT: u64 = 1 << 30;
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

impl History {
    /// Reads a history from a file: JSON or protobuf, either also with gzip, whatever its name.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or holds no history; the error names the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        file(path.as_ref(), Self::from_bytes)
    }

    /// Reads a history, JSON or protobuf, either also with gzip: the content tells which.
    ///
    /// # Errors
    ///
    /// If the bytes are no history.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        Ok(Self::new(page(bytes)?.into_events())?)
    }

    /// Reads a history from proto JSON, as the Temporal CLI and the Web UI write it. Enums may have their
    /// official names or the older ones (`WorkflowExecutionStarted`); fields of a later API are ignored. The
    /// answers of a server are read too, also raw ones and several behind one another, and events one to a line.
    ///
    /// # Errors
    ///
    /// If the text is no JSON, or not that of a history.
    pub fn from_json(json: &str) -> Result<Self, LoadError> {
        Ok(Self::new(json_page(json)?.into_events())?)
    }

    /// Reads a history from a binary `temporal.api.history.v1.History`.
    ///
    /// # Errors
    ///
    /// If an event cannot be decoded.
    pub fn from_protobuf(bytes: &[u8]) -> Result<Self, LoadError> {
        Ok(Self::new(protobuf_events(bytes)?)?)
    }
}

/// Reads a file; an error names it.
pub(super) fn file<T>(path: &Path, read: impl FnOnce(&[u8]) -> Result<T, LoadError>) -> Result<T, LoadError> {
    let bytes = fs::read(path).map_err(|source| LoadError::Io { path: path.to_owned(), source })?;
    read(&bytes).map_err(|error| LoadError::File { path: path.to_owned(), source: Box::new(error) })
}

/// Reads events in any form, from whatever event on.
pub(super) fn page(bytes: &[u8]) -> Result<Page, LoadError> {
    if bytes.starts_with(GZIP_MAGIC) {
        return unpacked_page(&unpack(bytes)?);
    }
    unpacked_page(bytes)
}

fn unpacked_page(bytes: &[u8]) -> Result<Page, LoadError> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
    let protobuf = || protobuf_events(bytes).map(Page::new);
    match (bytes.first(), text.first()) {
        (None, _) => Err(LoadError::Nothing),
        // Protobuf begins with a byte that is also a line feed, so JSON is what it is not.
        (Some(&EVENTS_TAG), Some(b'{' | b'[')) => protobuf().or_else(|_| json_page(utf8(text)?)),
        (_, Some(b'{' | b'[')) => json_page(utf8(text)?),
        _ => protobuf(),
    }
}

fn json_page(json: &str) -> Result<Page, LoadError> {
    let values = match proto_json::from_text(json) {
        Ok(value) => vec![value],
        // Several values, one behind the other?
        Err(error) => {
            let values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
            values.collect::<Result<_, _>>().map_err(|_| error)?
        }
    };
    let (mut events, mut is_continued) = (Vec::new(), false);
    for value in values {
        let page = page_of_value(value)?;
        is_continued = page.is_continued();
        events.extend(page.into_events());
    }
    Ok(Page::continued(events, is_continued))
}

/// Reads one JSON value: a history, a list of events, one event, or the answer to `GetWorkflowExecutionHistory`.
fn page_of_value(mut value: Value) -> Result<Page, LoadError> {
    let token = value.get("nextPageToken").and_then(Value::as_str).unwrap_or_default();
    let is_continued = !token.is_empty();
    let raw = value.get_mut("rawHistory").and_then(Value::as_array_mut).map(std::mem::take);
    if let Some(blobs) = raw.filter(|blobs| !blobs.is_empty()) {
        let mut events = Vec::new();
        for (index, blob) in blobs.iter().enumerate() {
            let data = blob.get("data").and_then(Value::as_str).unwrap_or_default();
            let bytes = BASE64_STANDARD.decode(data).map_err(|error| LoadError::Value {
                path: format!("rawHistory[{index}].data"),
                reason: error.to_string(),
            })?;
            events.extend(unpacked_page(&bytes)?.into_events());
        }
        return Ok(Page::continued(events, is_continued));
    }
    let history = match value {
        Value::Array(events) => json!({"events": events}),
        Value::Object(mut fields) if fields.get("history").is_some_and(Value::is_object) => {
            fields.remove("history").unwrap_or_default()
        }
        Value::Object(fields) if fields.contains_key("eventId") => json!({"events": [fields]}),
        other => other,
    };
    let history: proto::History = proto_json::from_value(history, UnknownFields::Ignore)?;
    Ok(Page::continued(history.events, is_continued))
}

fn protobuf_events(bytes: &[u8]) -> Result<Vec<HistoryEvent>, LoadError> {
    let mut events = Vec::new();
    let mut rest = bytes;
    while let Some((tag, after_tag)) = rest.split_first() {
        let problem = |reason: String| LoadError::Protobuf {
            event: events.len() + 1,
            offset: bytes.len() - rest.len(),
            reason,
        };
        if *tag != EVENTS_TAG {
            return Err(problem(format!("found byte 0x{tag:02x} instead of an event")));
        }
        let mut body = after_tag;
        let length = prost::decode_length_delimiter(&mut body).map_err(|error| problem(error.to_string()))?;
        let (event, after) = body
            .split_at_checked(length)
            .ok_or_else(|| problem(format!("it has {length} bytes, but only {} follow", body.len())))?;
        events.push(HistoryEvent::decode(event).map_err(|error| problem(error.to_string()))?);
        rest = after;
    }
    Ok(events)
}

fn utf8(bytes: &[u8]) -> Result<&str, LoadError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        LoadError::Json {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1,
            reason: "the text is not UTF-8".to_owned(),
        }
    })
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(UNPACKED_LIMIT + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| LoadError::Gzip { reason: error.to_string() })?;
    if unpacked.len() as u64 > UNPACKED_LIMIT {
        return Err(LoadError::Gzip { reason: format!("it unpacks to more than {UNPACKED_LIMIT} bytes") });
    }
    Ok(unpacked)
}

impl TryFrom<proto::History> for History {
    type Error = InvalidHistory;

    fn try_from(history: proto::History) -> Result<Self, InvalidHistory> {
        Self::new(history.events)
    }
}

impl From<History> for proto::History {
    fn from(history: History) -> Self {
        Self { events: history.into_events() }
    }
}

impl From<proto_json::Error> for LoadError {
    fn from(error: proto_json::Error) -> Self {
        match error {
            proto_json::Error::Syntax { line, column, reason } => Self::Json { line, column, reason },
            proto_json::Error::Value { path, reason } => Self::Value { path, reason },
            other => Self::Value { path: ".".to_owned(), reason: other.to_string() },
        }
    }
}
