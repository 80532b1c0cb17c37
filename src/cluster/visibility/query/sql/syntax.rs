//! What the parser makes of a statement.

use std::fmt::{self, Display, Formatter};

use super::keywords;

/// The parts of a statement that a query of visibility may decide.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Statement {
    pub(in crate::cluster) filter: Option<Expression>,
    pub(in crate::cluster) group_by: Vec<Expression>,
    pub(in crate::cluster) order_by: Vec<Expression>,
    pub(in crate::cluster) has_limit: bool,
}

/// An expression. Its `Display` is canonical SQL, as error messages repeat it.
#[derive(Debug, PartialEq)]
pub(in crate::cluster) enum Expression {
    Or(Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Parenthesised(Box<Self>),
    Comparison {
        left: Box<Self>,
        operator: Operator,
        right: Box<Self>,
    },
    Range {
        operand: Box<Self>,
        negated: bool,
        from: Box<Self>,
        to: Box<Self>,
    },
    Is {
        operand: Box<Self>,
        test: &'static str,
    },
    Column(Column),
    Literal(Literal),
    Boolean(bool),
    Tuple(Vec<Self>),
    Unary {
        operator: &'static str,
        operand: Box<Self>,
    },
    /// What is SQL, but no part of any query that the server serves.
    Other(Other, String),
}

/// How two operands are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cluster) enum Operator {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    NullSafeEqual,
    In,
    NotIn,
    Like,
    NotLike,
    Regexp,
    NotRegexp,
    StartsWith,
    NotStartsWith,
}

/// The name of a column, split at its dots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cluster) struct Column(pub(super) Vec<String>);

impl Column {
    /// The name as a search attribute is looked up by it.
    pub(in crate::cluster) fn name(&self) -> String {
        self.0.join(".").replace('`', "")
    }
}

/// A constant, as written but for the quotes and escapes of a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cluster) enum Literal {
    String(String),
    Integer(String),
    Float(String),
    HexNumber(String),
    Hex(String),
    Bits(String),
    Argument(String),
}

/// The kinds of expression that no query may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cluster) enum Other {
    Binary,
    Case,
    Collate,
    Default,
    Exists,
    Function,
    GroupConcat,
    Interval,
    ListArgument,
    Null,
    Subquery,
}

impl Expression {
    /// What error messages call this kind of expression: the name of its type in the server's parser.
    pub(in crate::cluster) fn type_name(&self) -> &'static str {
        match self {
            Self::Or(..) => "*sqlparser.OrExpr",
            Self::And(..) => "*sqlparser.AndExpr",
            Self::Not(_) => "*sqlparser.NotExpr",
            Self::Parenthesised(_) => "*sqlparser.ParenExpr",
            Self::Comparison { .. } => "*sqlparser.ComparisonExpr",
            Self::Range { .. } => "*sqlparser.RangeCond",
            Self::Is { .. } => "*sqlparser.IsExpr",
            Self::Column(_) => "*sqlparser.ColName",
            Self::Literal(_) => "*sqlparser.SQLVal",
            Self::Boolean(_) => "sqlparser.BoolVal",
            Self::Tuple(_) => "sqlparser.ValTuple",
            Self::Unary { .. } => "*sqlparser.UnaryExpr",
            Self::Other(other, _) => match other {
                Other::Binary => "*sqlparser.BinaryExpr",
                Other::Case => "*sqlparser.CaseExpr",
                Other::Collate => "*sqlparser.CollateExpr",
                Other::Default => "*sqlparser.Default",
                Other::Exists => "*sqlparser.ExistsExpr",
                Other::Function => "*sqlparser.FuncExpr",
                Other::GroupConcat => "*sqlparser.GroupConcatExpr",
                Other::Interval => "*sqlparser.IntervalExpr",
                Other::ListArgument => "sqlparser.ListArg",
                Other::Null => "*sqlparser.NullVal",
                Other::Subquery => "*sqlparser.Subquery",
            },
        }
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::Greater => ">",
            Self::LessOrEqual => "<=",
            Self::GreaterOrEqual => ">=",
            Self::NullSafeEqual => "<=>",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Like => "like",
            Self::NotLike => "not like",
            Self::Regexp => "regexp",
            Self::NotRegexp => "not regexp",
            Self::StartsWith => "starts_with",
            Self::NotStartsWith => "not starts_with",
        })
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Or(left, right) => write!(f, "{left} or {right}"),
            Self::And(left, right) => write!(f, "{left} and {right}"),
            Self::Not(operand) => write!(f, "not {operand}"),
            Self::Parenthesised(inner) => write!(f, "({inner})"),
            Self::Comparison { left, operator, right } => write!(f, "{left} {operator} {right}"),
            Self::Range { operand, negated, from, to } => {
                let not = if *negated { "not " } else { "" };
                write!(f, "{operand} {not}between {from} and {to}")
            }
            Self::Is { operand, test } => write!(f, "{operand} {test}"),
            Self::Column(column) => column.fmt(f),
            Self::Literal(literal) => literal.fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::Tuple(items) => write!(f, "({})", list(items)),
            Self::Unary { operator, operand } if matches!(**operand, Self::Unary { .. }) => {
                write!(f, "{operator} {operand}")
            }
            Self::Unary { operator, operand } => write!(f, "{operator}{operand}"),
            Self::Other(_, text) => f.write_str(text),
        }
    }
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            let is_plain = !part.starts_with(|c: char| c.is_ascii_digit())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '@'))
                && keywords::find(part).is_none();
            if is_plain {
                write!(f, "{dot}{part}")
            } else {
                write!(f, "{dot}`{}`", part.replace('`', "``"))
            }?;
        }
        Ok(())
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => {
                f.write_str("'")?;
                for c in text.chars() {
                    match c {
                        '\0' => f.write_str("\\0"),
                        '\x08' => f.write_str("\\b"),
                        '\n' => f.write_str("\\n"),
                        '\r' => f.write_str("\\r"),
                        '\t' => f.write_str("\\t"),
                        '\x1a' => f.write_str("\\Z"),
                        '\'' | '"' | '\\' => write!(f, "\\{c}"),
                        c => write!(f, "{c}"),
                    }?;
                }
                f.write_str("'")
            }
            Self::Integer(text) | Self::Float(text) | Self::HexNumber(text) | Self::Argument(text) => {
                f.write_str(text)
            }
            Self::Hex(digits) => write!(f, "X'{digits}'"),
            Self::Bits(digits) => write!(f, "B'{digits}'"),
        }
    }
}

/// Expressions with commas between them.
pub(super) fn list(expressions: &[impl Display]) -> String {
    expressions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
