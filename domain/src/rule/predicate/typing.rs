//! From sqlparser's tree to the typed one: operators, literals and fields. Calls are in `calls`.

use std::collections::BTreeSet;

use sqlparser::ast::{BinaryOperator, Expr, Ident, UnaryOperator, Value as Written};

use super::expr::{Comparison, Kind, LikePattern, List, Operator, Scalar, Test};
use super::like::{BadEscape, Pattern};
use super::{PredicateError, Truth, literals, names};
use crate::layout::Layout;
use crate::value::{Literal, compare};

/// How deep the typed tree may be: evaluation and dropping recurse, and each level takes some of the stack.
/// Chains of AND, OR and `||` are one level however long they are.
const DEPTH_MAX: usize = 100;

/// From how many literals on an IN is searched rather than walked through.
const SORTED_MIN: usize = 17;

/// Types `expr` as a condition over `layout`'s fields; with it the fields it reads.
pub(super) fn condition(expr: &Expr, layout: &Layout) -> Result<(Test, Vec<usize>), PredicateError> {
    let mut typing = Typing { layout, fields: BTreeSet::new(), depth: 0 };
    let test = typing.test(expr)?;
    Ok((test, typing.fields.into_iter().collect()))
}

pub(super) struct Typing<'l> {
    pub(super) layout: &'l Layout,
    fields: BTreeSet<usize>,
    depth: usize,
}

/// A typed scalar and what it was written as.
pub(super) struct Operand<'e> {
    pub(super) scalar: Scalar,
    pub(super) kind: Kind,
    pub(super) expr: &'e Expr,
}

pub(super) enum Node {
    Test(Test),
    Scalar(Scalar, Kind),
}

impl Typing<'_> {
    pub(super) fn test(&mut self, expr: &Expr) -> Result<Test, PredicateError> {
        match self.node(expr)? {
            Node::Test(test) => Ok(test),
            Node::Scalar(scalar, Kind::Boolean | Kind::Null) => Ok(Test::Scalar(scalar)),
            Node::Scalar(_, kind) => self.no_condition(expr, kind),
        }
    }

    fn no_condition<T>(&self, expr: &Expr, kind: Kind) -> Result<T, PredicateError> {
        let it = names::described(expr, kind, self.layout);
        self.refuse(expr, format!("{it} is not a condition, because it is not true or false"))
    }

    pub(super) fn operand<'e>(&mut self, expr: &'e Expr) -> Result<Operand<'e>, PredicateError> {
        let (scalar, kind) = match self.node(expr)? {
            Node::Test(test) => (Scalar::Test(Box::new(test)), Kind::Boolean),
            Node::Scalar(scalar, kind) => (scalar, kind),
        };
        Ok(Operand { scalar, kind, expr })
    }

    fn node(&mut self, expr: &Expr) -> Result<Node, PredicateError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.refuse(expr, format!("nested more than {DEPTH_MAX} deep"));
        }
        let node = self.condition_or_scalar(expr);
        self.depth -= 1;
        node
    }

    /// Only hands on: a result that passed through here would take stack at every level, for every arm.
    fn condition_or_scalar(&mut self, expr: &Expr) -> Result<Node, PredicateError> {
        match expr {
            Expr::Nested(inner) => self.node(inner),
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
                self.and_or(expr, op)
            }
            Expr::BinaryOp { op: BinaryOperator::StringConcat, .. } => self.concat(expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.not(expr),
            Expr::IsNull(inner) => self.null(inner, false),
            Expr::IsNotNull(inner) => self.null(inner, true),
            Expr::IsTrue(inner) => self.is(inner, Truth::True, false),
            Expr::IsNotTrue(inner) => self.is(inner, Truth::True, true),
            Expr::IsFalse(inner) => self.is(inner, Truth::False, false),
            Expr::IsNotFalse(inner) => self.is(inner, Truth::False, true),
            Expr::IsUnknown(inner) => self.is(inner, Truth::Unknown, false),
            Expr::IsNotUnknown(inner) => self.is(inner, Truth::Unknown, true),
            Expr::IsDistinctFrom(left, right) => self.distinct(left, right, false),
            Expr::IsNotDistinctFrom(left, right) => self.distinct(left, right, true),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::Between { expr, negated, low, high } => self.between(expr, low, high, *negated),
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_ref(), *negated)
            }
            _ => self.scalar(expr).map(|(scalar, kind)| Node::Scalar(scalar, kind)),
        }
    }

    fn scalar(&mut self, expr: &Expr) -> Result<(Scalar, Kind), PredicateError> {
        match expr {
            Expr::Identifier(name) => self.field(name),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [record, name] if record.value.eq_ignore_ascii_case(&self.layout.record) => self.field(name),
                _ => self.foreign_field(expr),
            },
            Expr::Value(value) => literals::plain(&value.value, names::place(expr)),
            Expr::TypedString(typed) => literals::typed(typed, names::place(expr)),
            Expr::UnaryOp { op: op @ (UnaryOperator::Minus | UnaryOperator::Plus), expr } => {
                self.signed(*op == UnaryOperator::Minus, expr)
            }
            Expr::Case { operand: None, conditions, else_result, .. } => {
                self.case(conditions, else_result.as_deref())
            }
            Expr::Case { operand: Some(operand), conditions, else_result, .. } => {
                self.switch(operand, conditions, else_result.as_deref())
            }
            other => self.call_or_refuse(other),
        }
    }

    fn foreign_field<T>(&self, expr: &Expr) -> Result<T, PredicateError> {
        self.refuse(
            expr,
            format!("{expr} is not a field of {}; a rule sees only its own record", self.layout.record),
        )
    }

    pub(super) fn refuse<T>(&self, expr: &Expr, message: impl Into<String>) -> Result<T, PredicateError> {
        Err(names::place(expr).error(message))
    }

    pub(super) fn field(&mut self, name: &Ident) -> Result<(Scalar, Kind), PredicateError> {
        let at = names::field(name, self.layout)?;
        self.fields.insert(at);
        Ok((Scalar::Field(at), self.layout.fields[at].ty.into()))
    }

    /// The error that two operands cannot be used together, as in `verb` "compare".
    fn mismatch(&self, verb: &str, one: &Operand<'_>, other: &Operand<'_>) -> PredicateError {
        names::place(one.expr).error(format!(
            "cannot {verb} {} with {}{}",
            names::described(one.expr, one.kind, self.layout),
            names::described(other.expr, other.kind, self.layout),
            names::advice((one.expr, one.kind), (other.expr, other.kind)),
        ))
    }

    /// Two operands that have a common order.
    pub(super) fn comparable(&self, one: &Operand<'_>, other: &Operand<'_>) -> Result<Kind, PredicateError> {
        one.kind.with(other.kind).ok_or_else(|| self.mismatch("compare", one, other))
    }

    fn and_or(&mut self, expr: &Expr, op: &BinaryOperator) -> Result<Node, PredicateError> {
        let parts = chain(expr, op);
        let mut tests = Vec::with_capacity(parts.len());
        for part in parts {
            tests.push(self.test(part)?);
        }
        Ok(Node::Test(if *op == BinaryOperator::And { Test::All(tests) } else { Test::Any(tests) }))
    }

    fn concat(&mut self, expr: &Expr) -> Result<Node, PredicateError> {
        let mut parts = Vec::new();
        for part in chain(expr, &BinaryOperator::StringConcat) {
            let part = self.operand(part)?;
            self.must_be(&part, Kind::Text, "||")?;
            parts.push(part.scalar);
        }
        Ok(Node::Scalar(Scalar::Concat(parts), Kind::Text))
    }

    fn not(&mut self, expr: &Expr) -> Result<Node, PredicateError> {
        Ok(Node::Test(Test::Not(Box::new(self.test(expr)?))))
    }

    fn binary(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Node, PredicateError> {
        match op {
            BinaryOperator::Plus => self.arithmetic(Operator::Add, left, right),
            BinaryOperator::Minus => self.arithmetic(Operator::Subtract, left, right),
            BinaryOperator::Multiply => self.arithmetic(Operator::Multiply, left, right),
            BinaryOperator::Modulo => self.arithmetic(Operator::Remainder, left, right),
            BinaryOperator::Eq => self.comparison(Comparison::Equal, left, right),
            BinaryOperator::NotEq => self.comparison(Comparison::NotEqual, left, right),
            BinaryOperator::Lt => self.comparison(Comparison::Less, left, right),
            BinaryOperator::LtEq => self.comparison(Comparison::LessOrEqual, left, right),
            BinaryOperator::Gt => self.comparison(Comparison::Greater, left, right),
            BinaryOperator::GtEq => self.comparison(Comparison::GreaterOrEqual, left, right),
            other => self.refuse(right, names::refused_operator(other)),
        }
    }

    fn comparison(
        &mut self,
        comparison: Comparison,
        left: &Expr,
        right: &Expr,
    ) -> Result<Node, PredicateError> {
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        self.comparable(&left, &right)?;
        Ok(Node::Test(Test::Compare { comparison, left: left.scalar, right: right.scalar }))
    }

    fn arithmetic(&mut self, operator: Operator, left: &Expr, right: &Expr) -> Result<Node, PredicateError> {
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        let (scalar, kind) = self.computed(operator, left, right)?;
        Ok(Node::Scalar(scalar, kind))
    }

    /// `left operator right` of two typed operands.
    pub(super) fn computed(
        &self,
        operator: Operator,
        left: Operand<'_>,
        right: Operand<'_>,
    ) -> Result<(Scalar, Kind), PredicateError> {
        let verb = match operator {
            Operator::Add => "add",
            Operator::Subtract => "subtract",
            Operator::Multiply => "multiply",
            Operator::Remainder => "take the remainder of",
        };
        let place = names::place(left.expr);
        let kind = match (left.kind, right.kind) {
            (Kind::Date, Kind::Date) if operator == Operator::Subtract => {
                let (later, earlier) = (Box::new(left.scalar), Box::new(right.scalar));
                return Ok((Scalar::Days { later, earlier }, Kind::Integer));
            }
            (a, b) if a.is_number() && b.is_number() => a.with(b).unwrap_or(Kind::Decimal),
            (Kind::Date | Kind::Timestamp | Kind::Instant, _)
            | (_, Kind::Date | Kind::Timestamp | Kind::Instant) => {
                return Err(place.error(format!(
                    "{}: the only date arithmetic is date - date, which gives days",
                    self.mismatch(verb, &left, &right)
                )));
            }
            (Kind::Text, _) | (_, Kind::Text) if operator == Operator::Add => {
                return Err(place.error(format!("{}: join text with ||", self.mismatch(verb, &left, &right))));
            }
            _ => return Err(self.mismatch(verb, &left, &right)),
        };
        let (left, right) = (Box::new(left.scalar), Box::new(right.scalar));
        Ok((Scalar::Arithmetic { operator, left, right, place }, kind))
    }

    fn signed(&mut self, negative: bool, expr: &Expr) -> Result<(Scalar, Kind), PredicateError> {
        let operand = self.operand(expr)?;
        if !operand.kind.is_number() {
            let it = names::described(expr, operand.kind, self.layout);
            return Err(names::place(expr).error(format!("{it} is not a number, so it cannot have a sign")));
        }
        let scalar = match operand.scalar {
            scalar if !negative => scalar,
            // A negative literal stays one: in an IN it is searched for like the others.
            Scalar::Literal(Literal::Integer(integer)) => Scalar::Literal(match integer.checked_neg() {
                Some(negated) => Literal::Integer(negated),
                None => Literal::Decimal(crate::amount::Amount::from(integer).negated()),
            }),
            Scalar::Literal(Literal::Decimal(amount)) => Scalar::Literal(Literal::Decimal(amount.negated())),
            scalar => Scalar::Negate(Box::new(scalar)),
        };
        Ok((scalar, operand.kind))
    }

    fn null(&mut self, expr: &Expr, negated: bool) -> Result<Node, PredicateError> {
        Ok(Node::Test(Test::Null { scalar: self.operand(expr)?.scalar, negated }))
    }

    fn is(&mut self, expr: &Expr, truth: Truth, negated: bool) -> Result<Node, PredicateError> {
        Ok(Node::Test(Test::Is { test: Box::new(self.test(expr)?), truth, negated }))
    }

    fn distinct(&mut self, left: &Expr, right: &Expr, negated: bool) -> Result<Node, PredicateError> {
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        self.comparable(&left, &right)?;
        Ok(Node::Test(Test::Distinct { left: left.scalar, right: right.scalar, negated }))
    }

    fn between(
        &mut self,
        expr: &Expr,
        low: &Expr,
        high: &Expr,
        negated: bool,
    ) -> Result<Node, PredicateError> {
        let (it, low, high) = (self.operand(expr)?, self.operand(low)?, self.operand(high)?);
        self.comparable(&it, &low)?;
        self.comparable(&it, &high)?;
        Ok(Node::Test(Test::Between { scalar: it.scalar, low: low.scalar, high: high.scalar, negated }))
    }

    fn in_list(&mut self, expr: &Expr, list: &[Expr], negated: bool) -> Result<Node, PredicateError> {
        let needle = self.operand(expr)?;
        if list.is_empty() {
            return Err(names::place(expr).error("IN () has nothing to compare with"));
        }
        let mut items = Vec::with_capacity(list.len());
        let mut kind = needle.kind;
        for item in list {
            let item = self.operand(item)?;
            self.comparable(&needle, &item)?;
            // A needle of NULL goes with everything: the items must still go with one another.
            let Some(joint) = kind.with(item.kind) else {
                let it = names::described(item.expr, item.kind, self.layout);
                return Err(names::place(item.expr)
                    .error(format!("cannot compare {it} with the {kind} before it in the list")));
            };
            kind = joint;
            items.push(item.scalar);
        }
        Ok(Node::Test(Test::In { needle: needle.scalar, list: listed(items), negated }))
    }

    fn like(
        &mut self,
        text: &Expr,
        pattern: &Expr,
        escape: Option<&Written>,
        negated: bool,
    ) -> Result<Node, PredicateError> {
        let place = names::place(pattern);
        let escape = match escape {
            None => None,
            Some(Written::SingleQuotedString(text)) if text.chars().count() == 1 => text.chars().next(),
            Some(other) => return Err(place.error(format!("ESCAPE takes one character, not {other}"))),
        };
        let (text, pattern) = (self.operand(text)?, self.operand(pattern)?);
        self.must_be(&text, Kind::Text, "LIKE")?;
        self.must_be(&pattern, Kind::Text, "LIKE")?;
        let pattern = match pattern.scalar {
            Scalar::Literal(Literal::Text(pattern)) => LikePattern::Fixed(
                Pattern::compile(&pattern, escape).map_err(|BadEscape| place.error(bad_escape(&pattern)))?,
            ),
            scalar => LikePattern::Computed { scalar, escape, place },
        };
        Ok(Node::Test(Test::Like { text: text.scalar, pattern, negated }))
    }

    /// An operand of `kind`, or NULL; `of` is what takes it.
    pub(super) fn must_be(&self, operand: &Operand<'_>, kind: Kind, of: &str) -> Result<(), PredicateError> {
        if operand.kind == kind || operand.kind == Kind::Null {
            return Ok(());
        }
        let it = names::described(operand.expr, operand.kind, self.layout);
        Err(names::place(operand.expr).error(format!("{of} takes {kind}, not {it}")))
    }
}

/// The operands of a chain of one operator, left to right. A loop, because sqlparser's left side is as deep as
/// the chain is long.
fn chain<'e>(expr: &'e Expr, operator: &BinaryOperator) -> Vec<&'e Expr> {
    let mut parts = Vec::new();
    let mut rest = expr;
    while let Expr::BinaryOp { left, op, right } = rest
        && op == operator
    {
        parts.push(&**right);
        rest = left;
    }
    parts.push(rest);
    parts.reverse();
    parts
}

/// Puts the literals of an IN first, and in order if they are many. Only where nothing else can fail: a match
/// found early would hide the error.
fn listed(items: Vec<Scalar>) -> List {
    let mut list = List { literals: Vec::new(), sorted: false, has_null: false, others: Vec::new() };
    if items.iter().any(|item| !matches!(item, Scalar::Null | Scalar::Literal(_) | Scalar::Field(_))) {
        list.others = items;
        return list;
    }
    for item in items {
        match item {
            Scalar::Null => list.has_null = true,
            Scalar::Literal(literal) => list.literals.push(literal),
            other => list.others.push(other),
        }
    }
    if list.literals.len() >= SORTED_MIN {
        list.literals.sort_by(|a, b| compare(&a.value(), &b.value()).unwrap_or(std::cmp::Ordering::Equal));
        list.sorted = true;
    }
    list
}

pub(super) fn bad_escape(pattern: &str) -> String {
    format!("in the pattern '{pattern}' the escape character precedes something other than %, _ or itself")
}
