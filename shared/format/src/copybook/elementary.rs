//! Whether picture, usage and the other clauses of an elementary item agree.

use super::entry::Entry;
use super::error::{Checked, Fault, shown};
use super::item::{Elementary, SignPlace, Usage};
use super::limits::BINARY_DIGITS_MAX;
use super::picture::{Category, Picture};

/// What an entry without items below it holds.
pub(super) fn elementary(
    entry: &Entry,
    label: &str,
    usage: Option<Usage>,
    sign: Option<SignPlace>,
    synchronized: bool,
) -> Checked<Elementary> {
    let usage = usage.unwrap_or_else(|| match entry.picture.as_ref().map(|(picture, _)| picture.category) {
        // With NSYMBOL(NATIONAL), the default, N is national.
        Some(Category::National) => Usage::National,
        Some(Category::Dbcs) => Usage::Dbcs,
        _ => Usage::Display,
    });
    let span = entry.usage.as_ref().map_or(entry.span.clone(), |(_, span)| span.clone());
    let without_picture = match usage {
        Usage::Float | Usage::Double => Some(Category::FloatingPoint),
        Usage::Index | Usage::Pointer => Some(Category::Address),
        _ => None,
    };
    let category = match (&entry.picture, without_picture) {
        (None, Some(category)) => category,
        (Some((_, span)), Some(_)) => {
            return Err(Fault::new(
                span.clone(),
                format!("{} is {}, so it cannot have a picture", shown(label), usage.word()),
            ));
        }
        (None, None) => {
            return Err(Fault::new(
                entry.span.clone(),
                format!("{} has neither a picture nor items below it", shown(label)),
            ));
        }
        (Some((picture, _)), None) => {
            if let Some(what) = disagreement(picture, usage) {
                return Err(Fault::new(
                    span,
                    format!(
                        "{} is {}, {what}, but its picture is {}",
                        shown(label),
                        usage.word(),
                        shown(&picture.text)
                    ),
                ));
            }
            picture.category
        }
    };
    let picture = entry.picture.as_ref().map(|(picture, _)| picture.clone());
    let signed = picture.as_ref().is_some_and(|picture| picture.signed && category == Category::Numeric);
    let in_characters = matches!(usage, Usage::Display | Usage::National);
    if let Some((_, span)) = &entry.sign
        && !(signed && in_characters)
    {
        return Err(Fault::new(
            span.clone(),
            format!(
                "{} has a SIGN clause, which is for numbers of usage DISPLAY with `S` in their picture",
                shown(label)
            ),
        ));
    }
    if let Some(span) = &entry.blank_when_zero {
        let text = picture.as_ref().map_or("", |picture| &picture.text);
        let fits = match category {
            Category::Numeric => !signed && in_characters,
            Category::NumericEdited => !text.contains('*'),
            _ => false,
        };
        if !fits {
            return Err(Fault::new(
                span.clone(),
                format!(
                    "{} has BLANK WHEN ZERO, which is for numbers in characters without `S` and `*`",
                    shown(label)
                ),
            ));
        }
    }
    if let Some(span) = &entry.justified
        && !matches!(
            category,
            Category::Alphabetic | Category::Alphanumeric | Category::Dbcs | Category::National
        )
    {
        return Err(Fault::new(
            span.clone(),
            format!("{} is JUSTIFIED, which is for text that is not edited", shown(label)),
        ));
    }
    Ok(Elementary {
        category,
        usage,
        sign: (signed && in_characters).then(|| sign.unwrap_or(SignPlace::DEFAULT)),
        synchronized: synchronized || entry.synchronized.is_some(),
        blank_when_zero: entry.blank_when_zero.is_some(),
        justified: entry.justified.is_some(),
        picture,
    })
}

/// What `usage` asks of a picture that this one does not give.
fn disagreement(picture: &Picture, usage: Usage) -> Option<String> {
    let numeric = picture.category == Category::Numeric;
    match usage {
        Usage::Display => matches!(picture.category, Category::National | Category::Dbcs)
            .then(|| "which has one byte per character".to_owned()),
        Usage::Binary | Usage::NativeBinary if !numeric => Some("which is for numbers".to_owned()),
        Usage::Binary | Usage::NativeBinary => (picture.digits > BINARY_DIGITS_MAX)
            .then(|| format!("which holds at most {BINARY_DIGITS_MAX} digits here")),
        Usage::Packed => (!numeric).then(|| "which is for numbers".to_owned()),
        Usage::PackedUnsigned => {
            (!numeric || picture.signed).then(|| "which is for numbers without sign".to_owned())
        }
        Usage::National => {
            let fits =
                matches!(picture.category, Category::National | Category::Numeric | Category::NumericEdited);
            (!fits).then(|| "which is for `N` and numbers".to_owned())
        }
        Usage::Dbcs => (!matches!(picture.category, Category::Dbcs | Category::National))
            .then(|| "which is for `G` and `N`".to_owned()),
        Usage::Float | Usage::Double | Usage::Index | Usage::Pointer => None,
    }
}

impl Elementary {
    /// Its bytes, by IBM Enterprise COBOL ("Computational items", "USAGE clause", Language Reference; INDEX and
    /// POINTER under LP(32)).
    #[must_use]
    pub fn bytes(&self) -> usize {
        let (digits, chars) =
            self.picture.as_ref().map_or((0, 0), |picture| (usize::from(picture.digits), picture.chars));
        let chars = chars + usize::from(self.sign.is_some_and(|sign| sign.separate));
        match self.usage {
            Usage::Display => chars,
            Usage::National | Usage::Dbcs => 2 * chars,
            Usage::Binary | Usage::NativeBinary => match digits {
                0..=4 => 2,
                5..=9 => 4,
                _ => 8,
            },
            Usage::Packed => digits / 2 + 1,
            Usage::PackedUnsigned => digits.div_ceil(2),
            Usage::Float | Usage::Index | Usage::Pointer => 4,
            Usage::Double => 8,
        }
    }

    /// The boundary that it begins at if it is synchronized, 1 for any. Of binary items, those of up to four digits
    /// stand on halfwords, all others on fullwords ("Slack bytes within records", Language Reference).
    pub(super) fn boundary(&self) -> usize {
        if !self.synchronized {
            return 1;
        }
        match self.usage {
            Usage::Binary | Usage::NativeBinary if self.bytes() == 2 => 2,
            Usage::Binary | Usage::NativeBinary | Usage::Float | Usage::Index | Usage::Pointer => 4,
            Usage::Double => 8,
            Usage::Display | Usage::Packed | Usage::PackedUnsigned | Usage::National | Usage::Dbcs => 1,
        }
    }
}
