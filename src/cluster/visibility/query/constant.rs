//! The constants of a query, and whether they fit the attribute that they are compared with.

use temporalio_common::protos::temporal::api::enums::v1::{
    IndexedValueType as Type, WorkflowExecutionStatus,
};

use super::{
    Field, QueryError, Scalar, System, duration,
    resolve::Attribute,
    sql::{Expression, Literal, Other},
};
use crate::{
    clock::Time,
    cluster::{
        go_text::{self, Timestamp},
        search_attributes::type_name,
        visibility::record::stored_time,
    },
};

/// A constant, or several in brackets.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    String(String),
    Integer(i64),
    Real(f64),
    Bool(bool),
    Tuple(Vec<Self>),
}

impl Constant {
    /// Reads the constant that an attribute is compared with.
    pub(super) fn read(expression: &Expression, attribute: &Attribute) -> Result<Self, QueryError> {
        match expression {
            Expression::Literal(literal) => Self::of_literal(literal, attribute),
            Expression::Boolean(value) => Self::Bool(*value).checked(attribute),
            Expression::Tuple(items) => items
                .iter()
                .map(|item| Self::read(item, attribute))
                .collect::<Result<_, _>>()
                .map(Self::Tuple),
            Expression::Unary { operator, operand } => Self::signed(expression, operator, operand, attribute),
            Expression::Other(Other::GroupConcat, _) => Err(QueryError::not_supported("'group_concat'")),
            Expression::Other(Other::Function, _) => Err(QueryError::not_supported("nested func")),
            Expression::Column(_) => Err(QueryError::not_supported(format_args!(
                "column name on the right side of comparison expression (did you forget to quote {}?)",
                go_text::quote(&expression.to_string())
            ))),
            _ => Err(QueryError::invalid_expression(format_args!(
                "unexpected value type {}",
                expression.type_name()
            ))),
        }
    }

    /// A number with a sign in front of it.
    fn signed(
        expression: &Expression,
        operator: &str,
        operand: &Expression,
        attribute: &Attribute,
    ) -> Result<Self, QueryError> {
        let written = || go_text::quote(&expression.to_string());
        if !matches!(operator, "+" | "-") {
            let operator = go_text::quote(operator);
            return Err(QueryError::not_supported(format_args!("unary operator {operator}")));
        }
        let literal = match operand {
            Expression::Literal(literal) if !matches!(literal, Literal::String(_)) => literal,
            _ => {
                let message = format_args!("unary operator not supported in {}", written());
                return Err(QueryError::invalid_expression(message));
            }
        };
        match Self::of_literal(literal, attribute)? {
            Self::Integer(value) if operator == "-" => Ok(Self::Integer(value.wrapping_neg())),
            Self::Real(value) if operator == "-" => Ok(Self::Real(-value)),
            value @ (Self::Integer(_) | Self::Real(_)) => Ok(value),
            _ => Err(QueryError::invalid_expression(format_args!("unary expression {}", written()))),
        }
    }

    fn of_literal(literal: &Literal, attribute: &Attribute) -> Result<Self, QueryError> {
        let value = match literal {
            // Quotes at both ends of a string are lost.
            Literal::String(text) => Self::String(text.trim_matches('\'').to_owned()),
            // The digits of a hexadecimal or binary string are read as decimal ones.
            Literal::Integer(text)
            | Literal::Float(text)
            | Literal::HexNumber(text)
            | Literal::Hex(text)
            | Literal::Bits(text)
            | Literal::Argument(text) => Self::of_number(text).ok_or_else(|| {
                let written = go_text::quote(&literal.to_string());
                QueryError::invalid_expression(format_args!("unable to parse value {written}"))
            })?,
        };
        match attribute.field {
            Field::System(System::ExecutionStatus) => value.into_status(),
            Field::System(System::ExecutionDuration) => value.into_duration(),
            _ => value.checked(attribute),
        }
    }

    fn of_number(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::String(String::new()));
        }
        if let Ok(value) = text.parse() {
            return Some(Self::Integer(value));
        }
        text.parse().ok().filter(|value: &f64| value.is_finite()).map(Self::Real)
    }

    /// Checks that a value is one that the attribute may have. Times become what the visibility store keeps
    /// of them.
    fn checked(self, attribute: &Attribute) -> Result<Self, QueryError> {
        match (attribute.value_type, self) {
            (Type::Int | Type::Double, value @ (Self::Integer(_) | Self::Real(_)))
            | (Type::Bool, value @ Self::Bool(_))
            | (Type::Keyword | Type::KeywordList, value @ Self::String(_)) => Ok(value),
            (Type::Text, Self::String(text)) if text.trim().is_empty() => {
                Err(QueryError::invalid_expression(format_args!(
                    "no tokens found filtering on Text type search attribute {}",
                    attribute.alias
                )))
            }
            (Type::Text, value @ Self::String(_)) => Ok(value),
            (Type::Datetime, Self::Integer(nanos)) => {
                Ok(Self::String(stored_time(Time::from_nanos(nanos.into()))))
            }
            (Type::Datetime, Self::String(text)) => match Timestamp::parse(&text) {
                Some(time) => Ok(Self::String(stored_time(time.time()))),
                None => {
                    Err(QueryError::invalid_expression(format_args!("unable to parse datetime '{text}'")))
                }
            },
            (value_type, value) => Err(QueryError::invalid_expression(format_args!(
                "invalid value type for search attribute {} of type {}: {} (type: {})",
                attribute.alias,
                type_name(value_type),
                match &value {
                    Self::String(text) => go_text::quote(text),
                    other => other.written(),
                },
                value.go_type()
            ))),
        }
    }

    /// A status by its name, short or full, or by its number.
    fn into_status(self) -> Result<Self, QueryError> {
        let name = "ExecutionStatus";
        match &self {
            #[expect(clippy::cast_possible_truncation, reason = "the server looks at the low 32 bits, too")]
            Self::Integer(number) => match WorkflowExecutionStatus::try_from(*number as i32) {
                Ok(status) => Ok(Self::String(status_name(status))),
                Err(_) => {
                    let message = format_args!("invalid {name} value {number}");
                    Err(QueryError::invalid_expression(message))
                }
            },
            Self::String(text) if status(text).is_some() => Ok(self),
            Self::String(text) => {
                Err(QueryError::invalid_expression(format_args!("invalid {name} value '{text}'")))
            }
            other => Err(unexpected_type(other, name)),
        }
    }

    /// A duration in nanoseconds.
    fn into_duration(self) -> Result<Self, QueryError> {
        let name = "ExecutionDuration";
        match &self {
            Self::Integer(_) => Ok(self),
            Self::String(text) => duration::parse(text).map(Self::Integer).ok_or_else(|| {
                let message = format_args!("invalid duration value for search attribute {name}: {text}");
                QueryError::invalid_expression(message)
            }),
            other => Err(unexpected_type(other, name)),
        }
    }

    /// The constant as the visibility store compares it with the values of `field`; `None` for a tuple.
    pub(super) fn scalar(&self, field: &Field) -> Option<Scalar> {
        Some(match self {
            Self::String(text) => match field {
                Field::System(System::ExecutionStatus) => Scalar::Integer(status(text)? as i64),
                _ => Scalar::Text(in_sql(text)),
            },
            Self::Integer(value) => Scalar::Integer(*value),
            Self::Real(value) => Scalar::Real(*value),
            Self::Bool(value) => Scalar::Integer((*value).into()),
            Self::Tuple(_) => return None,
        })
    }

    /// The constant in Go's plain format.
    pub(super) fn written(&self) -> String {
        match self {
            Self::String(text) => text.clone(),
            Self::Integer(value) => value.to_string(),
            Self::Real(value) => go_text::number(*value),
            Self::Bool(value) => value.to_string(),
            Self::Tuple(items) => {
                let items: Vec<_> = items.iter().map(Self::written).collect();
                format!("[{}]", items.join(" "))
            }
        }
    }

    /// The constant in SQL.
    pub(super) fn in_brackets(&self) -> String {
        match self {
            Self::String(text) => format!("'{}'", in_sql(text).replace('\'', "''")),
            Self::Tuple(items) => {
                let items: Vec<_> = items.iter().map(Self::in_brackets).collect();
                format!("({})", items.join(", "))
            }
            other => other.written(),
        }
    }

    fn go_type(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Integer(_) => "int64",
            Self::Real(_) => "float64",
            Self::Bool(_) => "bool",
            Self::Tuple(_) => "[]interface {}",
        }
    }
}

fn unexpected_type(value: &Constant, name: &str) -> QueryError {
    let go_type = value.go_type();
    QueryError::invalid_expression(format_args!(
        "unexpected value type {go_type} for search attribute {name}"
    ))
}

/// The status of a name, `Running` or `WORKFLOW_EXECUTION_STATUS_RUNNING`.
fn status(name: &str) -> Option<WorkflowExecutionStatus> {
    WorkflowExecutionStatus::from_str_name(name).or_else(|| {
        (0..=i32::from(i8::MAX))
            .map_while(|number| WorkflowExecutionStatus::try_from(number).ok())
            .find(|status| status_name(*status) == name)
    })
}

/// The short name of a status.
pub(crate) fn status_name(status: WorkflowExecutionStatus) -> String {
    go_text::enum_name(status.as_str_name(), "WORKFLOW_EXECUTION_STATUS_")
}

/// A string as it arrives in the visibility store. It is escaped for a database that knows backslashes, but
/// this one does not, so a string with one of these characters is not equal to itself.
fn in_sql(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\x08' => escaped.push_str("\\b"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\\' => escaped.push_str("\\\\"),
            c => escaped.push(c),
        }
    }
    escaped
}
