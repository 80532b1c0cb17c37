//! Which call goes where, by its path.

use std::{convert::Infallible, time::Duration};

use hyper::{Method, Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE};
use tonic::{Status, body::Body, codegen::Service as _};
use tonic_health::pb::health_server::HealthServer;

use super::{
    driver::Handle,
    engine::{Output, TestCall},
    grpc,
    reflection::Reflection,
};
use crate::{
    cluster::Error,
    rpc,
    service::wire::{self, timeout},
};

/// The service that clients lock and skip time with.
const TEST_SERVICE: &str = "temporal.api.testservice.v1.TestService";

/// Everything that is served, for one connection.
#[derive(Clone)]
pub(super) struct Routes {
    pub(super) handle: Handle,
    /// Whether there is a TestService.
    pub(super) skips_time: bool,
    /// Largest message of a request, in bytes.
    pub(super) message_size: usize,
    pub(super) health: HealthServer<tonic_health::server::HealthService>,
    pub(super) reflection: Reflection,
}

impl Routes {
    /// Answers one call.
    pub(super) async fn call(mut self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        if request.method() != Method::POST {
            return Ok(grpc::not_grpc(StatusCode::METHOD_NOT_ALLOWED));
        }
        let content = request.headers().get(CONTENT_TYPE).map(hyper::header::HeaderValue::as_bytes);
        if !content.is_some_and(|content| content.starts_with(b"application/grpc")) {
            return Ok(grpc::not_grpc(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let path = request.uri().path().to_owned();
        let Some((service, method)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else {
            let status = Status::unimplemented(format!("malformed method name: {path:?}"));
            return Ok(grpc::error(&status));
        };
        match service {
            "grpc.health.v1.Health" => self.health.call(request).await,
            "grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection" => {
                self.reflection.call(service, request).await
            }
            _ => Ok(match self.unary(service, method, request).await {
                Ok(Output::Rpc(response)) => grpc::answer(&response.encode()),
                Ok(Output::Test(response)) => grpc::answer(&response),
                Err(status) => grpc::error(&status),
            }),
        }
    }

    async fn unary(&self, service: &str, method: &str, request: Request<Incoming>) -> Result<Output, Status> {
        let is_test = service == TEST_SERVICE && self.skips_time;
        if !is_test && !rpc::ALL.iter().any(|(known, _)| *known == service) {
            return Err(Status::unimplemented(format!("unknown service {service}")));
        }
        let timeout = timeout(request.headers());
        let message = grpc::read(request, self.message_size).await?;
        let answer = async {
            if is_test {
                self.handle.test(TestCall::decode(method, &message)?).await
            } else {
                let request = wire::decode(service, method, &message)?;
                self.handle.call(request, message, timeout).await
            }
        };
        within(timeout, answer).await.map_err(|error| wire::status(&error))
    }
}

/// Waits for an answer, but no longer than the caller does.
async fn within<T>(
    timeout: Option<Duration>,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match timeout {
        None => answer.await,
        Some(timeout) => {
            tokio::time::timeout(timeout, answer).await.unwrap_or_else(|_| Err(Error::deadline_exceeded()))
        }
    }
}
