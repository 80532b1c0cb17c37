//! The grammar of statements and of what connects conditions.
//!
//! The parser looks one token ahead and never goes back, so it stops at the first token with which no
//! statement could go on. That is where the server's parser stops too, and its error message names that
//! place.

use super::{
    keywords::Class,
    lexer::{self, Kind, Token},
    syntax::{Expression, Operator, Other, Statement, list},
};

/// Why a statement is none, in the words of the server's parser.
pub(in crate::cluster) type SyntaxError = String;

pub(super) type Result<T> = std::result::Result<T, SyntaxError>;

/// How many brackets and prefix operators may be open at once.
const MAX_NESTING: usize = 200;
/// How many levels an expression may have, from its root to its deepest leaf.
const MAX_HEIGHT: usize = 999;

/// Checks the text of a condition as the server does before it uses it: as what follows `select * from dummy where`.
pub(in crate::cluster) fn check(condition: &str) -> Result<()> {
    parse_statement(&format!("select * from dummy where {condition}")).map(drop)
}

/// Parses a condition that stands alone, as the server does: as what follows `select * from table1 where`.
pub(in crate::cluster) fn parse_condition(condition: &str) -> Result<Statement> {
    parse_statement(&format!("select * from table1 where {condition}"))
}

/// Parses the text of a query as the server does: as what follows `select * from table1`.
pub(in crate::cluster) fn parse(query: &str) -> Result<Statement> {
    let query = query.trim();
    let lowercase = query.to_lowercase();
    let is_only_a_filter =
        !query.is_empty() && !lowercase.starts_with("order by") && !lowercase.starts_with("group by");
    parse_statement(&format!("select * from table1 {}{query}", if is_only_a_filter { "where " } else { "" }))
}

fn parse_statement(text: &str) -> Result<Statement> {
    let mut parser = Parser { tokens: lexer::tokens(text), at: 4, nesting: 0, is_too_high: false };
    let statement = parser.clauses()?;
    parser.take_symbol(";");
    if !matches!(parser.peek(), Kind::End) {
        return Err(parser.unexpected());
    }
    if parser.is_too_high {
        return Err("max ast depth reached".to_owned());
    }
    Ok(statement)
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
    is_too_high: bool,
}

/// An expression and its number of levels.
pub(super) struct Tree {
    pub(super) expression: Expression,
    pub(super) height: usize,
}

impl Tree {
    pub(super) fn leaf(expression: Expression, height: usize) -> Self {
        Self { expression, height }
    }
}

impl Parser {
    /// Everything after the tables: `where`, `group by`, `having`, `order by`, `limit` and locks, each
    /// optional. `having` and locks have no effect.
    fn clauses(&mut self) -> Result<Statement> {
        let mut statement = Statement::default();
        if self.take_word("where") {
            statement.filter = Some(self.expression()?.expression);
        }
        if self.take_word("group") {
            self.expect_word("by")?;
            statement.group_by = self.expressions()?.0;
        }
        if self.take_word("having") {
            self.expression()?;
        }
        statement.order_by = self.order_by()?;
        if self.take_word("limit") {
            statement.has_limit = true;
            self.expression()?;
            if self.take_symbol(",") || self.take_word("offset") {
                self.expression()?;
            }
        }
        if self.take_word("for") {
            self.expect_word("update")?;
        } else if self.take_word("lock") {
            for word in ["in", "share", "mode"] {
                self.expect_word(word)?;
            }
        }
        Ok(statement)
    }

    pub(super) fn order_by(&mut self) -> Result<Vec<Expression>> {
        let mut keys = Vec::new();
        if self.take_word("order") {
            self.expect_word("by")?;
            loop {
                keys.push(self.expression()?.expression);
                if !self.take_word("asc") {
                    self.take_word("desc");
                }
                if !self.take_symbol(",") {
                    break;
                }
            }
        }
        Ok(keys)
    }

    /// One or more expressions with commas between them, and the height of the highest.
    pub(super) fn expressions(&mut self) -> Result<(Vec<Expression>, usize)> {
        let (mut expressions, mut height) = (Vec::new(), 0);
        loop {
            let tree = self.expression()?;
            height = height.max(tree.height);
            expressions.push(tree.expression);
            if !self.take_symbol(",") {
                return Ok((expressions, height));
            }
        }
    }

    pub(super) fn expression(&mut self) -> Result<Tree> {
        let mut left = self.conjunction()?;
        while self.take_word("or") || self.take_symbol("||") {
            let right = self.conjunction()?;
            left = self.join(left, right, |left, right| Expression::Or(Box::new(left), Box::new(right)));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Tree> {
        let mut left = self.negation()?;
        while self.take_word("and") || self.take_symbol("&&") {
            let right = self.negation()?;
            left = self.join(left, right, |left, right| Expression::And(Box::new(left), Box::new(right)));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Tree> {
        if self.is_word("not") {
            self.enter()?;
            let operand = self.negation()?;
            self.leave();
            return Ok(self.wrap(operand, |operand| Expression::Not(Box::new(operand))));
        }
        let mut operand = self.condition()?;
        while self.take_word("is") {
            let negated = self.take_word("not");
            let test = match (self.next()?, negated) {
                (Kind::Word("null", _), false) => "is null",
                (Kind::Word("null", _), true) => "is not null",
                (Kind::Word("true", _), false) => "is true",
                (Kind::Word("true", _), true) => "is not true",
                (Kind::Word("false", _), false) => "is false",
                (Kind::Word("false", _), true) => "is not false",
                _ => return Err(self.unexpected_before()),
            };
            operand = self.wrap(operand, |operand| Expression::Is { operand: Box::new(operand), test });
        }
        Ok(operand)
    }

    fn condition(&mut self) -> Result<Tree> {
        if self.take_word("exists") {
            let subquery = self.subquery()?;
            return Ok(self.wrap(subquery, |it| Expression::Other(Other::Exists, format!("exists {it}"))));
        }
        if self.take_word("default") {
            return self.default();
        }
        let left = self.value()?;
        let negated = self.take_word("not");
        let operator = match (self.peek(), negated) {
            (Kind::Symbol("="), false) => Operator::Equal,
            (Kind::Symbol("<"), false) => Operator::Less,
            (Kind::Symbol(">"), false) => Operator::Greater,
            (Kind::Symbol("<="), false) => Operator::LessOrEqual,
            (Kind::Symbol(">="), false) => Operator::GreaterOrEqual,
            (Kind::Symbol("!="), false) => Operator::NotEqual,
            (Kind::Symbol("<=>"), false) => Operator::NullSafeEqual,
            (Kind::Word("in", _), false) => Operator::In,
            (Kind::Word("in", _), true) => Operator::NotIn,
            (Kind::Word("like", _), false) => Operator::Like,
            (Kind::Word("like", _), true) => Operator::NotLike,
            (Kind::Word("regexp" | "rlike", _), false) => Operator::Regexp,
            (Kind::Word("regexp" | "rlike", _), true) => Operator::NotRegexp,
            (Kind::Word("starts_with", _), false) => Operator::StartsWith,
            (Kind::Word("starts_with", _), true) => Operator::NotStartsWith,
            (Kind::Word("between", _), _) => {
                self.at += 1;
                return self.range(left, negated);
            }
            (_, true) => return Err(self.unexpected()),
            (_, false) => return Ok(left),
        };
        self.at += 1;
        let right = match operator {
            Operator::In | Operator::NotIn => self.members()?,
            _ => self.value()?,
        };
        if matches!(operator, Operator::Like | Operator::NotLike) && self.take_word("escape") {
            self.value()?;
        }
        Ok(self.join(left, right, |left, right| Expression::Comparison {
            left: Box::new(left),
            operator,
            right: Box::new(right),
        }))
    }

    fn range(&mut self, operand: Tree, negated: bool) -> Result<Tree> {
        let from = self.value()?;
        self.expect_word("and")?;
        let to = self.value()?;
        let height = operand.height.max(from.height).max(to.height);
        let range = Expression::Range {
            operand: Box::new(operand.expression),
            negated,
            from: Box::new(from.expression),
            to: Box::new(to.expression),
        };
        Ok(self.checked(range, height))
    }

    /// What may stand after `in`.
    fn members(&mut self) -> Result<Tree> {
        if let Kind::ListArgument(name) = self.peek() {
            let argument = Expression::Other(Other::ListArgument, name.clone());
            self.at += 1;
            return Ok(Tree::leaf(argument, 1));
        }
        if !matches!(self.peek(), Kind::Symbol("(")) {
            return Err(self.unexpected());
        }
        if matches!(self.peek_at(1), Kind::Word("select", _)) {
            return self.subquery();
        }
        self.open()?;
        let (items, height) = self.expressions()?;
        self.close()?;
        Ok(self.checked(Expression::Tuple(items), height))
    }

    fn default(&mut self) -> Result<Tree> {
        let mut text = "default".to_owned();
        if matches!(self.peek(), Kind::Symbol("(")) {
            self.open()?;
            match self.next()? {
                Kind::Name(name) => text = format!("default({name})"),
                _ => return Err(self.unexpected_before()),
            }
            self.close()?;
        }
        Ok(Tree::leaf(Expression::Other(Other::Default, text), 1))
    }

    /// `(select …)` in its plain form: columns, tables without joins, and the clauses of any statement.
    pub(super) fn subquery(&mut self) -> Result<Tree> {
        self.open()?;
        self.expect_word("select")?;
        self.take_word("distinct");
        let columns = self.arguments()?;
        let mut text = format!("(select {}", list(&columns));
        if self.take_word("from") {
            loop {
                let table = self.name()?;
                text = format!("{text} from {table}");
                if self.take_symbol(".") {
                    self.name_after_dot()?;
                }
                self.alias()?;
                if !self.take_symbol(",") {
                    break;
                }
            }
        }
        self.clauses()?;
        self.close()?;
        Ok(Tree::leaf(Expression::Other(Other::Subquery, format!("{text})")), 1))
    }

    /// The name of a column or a table.
    pub(super) fn name(&mut self) -> Result<String> {
        match self.next()? {
            Kind::Name(name) => Ok(name),
            Kind::Word(word, Class::Free) => Ok(word.to_owned()),
            _ => Err(self.unexpected_before()),
        }
    }

    /// The name of a column or a table after a dot, where reserved words are names too.
    pub(super) fn name_after_dot(&mut self) -> Result<String> {
        match self.next()? {
            Kind::Name(name) => Ok(name),
            Kind::Word(word, Class::Free | Class::Reserved) => Ok(word.to_owned()),
            _ => Err(self.unexpected_before()),
        }
    }

    /// Another name for the column or table before it, if there is one.
    pub(super) fn alias(&mut self) -> Result<()> {
        let is_due = self.take_word("as");
        match self.peek() {
            Kind::Name(_) | Kind::String(_) | Kind::Word(_, Class::Free) => self.at += 1,
            _ if is_due => return Err(self.unexpected()),
            _ => {}
        }
        Ok(())
    }

    /// Puts a node above two trees.
    pub(super) fn join(
        &mut self,
        left: Tree,
        right: Tree,
        node: impl FnOnce(Expression, Expression) -> Expression,
    ) -> Tree {
        let height = left.height.max(right.height);
        self.checked(node(left.expression, right.expression), height)
    }

    /// Puts a node above a tree.
    pub(super) fn wrap(&mut self, tree: Tree, node: impl FnOnce(Expression) -> Expression) -> Tree {
        self.checked(node(tree.expression), tree.height)
    }

    /// A node above something of a height. One that is too high is refused, but only at the end: a syntax
    /// error comes first. Until then a leaf stands in its place, so that no tree ever becomes too high to
    /// walk.
    pub(super) fn checked(&mut self, node: Expression, height_below: usize) -> Tree {
        let height = height_below + 1;
        if height >= MAX_HEIGHT {
            self.is_too_high = true;
            return Tree::leaf(Expression::Boolean(false), 1);
        }
        Tree { expression: node, height }
    }

    pub(super) fn open(&mut self) -> Result<()> {
        if matches!(self.peek(), Kind::Symbol("(")) { self.enter() } else { Err(self.unexpected()) }
    }

    pub(super) fn close(&mut self) -> Result<()> {
        if self.take_symbol(")") {
            self.leave();
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// Takes the token that opens another level.
    pub(super) fn enter(&mut self) -> Result<()> {
        self.nesting += 1;
        if self.nesting == MAX_NESTING {
            return Err(self.error("max nesting level reached", self.at));
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.nesting = self.nesting.saturating_sub(1);
    }

    pub(super) fn peek(&self) -> &Kind {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, distance: usize) -> &Kind {
        self.tokens.get(self.at + distance).map_or(&Kind::End, |token| &token.kind)
    }

    /// Takes the next token, which must be one: at the end of the statement this is an error.
    pub(super) fn next(&mut self) -> Result<Kind> {
        let kind = self.peek().clone();
        if matches!(kind, Kind::End | Kind::Invalid(_)) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(kind)
    }

    pub(super) fn is_word(&self, wanted: &str) -> bool {
        matches!(self.peek(), Kind::Word(word, _) if *word == wanted)
    }

    pub(super) fn take_word(&mut self, wanted: &str) -> bool {
        let is_next = self.is_word(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn expect_word(&mut self, wanted: &str) -> Result<()> {
        if self.take_word(wanted) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn take_symbol(&mut self, wanted: &str) -> bool {
        let is_next = matches!(self.peek(), Kind::Symbol(symbol) if *symbol == wanted);
        self.at += usize::from(is_next);
        is_next
    }

    /// The error that the next token does not fit.
    pub(super) fn unexpected(&self) -> SyntaxError {
        self.error("syntax error", self.at)
    }

    /// The error that the token just taken does not fit.
    pub(super) fn unexpected_before(&self) -> SyntaxError {
        self.error("syntax error", self.at.saturating_sub(1))
    }

    fn error(&self, what: &str, at: usize) -> SyntaxError {
        let Some(token) = self.tokens.get(at).or(self.tokens.last()) else { return what.to_owned() };
        match token.kind.text() {
            "" => format!("{what} at position {}", token.position),
            text => format!("{what} at position {} near '{text}'", token.position),
        }
    }
}
