//! The opaque bytes that callers hand back: task tokens and page tokens.

use super::error::Error;

/// Tells tokens of one kind from those of another, and from garbage.
trait Tagged: prost::Message + Default {
    const TAG: u8;
}

fn encode<T: Tagged>(token: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + token.encoded_len());
    bytes.push(T::TAG);
    bytes.extend(token.encode_to_vec());
    bytes
}

fn decode<T: Tagged>(bytes: &[u8]) -> Option<T> {
    match bytes {
        [tag, rest @ ..] if *tag == T::TAG => T::decode(rest).ok(),
        _ => None,
    }
}

fn decode_task<T: Tagged>(bytes: &[u8]) -> Result<T, Error> {
    if bytes.is_empty() {
        return Err(Error::invalid_argument("Task token not set on request."));
    }
    decode(bytes).ok_or_else(|| Error::invalid_argument("Error deserializing task token."))
}

/// Names a started workflow task.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WorkflowTaskToken {
    #[prost(string, tag = "1")]
    pub(crate) namespace_id: String,
    #[prost(string, tag = "2")]
    pub(crate) workflow_id: String,
    #[prost(string, tag = "3")]
    pub(crate) run_id: String,
    #[prost(int64, tag = "4")]
    pub(crate) scheduled_event_id: i64,
    #[prost(int64, tag = "5")]
    pub(crate) started_event_id: i64,
    #[prost(int32, tag = "6")]
    pub(crate) attempt: i32,
    #[prost(uint64, tag = "7")]
    pub(crate) stamp: u64,
}

impl Tagged for WorkflowTaskToken {
    const TAG: u8 = 1;
}

impl WorkflowTaskToken {
    /// The bytes that a worker gets.
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// What a worker hands back.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT, in the words of the server, if there is nothing or garbage.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        decode_task(bytes)
    }
}

/// Names a started activity task. The scheduled event id is 0 if the activity is named by its id.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ActivityTaskToken {
    #[prost(string, tag = "1")]
    pub(crate) namespace_id: String,
    #[prost(string, tag = "2")]
    pub(crate) workflow_id: String,
    #[prost(string, tag = "3")]
    pub(crate) run_id: String,
    #[prost(int64, tag = "4")]
    pub(crate) scheduled_event_id: i64,
    #[prost(int32, tag = "5")]
    pub(crate) attempt: i32,
    #[prost(string, tag = "6")]
    pub(crate) activity_id: String,
}

impl Tagged for ActivityTaskToken {
    const TAG: u8 = 2;
}

impl ActivityTaskToken {
    /// The bytes that a worker gets.
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// What a worker hands back.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT, in the words of the server, if there is nothing or garbage.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        decode_task(bytes)
    }
}

/// Names a query that was handed to a worker by itself.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct QueryTaskToken {
    #[prost(string, tag = "1")]
    pub(crate) namespace_id: String,
    #[prost(string, tag = "2")]
    pub(crate) run_id: String,
    #[prost(uint64, tag = "3")]
    pub(crate) query: u64,
}

impl Tagged for QueryTaskToken {
    const TAG: u8 = 3;
}

impl QueryTaskToken {
    /// The bytes that a worker gets.
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// What a worker hands back.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT, in the words of the server, if there is nothing or garbage.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        decode_task(bytes)
    }
}

/// Where a read of a history goes on. It pins the run.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct HistoryToken {
    #[prost(string, tag = "1")]
    pub(crate) run_id: String,
    /// The first event of the next page; of a reverse read, the last.
    #[prost(int64, tag = "2")]
    pub(crate) first_event_id: i64,
    /// The first event that was not there when the read began.
    #[prost(int64, tag = "3")]
    pub(crate) end_event_id: i64,
    /// Whether the run was open when the last page was read.
    #[prost(bool, tag = "4")]
    pub(crate) was_running: bool,
}

impl Tagged for HistoryToken {
    const TAG: u8 = 4;
}

impl HistoryToken {
    /// The bytes that a reader gets.
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// What a reader hands back.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if it is garbage.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        decode(bytes).ok_or_else(|| Error::invalid_argument("Invalid NextPageToken."))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_are_too_odd_to_decode(bytes: Vec<u8>) {
            let _ = WorkflowTaskToken::decode(&bytes);
            let _ = HistoryToken::decode(&bytes);
        }
    }

    #[test]
    fn a_token_of_another_kind_is_garbage() {
        let token = QueryTaskToken { query: 1, ..Default::default() };
        assert_eq!(QueryTaskToken::decode(&token.encode()), Ok(token.clone()));
        let error = WorkflowTaskToken::decode(&token.encode()).unwrap_err();
        assert_eq!(error.message, "Error deserializing task token.");
    }
}
