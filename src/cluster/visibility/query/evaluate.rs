//! Applies a filter to a record.

use super::{Filter, Scalar, Test};
use crate::cluster::visibility::{full_text, record::Record};

impl Filter {
    /// Whether the record is one that the query asks for.
    pub(crate) fn matches(&self, record: &Record) -> bool {
        self.evaluate(record) == Some(true)
    }

    /// `None` is SQL's third truth value: it cannot be said.
    fn evaluate(&self, record: &Record) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::And(left, right) => match (left.evaluate(record), right.evaluate(record)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(left, right) => match (left.evaluate(record), right.evaluate(record)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::Not(inner) => inner.evaluate(record).map(|truth| !truth),
            Self::Test(field, Test::Contains { phrases, negated }) => {
                let tokens = record.tokens(field);
                Some(phrases.iter().any(|phrase| full_text::contains(&tokens, phrase)) != *negated)
            }
            Self::Test(field, Test::IsNull { negated }) => Some(record.has(field) == *negated),
            Self::Test(field, test) => record.scalar(field).map(|value| test.holds(&value)),
        }
    }
}

impl Test {
    /// Whether a value passes the test.
    fn holds(&self, value: &Scalar) -> bool {
        match self {
            Self::Compare(comparison, constant) => comparison.holds(value.compare(constant)),
            Self::In { values, negated } => {
                values.iter().any(|constant| value.compare(constant).is_eq()) != *negated
            }
            Self::StartsWith { prefix, negated } => {
                let starts = match value {
                    Scalar::Text(text) => text
                        .as_bytes()
                        .get(..prefix.len())
                        .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes())),
                    Scalar::Integer(_) | Scalar::Real(_) => false,
                };
                starts != *negated
            }
            Self::Between { from, to, negated } => {
                (value.compare(from).is_ge() && value.compare(to).is_le()) != *negated
            }
            Self::Contains { .. } | Self::IsNull { .. } => false,
        }
    }
}
