//! `[[record.field]]`: a field of a record type.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::record::NamesOrOne;
use super::source::{CobolSection, NumbersSection};
use super::transform::{ColumnRef, IndicatorSection, LookupSection, PartSection};
use super::values::{constant, constants, name_or_names, width};

/// A field of a record type: where it stands, what type it has, and which values it may have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldSection {
    /// The field's name, which is its column's name in staging, and in final unless `column` says another: a letter or
    /// `_`, then letters, digits or `_`, at most 63. Crossfoot adds `run_id`, `chunk_no`, `record_no`, `worker_id`,
    /// `last_run_id` and `last_record_no` itself. In format `copybook` this is the name that the copybook's item gets
    /// as a column (`CLIENT-ID` is `client_id`).
    #[schemars(with = "String", extend("pattern" = "^[A-Za-z_][A-Za-z0-9_]{0,62}$", "examples" = ["amt"]))]
    pub(crate) name: Spanned<String>,
    /// The field's column in the final table, if it is not called as the field is. Any name that the database takes.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["acct_no"]))]
    pub(crate) column: Option<Spanned<String>>,
    /// The field's type. Required in formats `delimited` and `fixed`; in format `copybook` the picture implies it.
    ///
    /// `text(n)`: at most n characters. `integer`: 64 bits. `decimal(p,s)`: p digits (at most 38), s of them after the
    /// point. `boolean`. `bytes`: the bytes as they are; in format `delimited` they are written as hexadecimal digits.
    /// `date`, `timestamp`: as `2024-02-29` and `2024-02-29 13:45:00.123456`, or in a form of your own. A form is
    /// strptime's: `date(%d.%m.%Y)`. `timestamptz`: a time with an offset from UTC, as `2024-02-29 13:45:00 +0100` and
    /// `2024-02-29T13:45:00Z`, or in a form with `%z` or a `Z` at its end; it is an instant, kept in UTC. A date in a
    /// copybook's number is spelt by letters: `date(YYYYMMDD)`, `date(YYMMDD)`, `date(YYYYDDD)`, `date(YYDDD)`,
    /// `date(CYYMMDD)`, `date(CYYDDD)`, `date(DDMMYYYY)`, `date(DDMMYY)`, `date(MMDDYYYY)`, `date(MMDDYY)`,
    /// `date(LILIAN)` (the number of a day, 1 being 1582-10-15), `timestamp(YYYYMMDDHHMMSS)`, `text(HHMMSS)`,
    /// `text(HHMMSSHH)`. `timestamp(db2)` is a timestamp as Db2 unloads it, and `timestamptz(db2)` one with an offset
    /// from UTC. No type is a float.
    #[serde(default, rename = "type")]
    #[schemars(with = "String", extend("examples" = ["decimal(15,2)", "text(40)", "date(%Y%m%d)"]))]
    pub(crate) ty: Option<Spanned<String>>,
    /// Where the field comes from, if `name` renames it. Format `delimited`: the name of its column in the header row,
    /// exactly as it is written; the column may stand anywhere in the row. Without `from` it is the field's own name,
    /// in any case and with any signs between its words. Format `copybook`: the name of the column that the copybook's
    /// item would get by itself. Fields with `part` or `lookup` may name a column that is another field's as well.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["client_bdate"]))]
    pub(crate) from: Option<Spanned<String>>,
    /// Format `delimited`: which of the columns of one name the field is in, counted from 1. Without it, fields of one
    /// column name are in the columns of that name one after the other.
    #[serde(default)]
    #[schemars(with = "usize", range(min = 1), extend("examples" = [2]))]
    pub(crate) nth: Option<Spanned<usize>>,
    /// Format `copybook`: the column whose number says how many of this text's characters are data; what follows them
    /// in the field is not read. A pair of level 49, as Db2's precompiler declares a VARCHAR, needs no such key.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["note_len"]))]
    pub(crate) length_from: Option<Spanned<String>>,
    /// Format `copybook`: the code page of this field, if it is not that of the source.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["cp1047"]))]
    pub(crate) encoding: Option<Spanned<String>>,
    /// Format `copybook`: how this field is written, where that differs from `[source.cobol]`. The keys are the same.
    #[serde(default)]
    #[schemars(with = "CobolSection", extend("examples" = [{ "spaces": "zero" }]))]
    pub(crate) cobol: Option<Spanned<CobolSection>>,
    /// Types `date`, `timestamp` and `timestamptz`, formats `delimited` and `fixed`: the form in which the field is
    /// written, or a list of forms, instead of one in the type. A text is read in the first form that fits all of it.
    /// If another fits too, and gives another date, the record is a reject.
    #[serde(default)]
    #[schemars(schema_with = "name_or_names", extend("examples" = ["%d.%m.%Y", ["%Y-%m-%d", "%d.%m.%Y"]]))]
    pub(crate) format: Option<Spanned<NamesOrOne>>,
    /// Formats `delimited` and `fixed`: the text that stands for NULL in this field, or a list of such texts; it
    /// replaces `source.null`. In format `fixed` blanks are NULL too. Dates that mean "none" are named here:
    /// `null = ["0001-01-01", "9999-12-31"]`.
    #[serde(default)]
    #[schemars(schema_with = "name_or_names", extend("examples" = ["n/a", ["", "00000000", "99999999"]]))]
    pub(crate) null: Option<Spanned<NamesOrOne>>,
    /// Formats `delimited` and `fixed`: the value that stands where the source has NULL, written as it would be in
    /// the field. Each one is counted in the report (`default`). A key has none.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["0.00"]))]
    pub(crate) default: Option<Spanned<String>>,
    /// The field's value in every record, written as it would be in the field. It comes from no byte of the source.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["EUR"]))]
    pub(crate) constant: Option<Spanned<String>>,
    /// The columns of the source whose texts, one after the other, are the field's text. A column is named as `from`
    /// names one; in format `fixed` it is `{ start = 1, width = 8 }`. A whole number of a copybook is written with all
    /// its digits. If all of them are NULL, so is the field; if some are, the record is a reject. What says how a text
    /// is written (`format`, `null`, `default`, `trim`) applies to the joined text, in a copybook's record too.
    #[serde(default)]
    #[schemars(with = "Vec<ColumnRef>", extend("examples" = [["date", "time"]]))]
    pub(crate) concat: Option<Spanned<Vec<ColumnRef>>>,
    /// What is put between the columns of `concat`, or what separates the parts of a column (`part`). A column of
    /// `concat` that contains it makes the record a reject, unless it is the last. Format `delimited` needs one; in the
    /// other formats each column is as long as it is in the record without one.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = [" ", ","]))]
    pub(crate) separator: Option<Spanned<String>>,
    /// Which part of its column the field is: the number of the part between two separators, from 1, or
    /// `{ start = 1, length = 3 }`, the characters at a position. Several fields may be parts of one column (`from`, or
    /// in format `fixed` the same `start` and `width`). An empty part is NULL.
    #[serde(default)]
    #[schemars(with = "PartSection", extend("examples" = [2, { "start": 1, "length": 3 }]))]
    pub(crate) part: Option<Spanned<PartSection>>,
    /// What a part is that its column lacks: a reject, or NULL, which is counted in the report (`missing`).
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "null"], "examples" = ["null"])
    )]
    pub(crate) missing_part: Option<Spanned<String>>,
    /// What becomes of parts of the field's column that are no field's: the record is a reject, or they are dropped,
    /// and their bytes are counted as left out.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "drop"], "examples" = ["drop"])
    )]
    pub(crate) uncovered: Option<Spanned<String>>,
    /// The table in which the field's text is a code. The field is what the code stands for.
    #[serde(default)]
    #[schemars(
        with = "LookupSection",
        extend("examples" = [{ "file": "branches.csv", "key": "code", "value": "name" }])
    )]
    pub(crate) lookup: Option<Spanned<LookupSection>>,
    /// The column beside the field that says whether it is NULL, as Db2's unloads write it; it becomes no field. With
    /// its name alone, `?`, x'FF' and -1 mean NULL, and x'00', a space and 0 mean a value; a table may say others. Any
    /// other indicator makes the record a reject.
    #[serde(default)]
    #[schemars(
        with = "IndicatorSection",
        extend("examples" = ["amt_ind", { "column": "amt_ind", "null": ["?"], "value": ["x'00'"] }])
    )]
    pub(crate) null_indicator: Option<Spanned<IndicatorSection>>,
    /// What content is under an indicator that says NULL: a reject, or dropped, which is counted in the report
    /// (`under-null`). Blanks, low-values and zeros are no content.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "drop"], "examples" = ["drop"])
    )]
    pub(crate) null_content: Option<Spanned<String>>,
    /// Formats `delimited` and `fixed`, forms with `%y`: the first of the hundred years that the field's years of two
    /// digits belong to; it replaces `source.year_window`.
    #[serde(default)]
    #[schemars(with = "i16", range(min = 1, max = 9900), extend("examples" = [1930]))]
    pub(crate) year_window: Option<Spanned<i16>>,
    /// Type `timestamp`, formats `delimited` and `fixed`: what `24:00:00` is: a reject, or the midnight of the next
    /// day.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "reject", "enum" = ["reject", "next-day"], "examples" = ["next-day"])
    )]
    pub(crate) hour_24: Option<Spanned<String>>,
    /// Whether a record in which the field is NULL is a reject. Fields of the key are always required.
    #[serde(default)]
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(crate) required: bool,
    /// Whether the field's content is shown as a mask (a keyed hash) in logs, findings, reject reasons, reports and
    /// previews. The tables hold it unmasked.
    #[serde(default)]
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub(crate) sensitive: bool,
    /// Format `fixed`: the position of the field's first byte in the record, from 1.
    #[serde(default)]
    #[schemars(with = "usize", range(min = 1), extend("examples" = [17]))]
    pub(crate) start: Option<Spanned<usize>>,
    /// Format `fixed`: how many bytes the field has. A field of type `bytes` may have `"rest"`: all bytes up to the
    /// record's end.
    #[serde(default)]
    #[schemars(schema_with = "width", extend("examples" = [10, "rest"]))]
    pub(crate) width: Option<Spanned<WidthSection>>,
    /// Which blanks around the field's text are padding; it replaces `source.trim`. In format `copybook` it is for
    /// text, `right` is the default, and means the left end of a field that is JUSTIFIED RIGHT.
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["none", "right", "both"], "examples" = ["none"]))]
    pub(crate) trim: Option<Spanned<String>>,
    /// The least value that the field may have, in the field's type. Exact amounts are written as text. A record with a
    /// smaller value is a reject; NULL is not compared.
    #[serde(default)]
    #[schemars(schema_with = "constant", extend("examples" = ["-10000.00"]))]
    pub(crate) min: Option<Spanned<toml::Value>>,
    /// The greatest value that the field may have, in the field's type. A record with a greater value is a reject.
    #[serde(default)]
    #[schemars(schema_with = "constant", extend("examples" = ["10000.00"]))]
    pub(crate) max: Option<Spanned<toml::Value>>,
    /// The values that the field may have, in the field's type. A record with another value is a reject; NULL is
    /// allowed unless the field is `required`.
    #[serde(default)]
    #[schemars(schema_with = "constants", extend("examples" = [["debit", "credit"]]))]
    pub(crate) allowed: Option<Spanned<Vec<toml::Value>>>,
    /// Type `text`: a regular expression that the whole text must match.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["P[0-9]{5}"]))]
    pub(crate) pattern: Option<Spanned<String>>,
    /// Types `text` and `bytes`: how many characters (or bytes) the value has: exactly that number, or between two
    /// bounds.
    #[serde(default)]
    #[schemars(with = "LengthSection", extend("examples" = [7, { "min": 1, "max": 5 }]))]
    pub(crate) length: Option<Spanned<LengthSection>>,
    /// Type `decimal`, formats `delimited` and `fixed`: where the decimal point is. `written`: in the text. `implied`:
    /// it is not written, and the last digits are those after the point, as many as the type has.
    #[serde(default)]
    #[schemars(
        with = "String",
        extend("default" = "written", "enum" = ["written", "implied"], "examples" = ["implied"])
    )]
    pub(crate) point: Option<Spanned<String>>,
    /// Types `decimal` and `integer`, formats `delimited` and `fixed`: how the number is written; it replaces
    /// `source.numbers`.
    #[serde(default)]
    #[schemars(with = "NumbersSection")]
    pub(crate) numbers: Option<Spanned<NumbersSection>>,
    /// Format `delimited` without quotes: whether the field takes all that is left of the record, separators included.
    /// Only the last written field may.
    #[serde(default)]
    #[schemars(with = "bool", extend("default" = false, "examples" = [true]))]
    pub(crate) rest: Option<Spanned<bool>>,
    /// Format `delimited`: the field is not written. It is the sum of one value of each group of values that repeat in
    /// the field that takes the rest of the record. Such fields stand after those that are written.
    #[serde(default)]
    #[schemars(with = "SumOfSection")]
    pub(crate) sum_of: Option<Spanned<SumOfSection>>,
    /// Type `boolean`: the texts that mean true, exactly as they are written. Give `false` too. The default is `true`,
    /// `t`, `1`, `yes`, `y` in any case.
    #[serde(default, rename = "true")]
    #[schemars(with = "Vec<String>", extend("examples" = [["J"]]))]
    pub(crate) true_texts: Option<Vec<String>>,
    /// Type `boolean`: the texts that mean false, exactly as they are written. Give `true` too. The default is `false`,
    /// `f`, `0`, `no`, `n` in any case.
    #[serde(default, rename = "false")]
    #[schemars(with = "Vec<String>", extend("examples" = [["N"]]))]
    pub(crate) false_texts: Option<Vec<String>>,
}

/// A sum over groups of values that repeat in one field, as in BAI2's account records. Values are counted from 1.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "examples" = [{ "rest": "summary", "group": 4, "amount": 2, "extra": { "S": 3, "V": 2, "D": { "times": 2 } } }]
))]
pub(crate) struct SumOfSection {
    /// The field that takes the rest of the record (`rest = true`) and holds the groups.
    #[schemars(extend("examples" = ["summary"]))]
    pub(crate) rest: String,
    /// How many values a group has.
    #[schemars(range(min = 1, max = 1000), extend("examples" = [4]))]
    pub(crate) group: usize,
    /// Which value of the group is summed.
    #[schemars(range(min = 1, max = 1000), extend("examples" = [2]))]
    pub(crate) amount: usize,
    /// Further values that follow a group, by what its last value is: a number of values, or `{ times = n }`: one value
    /// that is a number, then n times as many values.
    #[serde(default)]
    #[schemars(extend("examples" = [{ "S": 3, "D": { "times": 2 } }]))]
    pub(crate) extra: BTreeMap<String, ExtraSection>,
}

/// A number of further values, or a value that says how many times that number follows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum ExtraSection {
    Values(usize),
    Times(TimesSection),
}

/// A value that is a number, followed by that many times a group of values.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimesSection {
    /// How many values follow for each that the number counts.
    #[schemars(range(max = 1000), extend("examples" = [2]))]
    pub(crate) times: usize,
}

/// `width = 5` or `width = "rest"`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum WidthSection {
    Bytes(usize),
    Word(String),
}

/// `length = 5` or `length = { min = 1, max = 5 }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum LengthSection {
    Exactly(u32),
    Between(LengthBounds),
}

/// Bounds of a length.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [{ "min": 1, "max": 5 }]))]
pub(crate) struct LengthBounds {
    /// The least length allowed; if it is absent, there is no minimum.
    #[serde(default)]
    #[schemars(with = "u32", extend("examples" = [1]))]
    pub(crate) min: Option<u32>,
    /// The greatest length allowed; if it is absent, there is no maximum.
    #[serde(default)]
    #[schemars(with = "u32", extend("examples" = [5]))]
    pub(crate) max: Option<u32>,
}
