//! The SQL that a query of visibility is written in.
//!
//! The server hands the text to a parser of a MySQL dialect and then looks at what came of it, so the text
//! of a query may contain much more than any query is allowed to: arithmetic, functions, subqueries. All of
//! that is parsed here too, because the error message depends on it; of functions and subqueries only their
//! plain forms, and others are syntax errors.

mod keywords;
mod lexer;
mod parser;
mod syntax;
#[cfg(test)]
mod tests;
mod values;

pub(in crate::cluster) use parser::{check, parse, parse_condition};
pub(in crate::cluster) use syntax::{Expression, Literal, Operator, Other};
