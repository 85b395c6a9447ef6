//! A decoder with a defect, in every process of the shadow: what it misreads, all of them misread alike.

use std::sync::Arc;

use domain::amount::Amount;
use domain::bytes::ByteCounts;
use domain::constraint::Reason;
use domain::layout::Layout;
use domain::value::{FieldType, Value};
use format::cobol::{ByteOrder, FieldSpec, Kind, Usage};
use format::codepage::CodePage;
use format::copybook::plan::Why;
use format::stage::Origin;
use format::{Copybook, Decoded, Form};
use jiff::ToSpan;
use job::Job;
use job::decoders::Decoders;
use job::select::{RecordDecoder, Selector, Standing};

use crate::survey::Owned;

/// What a decoder does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misreading {
    PointIgnored,
    SignDropped,
    ThroughFloat,
    LastDigitDropped,
    NullEmpty,
    EmptyNull,
    ValueNull,
    DayMonth,
    Century,
    LeadingZeros,
    BlankAdded,
    CutShort,
    CaseFolded,
    Replaced,
    QuotesKept,
    SeparatorLost,
    BooleanInverted,
    FractionDropped,
    HourShifted,
    IntegerOff,
    ByteLost,
    Exchanged,
    RecordBefore,
    ByteOrder,
    OtherPage,
    TableCut,
    ScaleOff,
    BytesTwice,
    BytesLost,
    RecordLost,
    FillerLost,
}

/// The page that is taken for another: letters and digits are where they are in most, signs are not.
const OTHER_PAGE: &str = "cp273";

impl Misreading {
    /// Decoders that misread so.
    pub(crate) fn decoders(self) -> Decoders {
        Decoders::made_by(move |job| {
            let layouts = job.records.iter().map(|record| Arc::clone(&record.own)).collect();
            let copybooks =
                job.records.iter().map(|record| record.format.form.as_copybook().cloned()).collect();
            let inner = Selector::new(&self.misunderstood(job))?;
            Ok(Box::new(Misreader {
                misreading: self,
                inner,
                layouts,
                copybooks,
                put: Vec::new(),
                before: Vec::new(),
            }))
        })
    }

    /// Whether it is about how bytes are counted, and no value is misread.
    pub(crate) const fn is_of_bytes(self) -> bool {
        matches!(self, Self::BytesTwice | Self::BytesLost | Self::RecordLost | Self::FillerLost)
    }

    /// The job as a decoder with the defect understands it.
    fn misunderstood(self, job: &Job) -> Job {
        let mut job = job.clone();
        for record in &mut job.records {
            if let Form::Copybook(copybook) = &mut record.format.form {
                let mut spec = (*copybook.record).clone();
                for field in &mut spec.fields {
                    self.misunderstand(field);
                }
                copybook.record = Arc::new(spec);
            }
            // Fields beside an indicator of NULL are bytes in the copybook's record, and are read afterwards.
            if let Some(stage) = &mut record.format.stage {
                let mut changed = (**stage).clone();
                for made in &mut changed.fields {
                    if let Origin::Cell(_, spec) = &mut made.origin {
                        self.misunderstand(spec);
                    }
                }
                *stage = Arc::new(changed);
            }
        }
        job
    }

    /// Whether the field is described otherwise afterwards.
    fn misunderstand(self, field: &mut FieldSpec) -> bool {
        match (self, &mut field.kind) {
            (Self::ByteOrder, Kind::Number(number)) => match &mut number.usage {
                Usage::Binary { order, .. } => {
                    *order = match order {
                        ByteOrder::BigEndian => ByteOrder::LittleEndian,
                        ByteOrder::LittleEndian => ByteOrder::BigEndian,
                    };
                    true
                }
                _ => false,
            },
            (Self::ScaleOff, Kind::Number(number)) if number.scale > 0 => {
                number.scale -= 1;
                true
            }
            (Self::OtherPage, Kind::Text(_)) => match CodePage::by_name(OTHER_PAGE) {
                Some(page) => {
                    field.page = page;
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    /// Whether anything of the job is described otherwise.
    pub(crate) fn touches(self, job: &Job) -> bool {
        job.records.iter().any(|record| {
            let Some(copybook) = record.format.form.as_copybook() else { return false };
            let plan = &copybook.record.plan;
            match self {
                Self::TableCut => plan.fields.iter().any(|field| field.within.is_some()),
                Self::FillerLost => plan.unread.iter().any(|bytes| bytes.why == Why::Filler),
                _ => {
                    let cells = record.format.stage.iter().flat_map(|stage| &stage.fields);
                    let cells = cells.filter_map(|made| match &made.origin {
                        Origin::Cell(_, spec) => Some(&**spec),
                        _ => None,
                    });
                    let read = copybook.record.fields.iter().filter(|field| field.column != FieldType::Bytes);
                    read.chain(cells).any(|field| self.misunderstand(&mut field.clone()))
                }
            }
        })
    }

    /// Whether the other page makes another text of a record of the type at `place`, or none: most letters and digits
    /// are the same in both.
    pub(crate) fn is_other_text(job: &Job, place: usize, values: &[Owned]) -> bool {
        let copybook = job.records.get(place).and_then(|record| record.format.form.as_copybook());
        let fields = copybook.map_or(&[][..], |copybook| &copybook.record.fields);
        fields.iter().zip(values).any(|(field, value)| {
            let (Owned::Text(text), Kind::Text(_), Some(page)) =
                (value, &field.kind, CodePage::by_name(OTHER_PAGE))
            else {
                return false;
            };
            let (mut bytes, mut other) = (Vec::new(), Vec::new());
            let is_encoded = field.page.encode_into(text, &mut bytes).is_ok();
            is_encoded && page.decode_into(&bytes, &mut other).is_ok() && other != text.as_bytes()
        })
    }

    /// What a value is misread as; `None` where it is read rightly.
    pub(crate) fn of_value(self, value: &Owned, ty: &FieldType) -> Option<Owned> {
        let text = |change: &dyn Fn(&str) -> Option<String>| match value {
            Owned::Text(text) => change(text).filter(|changed| changed != text).map(Owned::Text),
            _ => None,
        };
        let amount = |change: &dyn Fn(Amount) -> Option<Amount>| match value {
            Owned::Decimal(amount) => change(*amount).filter(|changed| changed != amount).map(Owned::Decimal),
            _ => None,
        };
        match self {
            Self::PointIgnored => amount(&|amount| {
                let factor = 10_i128.checked_pow(amount.scale().into())?;
                Amount::new(amount.mantissa().checked_mul(factor)?, amount.scale()).ok()
            }),
            Self::SignDropped => match value {
                Owned::Integer(integer) if *integer < 0 => Some(Owned::Integer(integer.saturating_neg())),
                _ => amount(&|amount| Some(amount.abs())),
            },
            Self::ThroughFloat => amount(&|amount| {
                let float: f64 = amount.to_string().parse().ok()?;
                format!("{float:.*}", usize::from(amount.scale())).parse().ok()
            }),
            Self::LastDigitDropped => {
                amount(&|amount| Amount::new(amount.mantissa() / 10, amount.scale()).ok())
            }
            Self::NullEmpty => (matches!(ty, FieldType::Text { .. }) && *value == Owned::Null)
                .then(|| Owned::Text(String::new())),
            Self::EmptyNull => (*value == Owned::Text(String::new())).then_some(Owned::Null),
            Self::ValueNull => matches!(value, Owned::Decimal(_)).then_some(Owned::Null),
            Self::DayMonth => match value {
                Owned::Date(date) if date.day() <= 12 && date.day() != date.month() => {
                    jiff::civil::Date::new(date.year(), date.day(), date.month()).ok().map(Owned::Date)
                }
                _ => None,
            },
            Self::Century => match value {
                Owned::Date(date) => date.checked_sub(100.years()).ok().map(Owned::Date),
                _ => None,
            },
            Self::LeadingZeros => text(&|text| Some(text.trim_start_matches('0').to_owned())),
            Self::BlankAdded => text(&|text| (!text.is_empty()).then(|| format!("{text} "))),
            Self::CutShort => text(&|text| {
                let last = text.char_indices().next_back().filter(|(at, _)| *at > 0)?.0;
                Some(text[..last].to_owned())
            }),
            Self::CaseFolded => text(&|text| Some(text.to_uppercase())),
            Self::Replaced => text(&|text| {
                Some(text.chars().map(|char| if char.is_ascii() { char } else { '?' }).collect())
            }),
            Self::QuotesKept => text(&|text| text.contains(',').then(|| format!("\"{text}\""))),
            Self::SeparatorLost => text(&|text| Some(text.replace([',', '|'], ""))),
            Self::BooleanInverted => match value {
                Owned::Boolean(truth) => Some(Owned::Boolean(!truth)),
                _ => None,
            },
            Self::FractionDropped => match value {
                Owned::Timestamp(at) if at.subsec_nanosecond() != 0 => {
                    at.with().subsec_nanosecond(0).build().ok().map(Owned::Timestamp)
                }
                _ => None,
            },
            Self::HourShifted => match value {
                Owned::Timestamp(at) => at.checked_add(1.hour()).ok().map(Owned::Timestamp),
                _ => None,
            },
            Self::IntegerOff => match value {
                Owned::Integer(integer) => integer.checked_add(1).map(Owned::Integer),
                _ => None,
            },
            Self::ByteLost => match value {
                Owned::Bytes(bytes) => bytes.split_last().map(|(_, front)| Owned::Bytes(front.to_vec())),
                _ => None,
            },
            _ => None,
        }
    }

    /// Which values of a record are misread, and as what. `before`: the values of the record before it.
    pub(crate) fn of_record(
        self,
        layout: &Layout,
        values: &[Owned],
        before: &[Owned],
    ) -> Vec<(usize, Owned)> {
        let fields = || layout.fields.iter().zip(values).enumerate();
        match self {
            Self::Exchanged => {
                let pair = fields().find_map(|(one, (field, value))| {
                    let is_fit = |(at, (other, held)): &(usize, (&domain::layout::Field, &Owned))| {
                        *at > one && other.ty == field.ty && *held != value
                    };
                    fields().find(is_fit).map(|(other, _)| (one, other))
                });
                let exchanged = pair.and_then(|(one, other)| {
                    Some(vec![(one, values.get(other)?.clone()), (other, values.get(one)?.clone())])
                });
                exchanged.unwrap_or_default()
            }
            Self::RecordBefore => {
                let kept = fields().zip(before).find(|((_, (_, value)), before)| value != before);
                kept.map(|((at, _), before)| vec![(at, before.clone())]).unwrap_or_default()
            }
            _ => fields()
                .filter_map(|(at, (field, value))| Some((at, self.of_value(value, &field.ty)?)))
                .collect(),
        }
    }

    /// How the record's bytes are counted.
    fn of_bytes(self, bytes: &ByteCounts) -> ByteCounts {
        match self {
            Self::BytesTwice => ByteCounts { fields: bytes.fields + 1, ..*bytes },
            Self::BytesLost => ByteCounts { fields: bytes.fields.saturating_sub(1), ..*bytes },
            Self::RecordLost => ByteCounts::default(),
            Self::FillerLost => ByteCounts { filler: 0, ..*bytes },
            _ => *bytes,
        }
    }
}

/// Decodes as the program does, and misreads.
#[derive(Debug)]
struct Misreader {
    misreading: Misreading,
    inner: Selector,
    layouts: Vec<Arc<Layout>>,
    copybooks: Vec<Option<Copybook>>,
    /// The values that are misread in the current record.
    put: Vec<(usize, Owned)>,
    /// The values of the record before.
    before: Vec<Owned>,
}

impl RecordDecoder for Misreader {
    fn type_of(&mut self, record: &[u8], standing: Standing) -> Option<usize> {
        self.inner.type_of(record, standing)
    }

    fn of_no_type(&mut self, job: &Job, record: &[u8]) -> Reason {
        self.inner.of_no_type(job, record)
    }

    fn decode<'a>(&'a mut self, place: usize, record: &'a [u8]) -> Option<Decoded<'a>> {
        let Self { misreading, inner, layouts, copybooks, put, before } = self;
        let mut decoded = inner.decode(place, record)?;
        if !decoded.is_accepted() {
            return Some(decoded);
        }
        let values: Vec<Owned> = decoded.values().iter().map(Owned::of).collect();
        let layout = layouts.get(place)?;
        *put = misreading.of_record(layout, &values, before);
        if let (Misreading::TableCut, Some(Some(copybook))) = (*misreading, copybooks.get(place)) {
            *put = last_occurrence(copybook, &values).map(|at| (at, Owned::Null)).collect();
        }
        *before = values;
        let put: &'a [(usize, Owned)] = put;
        for (at, value) in put {
            decoded.replace(*at, value.value());
        }
        let bytes = misreading.of_bytes(decoded.bytes());
        decoded.recount(bytes);
        Some(decoded)
    }
}

/// The columns of the last occurrence that is there of a table of varying length.
fn last_occurrence<'a>(copybook: &'a Copybook, values: &'a [Owned]) -> impl Iterator<Item = usize> + 'a {
    let fields = &copybook.record.plan.fields;
    let within = |at: usize| fields.get(at).and_then(|field| field.within);
    let is_there = move |at: &usize| values.get(*at).is_some_and(|value| value.value() != Value::Null);
    let last = (0..fields.len()).filter(is_there).filter_map(within).max_by_key(|within| within.occurrence);
    (0..fields.len()).filter(move |at| last.is_some() && within(*at) == last)
}
