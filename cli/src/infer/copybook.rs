//! Generates a job file from a copybook: one record block for each level 01 record and each view (REDEFINES) of one,
//! and each column with its position, picture and type.

use std::fmt::Write;

use domain::layout::Layout;
use format::codepage::CodePage;
use format::copybook::plan::{Field, Plan, PlanOptions};
use format::copybook::{
    Category, Condition, Copybook, CopybookError, Item, ItemId, Literal, ParseOptions, ReferenceFormat,
    Usage, copies,
};
use job::{Job, JobError};
use thiserror::Error;

use super::elements;
use super::record_types::{self, RecordType};
use super::write::quoted;

/// A job file generated from a copybook, and its layouts.
pub(crate) struct FromCopybook {
    /// The text of the job file, in TOML.
    pub(crate) text: String,
    /// Each record type's layout, in the order of its block.
    pub(crate) layouts: Vec<std::sync::Arc<Layout>>,
    /// What the job's author may want to look at, a sentence each.
    pub(crate) notes: Vec<String>,
    /// Whether a person must say what tells the record types apart.
    pub(crate) needs_when: bool,
}

/// The encoding and framing of the file that the copybook describes.
pub(crate) struct SourceForm<'a> {
    /// The code page of the source's text, as the job file names it.
    pub(crate) encoding: &'a str,
    /// The framing of the records.
    pub(crate) framing: &'a str,
    /// Whether the copybook is in free format.
    pub(crate) free: bool,
    /// The folders of copybooks that it copies, as the job file names them.
    pub(crate) folders: &'a [String],
    /// What is replaced in it, and by what.
    pub(crate) replacing: &'a [(String, String)],
    /// The further settings that fit a sample: keys of `[source]`, `cobol.` before those of `[source.cobol]`.
    pub(crate) others: &'a [String],
}

impl SourceForm<'_> {
    /// The keys of `[source]` that say what else the copybook consists of.
    fn copies(&self) -> String {
        let mut out = String::new();
        if !self.folders.is_empty() {
            let folders: Vec<_> = self.folders.iter().map(|folder| quoted(folder)).collect();
            let _ = writeln!(out, "copybook_folders = [{}]", folders.join(", "));
        }
        if !self.replacing.is_empty() {
            let pairs: Vec<_> = self
                .replacing
                .iter()
                .map(|(from, to)| format!("{} = {}", quoted(from), quoted(to)))
                .collect();
            let _ = writeln!(out, "copybook_replacing = {{ {} }}", pairs.join(", "));
        }
        out
    }

    /// The further settings of `[source]`, or of `[source.cobol]`.
    fn others(&self, of_cobol: bool) -> impl Iterator<Item = &str> {
        let settings = self.others.iter().map(String::as_str);
        settings
            .filter(move |setting| setting.starts_with("cobol.") == of_cobol)
            .map(|setting| setting.strip_prefix("cobol.").unwrap_or(setting))
    }
}

/// A record block of the job file.
struct Block {
    /// The name of the record type.
    name: String,
    /// The level 01 record, if the copybook has several.
    level_01: Option<String>,
    views: Vec<String>,
    plan: Plan,
}

impl Block {
    fn record_type(&self) -> RecordType<'_> {
        let fields = self.plan.fields.iter().map(|field| (&*field.column, field.category, field.scale));
        RecordType { name: &self.name, fields: fields.collect() }
    }
}

/// Why no job file can be generated from a copybook.
#[derive(Debug, Error)]
pub(crate) enum CopybookJobError {
    /// It cannot be understood.
    #[error("{}\n{}", .0, job::underlined(.0))]
    Copybook(#[from] CopybookError),
    /// A replacement in it is not possible.
    #[error("{0}")]
    Replacing(String),
    /// What was generated is no job.
    #[error(transparent)]
    Job(#[from] JobError),
}

/// Generates the job file `name` from `text`, the copybook in `file`.
pub(crate) fn from_copybook(
    name: &str,
    file: &str,
    text: &str,
    form: &SourceForm<'_>,
) -> Result<FromCopybook, CopybookJobError> {
    let format = if form.free { ReferenceFormat::Free } else { ReferenceFormat::Fixed };
    let whole = copies::replaced(text, format, form.replacing).map_err(CopybookJobError::Replacing)?;
    let copybook = Copybook::parse(file, &whole, ParseOptions { format, ..ParseOptions::default() })?;
    let blocks = blocks(&copybook)?;
    let name = identifier(name, "job");
    let mut out = format!(
        "# Generated from the copybook {file}. Complete the lines marked with ->.\n[job]\nname = \"{name}\"\n\n"
    );
    let _ = writeln!(out, "[source]\nformat   = \"copybook\"\ncopybook = {}", quoted(file));
    if form.free {
        out.push_str("copybook_format = \"free\"\n");
    }
    out.push_str(&form.copies());
    let _ = writeln!(out, "encoding = {}\nframing  = {}", quoted(form.encoding), quoted(form.framing));
    let longest = blocks.iter().map(|block| block.plan.length_max).max().unwrap_or(0);
    for setting in form.others(false).filter(|setting| !setting.starts_with("encoding")) {
        let _ = writeln!(out, "{setting}");
    }
    if form.framing == "fixed" && form.others.is_empty() {
        let _ = writeln!(out, "record_bytes = {longest}");
    }
    out.push_str(
        "\n# A number field without a number (spaces, low_values, high_values: reject, null or zero) or \
        low-values in text\n\
         # (text_low_values: reject, null or padding) makes the record a reject, unless you change it here:\n",
    );
    let mut native = native(&blocks, form);
    native.extend(form.others(true));
    if native.is_empty() {
        out.push_str("# [source.cobol]\n");
    } else {
        let _ = writeln!(out, "[source.cobol]\n{}", native.join("\n"));
    }
    let told_apart_by = told_apart_by(&copybook);
    let names: Vec<_> = blocks.iter().map(|block| &*block.name).collect();
    let values =
        told_apart_by.as_ref().and_then(|by| record_types::values_by_type(&names, by.conditions, by.numeric));
    // Nothing but its place in the file can tell a header or a trailer, where no field is said to.
    let positions = if told_apart_by.is_none() { record_types::positions(&names) } else { None };
    let mut layouts = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        let body = body(&name, block, blocks.len());
        let mut when = String::new();
        let list = values.as_ref().and_then(|values| values.get(at));
        match (&told_apart_by, list) {
            _ if blocks.len() == 1 => {}
            _ if let Some(positions) = &positions => {
                if let Some((role, position)) = positions.get(at).copied().flatten() {
                    when = format!(
                        "role    = \"{role}\"\nposition = \"{position}\"   # -> check: by names; or a `when`\n"
                    );
                }
            }
            (Some(by), Some(list)) => {
                when = format!(
                    "when    = {{ field = \"{}\", in = {list} }}   # -> check: by names\n",
                    by.column
                );
            }
            (by, _) => {
                when.push_str("# -> the field and values that identify this record type:\n");
                let column = by.as_ref().map_or("...", |by| &by.column);
                when.push_str(&format!("# when = {{ field = \"{column}\", in = [] }}"));
                when.extend(by.as_ref().map(|by| format!("   # {}", by.named())));
                when.push('\n');
            }
        }
        let alone = format!("{}{}", head(file, text, form, longest, &native), body.replace("@when@", ""));
        let job = Job::parse(file, &alone)?;
        out.push('\n');
        out.push_str(&body.replace("@when@", &when));
        for record in job.records {
            out.push_str(&columns(block, &record.layout));
            out.push_str(&elements::remarks(&copybook, &block.name, &block.plan));
            layouts.push(record.layout);
        }
    }
    let types: Vec<_> = blocks.iter().map(Block::record_type).collect();
    out.push_str(&record_types::controls(&types));
    let needs_when = blocks.len() > 1 && values.is_none() && positions.is_none();
    Ok(FromCopybook { text: out, layouts, notes: copybook.notes().to_vec(), needs_when })
}

/// Converts a name to an identifier for tables and records.
pub(super) fn identifier(name: &str, otherwise: &str) -> String {
    let plain = super::names::plain(name);
    match plain.chars().next() {
        None => otherwise.to_owned(),
        Some(first) if first.is_ascii_digit() => format!("_{plain}"),
        Some(_) => plain,
    }
}

/// Starts a job with a single record type, to determine its layout.
fn head(file: &str, text: &str, form: &SourceForm<'_>, longest: usize, native: &[&str]) -> String {
    let format = if form.free { "free" } else { "fixed" };
    format!(
        "[job]\nname = \"job\"\n[copybooks]\n{file} = {}\n[source]\nformat = \"copybook\"\ncopybook = {file}\n\
         copybook_format = \"{format}\"\n{}encoding = {}\nrecord_bytes = {longest}\n[source.cobol]\n{}\n",
        quoted(text),
        form.copies(),
        quoted(form.encoding),
        native.join("\n"),
        file = quoted(file),
    )
}

/// What an ASCII source must say of native numbers and floats, which no copybook says.
fn native<'a>(blocks: &[Block], form: &'a SourceForm<'_>) -> Vec<&'a str> {
    let is_ebcdic = CodePage::by_name(form.encoding).is_some_and(CodePage::is_ebcdic);
    let has = |is: fn(&Field) -> bool| blocks.iter().any(|block| block.plan.fields.iter().any(is));
    let has_float = has(|field| field.category == Category::FloatingPoint);
    let has_native = has_float || has(|field| field.usage == Usage::NativeBinary);
    let mut lines = Vec::new();
    if has_native && !is_ebcdic {
        lines.push("native_order = \"little\"   # -> of COMP-5 and floats: little (Intel, ARM) or big");
    }
    if has_float && !is_ebcdic {
        lines.push(
            "floats = \"ieee\"           # -> of COMP-1 and COMP-2: ieee, or hexadecimal (IBM mainframes)",
        );
    }
    lines
}

fn blocks(copybook: &Copybook) -> Result<Vec<Block>, CopybookError> {
    let records: Vec<ItemId> =
        copybook.records().iter().copied().filter(|id| copybook.item(*id).level != 77).collect();
    let mut blocks: Vec<Block> = Vec::new();
    // A record of FILLER alone, beside others, is an area and not a record type.
    let has_names = |record: &ItemId| {
        ids(copybook).any(|(id, item)| {
            item.name.is_some() && item.elementary.is_some() && is_within(copybook, id, *record)
        })
    };
    let named: Vec<ItemId> = records.iter().copied().filter(has_names).collect();
    let is_one_of_several = records.len() > 1;
    let records = if named.is_empty() { records } else { named };
    for record in &records {
        let level_01 = if is_one_of_several { copybook.item(*record).name.as_deref() } else { None };
        let mut views = vec![Vec::new()];
        views.extend(views_of(copybook, *record));
        let single = views.len() == 1;
        for views in views {
            let options = PlanOptions {
                record: level_01.map(str::to_owned),
                views: views.clone(),
                ..PlanOptions::default()
            };
            let plan = copybook.plan(&options)?;
            let label = match views.last() {
                Some(view) => view.clone(),
                None if single || records.len() > 1 => {
                    copybook.item(*record).name.as_deref().unwrap_or("record").to_owned()
                }
                None => first_definition(copybook, *record)
                    .unwrap_or_else(|| copybook.item(*record).name.as_deref().unwrap_or("record").to_owned()),
            };
            let mut name = identifier(&label, "record");
            while blocks.iter().any(|block| block.name == name) {
                name.push('_');
            }
            blocks.push(Block { name, level_01: level_01.map(str::to_owned), views, plan });
        }
    }
    Ok(blocks)
}

fn is_within(copybook: &Copybook, mut id: ItemId, record: ItemId) -> bool {
    loop {
        if id == record {
            return true;
        }
        match copybook.item(id).parent {
            Some(parent) => id = parent,
            None => return false,
        }
    }
}

fn ids(copybook: &Copybook) -> impl Iterator<Item = (ItemId, &Item)> {
    // Every item is a record or a child of another item.
    let roots = copybook.records().iter().copied();
    let children = copybook.items().iter().flat_map(|item| item.children.iter().copied());
    roots.chain(children).map(|id| (id, copybook.item(id)))
}

/// Returns the named views of a record's areas, each with the views around it.
fn views_of(copybook: &Copybook, record: ItemId) -> Vec<Vec<String>> {
    let view = |(id, item): (ItemId, &Item)| {
        if item.redefines.is_none() || !is_within(copybook, id, record) || id == record {
            return None;
        }
        // Only a group can be a record type of its own, not a number redefined as characters.
        item.elementary.is_none().then_some(())?;
        let mut names = vec![item.name.as_deref()?.to_owned()];
        let mut around = item.parent;
        while let Some(parent) = around {
            let parent = copybook.item(parent);
            if parent.redefines.is_some() {
                names.insert(0, parent.name.as_deref()?.to_owned());
            }
            around = parent.parent;
        }
        Some(names)
    };
    ids(copybook).filter_map(view).collect()
}

/// Returns the name of the area that the views redefine.
fn first_definition(copybook: &Copybook, record: ItemId) -> Option<String> {
    let redefined = ids(copybook)
        .filter(|(id, item)| item.elementary.is_none() && is_within(copybook, *id, record))
        .find_map(|(_, item)| item.redefines)?;
    copybook.item(redefined).name.as_deref().map(str::to_owned)
}

/// A field whose values usually identify the record type.
struct ToldApartBy<'a> {
    column: String,
    conditions: &'a [Condition],
    numeric: bool,
}

impl ToldApartBy<'_> {
    /// The conditions with their values, for a comment.
    fn named(&self) -> String {
        let named = self.conditions.iter().map(|condition| {
            let values: Vec<_> = condition.values.iter().map(|values| literal(&values.from)).collect();
            format!("{} {}", condition.name, values.join(", "))
        });
        named.collect::<Vec<_>>().join("; ")
    }
}

/// Finds a field with level 88 values outside the views.
fn told_apart_by(copybook: &Copybook) -> Option<ToldApartBy<'_>> {
    let (_, item) = ids(copybook).find(|(_, item)| {
        item.elementary.is_some() && !item.conditions.is_empty() && item.redefines.is_none()
    })?;
    let column = format::copybook::plan::columns::column_name(item.name.as_deref()?);
    let numeric = matches!(item.conditions.first()?.values.first()?.from, Literal::Number(_));
    Some(ToldApartBy { column, conditions: &item.conditions, numeric })
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Text(text) | Literal::All(text) => format!("'{text}'"),
        Literal::Number(number) => number.clone(),
        Literal::Bytes(bytes) => format!("X'{}'", domain::hex::encode(bytes)),
        Literal::Figurative(word) => format!("{word:?}"),
    }
}

fn body(job: &str, block: &Block, types: usize) -> String {
    let amounts = block
        .plan
        .fields
        .iter()
        .filter(|field| field.category == Category::Numeric && field.scale > 0)
        .map(|field| quoted(&field.column));
    let amounts: Vec<_> = amounts.collect();
    let tables = if types == 1 { job.to_owned() } else { block.name.clone() };
    let mut out = format!("[[record]]\nname    = \"{}\"\n@when@", block.name);
    if let Some(record) = &block.level_01 {
        let _ = writeln!(out, "level_01 = {}", quoted(record));
    }
    if !block.views.is_empty() {
        let views: Vec<_> = block.views.iter().map(|view| quoted(view)).collect();
        let _ = writeln!(out, "views   = [{}]", views.join(", "));
    }
    out.push_str("# -> the fields that identify a row: key = [\"...\"]\n");
    if !amounts.is_empty() {
        let _ = writeln!(out, "amounts = [{}]", amounts.join(", "));
    }
    let _ = writeln!(out, "staging = \"stg_{tables}\"\nfinal   = \"{tables}\"");
    out
}

/// Lists the columns as comments; a [[record.field]] can change one.
fn columns(block: &Block, layout: &Layout) -> String {
    let mut out = String::from(
        "# column, type, bytes, picture; to change one, add [[record.field]] name = \"...\", type = \"...\"\n",
    );
    let names = layout.fields.iter().map(|field| field.name.len()).max().unwrap_or(0);
    let types = layout.fields.iter().map(|field| field.ty.to_string().len()).max().unwrap_or(0);
    let mut at_fixed_place = true;
    for (item, field) in block.plan.fields.iter().zip(&layout.fields) {
        let start = item.offset.base + 1;
        at_fixed_place &= item.offset.after == 0;
        let place = match at_fixed_place {
            true => format!("{start}-{}", start + item.length - 1),
            false => format!("{} bytes", item.length),
        };
        let picture = item.picture.as_deref().unwrap_or("");
        let _ = writeln!(
            out,
            "#   {:names$}  {:types$}  {place:11}  {picture} {}",
            field.name,
            field.ty.to_string(),
            if item.usage.word() == "DISPLAY" { "" } else { item.usage.word() },
        );
    }
    out.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}
