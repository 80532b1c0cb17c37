//! Namespaces.

use std::{collections::BTreeMap, time::Duration};

use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;

use super::{
    error::Error,
    limits::{self, Limits},
    search_attributes::Registry,
};
use crate::index_map::IndexMap;

/// Names one namespace inside the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NamespaceKey(usize);

/// A registered namespace.
#[derive(Debug)]
pub(crate) struct Namespace {
    /// Its id, a UUID.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) owner_email: String,
    /// Whatever its owner wants to keep with it.
    pub(crate) data: BTreeMap<String, String>,
    /// For how long it keeps closed runs, if the cluster deletes them at all.
    pub(crate) retention: Duration,
    /// Whether somebody asked for it; the namespace `default` is there from the start.
    pub(crate) is_registered_by_request: bool,
    /// Its custom search attributes.
    pub(crate) search_attributes: Registry,
}

impl Namespace {
    /// A namespace that nobody has registered by a request.
    pub(crate) fn initial(
        name: &str,
        id: String,
        search_attributes: &BTreeMap<String, IndexedValueType>,
    ) -> Self {
        Self {
            id,
            name: name.to_owned(),
            description: String::new(),
            owner_email: String::new(),
            data: BTreeMap::new(),
            retention: limits::RETENTION,
            is_registered_by_request: false,
            search_attributes: Registry::of(search_attributes),
        }
    }
}

/// All namespaces of a cluster.
#[derive(Debug)]
pub(crate) struct Namespaces {
    by_name: IndexMap<String, Namespace>,
    /// How many search attributes may be set, and how large they may be.
    pub(super) limits: Limits,
}

impl Namespaces {
    /// No namespaces yet.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { by_name: IndexMap::default(), limits }
    }

    /// Registers a namespace. If there is one of that name, nothing happens.
    pub(crate) fn register(&mut self, namespace: Namespace) {
        self.by_name.entry(namespace.name.clone()).or_insert(namespace);
    }

    /// All namespaces, in the order of their registration.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Namespace> {
        self.by_name.values()
    }

    /// The namespace that a request names.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if it names none, NOT_FOUND if it is not registered.
    pub(crate) fn find(&self, name: &str) -> Result<NamespaceKey, Error> {
        if name.is_empty() {
            return Err(Error::invalid_argument("Namespace is empty."));
        }
        self.by_name.get_index_of(name).map(NamespaceKey).ok_or_else(|| Error::namespace_not_found(name))
    }

    /// Refuses a namespace that is not registered. None at all is fine, if something else says which is meant.
    ///
    /// # Errors
    ///
    /// NOT_FOUND if there is no namespace of that name.
    pub(crate) fn check_given(&self, name: &str) -> Result<(), Error> {
        if name.is_empty() { Ok(()) } else { self.find(name).map(drop) }
    }

    /// The namespace of a key.
    pub(crate) fn get(&self, key: NamespaceKey) -> Option<&Namespace> {
        self.by_name.get_index(key.0).map(|(_, namespace)| namespace)
    }

    /// The namespace of a key, to change it.
    pub(crate) fn get_mut(&mut self, key: NamespaceKey) -> Option<&mut Namespace> {
        self.by_name.get_index_mut(key.0).map(|(_, namespace)| namespace)
    }

    /// The name of a namespace.
    pub(crate) fn name(&self, key: NamespaceKey) -> &str {
        self.get(key).map_or("", |namespace| &namespace.name)
    }

    /// The key of the namespace with an id.
    pub(crate) fn key_of_id(&self, id: &str) -> Option<NamespaceKey> {
        self.by_name.values().position(|namespace| namespace.id == id).map(NamespaceKey)
    }

    /// The namespace with an id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Namespace> {
        self.by_name.values().find(|namespace| namespace.id == id)
    }
}
