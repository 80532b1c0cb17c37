//! What a server has from its start: namespaces and search attributes, registered as an operator would.

use std::collections::BTreeMap;

use prost::Message as _;
use temporalio_common::protos::temporal::api::{
    enums::v1::IndexedValueType, operatorservice::v1::AddSearchAttributesRequest,
    workflowservice::v1::RegisterNamespaceRequest,
};
use tonic::Code;

use super::{
    engine::{Engine, Incoming, Input},
    options::Options,
    wall_clock::Wall,
};
use crate::{
    clock,
    cluster::{CallId, DEFAULT_NAMESPACE, driver::RETENTION},
    rpc::Rpc,
};

/// Why a server cannot have from its start what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The namespace cannot be registered.
    #[error("namespace {name}: {reason}")]
    Namespace {
        /// The namespace.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The search attributes cannot be registered.
    #[error("search attributes: {reason}")]
    SearchAttributes {
        /// Why not.
        reason: String,
    },
}

/// The search attributes by the names of their types in the API.
pub(super) fn indexed(options: &Options) -> BTreeMap<String, IndexedValueType> {
    let attributes = options.search_attributes.iter();
    attributes.map(|(name, kind)| (name.clone(), kind.indexed())).collect()
}

/// Registers what is not there yet. `calls` is the highest call id so far.
pub(super) fn set_up(
    engine: &mut Engine,
    wall: Wall,
    calls: &mut u64,
    options: &Options,
) -> Result<(), SetupError> {
    let mut call = |request: crate::rpc::Request, encoded: Vec<u8>| {
        *calls += 1;
        let call = Incoming { id: CallId(*calls), request, timeout: None, encoded: Some(encoded.into()) };
        engine.handle(wall, Input::Call(call));
        match engine.poll_answer() {
            Some((_, Err(error))) if error.code != Code::AlreadyExists => Err(error.message),
            _ => Ok(()),
        }
    };
    for name in &options.namespaces {
        let request = RegisterNamespaceRequest {
            namespace: name.clone(),
            workflow_execution_retention_period: Some(clock::to_proto(RETENTION)),
            ..Default::default()
        };
        let encoded = request.encode_to_vec();
        call(Box::new(request).into_request(), encoded)
            .map_err(|reason| SetupError::Namespace { name: name.clone(), reason })?;
    }
    if options.search_attributes.is_empty() || options.any_namespace {
        return Ok(());
    }
    for namespace in options.namespaces.iter().map(String::as_str).chain([DEFAULT_NAMESPACE]) {
        let attributes = indexed(options).into_iter();
        let request = AddSearchAttributesRequest {
            namespace: namespace.to_owned(),
            search_attributes: attributes.map(|(name, kind)| (name, kind as i32)).collect(),
        };
        let encoded = request.encode_to_vec();
        call(Box::new(request).into_request(), encoded)
            .map_err(|reason| SetupError::SearchAttributes { reason })?;
    }
    Ok(())
}
