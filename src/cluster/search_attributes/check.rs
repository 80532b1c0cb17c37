//! What search attributes somebody may set.

use std::collections::BTreeMap;

use prost::Message as _;
use temporalio_common::protos::temporal::api::common::v1::{Payload, SearchAttributes};

use super::{
    builtin::Builtin,
    registry::Registry,
    type_name,
    value::{self, Value},
};
use crate::cluster::{
    error::Error,
    limits::Limits,
    namespaces::{NamespaceKey, Namespaces},
};

impl Namespaces {
    /// Checks search attributes that somebody wants to give to a run that starts, and marks each value with
    /// its type.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if one is not registered, may not be set, is too large, or of another type, or if
    /// there are too many.
    pub(crate) fn check_search_attributes(
        &self,
        namespace: NamespaceKey,
        attributes: &mut SearchAttributes,
    ) -> Result<(), Error> {
        self.check_search_attribute_names(namespace, attributes)?;
        self.check_search_attribute_values(namespace, attributes)?;
        self.check_search_attribute_sizes(namespace, &attributes.indexed_fields)
    }

    /// Checks that search attributes are known. A command that sets some checks this before anything else.
    pub(crate) fn check_search_attribute_names(
        &self,
        namespace: NamespaceKey,
        attributes: &SearchAttributes,
    ) -> Result<(), Error> {
        let Some(namespace) = self.get(namespace) else { return Ok(()) };
        check_names(&namespace.search_attributes, &namespace.name, attributes)
    }

    /// Checks how many search attributes there are, that they may be set, and that their values have their
    /// types, and marks each value with its type.
    pub(crate) fn check_search_attribute_values(
        &self,
        namespace: NamespaceKey,
        attributes: &mut SearchAttributes,
    ) -> Result<(), Error> {
        let Some(namespace) = self.get(namespace) else { return Ok(()) };
        check_values(&self.limits, &namespace.search_attributes, attributes)?;
        set_types(&namespace.search_attributes, attributes);
        Ok(())
    }

    /// Checks the sizes of all search attributes that a run is going to have.
    pub(crate) fn check_search_attribute_sizes<'a>(
        &self,
        namespace: NamespaceKey,
        attributes: impl IntoIterator<Item = (&'a String, &'a Payload)>,
    ) -> Result<(), Error> {
        self.get(namespace)
            .map_or(Ok(()), |namespace| check_size(&self.limits, &namespace.search_attributes, attributes))
    }
}

fn check_names(registry: &Registry, namespace: &str, attributes: &SearchAttributes) -> Result<(), Error> {
    let unknown = attributes
        .indexed_fields
        .keys()
        .filter(|name| Builtin::find(name).is_none() && registry.value_type(name).is_none());
    match unknown.min() {
        Some(name) => Err(Error::invalid_argument(format!(
            "Namespace {namespace} has no mapping defined for search attribute {name}"
        ))),
        None => Ok(()),
    }
}

fn check_values(limits: &Limits, registry: &Registry, attributes: &SearchAttributes) -> Result<(), Error> {
    let fields: BTreeMap<_, _> = attributes.indexed_fields.iter().collect();
    if fields.len() > limits.search_attributes {
        return Err(Error::invalid_argument(format!(
            "number of search attributes {} exceeds limit {}",
            fields.len(),
            limits.search_attributes
        )));
    }
    for (name, payload) in fields {
        let value_type = match (registry.value_type(name), Builtin::find(name)) {
            (Some(value_type), _) | (None, Some((Builtin::Settable, value_type))) => value_type,
            (None, _) => {
                let message = format!("{name} attribute can't be set in SearchAttributes");
                return Err(Error::invalid_argument(message));
            }
        };
        if Value::decode(payload, value_type).is_err() {
            return Err(Error::invalid_argument(format!(
                "invalid value for search attribute {name} of type {}: {}",
                type_name(value_type),
                value::describe(payload)
            )));
        }
    }
    Ok(())
}

fn check_size<'a>(
    limits: &Limits,
    registry: &Registry,
    attributes: impl IntoIterator<Item = (&'a String, &'a Payload)>,
) -> Result<(), Error> {
    let fields: BTreeMap<_, _> = attributes.into_iter().collect();
    for (name, payload) in &fields {
        let size = payload.data.len();
        if size > limits.search_attribute_size {
            return Err(Error::invalid_argument(format!(
                "search attribute {name} value size {size} exceeds size limit {}",
                limits.search_attribute_size
            )));
        }
    }
    // A custom attribute counts with the name of its column.
    let indexed_fields = fields
        .into_iter()
        .map(|(name, payload)| (registry.column(name).unwrap_or(name).to_owned(), payload.clone()))
        .collect();
    let size = SearchAttributes { indexed_fields }.encoded_len();
    if size > limits.search_attributes_size {
        return Err(Error::invalid_argument(format!(
            "total size of search attributes {size} exceeds size limit {}",
            limits.search_attributes_size
        )));
    }
    Ok(())
}

/// Marks each value with the type of its attribute, unless its sender has.
fn set_types(registry: &Registry, attributes: &mut SearchAttributes) {
    for (name, payload) in &mut attributes.indexed_fields {
        if let Some(value_type) = registry.stored_type(name) {
            payload
                .metadata
                .entry("type".to_owned())
                .or_insert_with(|| type_name(value_type).as_bytes().to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType as Type;

    use super::*;

    fn registry() -> Registry {
        let mut registry = Registry::default();
        registry.add(&[("Amount".to_owned(), Type::Int as i32)].into()).unwrap();
        registry
    }

    fn attributes(fields: &[(&str, &str)]) -> SearchAttributes {
        let encode = |json: &str| Payload {
            metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
            data: json.as_bytes().to_vec(),
            ..Default::default()
        };
        SearchAttributes {
            indexed_fields: fields.iter().map(|(name, json)| ((*name).to_owned(), encode(json))).collect(),
        }
    }

    fn refusal(name: &str, json: &str) -> String {
        let attributes = attributes(&[(name, json)]);
        let checked = check_names(&registry(), "default", &attributes);
        checked.and_then(|()| check_values(&Limits::default(), &registry(), &attributes)).unwrap_err().message
    }

    #[test]
    fn only_registered_attributes_with_values_of_their_type_are_taken() {
        let fine = attributes(&[("Amount", "7"), ("BuildIds", "[\"a\"]")]);
        check_names(&registry(), "default", &fine).unwrap();
        check_values(&Limits::default(), &registry(), &fine).unwrap();
        insta::assert_snapshot!(refusal("Amuont", "7"), @"Namespace default has no mapping defined for search attribute Amuont");
        insta::assert_snapshot!(refusal("WorkflowType", "\"x\""), @"WorkflowType attribute can't be set in SearchAttributes");
        insta::assert_snapshot!(refusal("TemporalWorkerDeployment", "\"x\""), @"TemporalWorkerDeployment attribute can't be set in SearchAttributes");
        insta::assert_snapshot!(refusal("Amount", "{\"b\":[1.5,null],\"a\":\"x\"}"), @"invalid value for search attribute Amount of type Int: map[a:x b:[1.5 <nil>]]");
        insta::assert_snapshot!(refusal("BuildIds", "1234567"), @"invalid value for search attribute BuildIds of type KeywordList: 1.234567e+06");
    }

    #[test]
    fn sizes_are_limited() {
        let large = format!("\"{}\"", "x".repeat(2047));
        let error =
            check_size(&Limits::default(), &registry(), &attributes(&[("BuildIds", &large)]).indexed_fields)
                .unwrap_err();
        assert_eq!(error.message, "search attribute BuildIds value size 2049 exceeds size limit 2048");
    }

    #[test]
    fn a_type_that_the_sender_gave_stays() {
        let mut attributes = attributes(&[("Amount", "7"), ("BuildIds", "[]")]);
        let amount = attributes.indexed_fields.get_mut("Amount").unwrap();
        amount.metadata.insert("type".to_owned(), b"Text".to_vec());
        set_types(&registry(), &mut attributes);
        assert_eq!(attributes.indexed_fields["Amount"].metadata["type"], b"Text");
        assert_eq!(attributes.indexed_fields["BuildIds"].metadata["type"], b"KeywordList");
    }
}
