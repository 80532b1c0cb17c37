//! Writing histories.

use std::{fs, path::Path};

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

    /// Writes the history to a `.json` or a `.pb` file.
    ///
    /// # Errors
    ///
    /// If the file has another extension or cannot be written, or if the history has no JSON form.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        let path = path.as_ref();
        let bytes = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => self.to_json()?.into_bytes(),
            Some("pb") => self.to_protobuf(),
            _ => return Err(SaveError::UnknownExtension { path: path.to_owned() }),
        };
        fs::write(path, bytes).map_err(|source| SaveError::Io { path: path.to_owned(), source })
    }

    fn to_proto(&self) -> proto::History {
        proto::History { events: self.events.clone() }
    }
}
