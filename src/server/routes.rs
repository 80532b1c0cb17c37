//! Which call goes where, by its path.

use std::{convert::Infallible, time::Duration};

use hyper::{Method, Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE};
use prost::Message as _;
use tonic::{Code, Status, body::Body, codegen::Service as _};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_server::HealthServer,
};

use super::{
    budget::{Budget, Held},
    driver::Handle,
    engine::{Output, TestCall},
    grpc,
    inbox::ConnectionId,
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
    /// The names of all services.
    pub(super) services: &'static [&'static str],
    /// Whether there is a TestService.
    pub(super) skips_time: bool,
    /// Largest message of a request, in bytes.
    pub(super) message_size: usize,
    /// What requests and answers may take, all of them together.
    pub(super) budget: Budget,
    pub(super) health: HealthServer<tonic_health::server::HealthService>,
    pub(super) reflection: Reflection,
}

impl Routes {
    /// The same for another connection.
    pub(super) fn of_connection(&self, connection: ConnectionId) -> Self {
        Self { handle: self.handle.of_connection(connection), ..self.clone() }
    }

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
            "grpc.health.v1.Health" if method == "Check" => Ok(self.check_health(request).await),
            "grpc.health.v1.Health" => self.health.call(request).await,
            "grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection" => {
                self.reflection.call(service, request).await
            }
            _ => {
                let mut held = self.budget.nothing();
                let answer = self.unary(service, method, request, &mut held).await;
                log(method, answer.as_ref().err());
                drop(held);
                let held = self.budget.nothing();
                Ok(match answer {
                    Ok(Output::Rpc(response)) => grpc::answer(&response.encode(), held),
                    Ok(Output::Test(response)) => grpc::answer(&response, held),
                    Err(status) => grpc::error(&status),
                })
            }
        }
    }

    /// Answers a health check. Unlike the watch, it may come compressed.
    async fn check_health(&self, request: Request<Incoming>) -> Response<Body> {
        let mut held = self.budget.nothing();
        let message = match grpc::read(request, self.message_size, &mut held).await {
            Ok(message) => message,
            Err(status) => return grpc::error(&status),
        };
        match HealthCheckRequest::decode(message) {
            Ok(check) if check.service.is_empty() || self.services.contains(&check.service.as_str()) => {
                let healthy = HealthCheckResponse { status: ServingStatus::Serving.into() };
                grpc::answer(&healthy.encode_to_vec(), self.budget.nothing())
            }
            Ok(_) => grpc::error(&Status::not_found("unknown service")),
            Err(error) => grpc::error(&Status::internal(error.to_string())),
        }
    }

    async fn unary(
        &self,
        service: &str,
        method: &str,
        request: Request<Incoming>,
        held: &mut Held,
    ) -> Result<Output, Status> {
        let is_test = service == TEST_SERVICE && self.skips_time;
        if !is_test && !rpc::ALL.iter().any(|(known, _)| *known == service) {
            return Err(Status::unimplemented(format!("unknown service {service}")));
        }
        let timeout = timeout(request.headers());
        let message = grpc::read(request, self.message_size, held).await?;
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

/// Logs how a call ended: loudest if the caller wants what there is not.
fn log(method: &str, error: Option<&Status>) {
    match error {
        None => tracing::debug!("{method}"),
        Some(status) if status.code() == Code::Unimplemented => {
            tracing::warn!("{method}: {}", status.message())
        }
        Some(status) => tracing::debug!("{method}: {:?}: {}", status.code(), status.message()),
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
