//! Typing of CASE, with and without an operand.

use sqlparser::ast::{CaseWhen, Expr};

use super::expr::{Kind, Scalar};
use super::typing::Typing;
use super::{PredicateError, names};

impl Typing<'_> {
    pub(super) fn case(
        &mut self,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Result<(Scalar, Kind), PredicateError> {
        let mut results = Results::default();
        let mut branches = Vec::with_capacity(conditions.len());
        for CaseWhen { condition, result } in conditions {
            branches.push((self.test(condition)?, results.take(self, result)?));
        }
        let otherwise = Box::new(results.otherwise(self, otherwise)?);
        Ok((Scalar::Case { branches, otherwise }, results.kind()))
    }

    pub(super) fn switch(
        &mut self,
        operand: &Expr,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Result<(Scalar, Kind), PredicateError> {
        let operand = self.operand(operand)?;
        let mut results = Results::default();
        let mut branches = Vec::with_capacity(conditions.len());
        for CaseWhen { condition, result } in conditions {
            let value = self.operand(condition)?;
            self.comparable(&operand, &value)?;
            branches.push((value.scalar, results.take(self, result)?));
        }
        let otherwise = Box::new(results.otherwise(self, otherwise)?);
        Ok((Scalar::Switch { operand: Box::new(operand.scalar), branches, otherwise }, results.kind()))
    }
}

/// The kind that the results of a CASE have in common.
#[derive(Default)]
struct Results(Option<Kind>);

impl Results {
    fn kind(&self) -> Kind {
        self.0.unwrap_or(Kind::Null)
    }

    fn take(&mut self, typing: &mut Typing<'_>, expr: &Expr) -> Result<Scalar, PredicateError> {
        let result = typing.operand(expr)?;
        let Some(joint) = self.kind().with(result.kind) else {
            let it = names::described(expr, result.kind, typing.layout);
            return Err(names::place(expr)
                .error(format!("CASE gives {} in one branch and {it} in another", self.kind())));
        };
        self.0 = Some(joint);
        Ok(result.scalar)
    }

    fn otherwise(&mut self, typing: &mut Typing<'_>, expr: Option<&Expr>) -> Result<Scalar, PredicateError> {
        expr.map_or(Ok(Scalar::Null), |expr| self.take(typing, expr))
    }
}
