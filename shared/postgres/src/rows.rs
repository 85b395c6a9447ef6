//! Rows between canonical form and PostgreSQL's binary COPY (its manual, section "Binary Format" of COPY).

use domain::ids::{RunId, WorkerId};
use domain::layout::Layout;
use domain::record::{self, RawField, Tag};
use domain::value::FieldType;
use jiff::civil::Date;
use store::StoreError;
use wire::Batch;

use super::numeric::{self, Decoded};

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Days from 1970-01-01 to 2000-01-01, with which PostgreSQL's dates begin.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH: Date = Date::constant(2000, 1, 1);
const DAY_MICROS: i64 = 86_400_000_000;

/// What a NUMERIC of the store can have: see [`FieldType::Decimal`].
const DIGITS_MAX: usize = 38;

fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged { what: what.into() }
}

/// One record type's rows in a batch.
pub(crate) struct Rows<'a> {
    pub(crate) batch: &'a Batch,
    pub(crate) rows: &'a [u8],
    pub(crate) accepted: u64,
}

/// A batch's rows as the data of one COPY into staging. Their numbers rise, as a source's do: a record that comes
/// twice is refused here, where no index would.
pub(crate) fn encode(layout: &Layout, of: Rows<'_>, writer: WorkerId) -> Result<Vec<u8>, StoreError> {
    let Rows { batch, rows: canonical, accepted } = of;
    let mut out = Vec::with_capacity(canonical.len() + canonical.len() / 2 + 64);
    out.extend_from_slice(SIGNATURE);
    out.extend_from_slice(&[0; 8]);
    let columns =
        u16::try_from(layout.fields.len() + 4).map_err(|_| damaged("more columns than a table has"))?;
    let signed = |number: u64| i64::try_from(number).map_err(|_| damaged(format!("number {number}")));
    let mut head = columns.to_be_bytes().to_vec();
    put(&mut head, &batch.run_id)?;
    put(&mut head, &signed(batch.chunk_no)?.to_be_bytes())?;
    let (mut rows, mut last) = (0, None);
    for row in record::records(canonical, layout.fields.len()) {
        let row = row.map_err(|error| damaged(format!("chunk {}: {error}", batch.chunk_no)))?;
        if last.is_some_and(|last| row.record_no <= last) {
            return Err(damaged(format!(
                "chunk {}: record {} follows a later one",
                batch.chunk_no, row.record_no
            )));
        }
        last = Some(row.record_no);
        out.extend_from_slice(&head);
        put(&mut out, &signed(row.record_no.0)?.to_be_bytes())?;
        put(&mut out, &i64::from(writer.0).to_be_bytes())?;
        for (field, raw) in layout.fields.iter().zip(row.fields()) {
            put_field(&mut out, &field.ty, raw).map_err(|fault| {
                let place = format!(
                    "record {} of chunk {} of run {}, field {}",
                    row.record_no,
                    batch.chunk_no,
                    RunId::from_bytes(batch.run_id),
                    field.name
                );
                match fault {
                    Fault::Malformed => damaged(format!("{place}: no field of the job can have this value")),
                    Fault::Nul => StoreError::Unstorable {
                        what: format!(
                            "{place}: the text contains a NUL character (U+0000), which PostgreSQL cannot store"
                        ),
                    },
                }
            })?;
        }
        rows += 1;
    }
    if rows != accepted {
        let what = format!("chunk {}: the batch declares {accepted} rows but has {rows}", batch.chunk_no);
        return Err(damaged(what));
    }
    out.extend_from_slice(&(-1_i16).to_be_bytes());
    Ok(out)
}

fn put(out: &mut Vec<u8>, value: &[u8]) -> Result<(), StoreError> {
    let length = i32::try_from(value.len()).map_err(|_| damaged("a value above 2 GiB"))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// Why a field cannot be stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Malformed,
    Nul,
}

/// Appends a field with its length.
pub(crate) fn put_field(out: &mut Vec<u8>, ty: &FieldType, field: RawField<'_>) -> Result<(), Fault> {
    if field.tag == Tag::Null {
        out.extend_from_slice(&(-1_i32).to_be_bytes());
        return Ok(());
    }
    if field.tag != Tag::of(ty) {
        return Err(Fault::Malformed);
    }
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let content = field.content;
    match ty {
        FieldType::Text { .. } if memchr::memchr(0, content).is_some() => return Err(Fault::Nul),
        FieldType::Text { .. } | FieldType::Bytes => out.extend_from_slice(content),
        FieldType::Integer if content.len() == 8 => out.extend_from_slice(content),
        FieldType::Boolean if matches!(content, [0 | 1]) => out.extend_from_slice(content),
        FieldType::Integer | FieldType::Boolean => return Err(Fault::Malformed),
        FieldType::Decimal { .. } => numeric::encode(content, out).ok_or(Fault::Malformed)?,
        FieldType::Date => {
            let days = days(content).ok_or(Fault::Malformed)?;
            out.extend_from_slice(&i32::try_from(days).map_err(|_| Fault::Malformed)?.to_be_bytes());
        }
        FieldType::Timestamp => {
            out.extend_from_slice(&micros(content).ok_or(Fault::Malformed)?.to_be_bytes());
        }
        FieldType::Instant => {
            let in_utc = content.strip_suffix(b"Z").and_then(micros).ok_or(Fault::Malformed)?;
            out.extend_from_slice(&in_utc.to_be_bytes());
        }
    }
    let length = i32::try_from(out.len() - start - 4).map_err(|_| Fault::Malformed)?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| sum * 10 + i64::from(digit))
    })
}

/// Days from 2000-01-01 to `YYYY-MM-DD`, by the Gregorian calendar for all times.
fn days(text: &[u8]) -> Option<i64> {
    let [y @ .., b'-', m1, m2, b'-', d1, d2] = text else { return None };
    if y.len() != 4 {
        return None;
    }
    let (year, month, day) = (number(y)?, number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let date =
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some(date.duration_since(EPOCH).as_hours() / 24)
}

/// `YYYY-MM-DD` of the day that is `days` after 2000-01-01; `None` outside of the years 0 to 9999.
pub(crate) fn date(days: i64) -> Option<[u8; 10]> {
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, eras of 400 years repeat.
    // Own code, because every date that is read back comes through here: 26 ns, where jiff takes 52.
    let days = days + EPOCH_DAYS + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let mut out = *b"0000-00-00";
    write(&mut out[..4], year);
    write(&mut out[5..7], month);
    write(&mut out[8..], day);
    Some(out)
}

fn write(out: &mut [u8], mut number: i64) {
    for byte in out.iter_mut().rev() {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a digit of no negative number"
        )]
        let digit = (number % 10) as u8;
        *byte = b'0' + digit;
        number /= 10;
    }
}

/// Microseconds from the beginning of 2000 to `YYYY-MM-DD HH:MM:SS.ffffff`.
fn micros(text: &[u8]) -> Option<i64> {
    let (day, time) = (text.get(..10)?, text.get(10..)?);
    let [b' ', h1, h2, b':', m1, m2, b':', s1, s2, b'.', fraction @ ..] = time else { return None };
    let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?, number(&[*s1, *s2])?);
    if fraction.len() != 6 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(days(day)? * DAY_MICROS + ((hour * 60 + minute) * 60 + second) * 1_000_000 + number(fraction)?)
}

pub(crate) fn timestamp(micros: i64) -> Option<[u8; 26]> {
    let rest = micros.rem_euclid(DAY_MICROS);
    let mut out = *b"0000-00-00 00:00:00.000000";
    out[..10].copy_from_slice(&date(micros.div_euclid(DAY_MICROS))?);
    let seconds = rest / 1_000_000;
    write(&mut out[11..13], seconds / 3600);
    write(&mut out[14..16], seconds / 60 % 60);
    write(&mut out[17..19], seconds % 60);
    write(&mut out[20..], rest % 1_000_000);
    Some(out)
}

/// Appends a column's binary value as a field of a canonical record. One that the field's type cannot have is encoded
/// as foreign, so that it never equals a real one.
pub(crate) fn read_field(out: &mut Vec<u8>, ty: &FieldType, value: Option<&[u8]>) {
    let Some(value) = value else { return record::put_raw(out, Tag::Null, &[]) };
    let start = out.len();
    if read_value(out, ty, value).is_none() {
        out.truncate(start);
        record::put_raw(out, Tag::Foreign, foreign(ty, value).as_bytes());
    }
}

fn read_value(out: &mut Vec<u8>, ty: &FieldType, value: &[u8]) -> Option<()> {
    let tag = Tag::of(ty);
    match ty {
        FieldType::Text { .. } | FieldType::Bytes => record::put_raw(out, tag, value),
        FieldType::Integer if value.len() == 8 => record::put_raw(out, tag, value),
        FieldType::Boolean if matches!(value, [0 | 1]) => record::put_raw(out, tag, value),
        FieldType::Integer | FieldType::Boolean => return None,
        FieldType::Date => {
            let days = i32::from_be_bytes(value.try_into().ok()?);
            record::put_raw(out, tag, &date(i64::from(days))?);
        }
        FieldType::Timestamp => {
            record::put_raw(out, tag, &timestamp(i64::from_be_bytes(value.try_into().ok()?))?);
        }
        FieldType::Instant => {
            let in_utc = timestamp(i64::from_be_bytes(value.try_into().ok()?))?;
            record::put_raw(out, tag, &[&in_utc[..], b"Z"].concat());
        }
        FieldType::Decimal { scale, .. } => {
            record::put_raw(out, tag, &[]);
            let start = out.len();
            match numeric::decode(value, out)? {
                Decoded::Number { scale: found } if found == u16::from(*scale) => {}
                _ => return None,
            }
            let length = out.len() - start;
            let digits = out[start..].iter().filter(|byte| byte.is_ascii_digit());
            if digits.count() > DIGITS_MAX + 1 {
                return None;
            }
            out[start - 4..start].copy_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
        }
    }
    Some(())
}

fn foreign(ty: &FieldType, value: &[u8]) -> String {
    let mut text = Vec::new();
    match ty {
        FieldType::Decimal { .. } => match numeric::decode(value, &mut text) {
            Some(Decoded::Number { .. }) => format!("numeric {}", String::from_utf8_lossy(&text)),
            Some(Decoded::Other(name)) => format!("numeric {name}"),
            None => format!("numeric x'{}'", domain::hex::encode(value)),
        },
        FieldType::Date | FieldType::Timestamp | FieldType::Instant => {
            let infinity = match value.first() {
                Some(0x7f) if value[1..].iter().all(|byte| *byte == 0xff) => Some("infinity"),
                Some(0x80) if value[1..].iter().all(|byte| *byte == 0) => Some("-infinity"),
                _ => None,
            };
            match infinity {
                Some(infinity) => format!("{ty} {infinity}"),
                None => format!("{ty} x'{}' from the year 2000", domain::hex::encode(value)),
            }
        }
        _ => format!("{ty} x'{}'", domain::hex::encode(value)),
    }
}

/// The tuples of a COPY to us, whatever pieces they come in.
#[derive(Default)]
pub(crate) struct Tuples {
    rest: Vec<u8>,
    has_begun: bool,
    has_ended: bool,
}

/// The columns of a tuple.
pub(crate) struct Columns<'a>(&'a [u8]);

impl<'a> Columns<'a> {
    /// The next column; the tuple was found to be whole.
    pub(crate) fn take(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let (value, rest) = match length {
            None => (None, rest),
            Some(length) => {
                let (value, rest) = rest.split_at_checked(length)?;
                (Some(value), rest)
            }
        };
        self.0 = rest;
        value
    }

    /// The next column as a number; `None` when it is NULL or of another length.
    pub(crate) fn number(&mut self) -> Option<i64> {
        self.take()?.try_into().ok().map(i64::from_be_bytes)
    }

    /// The next three columns as chunk, record and worker. A number that cannot be is read as one that no source has,
    /// and so is found to differ.
    pub(crate) fn place(&mut self) -> (u64, u64, u32) {
        let mut number = || self.number().and_then(|n| u64::try_from(n).ok()).unwrap_or(i64::MAX as u64);
        let (chunk_no, record_no, worker_id) = (number(), number(), number());
        (chunk_no, record_no, u32::try_from(worker_id).unwrap_or(u32::MAX))
    }
}

impl Tuples {
    /// Hands each tuple of `columns` columns that is complete now to `each`.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        columns: usize,
        mut each: impl FnMut(Columns<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.rest.is_empty() {
            let read = self.read(bytes, columns, &mut each)?;
            self.rest.extend_from_slice(&bytes[read..]);
        } else {
            let mut rest = std::mem::take(&mut self.rest);
            rest.extend_from_slice(bytes);
            let read = self.read(&rest, columns, &mut each)?;
            rest.drain(..read);
            self.rest = rest;
        }
        Ok(())
    }

    fn read(
        &mut self,
        bytes: &[u8],
        columns: usize,
        each: &mut impl FnMut(Columns<'_>) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        let mut at = 0;
        if !self.has_begun {
            let Some(head) = bytes.get(..19) else { return Ok(0) };
            if !head.starts_with(SIGNATURE) || head[11..] != [0; 8] {
                return Err(out_of_step());
            }
            (at, self.has_begun) = (19, true);
        }
        while let Some(count) = bytes[at..].first_chunk::<2>() {
            let count = i16::from_be_bytes(*count);
            if count == -1 && !self.has_ended {
                self.has_ended = true;
                return Ok(at + 2);
            }
            if self.has_ended || usize::try_from(count).ok() != Some(columns) {
                return Err(out_of_step());
            }
            let Some(end) = end_of(bytes, at + 2, columns) else { break };
            each(Columns(&bytes[at + 2..end]))?;
            at = end;
        }
        Ok(at)
    }

    /// Whether everything came: an answer that is cut short is not a shorter answer.
    pub(crate) fn end(&self) -> Result<(), StoreError> {
        if self.has_ended && self.rest.is_empty() { Ok(()) } else { Err(out_of_step()) }
    }
}

fn end_of(bytes: &[u8], mut at: usize, columns: usize) -> Option<usize> {
    for _ in 0..columns {
        let length = bytes.get(at..)?.first_chunk::<4>()?;
        at += 4;
        if let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) {
            at = at.checked_add(length)?;
        }
    }
    (at <= bytes.len()).then_some(at)
}

fn out_of_step() -> StoreError {
    StoreError::Database { reason: "the server sent an invalid COPY stream".into() }
}
