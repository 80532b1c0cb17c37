//! The payload codec, at the boundary between the worker and the server.
//!
//! The codec belongs to the data converter. It sees every payload that enters or leaves the worker, except
//! those of search attributes, which the server must be able to read.

use temporalio_common::{
    data_converters::{
        ActivitySerializationContext, DataConverter, PayloadConversionError, SerializationContextData,
        WorkflowSerializationContext,
    },
    payload_visitor::{PayloadVisitable, decode_payloads, encode_payloads},
};

/// Applies the data converter's codec, if there is one.
#[derive(Clone)]
pub(crate) struct Codec {
    data_converter: DataConverter,
    enabled: bool,
}

impl Codec {
    /// Without a codec, nothing is visited: walking through every message costs more than all the rest.
    pub(crate) fn new(data_converter: DataConverter, enabled: bool) -> Self {
        Self { data_converter, enabled }
    }

    /// Decodes what came from the server for a workflow.
    pub(crate) async fn decode_for_workflow<M: PayloadVisitable>(
        &self,
        message: &mut M,
    ) -> Result<(), PayloadConversionError> {
        self.decode(message, SerializationContextData::Workflow(WorkflowSerializationContext::new())).await
    }

    /// Encodes what a workflow sends to the server.
    pub(crate) async fn encode_for_workflow<M: PayloadVisitable>(
        &self,
        message: &mut M,
    ) -> Result<(), PayloadConversionError> {
        self.encode(message, SerializationContextData::Workflow(WorkflowSerializationContext::new())).await
    }

    /// Decodes what came from the server for an activity.
    pub(crate) async fn decode_for_activity<M: PayloadVisitable>(
        &self,
        message: &mut M,
    ) -> Result<(), PayloadConversionError> {
        self.decode(message, SerializationContextData::Activity(ActivitySerializationContext::new())).await
    }

    /// Encodes what an activity sends to the server.
    pub(crate) async fn encode_for_activity<M: PayloadVisitable>(
        &self,
        message: &mut M,
    ) -> Result<(), PayloadConversionError> {
        self.encode(message, SerializationContextData::Activity(ActivitySerializationContext::new())).await
    }

    async fn decode<M: PayloadVisitable>(
        &self,
        message: &mut M,
        context: SerializationContextData,
    ) -> Result<(), PayloadConversionError> {
        if !self.enabled {
            return Ok(());
        }
        decode_payloads(message, self.data_converter.codec(), &context).await
    }

    async fn encode<M: PayloadVisitable>(
        &self,
        message: &mut M,
        context: SerializationContextData,
    ) -> Result<(), PayloadConversionError> {
        if !self.enabled {
            return Ok(());
        }
        encode_payloads(message, self.data_converter.codec(), &context).await
    }
}
