//! The grammar of what conditions compare: constants, columns, arithmetic, functions.

use super::{
    keywords::Class,
    lexer::Kind,
    parser::{Parser, Result, Tree},
    syntax::{Column, Expression, Literal, Other, list},
};

/// How tightly a prefix operator binds; the binary operators are in [`binary_operator`].
const PREFIX: u8 = 7;
/// How tightly `collate` binds.
const COLLATE: u8 = 8;
/// The levels below a column: its qualifier, and the name of that.
const COLUMN_HEIGHT: usize = 3;

impl Parser {
    pub(super) fn value(&mut self) -> Result<Tree> {
        self.value_above(0)
    }

    /// A value whose operators bind more tightly than `floor`.
    fn value_above(&mut self, floor: u8) -> Result<Tree> {
        let mut left = self.prefixed()?;
        loop {
            if self.is_word("collate") && COLLATE > floor {
                self.take_word("collate");
                let (Kind::Name(charset) | Kind::String(charset)) = self.next()? else {
                    return Err(self.unexpected_before());
                };
                left = self.wrap(left, |it| other(Other::Collate, format!("{it} collate {charset}")));
                continue;
            }
            let Some((operator, power)) = binary_operator(self.peek()).filter(|(_, power)| *power > floor)
            else {
                return Ok(left);
            };
            self.next()?;
            let right = self.value_above(power)?;
            left = self
                .join(left, right, |left, right| other(Other::Binary, format!("{left} {operator} {right}")));
        }
    }

    fn prefixed(&mut self) -> Result<Tree> {
        let operator = match self.peek() {
            Kind::Symbol(symbol @ ("+" | "-" | "~" | "!")) => symbol,
            Kind::Word("binary", _) => "binary ",
            Kind::Word("_binary", _) => "_binary ",
            Kind::Word("interval", _) => return self.interval(),
            _ => return self.primary(),
        };
        self.enter()?;
        let operand = self.value_above(PREFIX)?;
        self.leave();
        // The sign of a whole number is a part of the number.
        Ok(match (operator, operand) {
            ("+" | "-", Tree { expression: Expression::Literal(Literal::Integer(number)), height }) => {
                let number = match (operator, number.strip_prefix('-')) {
                    ("+", _) => number,
                    (_, Some(absolute)) => absolute.to_owned(),
                    (_, None) => format!("-{number}"),
                };
                Tree::leaf(Expression::Literal(Literal::Integer(number)), height)
            }
            (operator, operand) => {
                self.wrap(operand, |operand| Expression::Unary { operator, operand: Box::new(operand) })
            }
        })
    }

    fn interval(&mut self) -> Result<Tree> {
        self.enter()?;
        let amount = self.value()?;
        let unit = self.name()?;
        self.leave();
        Ok(self.wrap(amount, |amount| other(Other::Interval, format!("interval {amount} {unit}"))))
    }

    fn primary(&mut self) -> Result<Tree> {
        let literal = match self.peek().clone() {
            Kind::String(text) => Literal::String(text),
            Kind::Integer(text) => Literal::Integer(text),
            Kind::Float(text) => Literal::Float(text),
            Kind::HexNumber(text) => Literal::HexNumber(text),
            Kind::Hex(text) => Literal::Hex(text),
            Kind::Bits(text) => Literal::Bits(text),
            Kind::Argument(text) => Literal::Argument(text),
            Kind::Symbol("(") => return self.bracketed(),
            Kind::Name(_) | Kind::Word(_, Class::Free) => return self.named(),
            Kind::Word(word, _) => return self.special(word),
            _ => return Err(self.unexpected()),
        };
        self.next()?;
        Ok(Tree::leaf(Expression::Literal(literal), 1))
    }

    /// A subquery, an expression in brackets, or a tuple of several.
    fn bracketed(&mut self) -> Result<Tree> {
        if matches!(self.peek_at(1), Kind::Word("select", _)) {
            return self.subquery();
        }
        self.open()?;
        let (mut items, height) = self.expressions()?;
        self.close()?;
        let node = match items.pop() {
            Some(only) if items.is_empty() => Expression::Parenthesised(Box::new(only)),
            last => {
                items.extend(last);
                Expression::Tuple(items)
            }
        };
        Ok(self.checked(node, height))
    }

    /// A column or the call of a function.
    fn named(&mut self) -> Result<Tree> {
        let mut parts = vec![self.name()?];
        while parts.len() < 3 && self.take_symbol(".") {
            parts.push(self.name_after_dot()?);
        }
        if parts.len() < 3 && matches!(self.peek(), Kind::Symbol("(")) {
            return self.call(&parts.join("."), true);
        }
        let column = Tree::leaf(Expression::Column(Column(parts)), COLUMN_HEIGHT);
        let Kind::Symbol(operator @ ("->" | "->>")) = *self.peek() else { return Ok(column) };
        self.next()?;
        let path = match self.peek() {
            Kind::Word("null", _) => self.special("null")?,
            Kind::String(_)
            | Kind::Integer(_)
            | Kind::Float(_)
            | Kind::HexNumber(_)
            | Kind::Hex(_)
            | Kind::Bits(_)
            | Kind::Argument(_) => self.primary()?,
            _ => return Err(self.unexpected()),
        };
        Ok(self
            .join(column, path, |column, path| other(Other::Binary, format!("{column} {operator} {path}"))))
    }

    /// What begins with a word that is no name.
    fn special(&mut self, word: &'static str) -> Result<Tree> {
        let expression = match word {
            "null" => other(Other::Null, "null".to_owned()),
            "true" => Expression::Boolean(true),
            "false" => Expression::Boolean(false),
            "case" => return self.case(),
            "if" | "left" | "right" | "mod" | "replace" | "database" => {
                self.next()?;
                return self.call(word, word == "database");
            }
            "group_concat" => return self.group_concat(),
            "current_timestamp" | "utc_timestamp" | "utc_time" | "utc_date" | "localtime"
            | "localtimestamp" | "current_date" | "current_time" => {
                self.next()?;
                if matches!(self.peek(), Kind::Symbol("(")) {
                    self.open()?;
                    self.close()?;
                }
                return Ok(Tree::leaf(other(Other::Function, format!("{word}()")), 1));
            }
            _ => return Err(self.unexpected()),
        };
        self.next()?;
        Ok(Tree::leaf(expression, 1))
    }

    fn call(&mut self, name: &str, may_be_empty: bool) -> Result<Tree> {
        self.open()?;
        let is_distinct = may_be_empty && name != "database" && self.take_word("distinct");
        let is_empty = may_be_empty && !is_distinct && matches!(self.peek(), Kind::Symbol(")"));
        let arguments = if is_empty { Vec::new() } else { self.arguments()? };
        self.close()?;
        let distinct = if is_distinct { "distinct " } else { "" };
        Ok(Tree::leaf(other(Other::Function, format!("{name}({distinct}{})", list(&arguments))), 1))
    }

    /// What a function is called with, or a statement selects: `*`, `table.*`, or expressions, each perhaps
    /// with another name.
    pub(super) fn arguments(&mut self) -> Result<Vec<String>> {
        let mut arguments = Vec::new();
        loop {
            let is_name = matches!(self.peek(), Kind::Name(_) | Kind::Word(_, Class::Free));
            let is_all_of_table = is_name
                && matches!((self.peek_at(1), self.peek_at(2)), (Kind::Symbol("."), Kind::Symbol("*")));
            if self.take_symbol("*") {
                arguments.push("*".to_owned());
            } else if is_all_of_table {
                arguments.push(format!("{}.*", self.name()?));
                self.next()?;
                self.next()?;
            } else {
                arguments.push(self.expression()?.expression.to_string());
                self.alias()?;
            }
            if !self.take_symbol(",") {
                return Ok(arguments);
            }
        }
    }

    fn group_concat(&mut self) -> Result<Tree> {
        self.next()?;
        self.open()?;
        self.take_word("distinct");
        let arguments = self.arguments()?;
        self.order_by()?;
        if self.take_word("separator") && !matches!(self.next()?, Kind::String(_)) {
            return Err(self.unexpected_before());
        }
        self.close()?;
        Ok(Tree::leaf(other(Other::GroupConcat, format!("group_concat({})", list(&arguments))), 1))
    }

    fn case(&mut self) -> Result<Tree> {
        self.next()?;
        let mut text = "case ".to_owned();
        let mut height = 0;
        let mut add = |text: &mut String, before: &str, tree: Tree| {
            height = height.max(tree.height);
            *text = format!("{text}{before}{} ", tree.expression);
        };
        if !self.is_word("when") {
            add(&mut text, "", self.expression()?);
        }
        loop {
            self.expect_word("when")?;
            add(&mut text, "when ", self.expression()?);
            self.expect_word("then")?;
            add(&mut text, "then ", self.expression()?);
            if !self.is_word("when") {
                break;
            }
        }
        if self.take_word("else") {
            add(&mut text, "else ", self.expression()?);
        }
        self.expect_word("end")?;
        Ok(self.checked(other(Other::Case, format!("{text}end")), height))
    }
}

fn other(kind: Other, text: String) -> Expression {
    Expression::Other(kind, text)
}

/// An operator between two values, in its canonical spelling, and how tightly it binds.
fn binary_operator(kind: &Kind) -> Option<(&'static str, u8)> {
    Some(match kind {
        Kind::Symbol("|") => ("|", 1),
        Kind::Symbol("&") => ("&", 2),
        Kind::Symbol(operator @ ("<<" | ">>")) => (operator, 3),
        Kind::Symbol(operator @ ("+" | "-")) => (operator, 4),
        Kind::Symbol(operator @ ("*" | "/" | "%")) => (operator, 5),
        Kind::Word("div", _) => ("div", 5),
        Kind::Word("mod", _) => ("%", 5),
        Kind::Symbol("^") => ("^", 6),
        _ => return None,
    })
}
