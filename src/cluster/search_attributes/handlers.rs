//! The RPCs about search attributes.

use temporalio_common::protos::temporal::api::{
    operatorservice::v1::{
        AddSearchAttributesRequest, AddSearchAttributesResponse, ListSearchAttributesRequest,
        ListSearchAttributesResponse, RemoveSearchAttributesRequest, RemoveSearchAttributesResponse,
    },
    workflowservice::v1::GetSearchAttributesResponse,
};

use super::{Builtin, Registry, registry};
use crate::cluster::{Cluster, Error, namespaces::NamespaceKey};

impl Cluster {
    /// Registers custom search attributes.
    pub(crate) fn add_search_attributes(
        &mut self,
        request: AddSearchAttributesRequest,
    ) -> Result<AddSearchAttributesResponse, Error> {
        let namespace = self.namespace_if_named(&request.namespace)?;
        if request.search_attributes.is_empty() {
            return Err(not_set());
        }
        let attributes = request.search_attributes.into_iter().collect();
        registry::check(&attributes)?;
        self.registry_mut(namespace)?.add(&attributes)?;
        Ok(AddSearchAttributesResponse::default())
    }

    /// Removes custom search attributes. Runs keep their values, but no longer show them.
    pub(crate) fn remove_search_attributes(
        &mut self,
        request: &RemoveSearchAttributesRequest,
    ) -> Result<RemoveSearchAttributesResponse, Error> {
        let namespace = self.namespace_if_named(&request.namespace)?;
        if request.search_attributes.is_empty() {
            return Err(not_set());
        }
        self.registry_mut(namespace)?.remove(&request.search_attributes)?;
        Ok(RemoveSearchAttributesResponse::default())
    }

    /// The search attributes of a namespace, custom ones and the server's own.
    pub(crate) fn list_search_attributes(
        &self,
        request: &ListSearchAttributesRequest,
    ) -> Result<ListSearchAttributesResponse, Error> {
        let namespace = self.namespace_if_named(&request.namespace)?.ok_or_else(no_namespace)?;
        let custom =
            self.shared.namespaces.get(namespace).into_iter().flat_map(|it| it.search_attributes.custom());
        Ok(ListSearchAttributesResponse {
            custom_attributes: custom
                .map(|(name, value_type)| (name.to_owned(), value_type as i32))
                .collect(),
            system_attributes: Builtin::all()
                .map(|(name, _, value_type)| (name.to_owned(), value_type as i32))
                .collect(),
            ..Default::default()
        })
    }

    /// Every name that a query may use for certain in any namespace: the server's own attributes, and the
    /// columns of custom ones.
    pub(crate) fn get_search_attributes(&self) -> GetSearchAttributesResponse {
        let builtin = Builtin::all().map(|(name, _, value_type)| (name.to_owned(), value_type));
        GetSearchAttributesResponse {
            keys: builtin
                .chain(registry::all_columns())
                .map(|(name, value_type)| (name, value_type as i32))
                .collect(),
        }
    }

    /// The namespace of a request, or `None` if it names none, which is an error only when nothing else is
    /// wrong.
    fn namespace_if_named(&self, namespace: &str) -> Result<Option<NamespaceKey>, Error> {
        if namespace.is_empty() { Ok(None) } else { self.shared.namespaces.find(namespace).map(Some) }
    }

    fn registry_mut(&mut self, namespace: Option<NamespaceKey>) -> Result<&mut Registry, Error> {
        self.settle_visibility();
        let namespace =
            namespace.and_then(|key| self.shared.namespaces.get_mut(key)).ok_or_else(no_namespace)?;
        Ok(&mut namespace.search_attributes)
    }
}

fn no_namespace() -> Error {
    Error::invalid_argument("Namespace is not set on request.")
}

fn not_set() -> Error {
    Error::invalid_argument("SearchAttributes are not set on request.")
}
