//! Job files, put together from parts.

/// The fields of [`crate::ledger::Posting`].
const LEDGER_FIELDS: [(&str, &str, &str); 9] = [
    ("id", "integer", ""),
    ("account", "text(12)", "required = true"),
    ("booked_on", "date", "required = true"),
    ("amount", "decimal(15,2)", "required = true"),
    ("quantity", "integer", ""),
    ("text", "text(60)", ""),
    ("checked", "boolean", ""),
    ("booked_at", "timestamp(%Y-%m-%d %H:%M:%S)", ""),
    ("token", "bytes", ""),
];

/// A job in parts; each is TOML text.
#[derive(Debug, Clone)]
pub struct JobText {
    /// Lines of `[source]`, beside the format.
    pub source: String,
    /// The source's format: `delimited` or `fixed`.
    pub format: &'static str,
    /// Lines of `[[record]]`, beside name and tables.
    pub record: String,
    /// Name, type and further lines of each field.
    pub fields: Vec<(String, String, String)>,
    /// Whatever follows: rules, declared totals, limits.
    pub rest: String,
}

/// Fields from name, type and further lines.
#[must_use]
pub fn fields(list: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    list.iter().map(|(name, ty, more)| ((*name).into(), (*ty).into(), (*more).into())).collect()
}

/// The job of a random [`crate::ledger::Ledger`]: CSV without a header row, keyed by `id`, appended.
#[must_use]
pub fn ledger() -> JobText {
    JobText {
        source: String::new(),
        format: "delimited",
        record: "key = [\"id\"]\namounts = [\"amount\", \"quantity\"]".into(),
        fields: fields(&LEDGER_FIELDS),
        rest: String::new(),
    }
}

/// A CSV job with these fields, without key or amounts.
#[must_use]
pub fn of(list: &[(&str, &str, &str)]) -> JobText {
    JobText { record: String::new(), fields: fields(list), ..ledger() }
}

impl JobText {
    /// With this under `[source]` too.
    #[must_use]
    pub fn source(mut self, lines: &str) -> Self {
        self.source.push_str(lines);
        self.source.push('\n');
        self
    }

    /// With this in place of the lines of `[[record]]`.
    #[must_use]
    pub fn record(mut self, lines: &str) -> Self {
        self.record = lines.into();
        self
    }

    /// With this at the end.
    #[must_use]
    pub fn and(mut self, sections: &str) -> Self {
        self.rest.push_str(sections);
        self.rest.push('\n');
        self
    }

    /// Puts the parts together to the text of a job file.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { source, format, record, fields, rest } = self;
        let fields: String = fields
            .iter()
            .map(|(name, ty, more)| format!("[[record.field]]\nname = \"{name}\"\ntype = \"{ty}\"\n{more}\n"))
            .collect();
        format!(
            "[job]\nname = \"ledger\"\n[source]\nformat = \"{format}\"\n{source}\n[[record]]\nname = \"posting\"\n\
             staging = \"stg_ledger\"\nfinal = \"ledger\"\n{record}\n{fields}\n{rest}\n"
        )
    }
}
