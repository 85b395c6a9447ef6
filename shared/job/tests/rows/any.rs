//! Tables of any layout, drawn at random, with what they are to be read as.

use std::fmt::Write as _;

use job::chunk::DecodedChunk;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{decoded, job, read};

/// An item as drawn.
#[derive(Debug, Clone)]
enum Drawn {
    Text(usize),
    Digits(usize),
    Packed(usize),
    Table { max: usize, varies: bool, in_text: bool, items: Vec<Drawn> },
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let leaf = prop_oneof![
        (1_usize..4).prop_map(Drawn::Text),
        (1_usize..5).prop_map(Drawn::Digits),
        (0_usize..3).prop_map(|half| Drawn::Packed(2 * half + 1)),
    ];
    let items = |item: BoxedStrategy<Drawn>| {
        (leaf_first(), vec(item, 0..3)).prop_map(|(first, rest)| std::iter::once(first).chain(rest).collect())
    };
    let table = |items: BoxedStrategy<Vec<Drawn>>| {
        let shape = (1_usize..4, any::<bool>(), any::<bool>(), items);
        shape.prop_map(|(max, varies, in_text, items)| Drawn::Table { max, varies, in_text, items }).boxed()
    };
    let inner = table(items(leaf.clone().boxed()).boxed());
    let outer = table(items(prop_oneof![2 => leaf.clone(), 1 => inner].boxed()).boxed());
    items(prop_oneof![1 => leaf, 2 => outer].boxed())
}

fn leaf_first() -> impl Strategy<Value = Drawn> {
    (1_usize..4).prop_map(Drawn::Text)
}

/// The copybook and the record types of drawn items.
#[derive(Default)]
struct Written {
    copybook: String,
    types: String,
    fields: usize,
    tables: usize,
}

impl Written {
    fn items(&mut self, items: &[Drawn], level: usize, of: &str) {
        for item in items {
            self.fields += 1;
            let name = format!("F-{}", self.fields);
            let picture = match item {
                Drawn::Text(length) => format!("PIC X({length})"),
                Drawn::Digits(digits) => format!("PIC 9({digits})"),
                Drawn::Packed(digits) => format!("PIC S9({digits}) COMP-3"),
                Drawn::Table { max, varies, in_text, items } => {
                    self.tables += 1;
                    let (table, ty) = (format!("T-{}", self.tables), format!("t_{}", self.tables));
                    let mut occurs = format!("OCCURS {max}");
                    if *varies {
                        let picture = if *in_text { "X" } else { "9" };
                        let _ = writeln!(self.copybook, "{level:02} {name} PIC {picture}.");
                        occurs = format!("OCCURS 0 TO {max} DEPENDING ON {name}");
                    }
                    let _ = writeln!(self.copybook, "{level:02} {table} {occurs}.");
                    let _ = write!(
                        self.types,
                        "[[record]]\nname = \"{ty}\"\nparent = \"{of}\"\nrows = \"{table}\"\n"
                    );
                    self.items(items, level + 5, &ty);
                    continue;
                }
            };
            let _ = writeln!(self.copybook, "{level:02} {name} {picture}.");
        }
    }
}

/// The bytes that items have where nothing moves.
fn full(items: &[Drawn]) -> usize {
    let bytes = items.iter().map(|item| match item {
        Drawn::Text(length) | Drawn::Digits(length) => *length,
        Drawn::Packed(digits) => digits / 2 + 1,
        Drawn::Table { max, varies, items, .. } => usize::from(*varies) + max * full(items),
    });
    bytes.sum()
}

/// A source of drawn records, and what they are to be read as.
struct Source {
    random: fastrand::Rng,
    stays: bool,
    bytes: Vec<u8>,
    lines: Vec<String>,
    tables: usize,
}

impl Source {
    /// Writes a record or an element; `beside`: the numbers that an element has.
    fn part(&mut self, items: &[Drawn], name: &str, beside: &str) {
        let (at, mut values) = (self.lines.len(), String::new());
        self.lines.push(String::new());
        for item in items {
            match item {
                Drawn::Text(length) => {
                    let text: String = (0..*length).map(|_| self.random.uppercase()).collect();
                    self.bytes.extend_from_slice(text.as_bytes());
                    let _ = write!(values, " '{text}'");
                }
                Drawn::Digits(digits) => {
                    let number = self.random.u32(..10_u32.pow(*digits as u32));
                    self.bytes.extend_from_slice(format!("{number:0digits$}").as_bytes());
                    let _ = write!(values, " {number}");
                }
                Drawn::Packed(digits) => {
                    let number = self.random.u32(1..10_u32.pow(*digits as u32));
                    let sign = if self.random.bool() { 'C' } else { 'D' };
                    let hex = format!("{number:0digits$}{sign}");
                    self.bytes.extend(domain::hex::decode(&hex.to_lowercase()).unwrap());
                    let _ = write!(values, " {}{number}", if sign == 'D' { "-" } else { "" });
                }
                Drawn::Table { max, varies, in_text, items } => {
                    self.tables += 1;
                    let (table, name) = (self.tables, format!("t_{}", self.tables));
                    let count = if *varies { self.random.usize(..=*max) } else { *max };
                    if *varies {
                        self.bytes.extend_from_slice(count.to_string().as_bytes());
                        let _ = write!(
                            values,
                            "{}",
                            if *in_text { format!(" '{count}'") } else { format!(" {count}") }
                        );
                    }
                    for number in 1..=count {
                        self.tables = table;
                        self.part(items, &name, &format!(" {number} {}", at + 1));
                    }
                    self.tables = table + tables_in(items);
                    if self.stays {
                        let room = (max - count) * full(items);
                        self.bytes.extend(std::iter::repeat_n(b' ', room));
                    }
                }
            }
        }
        self.lines[at] = format!("{} {name}{values}{beside}", at + 1);
    }
}

fn tables_in(items: &[Drawn]) -> usize {
    let tables = items.iter().map(|item| match item {
        Drawn::Table { items, .. } => 1 + tables_in(items),
        _ => 0,
    });
    tables.sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn tables_of_any_layout_are_rows_and_no_changed_byte_goes_unseen(
        items in drawn(), seed: u64, stays: bool, by_layout: bool,
    ) {
        let mut written = Written::default();
        written.items(&items, 5, "r");
        let framing = if by_layout { "layout" } else { "rdw" };
        let following = if stays { "stay" } else { "shift" };
        let job = job(
            &format!("01 R.\n{}", written.copybook),
            &format!("framing = \"{framing}\"\ncobol = {{ behind_tables = \"{following}\" }}"),
            &format!("[[record]]\nname = \"r\"\n{}", written.types),
        );
        let random = fastrand::Rng::with_seed(seed);
        let mut source = Source { random, stays, bytes: Vec::new(), lines: Vec::new(), tables: 0 };
        let (mut bytes, mut contents) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            source.tables = 0;
            source.bytes.clear();
            source.part(&items, "r", "");
            if !by_layout {
                bytes.extend(u16::try_from(source.bytes.len() + 4).unwrap().to_be_bytes());
                bytes.extend([0, 0]);
            }
            contents.extend(bytes.len()..bytes.len() + source.bytes.len());
            bytes.extend_from_slice(&source.bytes);
        }
        prop_assert_eq!(read(&job, &bytes), source.lines.clone());
        let chunk = decoded(&job, &bytes).unwrap();
        prop_assert_eq!(chunk.bytes.round_trips.proved, source.lines.len() as u64);
        let all = |chunk: &DecodedChunk| format!("{:?} {:?} {:?}", chunk.rows, chunk.rejects, chunk.bytes);
        for _ in 0..12 {
            let at = contents[source.random.usize(..contents.len())];
            let mut changed = bytes.clone();
            changed[at] ^= source.random.u8(1..);
            // Padding is spaces or low-values.
            if bytes[at] == b' ' && changed[at] == 0 {
                continue;
            }
            if let Ok(other) = decoded(&job, &changed) {
                prop_assert!(all(&other) != all(&chunk), "byte {} of {}", at, String::from_utf8_lossy(&bytes));
                prop_assert!(other.bytes.account_for(bytes.len() as u64), "{:?}", other.bytes);
            }
        }
    }
}
