//! The query language of visibility.
//!
//! A query is the `WHERE` clause of an SQL statement, or its `GROUP BY`. [`sql`] parses the text without
//! knowing what it is about. [`convert`] looks up the search attributes in it, checks that every value fits
//! its attribute, and makes a [`Filter`] of it, which [`evaluate`] applies to records.
//!
//! The filter means what the server's visibility store on SQLite makes of the query: a comparison with an
//! attribute that a run does not have is neither true nor false; Text and KeywordList are searched as full
//! text; the time of a custom Datetime is kept in milliseconds and compared as text.

mod constant;
mod convert;
mod duration;
mod evaluate;
mod filter;
mod resolve;
pub(in crate::cluster) mod sql;
#[cfg(test)]
mod tests;

pub(crate) use constant::status_name;
pub(crate) use convert::Query;
use filter::{Comparison, Test};
pub(crate) use filter::{Filter, Scalar};
pub(crate) use resolve::{Field, System};

use crate::cluster::Error;

/// Why a query is not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// The query is wrong.
    Invalid(String),
    /// The query is well-formed, but the visibility store cannot run it.
    Store(String),
}

impl QueryError {
    fn invalid_expression(message: impl std::fmt::Display) -> Self {
        Self::Invalid(format!("invalid expression: {message}"))
    }

    fn not_supported(message: impl std::fmt::Display) -> Self {
        Self::Invalid(format!("operation is not supported: {message}"))
    }

    /// The error that the RPC `rpc` is answered with.
    pub(crate) fn answer(self, rpc: &str) -> Error {
        match self {
            Self::Invalid(message) => Error::invalid_argument(format!("invalid query: {message}")),
            Self::Store(message) => Error::new(
                tonic::Code::Unavailable,
                format!("{rpc} operation failed.: SQL logic error: {message} (1)"),
            ),
        }
    }
}
