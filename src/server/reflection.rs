//! Server reflection: tools such as `grpcurl` ask the server for its services and their messages.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
};

use hyper::{Request, Response, body::Incoming};
use tonic::{
    body::Body,
    codegen::{BoxFuture, Service},
};
use tonic_reflection::server::Builder;

use crate::proto_json::DESCRIPTORS;

/// The two versions of the reflection service. They are made when somebody asks: hardly anybody does, and they take
/// milliseconds and megabytes.
#[derive(Clone)]
pub(super) struct Reflection {
    /// The services that clients are told of.
    services: &'static [&'static str],
    v1: Arc<OnceLock<Version>>,
    v1alpha: Arc<OnceLock<Version>>,
}

type Version = Box<dyn Fn(Request<Incoming>) -> BoxFuture<Response<Body>, Infallible> + Send + Sync>;

impl Reflection {
    /// For a server that has these services.
    pub(super) fn new(services: &'static [&'static str]) -> Self {
        Self { services, v1: Arc::default(), v1alpha: Arc::default() }
    }

    /// Answers a call of the version with this name.
    pub(super) async fn call(
        &self,
        service: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        const VALID: &str = "the descriptor set is what temporal-sim-descriptors wrote";
        let builder = || {
            let builder = Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
                // That would be one of the two.
                .include_reflection_service(false);
            self.services.iter().fold(builder, |builder, name| builder.with_service_name(*name))
        };
        let version = if service.ends_with(".v1.ServerReflection") {
            self.v1.get_or_init(|| version(builder().build_v1().expect(VALID)))
        } else {
            self.v1alpha.get_or_init(|| version(builder().build_v1alpha().expect(VALID)))
        };
        version(request).await
    }
}

fn version<S>(server: S) -> Version
where
    S: Service<
            Request<Incoming>,
            Response = Response<Body>,
            Error = Infallible,
            Future = BoxFuture<Response<Body>, Infallible>,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    Box::new(move |request| server.clone().call(request))
}
