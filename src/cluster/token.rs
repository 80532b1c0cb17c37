//! The opaque bytes that callers hand back: task tokens and page tokens.

use super::error::Error;

/// Opaque bytes, and what they mean.
pub(crate) trait Token: prost::Message + Default {
    /// Tells tokens of one kind from those of another, and from garbage.
    const TAG: u8;

    /// The error, in the words of the server, if a caller hands back these bytes, which are no token of this kind.
    fn refuse(bytes: &[u8]) -> Error {
        let is_set = !bytes.is_empty();
        Error::invalid_argument(if is_set {
            "Error deserializing task token."
        } else {
            "Task token not set on request."
        })
    }

    /// The bytes that a caller gets.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + self.encoded_len());
        bytes.push(Self::TAG);
        self.encode(&mut bytes).expect("a vector has room for any message");
        bytes
    }

    /// What a caller hands back.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if it is nothing or garbage.
    fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let token = match bytes {
            [tag, rest @ ..] if *tag == Self::TAG => Self::decode(rest).ok(),
            _ => None,
        };
        token.ok_or_else(|| Self::refuse(bytes))
    }
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

impl Token for WorkflowTaskToken {
    const TAG: u8 = 1;
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

impl Token for ActivityTaskToken {
    const TAG: u8 = 2;
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

impl Token for QueryTaskToken {
    const TAG: u8 = 3;
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

impl HistoryToken {
    /// Where a reader wants to go on; `None` if it begins.
    ///
    /// # Errors
    ///
    /// Those of [`Token::from_bytes`].
    pub(crate) fn of_request(next_page_token: &[u8]) -> Result<Option<Self>, Error> {
        if next_page_token.is_empty() { Ok(None) } else { Self::from_bytes(next_page_token).map(Some) }
    }
}

impl Token for HistoryToken {
    const TAG: u8 = 4;

    fn refuse(_: &[u8]) -> Error {
        Error::invalid_argument("Invalid NextPageToken.")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_are_too_odd_to_decode(bytes: Vec<u8>) {
            let _ = WorkflowTaskToken::from_bytes(&bytes);
            let _ = HistoryToken::from_bytes(&bytes);
        }
    }

    #[test]
    fn a_token_of_another_kind_is_garbage() {
        let token = QueryTaskToken { query: 1, ..Default::default() };
        assert_eq!(QueryTaskToken::from_bytes(&token.to_bytes()), Ok(token.clone()));
        let error = WorkflowTaskToken::from_bytes(&token.to_bytes()).unwrap_err();
        assert_eq!(error.message, "Error deserializing task token.");
    }
}
