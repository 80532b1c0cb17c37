//! Makes a filter of a parsed query.

use std::collections::BTreeSet;

use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType as Type;

use super::{
    Comparison, Field, Filter, QueryError, System, Test,
    constant::Constant,
    resolve::{Attribute, NAMESPACE_DIVISION},
    sql::{self, Expression, Operator, Other},
};
use crate::cluster::search_attributes::{Registry, type_name};

/// A query that can be run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) filter: Filter,
    /// The attribute that records are counted by.
    pub(crate) group_by: Option<Field>,
    /// The attributes that it mentions, by the names that it has for them.
    pub(crate) names: BTreeSet<String>,
}

impl Query {
    /// Whether a text could be a condition at all, whatever attributes there are.
    ///
    /// # Errors
    ///
    /// Where it cannot be parsed, in the server's words.
    pub(crate) fn check_syntax(text: &str) -> Result<(), String> {
        sql::check(text)
    }

    /// Reads a query in a namespace with these search attributes.
    ///
    /// Runs that belong to a part of the server are left out, unless the query says something about
    /// `TemporalNamespaceDivision`.
    ///
    /// # Errors
    ///
    /// [`QueryError`], in the server's words.
    pub(crate) fn parse(text: &str, registry: &Registry) -> Result<Self, QueryError> {
        let statement = sql::parse(text)
            .map_err(|message| QueryError::Invalid(format!("malformed SQL query: {message}")))?;
        let mut converter =
            Converter { registry, mentions_division: false, store_error: None, names: BTreeSet::new() };
        if statement.has_limit {
            return Err(QueryError::not_supported("'LIMIT' clause"));
        }
        let filter = match &statement.filter {
            Some(expression) => converter.filter(expression)?,
            None => Filter::All,
        };
        if statement.group_by.len() > 1 {
            return Err(QueryError::not_supported("'GROUP BY' clause supports only a single field"));
        }
        let group_by = match statement.group_by.first() {
            Some(expression) => Some(converter.group(expression)?),
            None => None,
        };
        for expression in &statement.order_by {
            let attribute = converter.attribute(expression)?;
            if attribute.value_type == Type::Text {
                return Err(QueryError::not_supported("unable to sort by search attribute type Text"));
            }
        }
        if !statement.order_by.is_empty() {
            return Err(QueryError::not_supported("'ORDER BY' clause"));
        }
        if let Some(message) = converter.store_error {
            return Err(QueryError::Store(message));
        }
        let filter = if converter.mentions_division {
            filter
        } else {
            let division = Field::Stored(NAMESPACE_DIVISION.to_owned());
            let of_users = Filter::Test(division, Test::IsNull { negated: false });
            Filter::And(Box::new(of_users), Box::new(filter))
        };
        Ok(Self { filter, group_by, names: converter.names })
    }
}

struct Converter<'a> {
    registry: &'a Registry,
    /// Whether the query says anything about the attribute that hides runs.
    mentions_division: bool,
    /// What the visibility store could not do, if the query is served at all.
    store_error: Option<String>,
    names: BTreeSet<String>,
}

impl Converter<'_> {
    fn filter(&mut self, expression: &Expression) -> Result<Filter, QueryError> {
        Ok(match expression {
            Expression::Parenthesised(inner) => self.filter(inner)?,
            Expression::Not(inner) => Filter::Not(Box::new(self.filter(inner)?)),
            Expression::And(left, right) => {
                Filter::And(Box::new(self.filter(left)?), Box::new(self.filter(right)?))
            }
            Expression::Or(left, right) => {
                Filter::Or(Box::new(self.filter(left)?), Box::new(self.filter(right)?))
            }
            Expression::Comparison { left, operator, right } => self.comparison(left, *operator, right)?,
            Expression::Range { operand, negated, from, to } => self.range(operand, *negated, from, to)?,
            Expression::Is { operand, test } => {
                let attribute = self.attribute(operand)?;
                let negated = match *test {
                    "is null" => false,
                    "is not null" => true,
                    _ => {
                        let message = "'IS' operator can only be used as 'IS NULL' or 'IS NOT NULL'";
                        return Err(QueryError::invalid_expression(message));
                    }
                };
                Filter::Test(attribute.field, Test::IsNull { negated })
            }
            Expression::Other(Other::Function, _) => {
                return Err(QueryError::not_supported("function expression"));
            }
            Expression::Column(_) => return Err(QueryError::invalid_expression("incomplete expression")),
            other => {
                let message = format_args!("expression of type {}", other.type_name());
                return Err(QueryError::not_supported(message));
            }
        })
    }

    fn attribute(&mut self, expression: &Expression) -> Result<Attribute, QueryError> {
        let Expression::Column(column) = expression else {
            let message = format_args!("must be a column name but was {}", expression.type_name());
            return Err(QueryError::invalid_expression(message));
        };
        let attribute = Attribute::find(&column.name(), self.registry)?;
        self.names.insert(attribute.alias.clone());
        match &attribute.field {
            Field::Stored(name) if name == NAMESPACE_DIVISION => self.mentions_division = true,
            // The one attribute that the store has no column for.
            Field::Stored(name) if name == "BatcherNamespace" => {
                self.store_cannot(|| "no such column: BatcherNamespace".to_owned());
            }
            _ => {}
        }
        Ok(attribute)
    }

    fn comparison(
        &mut self,
        left: &Expression,
        operator: Operator,
        right: &Expression,
    ) -> Result<Filter, QueryError> {
        let attribute = self.attribute(left)?;
        let constant = Constant::read(right, &attribute)?;
        check_operator(&attribute, operator)?;
        let test = match attribute.value_type {
            Type::KeywordList | Type::Text => self.full_text(&attribute, operator, constant)?,
            _ => self.plain(&attribute, operator, &constant)?,
        };
        Ok(Filter::Test(attribute.field, test))
    }

    /// A comparison of values.
    fn plain(
        &mut self,
        attribute: &Attribute,
        operator: Operator,
        constant: &Constant,
    ) -> Result<Test, QueryError> {
        let compare = match operator {
            Operator::Equal | Operator::NullSafeEqual => Comparison::Equal,
            Operator::NotEqual => Comparison::NotEqual,
            Operator::Less => Comparison::Less,
            Operator::Greater => Comparison::Greater,
            Operator::LessOrEqual => Comparison::LessOrEqual,
            Operator::GreaterOrEqual => Comparison::GreaterOrEqual,
            Operator::In | Operator::NotIn => {
                let constants = match constant {
                    Constant::Tuple(items) => items.as_slice(),
                    single => std::slice::from_ref(single),
                };
                let values = constants.iter().map(|constant| self.scalar(attribute, constant)).collect();
                return Ok(Test::In { values, negated: operator == Operator::NotIn });
            }
            Operator::StartsWith | Operator::NotStartsWith => {
                let (Constant::String(_), super::Scalar::Text(prefix)) =
                    (constant, self.scalar(attribute, constant))
                else {
                    return Err(QueryError::invalid_expression(format_args!(
                        "right-hand side of \"{operator}\" operator must be a literal string (got: {})",
                        constant.written()
                    )));
                };
                return Ok(Test::StartsWith { prefix, negated: operator == Operator::NotStartsWith });
            }
            Operator::Like | Operator::NotLike | Operator::Regexp | Operator::NotRegexp => {
                return Err(operator_not_supported(attribute, operator));
            }
        };
        Ok(Test::Compare(compare, self.scalar(attribute, constant)))
    }

    /// A search in full text: for any of the words of a Text, for any of the elements of a KeywordList.
    fn full_text(
        &mut self,
        attribute: &Attribute,
        operator: Operator,
        constant: Constant,
    ) -> Result<Test, QueryError> {
        let negated = matches!(operator, Operator::NotEqual | Operator::NotIn);
        let unexpected = |what: &str, constant: &Constant| {
            let written = constant.in_brackets();
            QueryError::invalid_expression(format_args!("unexpected value type{what}, got {written})"))
        };
        let strings = match (operator, constant) {
            (Operator::In | Operator::NotIn, Constant::Tuple(items)) => items,
            (Operator::In | Operator::NotIn, other) => {
                return Err(unexpected(" (expected tuple of strings", &other));
            }
            (_, tuple @ Constant::Tuple(_)) => return Err(unexpected(" (expected string", &tuple)),
            (_, single) => vec![single],
        };
        let mut phrases = Vec::new();
        for constant in strings {
            match constant.scalar(&Field::Unused) {
                Some(super::Scalar::Text(text)) if attribute.value_type == Type::Text => {
                    phrases.extend(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned));
                }
                Some(super::Scalar::Text(text)) => phrases.push(text),
                _ => return Err(unexpected(" in tuple (expected string", &constant)),
            }
        }
        self.check_quotes(&phrases);
        Ok(Test::Contains { phrases, negated })
    }

    /// Double quotes end the phrases in the store's language for full text.
    fn check_quotes(&mut self, phrases: &[String]) {
        let quotes: usize = phrases.iter().map(|phrase| phrase.matches('"').count()).sum();
        if quotes % 2 == 1 {
            self.store_cannot(|| "unterminated string".to_owned());
        } else if quotes > 0 {
            self.store_cannot(|| "fts5: syntax error near \"\\\"".to_owned());
        }
    }

    fn range(
        &mut self,
        operand: &Expression,
        negated: bool,
        from: &Expression,
        to: &Expression,
    ) -> Result<Filter, QueryError> {
        let attribute = self.attribute(operand)?;
        if !matches!(attribute.value_type, Type::Datetime | Type::Double | Type::Int | Type::Keyword) {
            return Err(QueryError::invalid_expression(format_args!(
                "cannot do range condition on search attribute '{}' of type {}",
                attribute.alias,
                type_name(attribute.value_type)
            )));
        }
        let from = Constant::read(from, &attribute)?;
        let to = Constant::read(to, &attribute)?;
        let (from, to) = (self.scalar(&attribute, &from), self.scalar(&attribute, &to));
        Ok(Filter::Test(attribute.field, Test::Between { from, to, negated }))
    }

    fn group(&mut self, expression: &Expression) -> Result<Field, QueryError> {
        let attribute = self.attribute(expression)?;
        let is_allowed = match &attribute.field {
            Field::System(System::ExecutionStatus) => true,
            Field::Stored(name) => name == NAMESPACE_DIVISION,
            _ => false,
        };
        if is_allowed {
            return Ok(attribute.field);
        }
        let alias = attribute.alias;
        Err(QueryError::not_supported(format_args!(
            "'GROUP BY' clause is not supported for search attribute {alias}"
        )))
    }

    /// A single value. Several, where one is wanted, are more than the store can do.
    fn scalar(&mut self, attribute: &Attribute, constant: &Constant) -> super::Scalar {
        constant.scalar(&attribute.field).unwrap_or_else(|| {
            self.store_cannot(|| "row value misused".to_owned());
            super::Scalar::Integer(0)
        })
    }

    fn store_cannot(&mut self, message: impl FnOnce() -> String) {
        self.store_error.get_or_insert_with(message);
    }
}

fn check_operator(attribute: &Attribute, operator: Operator) -> Result<(), QueryError> {
    use Operator as O;
    let is_supported = match attribute.value_type {
        Type::Text => matches!(operator, O::Equal | O::NotEqual),
        Type::KeywordList => matches!(operator, O::Equal | O::NotEqual | O::In | O::NotIn),
        value_type => match operator {
            O::Equal
            | O::NotEqual
            | O::Less
            | O::Greater
            | O::LessOrEqual
            | O::GreaterOrEqual
            | O::In
            | O::NotIn => true,
            O::StartsWith | O::NotStartsWith => value_type == Type::Keyword,
            O::NullSafeEqual | O::Like | O::NotLike | O::Regexp | O::NotRegexp => false,
        },
    };
    if is_supported { Ok(()) } else { Err(operator_not_supported(attribute, operator)) }
}

fn operator_not_supported(attribute: &Attribute, operator: Operator) -> QueryError {
    QueryError::not_supported(format_args!(
        "operator '{}' not supported for {} type search attribute '{}'",
        operator.to_string().to_uppercase(),
        type_name(attribute.value_type),
        attribute.alias
    ))
}
