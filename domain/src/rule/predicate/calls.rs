//! Typing of function calls and of the expressions that have a grammar of their own, and the refusal by name of
//! everything else.

use sqlparser::ast::{
    CastKind, DataType, DateTimeField, ExactNumberInfo, Expr, Function as Written, FunctionArg,
    FunctionArgExpr, FunctionArguments, TrimWhereField,
};

use super::expr::{Ends, Function, Kind, Operator, Part, Scalar};
use super::typing::{Operand, Typing};
use super::{PredicateError, names};
use crate::amount::DIGITS_MAX;

type Typed = Result<(Scalar, Kind), PredicateError>;

/// What can be called, for the message that refuses the rest.
const KNOWN: &str = "abs, char_length, character_length, coalesce, extract, greatest, least, left, length, lower, \
                     ltrim, mod, nullif, octet_length, position, right, rtrim, sign, starts_with, strpos, \
                     substr, substring, trim, upper";

const BOTH: Ends = Ends { leading: true, trailing: true };
const LEADING: Ends = Ends { leading: true, trailing: false };
const TRAILING: Ends = Ends { leading: false, trailing: true };

impl Typing<'_> {
    /// Types what is neither operator, literal nor field.
    pub(super) fn call_or_refuse(&mut self, expr: &Expr) -> Typed {
        match expr {
            Expr::Function(function) => self.function(expr, function),
            Expr::Substring { expr: text, substring_from: Some(from), substring_for, .. } => {
                let mut arguments = vec![self.operand(text)?, self.operand(from)?];
                if let Some(length) = substring_for {
                    arguments.push(self.operand(length)?);
                }
                self.call("substring", expr, arguments)
            }
            Expr::Substring { .. } => self.refuse(expr, "substring needs a start"),
            Expr::Trim { expr: text, trim_where, trim_what, trim_characters: None } => {
                let mut arguments = vec![self.operand(text)?];
                if let Some(what) = trim_what {
                    arguments.push(self.operand(what)?);
                }
                let ends = match trim_where {
                    None | Some(TrimWhereField::Both) => BOTH,
                    Some(TrimWhereField::Leading) => LEADING,
                    Some(TrimWhereField::Trailing) => TRAILING,
                };
                self.trim(ends, expr, arguments)
            }
            Expr::Position { expr: needle, r#in } => {
                let arguments = vec![self.operand(r#in)?, self.operand(needle)?];
                self.call("strpos", expr, arguments)
            }
            Expr::Extract { field, expr: from, .. } => self.extract(expr, field, from),
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr: from,
                data_type,
                format: None,
            } => self.cast(from, data_type),
            other => self.refuse(other, refusal(other)),
        }
    }

    fn function(&mut self, expr: &Expr, function: &Written) -> Typed {
        let [part] = function.name.0.as_slice() else {
            return self.refuse(expr, format!("the function {} is not supported in rules", function.name));
        };
        let Some(written) = part.as_ident() else {
            return self.refuse(expr, format!("the function {} is not supported in rules", function.name));
        };
        let name = written.value.to_lowercase();
        if function.over.is_some() {
            return self.refuse(
                expr,
                format!("the window function {name} is not supported in rules: a rule sees one record"),
            );
        }
        if let Some(why) = unwanted(&name) {
            return self.refuse(expr, why);
        }
        let arguments = match &function.args {
            FunctionArguments::List(list)
                if list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
            {
                &list.args
            }
            _ => return self.refuse(expr, format!("this form of {name} is not supported in rules")),
        };
        if function.filter.is_some()
            || function.null_treatment.is_some()
            || !function.within_group.is_empty()
            || function.uses_odbc_syntax
            || !matches!(function.parameters, FunctionArguments::None)
        {
            return self.refuse(expr, format!("this form of {name} is not supported in rules"));
        }
        let mut operands = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => {
                    operands.push(self.operand(argument)?);
                }
                _ => return self.refuse(expr, format!("{name} accepts neither * nor named arguments")),
            }
        }
        match name.as_str() {
            "ltrim" => self.trim(LEADING, expr, operands),
            "rtrim" => self.trim(TRAILING, expr, operands),
            "btrim" => self.trim(BOTH, expr, operands),
            _ => self.call(&name, expr, operands),
        }
    }

    fn call(&mut self, name: &str, expr: &Expr, arguments: Vec<Operand<'_>>) -> Typed {
        use Kind::{Boolean, Integer, Text};
        let (function, kind) = match name {
            "abs" => {
                self.count(name, expr, &arguments, 1, 1)?;
                (Function::Abs, self.number(name, &arguments[0])?)
            }
            "sign" => {
                self.count(name, expr, &arguments, 1, 1)?;
                self.number(name, &arguments[0])?;
                (Function::Sign, Integer)
            }
            "mod" => {
                self.count(name, expr, &arguments, 2, 2)?;
                let mut arguments = arguments.into_iter();
                let (Some(left), Some(right)) = (arguments.next(), arguments.next()) else {
                    return self.refuse(expr, "mod takes 2 arguments");
                };
                return self.computed(Operator::Remainder, left, right);
            }
            "coalesce" => (Function::Coalesce, self.joint(name, expr, &arguments, 1)?),
            "greatest" => (Function::Greatest, self.joint(name, expr, &arguments, 2)?),
            "least" => (Function::Least, self.joint(name, expr, &arguments, 2)?),
            "nullif" => {
                self.count(name, expr, &arguments, 2, 2)?;
                self.comparable(&arguments[0], &arguments[1])?;
                (Function::Nullif, arguments[0].kind)
            }
            "length" | "octet_length" => {
                self.count(name, expr, &arguments, 1, 1)?;
                if arguments[0].kind != Kind::Bytes {
                    self.must_be(&arguments[0], Text, name)?;
                }
                (if name == "length" { Function::Length } else { Function::OctetLength }, Integer)
            }
            "char_length" | "character_length" => {
                self.signature(name, expr, &arguments, &[Text], 1)?;
                (Function::Length, Integer)
            }
            "upper" | "lower" => {
                self.signature(name, expr, &arguments, &[Text], 1)?;
                (if name == "upper" { Function::Upper } else { Function::Lower }, Text)
            }
            "substring" => {
                self.signature(name, expr, &arguments, &[Text, Integer, Integer], 2)?;
                (Function::Substring, Text)
            }
            "left" | "right" => {
                self.signature(name, expr, &arguments, &[Text, Integer], 2)?;
                (if name == "left" { Function::Left } else { Function::Right }, Text)
            }
            "starts_with" => {
                self.signature(name, expr, &arguments, &[Text, Text], 2)?;
                (Function::StartsWith, Boolean)
            }
            "strpos" => {
                self.signature(name, expr, &arguments, &[Text, Text], 2)?;
                (Function::Position, Integer)
            }
            "position" => return self.refuse(expr, "write it as position(what IN text)"),
            "concat" => return self.refuse(expr, "the function concat is not supported in rules: use ||"),
            _ => {
                let message = format!("the function {name} is not supported in rules; known are {KNOWN}");
                return self.refuse(expr, message);
            }
        };
        let place = names::place(expr);
        let arguments = arguments.into_iter().map(|argument| argument.scalar).collect();
        Ok((Scalar::Call { function, arguments, place }, kind))
    }

    fn trim(&mut self, ends: Ends, expr: &Expr, arguments: Vec<Operand<'_>>) -> Typed {
        self.signature("trim", expr, &arguments, &[Kind::Text, Kind::Text], 1)?;
        // Of several characters some databases take off any, others only the whole.
        if let Some(Operand { scalar: Scalar::Literal(literal), expr, .. }) = arguments.get(1)
            && !matches!(literal.value(), crate::value::Value::Text(what) if what.chars().count() == 1)
        {
            return self.refuse(expr, "trim removes exactly one character");
        }
        let place = names::place(expr);
        let arguments = arguments.into_iter().map(|argument| argument.scalar).collect();
        Ok((Scalar::Call { function: Function::Trim(ends), arguments, place }, Kind::Text))
    }

    fn extract(&mut self, expr: &Expr, field: &DateTimeField, from: &Expr) -> Typed {
        let (part, of_day) = match field {
            DateTimeField::Year => (Part::Year, true),
            DateTimeField::Month => (Part::Month, true),
            DateTimeField::Day => (Part::Day, true),
            DateTimeField::Hour => (Part::Hour, false),
            DateTimeField::Minute => (Part::Minute, false),
            DateTimeField::Second => (Part::Second, false),
            other => {
                return self.refuse(
                    expr,
                    format!(
                        "extract({other} FROM ...) is not supported in rules; known are year, month, day, hour, \
                         minute, second"
                    ),
                );
            }
        };
        let from = self.operand(from)?;
        if from.kind != Kind::Timestamp && !(of_day && from.kind == Kind::Date) && from.kind != Kind::Null {
            let takes = if of_day { "a date or timestamp" } else { "a timestamp" };
            let it = names::described(from.expr, from.kind, self.layout);
            return self.refuse(from.expr, format!("extract({field} FROM ...) takes {takes}, not {it}"));
        }
        let place = names::place(expr);
        let kind = if part == Part::Second { Kind::Decimal } else { Kind::Integer };
        let arguments = vec![from.scalar];
        Ok((Scalar::Call { function: Function::Extract(part), arguments, place }, kind))
    }

    fn cast(&mut self, from: &Expr, to: &DataType) -> Typed {
        let operand = self.operand(from)?;
        let it = names::described(from, operand.kind, self.layout);
        let (DataType::Decimal(info) | DataType::Numeric(info) | DataType::Dec(info)) = to else {
            return self.refuse(from, names::refused_cast(&it, to));
        };
        if !matches!(operand.kind, Kind::Integer | Kind::Null) {
            return self.refuse(from, names::refused_cast(&it, to));
        }
        let (precision, scale) = match *info {
            ExactNumberInfo::None => (u64::from(DIGITS_MAX), 0),
            ExactNumberInfo::Precision(precision) => (precision, 0),
            ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
        };
        match (u8::try_from(precision), u8::try_from(scale)) {
            (Ok(precision @ 1..=DIGITS_MAX), Ok(scale)) if scale <= precision => {
                let (scalar, place) = (Box::new(operand.scalar), names::place(from));
                Ok((Scalar::Cast { scalar, precision, scale, place }, Kind::Decimal))
            }
            _ => self.refuse(
                from,
                format!("{to} is too small: use 1 to {DIGITS_MAX} digits, and at least the same scale"),
            ),
        }
    }

    /// At least `least` and at most `most` arguments.
    fn count(
        &self,
        name: &str,
        expr: &Expr,
        arguments: &[Operand<'_>],
        least: usize,
        most: usize,
    ) -> Result<(), PredicateError> {
        if (least..=most).contains(&arguments.len()) {
            return Ok(());
        }
        let wanted = match (least, most) {
            (1, 1) => "1 argument".to_owned(),
            (least, usize::MAX) => format!("at least {least} arguments"),
            (least, most) if least == most => format!("{most} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        self.refuse(expr, format!("{name} takes {wanted}, not {}", arguments.len()))
    }

    /// Arguments of these kinds, of which the first `least` must be there.
    fn signature(
        &self,
        name: &str,
        expr: &Expr,
        arguments: &[Operand<'_>],
        kinds: &[Kind],
        least: usize,
    ) -> Result<(), PredicateError> {
        self.count(name, expr, arguments, least, kinds.len())?;
        arguments.iter().zip(kinds).try_for_each(|(argument, kind)| self.must_be(argument, *kind, name))
    }

    fn number(&self, name: &str, argument: &Operand<'_>) -> Result<Kind, PredicateError> {
        if argument.kind.is_number() {
            return Ok(argument.kind);
        }
        let it = names::described(argument.expr, argument.kind, self.layout);
        self.refuse(argument.expr, format!("{name} takes a number, not {it}"))
    }

    /// The kind that all arguments have in common.
    fn joint(
        &self,
        name: &str,
        expr: &Expr,
        arguments: &[Operand<'_>],
        least: usize,
    ) -> Result<Kind, PredicateError> {
        self.count(name, expr, arguments, least, usize::MAX)?;
        let mut kind = Kind::Null;
        for argument in arguments {
            kind = match kind.with(argument.kind) {
                Some(kind) => kind,
                None => {
                    let first = arguments.iter().find(|first| first.kind.with(argument.kind).is_none());
                    return Err(self.comparable(first.unwrap_or(argument), argument).err().unwrap_or_else(
                        || {
                            names::place(expr)
                                .error(format!("the arguments of {name} have incompatible types"))
                        },
                    ));
                }
            };
        }
        Ok(kind)
    }
}

/// Functions that are refused with a reason of their own.
fn unwanted(name: &str) -> Option<String> {
    Some(match name {
        "count" | "sum" | "avg" | "min" | "max" | "every" | "bool_and" | "bool_or" | "string_agg"
        | "array_agg" | "stddev" | "variance" => {
            format!("the aggregate {name} is not supported in rules: a rule sees one record")
        }
        "round" | "trunc" | "truncate" | "sqrt" | "power" | "exp" | "ln" | "log" => {
            format!("the function {name} is not supported in rules: its result is not exact")
        }
        "now" | "current_date" | "current_time" | "current_timestamp" | "localtime" | "localtimestamp"
        | "random" => {
            format!("{name} is not supported in rules: a rule must give the same result on every run")
        }
        _ => return None,
    })
}

/// The message for an expression that is not evaluated.
fn refusal(expr: &Expr) -> String {
    let (what, instead) = match expr {
        Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
            ("subqueries are", "a rule sees one record")
        }
        Expr::Tuple(_) => ("row values such as (a, b) are", "compare each one"),
        Expr::ILike { .. } => ("ILIKE is", "write lower(x) LIKE lower(pattern)"),
        Expr::Like { .. } | Expr::AnyOp { .. } | Expr::AllOp { .. } => {
            ("ANY and ALL are", "use IN, AND or OR")
        }
        Expr::SimilarTo { .. } | Expr::RLike { .. } => {
            ("regular expressions are", "use LIKE, or the field's pattern")
        }
        Expr::Ceil { .. } | Expr::Floor { .. } => ("ceil and floor are", "their result is not exact"),
        Expr::Interval(_) => ("intervals are", "date - date is a number of days"),
        Expr::AtTimeZone { .. } => ("AT TIME ZONE is", "timestamps have no zone"),
        Expr::Collate { .. } => ("COLLATE is", "text compares by code point"),
        Expr::Cast { .. } | Expr::Convert { .. } => {
            ("this conversion is", "only CAST of an integer to DECIMAL is exact")
        }
        Expr::UnaryOp { op, .. } => return format!("the operator {op} is not supported in rules"),
        Expr::Array(_) | Expr::CompoundFieldAccess { .. } | Expr::InUnnest { .. } => {
            return "arrays are not supported in rules".into();
        }
        Expr::Overlay { .. } => return "the function overlay is not supported in rules".into(),
        Expr::Trim { .. } => return "this form of trim is not supported in rules".into(),
        Expr::IsNormalized { .. } => return "IS NORMALIZED is not supported in rules".into(),
        Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => return "* is not supported in rules".into(),
        Expr::MatchAgainst { .. } => return "MATCH is not supported in rules".into(),
        Expr::MemberOf(_) => return "MEMBER OF is not supported in rules".into(),
        Expr::JsonAccess { .. } => return "JSON access is not supported in rules".into(),
        _ => return "this kind of expression is not supported in rules".into(),
    };
    format!("{what} not supported in rules: {instead}")
}
