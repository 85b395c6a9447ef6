//! Reference jobs and sources, made here: between them they have a field of every type, rejects, a held record,
//! upserts, headers and trailers. What cannot be struck in the job that is drilled, because nothing in it could be
//! hurt that way, is struck in one of these.

mod mainframe;

use std::fmt::Write as _;
use std::path::Path;

const EVERY_TYPE: &str = include_str!("every_type.toml");
const CONTROLS: &str = include_str!("controls.toml");
const MAINFRAME: &str = include_str!("mainframe.toml");

/// Records of a reference source.
const RECORDS: u64 = 60;

/// The reference jobs, each with its source.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    let upsert = EVERY_TYPE
        .replace("reference-every-type", "reference-upsert")
        .replace("mode = \"append\"", "mode = \"upsert\"");
    vec![
        (EVERY_TYPE.into(), every_type(false)),
        (CONTROLS.into(), ControlsFile::whole(1).text()),
        (upsert, every_type(false)),
        (MAINFRAME.into(), mainframe::source(RECORDS)),
    ]
}

/// Texts that tools confuse: NULL, empty, separators, composed letters, blanks.
const TEXTS: [(&str, &str); 8] = [
    ("Rent", "March"),
    ("", "Miete"),
    ("\"\"", "\"\""),
    ("a|b", "c"),
    ("Zürich", "Überweisung"),
    ("12", "3"),
    ("\"Salary, second part\"", "NULL"),
    ("two words", ""),
];

/// The source of the job with every type; `exchanged`: with the columns `account` and `branch` the other way round.
fn every_type(exchanged: bool) -> Vec<u8> {
    let pair = |account: &str, branch: &str| match exchanged {
        false => format!("{account},{branch}"),
        true => format!("{branch},{account}"),
    };
    let mut out = format!(
        "entry_no,{},memo,note,amount,turnover,quantity,booked_on,entered_at,checked,token\n",
        pair("account", "branch")
    );
    for number in 1..=RECORDS {
        let (memo, note) = TEXTS[usize::try_from(number).unwrap_or(0) % TEXTS.len()];
        let memo = if number == 44 { "hold this" } else { memo };
        // Cents that are never the same twice, and both signs.
        let cents = (number * 7919) % 200_003;
        let sign = if number % 3 == 0 { "-" } else { "" };
        let amount =
            if number == 17 { "0.00".into() } else { format!("{sign}{}.{:02}", cents / 100, cents % 100) };
        // 31 digits, more than a double-precision float tells apart.
        let turnover =
            format!("{sign}{}23456789012345678901234.{:04}", 1000 + number, (number * 37) % 10_000);
        let quantity = if number % 5 == 0 { String::new() } else { (number % 4).to_string() };
        let checked = ["true", "false", ""][usize::try_from(number % 3).unwrap_or(0)];
        let token = if number % 4 == 0 { String::new() } else { format!("{:08x}", number * 2_654_435) };
        let _ = writeln!(
            out,
            "{number},{},{memo},{note},{amount},{turnover},{quantity},2026-01-{:02},2026-01-{:02} 0{}:59:58.{:06},{checked},{token}",
            pair(&format!("{:07}", number * 131), &format!("B{}", number % 7)),
            1 + number % 28,
            1 + number % 28,
            number % 10,
            number * 1013,
        );
        // Two records that cannot be decoded, which the job allows.
        if number == 20 || number == 40 {
            let _ = writeln!(
                out,
                "{number}x,{},,,1.00,1.0000,,2026-01-01,2026-01-01 00:00:00,,",
                pair("rejected", "B0")
            );
        }
    }
    out.into_bytes()
}

/// The source of the job with every type, with two columns exchanged; `None` for another job.
pub(crate) fn columns_exchanged(job: &str, _source: &Path) -> Option<Vec<u8>> {
    (job == "reference-every-type").then(|| every_type(true))
}

/// What the file with header and trailer says.
#[derive(Debug, Clone)]
pub(crate) struct ControlsFile {
    day: &'static str,
    file_no: u64,
    details: Vec<(u64, u64, i64)>,
    count: u64,
    total: i64,
    hash: u64,
    has_trailer: bool,
}

/// The file of the job with controls; `None` for another job.
pub(crate) fn controls_of(job: &str) -> Option<ControlsFile> {
    (job == "reference-controls").then(|| ControlsFile::whole(1))
}

impl ControlsFile {
    fn whole(file_no: u64) -> Self {
        let first = file_no * 1000;
        let details: Vec<_> = (first + 1..=first + RECORDS)
            .map(|number| {
                let cents = i64::try_from(number * 3571 % 90_001).unwrap_or(0);
                (number, number * 17 % 1000, if number % 2 == 0 { cents } else { -cents })
            })
            .collect();
        Self {
            day: "2026-01-15",
            file_no,
            count: details.len() as u64,
            total: details.iter().map(|(_, _, cents)| cents).sum(),
            hash: details.iter().map(|(_, branch, _)| branch).sum::<u64>() % 10_000,
            details,
            has_trailer: true,
        }
    }

    fn text(&self) -> Vec<u8> {
        let mut out = format!("H,{},{}\n", self.day, self.file_no);
        for (number, branch, cents) in &self.details {
            let _ = writeln!(out, "D,{number},{branch},{}", amount(*cents));
        }
        if self.has_trailer {
            let _ = writeln!(out, "T,{},{},{}", self.count, amount(self.total), self.hash);
        }
        out.into_bytes()
    }

    /// The trailer's record number.
    pub(crate) fn trailer_no(&self) -> u64 {
        self.details.len() as u64 + 2
    }

    pub(crate) fn with_count_off(mut self) -> Vec<u8> {
        self.count += 1;
        self.text()
    }

    pub(crate) fn with_total_off(mut self) -> Vec<u8> {
        self.total += 1;
        self.text()
    }

    pub(crate) fn with_hash_off(mut self) -> Vec<u8> {
        self.hash = (self.hash + 1) % 10_000;
        self.text()
    }

    pub(crate) fn of_another_day(mut self) -> Vec<u8> {
        self.day = "2026-01-16";
        self.text()
    }

    pub(crate) fn without_trailer(mut self) -> Vec<u8> {
        self.has_trailer = false;
        self.text()
    }

    /// A file like it, right in itself, whose number is two more.
    pub(crate) fn two_files_on(self) -> Vec<u8> {
        Self::whole(self.file_no + 2).text()
    }
}

fn amount(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}
