//! Writing histories.

use std::{fs, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};
use prost::Message as _;
use temporalio_common::protos::temporal::api::history::v1 as proto;

use super::{History, SaveError};
use crate::proto_json;

impl History {
    /// The history as the Temporal CLI writes it: `temporal workflow show --output json`, byte for byte.
    ///
    /// # Errors
    ///
    /// If it holds something that has no JSON form, such as a time after the year 9999.
    pub fn to_json(&self) -> Result<String, SaveError> {
        let mut json = proto_json::to_string_pretty(&self.to_proto())
            .map_err(|error| SaveError::Json { reason: error.to_string() })?;
        json.push('\n');
        Ok(json)
    }

    /// The history as a binary `temporal.api.history.v1.History`.
    pub fn to_protobuf(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }

    /// The history in one of the forms that files have.
    ///
    /// # Errors
    ///
    /// If the form is JSON, and the history has no JSON form.
    pub fn to_bytes(&self, format: Format) -> Result<Vec<u8>, SaveError> {
        Ok(match format {
            Format::Json => self.to_json()?.into_bytes(),
            Format::Protobuf => self.to_protobuf(),
            Format::JsonGzip => packed(self.to_json()?.as_bytes()),
            Format::ProtobufGzip => packed(&self.to_protobuf()),
        })
    }

    /// Writes the history to a `.json`, `.pb`, `.json.gz` or `.pb.gz` file.
    ///
    /// # Errors
    ///
    /// If the file has another extension or cannot be written, or if the history has no JSON form.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        let path = path.as_ref();
        let format = Format::of(path).ok_or_else(|| SaveError::UnknownExtension { path: path.to_owned() })?;
        let bytes = self.to_bytes(format)?;
        fs::write(path, bytes).map_err(|source| SaveError::Io { path: path.to_owned(), source })
    }

    fn to_proto(&self) -> proto::History {
        self.clone().into()
    }
}

/// The forms in which histories are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Proto JSON, as the Temporal CLI writes it.
    Json,
    /// A binary `temporal.api.history.v1.History`.
    Protobuf,
    /// [`Format::Json`] with gzip.
    JsonGzip,
    /// [`Format::Protobuf`] with gzip.
    ProtobufGzip,
}

impl Format {
    /// The form that the name of a file asks for: `.json`, `.pb`, `.json.gz`, `.pb.gz`.
    pub fn of(path: impl AsRef<Path>) -> Option<Self> {
        let name = path.as_ref().file_name()?.to_str()?.to_ascii_lowercase();
        let (name, is_packed) = match name.strip_suffix(".gz") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        match (name.rsplit_once('.')?.1, is_packed) {
            ("json", false) => Some(Self::Json),
            ("json", true) => Some(Self::JsonGzip),
            ("pb", false) => Some(Self::Protobuf),
            ("pb", true) => Some(Self::ProtobufGzip),
            _ => None,
        }
    }
}

/// Without a date, so that the same history always gives the same bytes.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.expect("writing to memory does not fail")
}
