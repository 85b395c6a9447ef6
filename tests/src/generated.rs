//! Generated jobs: random layouts, sources, cuts and fleets, each right in itself. What must come out is known.

use broker::in_process::Faults;
use domain::rule::OnBreach;
use fastrand::Rng;

use crate::fleet::Setup;
use crate::proof::{Cell, Leaf, plain};

/// A job with a source that it loads, and the fleet that does.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The job file, as TOML text.
    pub job: String,
    /// The source's bytes, as the job describes them.
    pub bytes: Vec<u8>,
    /// The fleet and the cut that load the source.
    pub setup: Setup,
    /// What each record comes to; empty where the source has several record types.
    pub leaves: Vec<Leaf>,
    /// The names of the staging table's columns that are fields, and of the table.
    pub columns: Vec<String>,
    /// The staging table that holds most records.
    pub staging: String,
    /// The final table of those.
    pub final_table: String,
    /// Records of all types.
    pub records: u64,
    /// Records that a rule holds back.
    pub held: u64,
}

/// A field: its type as it is written in a job file, and how its values are made.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text(u64),
    Integer,
    Decimal(u32, u32),
    Date,
    Timestamp,
    Instant,
    Boolean,
    Bytes,
}

impl Kind {
    fn random(random: &mut Rng) -> Self {
        match random.u64(..9) {
            0 | 1 => Self::Text(1 + random.u64(..60)),
            2 => Self::Integer,
            3 | 4 => {
                let precision = 1 + random.u64(..38);
                let scale = random.u64(..=precision.min(10));
                Self::Decimal(u32::try_from(precision).unwrap(), u32::try_from(scale).unwrap())
            }
            5 => Self::Date,
            6 if random.bool() => Self::Instant,
            6 => Self::Timestamp,
            7 => Self::Boolean,
            _ => Self::Bytes,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Text(chars) => format!("text({chars})"),
            Self::Integer => "integer".into(),
            Self::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
            Self::Date => "date".into(),
            Self::Timestamp => "timestamp(%Y-%m-%d %H:%M:%S%.f)".into(),
            Self::Instant => "timestamptz".into(),
            Self::Boolean => "boolean".into(),
            Self::Bytes => "bytes".into(),
        }
    }

    /// A value, and how it is written in the source.
    fn value(self, random: &mut Rng) -> (Cell, String) {
        if random.u64(..6) == 0 {
            return (Cell::Null, String::new());
        }
        match self {
            Self::Text(chars) => {
                let text = text(random, chars);
                let quoted = format!("\"{}\"", text.replace('"', "\"\""));
                (Cell::Text(text), quoted)
            }
            Self::Integer => {
                let integer = random.u64(..).cast_signed() >> random.u64(..64);
                (Cell::Integer(integer), integer.to_string())
            }
            Self::Decimal(precision, scale) => {
                let digits = u32::try_from(1 + random.u64(..u64::from(precision))).unwrap();
                let wide = (i128::from(random.u64(..)) << 64 | i128::from(random.u64(..))) & i128::MAX;
                let mantissa = (wide % 10_i128.pow(digits)) * if random.bool() { 1 } else { -1 };
                (Cell::Decimal(mantissa, scale), plain(mantissa, scale))
            }
            Self::Date => {
                let date = date(random);
                (Cell::Date(date.clone()), date)
            }
            Self::Timestamp => {
                let at = format!(
                    "{} {:02}:{:02}:{:02}.{:06}",
                    date(random),
                    random.u64(..24),
                    random.u64(..60),
                    random.u64(..60),
                    random.u64(..1_000_000)
                );
                (Cell::Timestamp(at.clone()), at)
            }
            Self::Instant => {
                // Written at an hour of the day from which the offset does not lead to another day.
                let (day, hour, rest) = (date(random), random.u64(8..16), random.u64(..60));
                let (ahead, sign) = (random.u64(..8), if random.bool() { '+' } else { '-' });
                let in_utc = if sign == '+' { hour - ahead } else { hour + ahead };
                let written = format!("{day}T{hour:02}:{rest:02}:{rest:02}{sign}{ahead:02}:00");
                (Cell::Instant(format!("{day} {in_utc:02}:{rest:02}:{rest:02}.000000Z")), written)
            }
            Self::Boolean => {
                let truth = random.bool();
                (Cell::Boolean(truth), truth.to_string())
            }
            Self::Bytes => {
                let bytes: Vec<_> = (0..1 + random.u64(..12)).map(|_| random.u8(..)).collect();
                let hex = crate::proof::hex(&bytes);
                (Cell::Bytes(bytes), hex)
            }
        }
    }
}

fn date(random: &mut Rng) -> String {
    format!("{:04}-{:02}-{:02}", 1900 + random.u64(..200), 1 + random.u64(..12), 1 + random.u64(..28))
}

/// Letters, separators, quotes, line ends, blanks at both ends, marks that combine, and what looks like NULL.
fn text(random: &mut Rng, chars: u64) -> String {
    const LETTERS: [char; 24] = [
        'a', 'B', 'z', '0', '7', ' ', ' ', ',', '"', '\n', '\r', '|', ';', '\\', '\'', 'é', 'Ü', 'ß', '€',
        '\u{301}', '漢', '😀', '\t', '%',
    ];
    if random.u64(..12) == 0 && chars >= 4 {
        return "NULL".into();
    }
    (0..random.u64(..=chars)).map(|_| *random.choice(&LETTERS).unwrap()).collect()
}

impl Generated {
    /// The job, source and fleet of `seed`. Its tables' names hold the seed, so that many live in one database.
    ///
    /// # Panics
    /// Never: the numbers are small.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let random = &mut Rng::with_seed(seed);
        let kinds: Vec<_> = (0..random.u64(..9)).map(|_| Kind::random(random)).collect();
        let records = [0, 1, 2, 40, 150, 400][random.usize(..6)] + random.u64(..40);
        let has_trailer = records > 0 && random.u64(..4) == 0;
        let has_key = random.u64(..4) > 0;
        let has_rule = records > 0 && random.u64(..3) == 0;
        let header = !has_trailer && random.bool();
        let mode = if has_key && random.u64(..3) == 0 { "upsert" } else { "append" };
        let name = |at: usize| format!("f{at}");
        let summed: Vec<_> = (0..kinds.len())
            .filter(|at| matches!(kinds[*at], Kind::Integer | Kind::Decimal(..)) && random.bool())
            .map(|at| format!("\"{}\"", name(at)))
            .collect();
        let (staging, final_table) = (format!("stg_generated_{seed}"), format!("generated_{seed}"));
        let kind_field =
            if has_trailer { "[[record.field]]\nname = \"kind\"\ntype = \"text(1)\"\n" } else { "" };
        let when = if has_trailer { "when = { field = \"kind\", in = [\"D\"] }\n" } else { "" };
        let key = if has_key { "key = [\"id\"]\n" } else { "" };
        let fields: String = kinds
            .iter()
            .enumerate()
            .map(|(at, kind)| {
                format!("[[record.field]]\nname = \"{}\"\ntype = \"{}\"\n", name(at), kind.name())
            })
            .collect();
        let mut job = format!(
            "[job]\nname = \"generated-{seed}\"\n[source]\nformat = \"delimited\"\nheader = {header}\n[[record]]\nname = \"entry\"\n{when}{key}\
             amounts = [{}]\nmode = \"{mode}\"\nstaging = \"{staging}\"\nfinal = \"{final_table}\"\n{kind_field}\
             [[record.field]]\nname = \"id\"\ntype = \"integer\"\nrequired = true\n{fields}",
            summed.join(", ")
        );
        if has_trailer {
            job.push_str(&format!(
                "[[record]]\nname = \"trailer\"\nrole = \"trailer\"\nwhen = {{ field = \"kind\", in = [\"T\"] }}\n\
                 staging = \"stg_trailer_{seed}\"\nfinal = \"trailer_{seed}\"\n{kind_field}\
                 [[record.field]]\nname = \"entries\"\ntype = \"integer\"\n\
                 [[control]]\nrecord = \"trailer\"\n[[control.total]]\nfield = \"entries\"\ncount = \"entry\"\n"
            ));
        }
        if has_rule {
            let on_breach = OnBreach::Hold.name();
            job.push_str(&format!(
                "[[rule]]\nname = \"not every seventh\"\nrecord = \"entry\"\nholds = \"id % 7 <> 3\"\non_breach = \"{on_breach}\"\n"
            ));
        }
        if records == 0 {
            job.push_str("[declared]\nrecords = 0\n");
        }
        let line_end = if random.bool() { "\n" } else { "\r\n" };
        let mut lines = Vec::new();
        if header {
            lines.push((0..kinds.len()).fold("id".to_owned(), |line, at| format!("{line},{}", name(at))));
        }
        let mut leaves = Vec::new();
        for id in 1..=records {
            let id = id.cast_signed();
            let mut cells = vec![Cell::Integer(id)];
            let mut parts = vec![id.to_string()];
            if has_trailer {
                parts.insert(0, "D".into());
            }
            for kind in &kinds {
                let (cell, part) = kind.value(random);
                cells.push(cell);
                parts.push(part);
            }
            lines.push(parts.join(","));
            leaves.push(Leaf::Accepted(cells));
        }
        if has_trailer {
            lines.push(format!("T,{records}"));
            leaves.clear();
        }
        let mut bytes = lines.join(line_end).into_bytes();
        if !lines.is_empty() && random.u64(..3) > 0 {
            bytes.extend_from_slice(line_end.as_bytes());
        }
        let faults = match random.u64(..3) {
            0 => Faults { seed, duplicate: 100, redeliver: 100, reorder: 200, delay: 100, lose_confirm: 50 },
            _ => Faults::default(),
        };
        let small = |random: &mut Rng, most: usize| random.usize(1..=most);
        let setup = Setup {
            processors: small(random, 3),
            writers: small(random, 3),
            chunk_bytes: 256 << random.u64(..8),
            chunk_records: random.u64(..60),
            faults,
        };
        let mut columns = vec!["id".to_owned()];
        columns.extend((0..kinds.len()).map(name));
        Self {
            job,
            bytes,
            setup,
            leaves,
            columns,
            staging,
            final_table,
            records: records + u64::from(has_trailer),
            held: if has_rule { (1..=records).filter(|id| id % 7 == 3).count() as u64 } else { 0 },
        }
    }
}
