//! Numbers as printed: read back position by position, as the picture would have printed them.
//!
//! After "Editing rules" of the PICTURE clause in the IBM Enterprise COBOL for z/OS Language Reference: leading zeros
//! are suppressed by blanks, `*` or a floating sign, and so are the insertions among them; the decimal point ends the
//! suppression; zero may leave all positions blank. What the picture cannot have printed is a reject.

use std::sync::Arc;

use domain::constraint::ReasonCode;

use super::number::Blanks;
use super::spec::{EditedForm, FieldSpec, Fill, Fills};
use super::{Reject, quoted};
use crate::codepage::CodePage;
use crate::copybook::Edit;

/// Reads the edited numbers of one field.
#[derive(Debug, Clone)]
pub(super) struct EditedNumbers {
    page: &'static CodePage,
    edits: Arc<[Edit]>,
    picture: Arc<str>,
    blanks: Blanks,
    /// The character printed for a suppressed zero.
    fill: Option<char>,
    /// The sign or currency sign that floats.
    floating: Option<char>,
}

/// What was read so far of one number.
#[derive(Default)]
struct Reading {
    magnitude: i128,
    negative: bool,
    /// Whether a digit was printed already.
    started: bool,
    /// Whether the decimal point was passed.
    behind_point: bool,
    /// Whether stars follow the point, as only in zero.
    is_zero: bool,
    /// Whether the floating sign was printed already.
    floated: bool,
    /// How many positions of the floating sign were passed.
    floats: usize,
}

impl EditedNumbers {
    /// Fails, with a sentence for the layout's author, on a picture that does not fill its bytes.
    pub(super) fn new(form: &EditedForm, spec: &FieldSpec) -> Result<Self, String> {
        let edits = &form.edits;
        let positions: usize = edits.iter().map(|edit| edit.chars()).sum();
        if positions != spec.bytes {
            return Err(format!("the picture {} takes {positions} bytes, not {}", form.picture, spec.bytes));
        }
        let floating = edits.iter().find_map(|edit| match edit {
            Edit::Floating(symbol) => Some(*symbol),
            _ => None,
        });
        let has = |wanted: Edit| edits.contains(&wanted);
        let fill = if has(Edit::Star) { Some('*') } else { Some(' ') };
        let fill = fill.filter(|_| has(Edit::Star) || has(Edit::Suppressed) || floating.is_some());
        // Nothing but blanks is how a picture prints zero if it suppresses every digit by blanks.
        let is_zero = form.blank_when_zero || !(has(Edit::Digit) || has(Edit::Star));
        let spaces = if is_zero { Fill::Zero } else { form.fills.spaces };
        Ok(Self {
            page: spec.page,
            edits: Arc::clone(edits),
            picture: Arc::clone(&form.picture),
            blanks: Blanks::new(Fills { spaces, ..form.fills }, spec.page.space()),
            fill,
            floating,
        })
    }

    /// The integer that the digits are, before the decimal point is set; `None`: NULL. `scratch` is left as it was.
    pub(super) fn read(&self, bytes: &[u8], scratch: &mut Vec<u8>) -> Result<Option<i128>, Reject> {
        match self.blanks.of(bytes) {
            Some((Fill::Null, _)) => return Ok(None),
            Some((Fill::Zero, _)) => return Ok(Some(0)),
            _ => {}
        }
        let start = scratch.len();
        let read = match self.page.decode_into(bytes, scratch) {
            Ok(()) => std::str::from_utf8(&scratch[start..]).ok().and_then(|text| self.read_text(text)),
            Err(_) => None,
        };
        scratch.truncate(start);
        read.map(Some).ok_or_else(|| {
            let detail = format!("{}: not a number as the picture {} prints it", quoted(bytes), self.picture);
            Reject::new(ReasonCode::Type, detail)
        })
    }

    fn read_text(&self, text: &str) -> Option<i128> {
        let mut chars = text.chars();
        let mut reading = Reading::default();
        for edit in &*self.edits {
            match edit {
                Edit::ImpliedPoint => reading.behind_point = true,
                Edit::Credit | Edit::Debit => {
                    let printed = if *edit == Edit::Credit { ('C', 'R') } else { ('D', 'B') };
                    let found = (chars.next()?, chars.next()?);
                    reading.negative |= found == printed;
                    (found == printed || found == (' ', ' ')).then_some(())?;
                }
                edit => self.position(&mut reading, *edit, chars.next()?)?,
            }
        }
        // All but a minus is printed whatever the number.
        let is_signed = self.floating.is_none_or(|symbol| symbol == '-' || reading.floated);
        let whole = chars.next().is_none() && is_signed;
        whole.then_some(if reading.negative { -reading.magnitude } else { reading.magnitude })
    }

    fn position(&self, reading: &mut Reading, edit: Edit, c: char) -> Option<()> {
        let is_leading = !reading.started && !reading.behind_point;
        match edit {
            Edit::Suppressed if c == ' ' && is_leading => Some(()),
            Edit::Star if c == '*' && !reading.started => {
                reading.is_zero |= reading.behind_point;
                Some(())
            }
            Edit::Digit | Edit::Suppressed | Edit::Star => reading.digit(c),
            Edit::Floating(symbol) => {
                reading.floats += 1;
                match c {
                    ' ' if is_leading && !reading.floated => Some(()),
                    // The first position is the sign's; a blank stands for a minus that is not there.
                    c if c.is_ascii_digit() => {
                        let may_begin = reading.floated || reading.started || symbol == '-';
                        (may_begin && reading.floats > 1).then(|| reading.digit(c))?
                    }
                    c if is_leading && !reading.floated => reading.float(symbol, c),
                    _ => None,
                }
            }
            Edit::Insertion(symbol) if is_leading && self.fill.is_some() => match self.floating {
                Some(floating) if c != ' ' && !reading.floated => reading.float(floating, c),
                _ => (Some(c) == self.fill || c == symbol && reading.floated).then_some(()),
            },
            Edit::Insertion(symbol) | Edit::Currency(symbol) => (c == symbol).then_some(()),
            Edit::Point(symbol) => {
                reading.behind_point = true;
                (c == symbol).then_some(())
            }
            Edit::Sign(symbol) => reading.sign(symbol, c),
            Edit::Credit | Edit::Debit | Edit::ImpliedPoint => None,
        }
    }
}

impl Reading {
    fn digit(&mut self, c: char) -> Option<()> {
        let digit = c.to_digit(10).filter(|_| !self.is_zero)?;
        self.started = true;
        self.magnitude = self.magnitude.checked_mul(10)?.checked_add(i128::from(digit))?;
        Some(())
    }

    fn float(&mut self, symbol: char, c: char) -> Option<()> {
        self.floated = true;
        match symbol {
            '+' | '-' => self.sign(symbol, c),
            currency => (c == currency).then_some(()),
        }
    }

    /// `+` prints the sign of every number, `-` only that of a negative one.
    fn sign(&mut self, symbol: char, c: char) -> Option<()> {
        self.negative |= c == '-';
        matches!((symbol, c), ('+', '+' | '-') | ('-', ' ' | '-')).then_some(())
    }
}
