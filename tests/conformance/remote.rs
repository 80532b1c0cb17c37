//! A server on a port, in real time.

use std::time::{Duration, SystemTime};

use prost::bytes::{Buf as _, BufMut as _, Bytes};
use serde_json::Value;
use temporal_sim::conformance::{self, Status};
use tokio::time::Instant;
use tonic::{
    Code, Request,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};

use crate::run::Server;

/// How far apart times may be, in seconds. The cases share a server, and it a machine, with others.
pub(crate) const TOLERANCE: f64 = 3.0;
/// What an answer may have; histories of some cases are long.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// A connection to a server that was there before, and that all cases share.
#[derive(Clone)]
pub(crate) struct Remote(Channel);

impl Remote {
    /// Connects to `host:port`.
    ///
    /// # Errors
    ///
    /// If nobody listens there.
    pub(crate) async fn connect(address: &str) -> Result<Self, String> {
        let problem = |error| format!("cannot connect to {address}: {error}");
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(problem)?;
        endpoint.connect().await.map(Self).map_err(problem)
    }

    /// A suffix for ids that no other run of a case has: `number` tells those of one process apart.
    pub(crate) fn nonce(&self, number: usize) -> String {
        let micros = (self.now() * 1e6) as u64;
        // As long as the suffix of the cases in memory: some have ids of a certain length.
        format!("-{:08x}", micros.wrapping_add(number as u64) & 0xffff_ffff)
    }
}

impl Server for Remote {
    async fn call(
        &self,
        service: &str,
        rpc: &str,
        request: Value,
        deadline: Duration,
    ) -> Result<Result<Value, Status>, String> {
        let mut request = Request::new(conformance::encode_request(service, rpc, request)?);
        request.set_timeout(deadline);
        let path = PathAndQuery::try_from(format!("/{service}/{rpc}"))
            .map_err(|error| format!("{rpc} is no name of an RPC: {error}"))?;
        let mut client = Grpc::new(self.0.clone()).max_decoding_message_size(LARGEST_ANSWER);
        client.ready().await.map_err(|error| format!("the server is gone: {error}"))?;
        let begun = Instant::now();
        match client.unary(request, path, Raw).await {
            Ok(response) => conformance::decode_response(service, rpc, response.get_ref()).map(Ok),
            // The connection gives up a little before the server does, and has a code of its own for that.
            Err(status) if status.code() == Code::Cancelled && begun.elapsed() >= deadline => {
                Status::of(&tonic::Status::deadline_exceeded("")).map(Err)
            }
            Err(status) => Status::of(&status).map(Err),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the server that is tested has the machine's clock")]
    fn now(&self) -> f64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }
}

/// Messages as the bytes that they are.
#[derive(Debug, Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = tonic::Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        buffer.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
