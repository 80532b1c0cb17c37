//! The custom search attributes of a namespace.

use std::collections::BTreeMap;

use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType as Type;

use super::{builtin::Builtin, type_name};
use crate::cluster::error::Error;

/// How many custom attributes of each type a namespace can have: one for each column that the visibility
/// store has set aside for them.
const COLUMNS: &[(Type, usize)] = &[
    (Type::Bool, 3),
    (Type::Datetime, 3),
    (Type::Double, 3),
    (Type::Int, 3),
    (Type::Keyword, 10),
    (Type::KeywordList, 3),
    (Type::Text, 3),
];

/// The custom search attributes of one namespace.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// The column of each attribute, and its type, by the name of the attribute.
    columns: BTreeMap<String, (String, Type)>,
}

impl Registry {
    /// A registry with these attributes, however many there are of a type. Names that belong to the server
    /// are passed over.
    pub(crate) fn of(attributes: &BTreeMap<String, Type>) -> Self {
        let mut taken = BTreeMap::new();
        let columns = attributes
            .iter()
            .filter(|(name, _)| !Builtin::is_reserved(name))
            .map(|(name, value_type)| {
                let number = taken.entry(*value_type as i32).or_insert(0);
                *number += 1;
                (name.clone(), (column(*value_type, *number), *value_type))
            })
            .collect();
        Self { columns }
    }

    /// Registers attributes: all of them, or none. A name that is registered already stays as it is, even
    /// with another type.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if a name belongs to the server, or no column is left for a type.
    pub(crate) fn add(&mut self, attributes: &BTreeMap<String, i32>) -> Result<(), Error> {
        check(attributes)?;
        let mut columns = self.columns.clone();
        for (name, value_type) in attributes {
            let value_type = Type::try_from(*value_type).unwrap_or_default();
            if columns.contains_key(name) {
                continue;
            }
            let of_type = all_columns().filter(|(_, of_column)| *of_column == value_type);
            let taken = |column: &String| columns.values().any(|(taken, _)| taken == column);
            let Some((column, _)) = of_type.clone().find(|(column, _)| !taken(column)) else {
                return Err(Error::invalid_argument(format!(
                    "Unable to create search attributes: cannot have more than {} search attribute of type {}.",
                    of_type.count(),
                    type_name(value_type)
                )));
            };
            columns.insert(name.clone(), (column, value_type));
        }
        self.columns = columns;
        Ok(())
    }

    /// Removes attributes. A name that nothing is registered under is passed over.
    ///
    /// # Errors
    ///
    /// INVALID_ARGUMENT if a name belongs to the server; then none is removed.
    pub(crate) fn remove(&mut self, names: &[String]) -> Result<(), Error> {
        let is_column = |name: &String| all_columns().any(|(column, _)| column == *name);
        for name in names {
            if !self.columns.contains_key(name) && (Builtin::find(name).is_some() || is_column(name)) {
                let message = format!("Unable to remove non-custom search attributes: {name}.");
                return Err(Error::invalid_argument(message));
            }
        }
        self.columns.retain(|name, _| !names.contains(name));
        Ok(())
    }

    /// The type of a custom attribute.
    pub(crate) fn value_type(&self, name: &str) -> Option<Type> {
        self.columns.get(name).map(|(_, value_type)| *value_type)
    }

    /// The column in which the values of a custom attribute are kept.
    pub(crate) fn column(&self, name: &str) -> Option<&str> {
        self.columns.get(name).map(|(column, _)| column.as_str())
    }

    /// The type of anything that may be stored with a run: custom and predefined attributes.
    pub(crate) fn stored_type(&self, name: &str) -> Option<Type> {
        self.value_type(name).or_else(|| match Builtin::find(name) {
            Some((Builtin::Settable | Builtin::ServerOnly, value_type)) => Some(value_type),
            Some((Builtin::System, _)) | None => None,
        })
    }

    /// The custom attribute that a column is set aside for, if there is one, and the type of the column;
    /// `None` if there is no such column.
    pub(crate) fn by_column(&self, column: &str) -> Option<(Option<&str>, Type)> {
        let (_, value_type) = all_columns().find(|(known, _)| known == column)?;
        let name = self.columns.iter().find(|(_, (taken, _))| taken == column).map(|(name, _)| name.as_str());
        Some((name, value_type))
    }

    /// All custom attributes, as the OperatorService lists them.
    pub(crate) fn custom(&self) -> impl Iterator<Item = (&str, Type)> {
        self.columns.iter().map(|(name, (_, value_type))| (name.as_str(), *value_type))
    }

    /// The name of each column that is taken, as a namespace describes them.
    pub(crate) fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns.iter().map(|(name, (column, _))| (column.as_str(), name.as_str()))
    }
}

/// Checks that attributes could be registered somewhere.
///
/// # Errors
///
/// INVALID_ARGUMENT if a name belongs to the server, or a type is none.
pub(super) fn check(attributes: &BTreeMap<String, i32>) -> Result<(), Error> {
    for (name, value_type) in attributes {
        if Builtin::is_reserved(name) {
            return Err(Error::invalid_argument(format!("Search attribute {name} is reserved by system.")));
        }
        if Type::try_from(*value_type).is_err() {
            return Err(Error::invalid_argument(format!("Unknown search attribute type: {value_type}.")));
        }
    }
    Ok(())
}

/// Every column that is set aside for custom attributes.
pub(super) fn all_columns() -> impl Iterator<Item = (String, Type)> + Clone {
    COLUMNS.iter().flat_map(|&(value_type, count)| {
        (1..=count).map(move |number| (column(value_type, number), value_type))
    })
}

fn column(value_type: Type, number: usize) -> String {
    format!("{}{number:02}", type_name(value_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(names: &[(&str, Type)]) -> BTreeMap<String, i32> {
        names.iter().map(|(name, value_type)| ((*name).to_owned(), *value_type as i32)).collect()
    }

    #[test]
    fn attributes_are_added_and_removed() {
        let mut registry = Registry::default();
        registry.add(&attributes(&[("Customer", Type::Keyword), ("Amount", Type::Double)])).unwrap();
        registry.add(&attributes(&[("Customer", Type::Int)])).unwrap();
        assert_eq!(registry.value_type("Customer"), Some(Type::Keyword), "the first type stays");
        assert_eq!(
            registry.aliases().collect::<Vec<_>>(),
            [("Double01", "Amount"), ("Keyword01", "Customer")]
        );
        assert_eq!(registry.by_column("Keyword01"), Some((Some("Customer"), Type::Keyword)));
        assert_eq!(registry.by_column("Keyword10"), Some((None, Type::Keyword)));

        registry.remove(&["Customer".to_owned(), "Never".to_owned()]).unwrap();
        assert_eq!(registry.custom().collect::<Vec<_>>(), [("Amount", Type::Double)]);
    }

    #[test]
    fn names_of_the_server_are_neither_added_nor_removed() {
        let mut registry = Registry::default();
        for name in ["WorkflowId", "BuildIds", "Memo", "TemporalAnything"] {
            let error = registry.add(&attributes(&[(name, Type::Int)])).unwrap_err();
            assert_eq!(error.message, format!("Search attribute {name} is reserved by system."));
        }
        let error = registry.remove(&["WorkflowId".to_owned()]).unwrap_err();
        assert_eq!(error.message, "Unable to remove non-custom search attributes: WorkflowId.");
    }

    #[test]
    fn a_type_has_only_so_many_columns() {
        let mut registry = Registry::default();
        registry.add(&attributes(&[("A", Type::Bool), ("B", Type::Bool)])).unwrap();
        let error = registry.add(&attributes(&[("C", Type::Bool), ("D", Type::Bool)])).unwrap_err();
        assert_eq!(
            error.message,
            "Unable to create search attributes: cannot have more than 3 search attribute of type Bool."
        );
        assert_eq!(registry.custom().count(), 2, "all of them, or none");
    }
}
