//! What a query asks of a record.

use std::cmp::Ordering;

use super::resolve::Field;

/// A condition on a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    /// True for every record.
    All,
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Test(Field, Test),
}

/// A condition on one attribute of a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Compare(Comparison, Scalar),
    In {
        values: Vec<Scalar>,
        negated: bool,
    },
    /// In any case of the letters A to Z.
    StartsWith {
        prefix: String,
        negated: bool,
    },
    Between {
        from: Scalar,
        to: Scalar,
        negated: bool,
    },
    /// A record without the attribute contains nothing.
    Contains {
        phrases: Vec<String>,
        negated: bool,
    },
    IsNull {
        negated: bool,
    },
}

/// How a value is compared with a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
}

/// A value as the visibility store keeps and compares it. A time is text, a status and a truth value are
/// numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Integer(i64),
    Real(f64),
    Text(String),
}

impl Comparison {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::Greater => ordering.is_gt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Scalar {
    /// Numbers by their size, text by its bytes, and any number before any text.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => left.cmp(right),
            (Self::Real(left), Self::Real(right)) => left.total_cmp(right),
            (Self::Integer(left), Self::Real(right)) => compare_mixed(*left, *right),
            (Self::Real(left), Self::Integer(right)) => compare_mixed(*right, *left).reverse(),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Text(_), _) => Ordering::Greater,
            (_, Self::Text(_)) => Ordering::Less,
        }
    }
}

/// Compares exactly, although neither type can hold all values of the other.
fn compare_mixed(integer: i64, real: f64) -> Ordering {
    const TWO_TO_THE_63RD: f64 = 9_223_372_036_854_775_808.0;
    if real >= TWO_TO_THE_63RD {
        return Ordering::Less;
    }
    if real < -TWO_TO_THE_63RD {
        return Ordering::Greater;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked, and the fraction is looked at below"
    )]
    let whole = real.trunc() as i64;
    integer.cmp(&whole).then_with(|| 0.0_f64.total_cmp(&(real.fract() + 0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_reals_are_compared_exactly() {
        let check = |integer, real, expected| {
            assert_eq!(Scalar::Integer(integer).compare(&Scalar::Real(real)), expected, "{integer} {real}");
            assert_eq!(
                Scalar::Real(real).compare(&Scalar::Integer(integer)),
                expected.reverse(),
                "{real} {integer}"
            );
        };
        check(7, 7.0, Ordering::Equal);
        check(7, 7.5, Ordering::Less);
        check(-7, -7.5, Ordering::Greater);
        check(0, -0.0, Ordering::Equal);
        check(i64::MAX, 1e20, Ordering::Less);
        check(i64::MIN, -1e20, Ordering::Greater);
        check(9_007_199_254_740_993, 9_007_199_254_740_992.0, Ordering::Greater);
    }
}
