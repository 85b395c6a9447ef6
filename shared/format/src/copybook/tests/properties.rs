//! What holds for any copybook and any text.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::plan::{Extent, Following, Plan, PlanOptions};
use super::{Copybook, ParseOptions, ReferenceFormat, columns, free, table};

/// An item as drawn: what is below it, or what it holds.
#[derive(Debug, Clone)]
enum Drawn {
    Group {
        occurs: Option<usize>,
        children: Vec<Drawn>,
    },
    Leaf {
        clauses: &'static str,
        bytes: usize,
        occurs: Option<usize>,
    },
    /// A count and a table that depends on it.
    Varying {
        max: usize,
        bytes: usize,
    },
    /// An item and another view of it that is shorter.
    Views {
        bytes: usize,
        shorter: usize,
    },
}

const LEAVES: [(&str, usize); 16] = [
    ("PIC X(7)", 7),
    ("PIC A", 1),
    ("PIC 9(5)", 5),
    ("PIC S9(5)V99", 7),
    ("PIC S9(3) SIGN LEADING SEPARATE", 4),
    ("PIC S9(3) COMP", 2),
    ("PIC S9(9) BINARY", 4),
    ("PIC 9(10) COMP-5", 8),
    ("PIC S9(7)V99 COMP-3", 5),
    ("PACKED-DECIMAL PIC 9(4)", 3),
    ("PIC 9(3) COMP-6", 2),
    ("COMP-1", 4),
    ("USAGE IS COMP-2", 8),
    ("PIC ZZ,ZZ9.99CR VALUE ZERO", 11),
    ("PIC 99/99/9999", 10),
    ("PIC N(3)", 6),
];

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let occurs = || prop::option::weighted(0.3, 1_usize..4);
    let leaf = prop_oneof![
        6 => (0..LEAVES.len(), occurs()).prop_map(|(at, occurs)| {
            let (clauses, bytes) = LEAVES[at];
            Drawn::Leaf { clauses, bytes, occurs }
        }),
        1 => (1_usize..4, 1_usize..5).prop_map(|(max, bytes)| Drawn::Varying { max, bytes }),
        1 => (3_usize..9, 1_usize..4).prop_map(|(bytes, shorter)| Drawn::Views { bytes, shorter }),
    ];
    let item = leaf.prop_recursive(4, 24, 4, move |inner| {
        (occurs(), vec(inner, 1..4)).prop_map(|(occurs, children)| Drawn::Group { occurs, children })
    });
    vec(item, 1..5)
}

#[derive(Default)]
struct Writer {
    text: Vec<String>,
    table: Vec<String>,
    count: usize,
}

impl Writer {
    /// Writes `items` and what is expected of them; returns where they end.
    fn write(&mut self, items: &[Drawn], level: usize, start: usize) -> usize {
        let mut end = start;
        for item in items {
            self.count += 1;
            let name = format!("ITEM-{}", self.count);
            let (clause, mark) = match item {
                Drawn::Group { occurs: Some(times), .. } | Drawn::Leaf { occurs: Some(times), .. } => {
                    (format!(" OCCURS {times} TIMES"), format!(" x{times}"))
                }
                _ => (String::new(), String::new()),
            };
            match item {
                Drawn::Leaf { clauses, bytes, occurs } => {
                    self.text.push(format!("{level:02} {name}{clause} {clauses}."));
                    self.table.push(format!("{level:02} {name} {end} {bytes}{mark}"));
                    end += bytes * occurs.unwrap_or(1);
                }
                Drawn::Group { occurs, children } => {
                    self.text.push(format!("{level:02} {name}{clause}."));
                    let line = self.table.len();
                    self.table.push(String::new());
                    let bytes = self.write(children, level + 3, end) - end;
                    self.table[line] = format!("{level:02} {name} {end} {bytes}{mark}");
                    end += bytes * occurs.unwrap_or(1);
                }
                Drawn::Varying { max, bytes } => {
                    self.text.push(format!("{level:02} {name} PIC 9."));
                    self.text.push(format!(
                        "{level:02} T-{name} PIC X({bytes}) OCCURS 0 TO {max} DEPENDING ON {name}."
                    ));
                    self.table.push(format!("{level:02} {name} {end} 1"));
                    self.table.push(format!("{level:02} T-{name} {} {bytes} x{max}", end + 1));
                    end += 1 + bytes * max;
                }
                Drawn::Views { bytes, shorter } => {
                    self.text.push(format!("{level:02} {name} PIC X({bytes})."));
                    self.text.push(format!("{level:02} V-{name} REDEFINES {name} PIC X({shorter})."));
                    self.table.push(format!("{level:02} {name} {end} {bytes}"));
                    self.table.push(format!("{level:02} V-{name} {end} {shorter}"));
                    end += bytes;
                }
            }
        }
        end
    }
}

fn written(items: &[Drawn]) -> (Vec<String>, Vec<String>) {
    let mut writer = Writer { text: vec!["01 REC.".into()], table: vec![String::new()], count: 0 };
    let bytes = writer.write(items, 5, 0);
    writer.table[0] = format!("01 REC 0 {bytes}");
    (writer.text, writer.table)
}

/// Entries on lines of the fixed format, broken between words.
fn in_columns(entries: &[String]) -> String {
    let mut out = String::new();
    for (number, entry) in entries.iter().enumerate() {
        let mut line = format!("{number:06} ");
        for word in entry.split(' ') {
            if line.len() + word.len() > 40 {
                out.push_str(&format!("{line:<72}TAG{:05}\n", number % 100_000));
                line = format!("{:7}    ", "");
            }
            line.push_str(word);
            line.push(' ');
        }
        out.push_str(line.trim_end());
        out.push_str("\n      * BETWEEN. 05 X PIC X.\n");
    }
    out
}

fn all_of(copybook: &Copybook, following: Following) -> Option<Plan> {
    // National items are no columns.
    let wide: Vec<String> = copybook
        .items()
        .iter()
        .filter(|item| {
            item.elementary
                .as_ref()
                .is_some_and(|of| of.picture.as_ref().is_some_and(|p| p.text.starts_with('N')))
        })
        .filter_map(|item| item.name.as_deref().map(str::to_owned))
        .collect();
    copybook.plan(&PlanOptions { leave_out: wide, following, ..PlanOptions::default() }).ok()
}

/// Any text in which what means something is frequent.
fn telling() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "01",
        "05",
        "10",
        "66",
        "77",
        "88",
        "A",
        "B-1",
        "FILLER",
        "PIC",
        "X(5)",
        "S9(4)V99",
        "9(",
        "COMP",
        "COMP-3",
        "OCCURS",
        "3",
        "1 TO 5",
        "TIMES",
        "DEPENDING ON",
        "REDEFINES",
        "RENAMES",
        "THRU",
        "VALUE",
        "'A'",
        "'",
        "\"",
        "X'",
        "ALL",
        "SPACES",
        "SIGN LEADING",
        "SYNC",
        ".",
        ". ",
        ",",
        "(",
        ")",
        "*>",
        "\n",
        "\n      -",
        "\n       ",
        "\t",
        "ü",
        "COPY",
        "ZZ9.99-",
        "$$9",
        "+",
        "P",
        "INDEXED BY",
        "KEY IS",
        "BLANK ZERO",
        "==",
        ":T:",
        "-",
        "\u{0}",
        "\r",
    ]);
    let piece = prop_oneof![8 => words.prop_map(str::to_owned), 1 => ".{0,3}"];
    vec(piece, 0..40).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #[test]
    fn a_copybook_is_read_as_it_was_written(items in drawn()) {
        let (entries, expected) = written(&items);
        let copybook = free(&entries.join("\n")).unwrap();
        prop_assert_eq!(table(&copybook), expected.clone());
        let fixed = Copybook::parse("f", &in_columns(&entries), ParseOptions::default()).unwrap();
        prop_assert_eq!(table(&fixed), expected);
    }

    #[test]
    fn fields_lie_one_behind_the_other_in_records_of_any_extent(items in drawn(), counts in vec(0_i128..4, 64)) {
        let (entries, _) = written(&items);
        let copybook = free(&entries.join("\n")).unwrap();
        let record = copybook.item(copybook.records()[0]);
        let stays = all_of(&copybook, Following::Stay);
        if let Some(plan) = &stays {
            prop_assert_eq!((plan.length_min, plan.length_max), (record.length, record.length));
        }
        let Some(plan) = all_of(&copybook, Following::Shift) else { return Ok(()) };
        prop_assert_eq!(plan.length_max, record.length);
        let mut extent = Extent::default();
        let mut drawn = counts.iter().cycle();
        plan.extent(&mut extent, |count, _| {
            let field = &plan.counts[count];
            let max = plan.tables.iter().find(|table| plan.counts[table.count].item == field.item).unwrap().max;
            Ok::<_, ()>(*drawn.next().unwrap() % (i128::try_from(max).unwrap() + 1))
        })
        .unwrap();
        // What it adds up to, reckoned the other way round: table by table, however they are nested.
        let varying: usize =
            plan.tables.iter().zip(extent.counts()).map(|(table, count)| table.stride * count).sum();
        prop_assert_eq!(extent.offset(plan.end), plan.end.base + varying);
        let length = extent.offset(plan.end);
        prop_assert!((plan.length_min..=plan.length_max).contains(&length));
        let mut end = 0;
        for field in plan.fields.iter().filter(|field| extent.holds(field.within)) {
            let at = extent.offset(field.offset);
            prop_assert!(at >= end, "{} at {at}, before {end}: {:?}", field.path, columns(&plan));
            end = at + field.length;
        }
        prop_assert!(end <= length);
        // Names are unique, and a table takes them.
        let mut names: Vec<_> = plan.fields.iter().map(|field| field.column.clone()).collect();
        names.sort();
        names.dedup();
        prop_assert_eq!(names.len(), plan.fields.len());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in telling(), fixed: bool, decimal_comma: bool) {
        let format = if fixed { ReferenceFormat::Fixed } else { ReferenceFormat::Free };
        let options = ParseOptions { format, decimal_comma, ..ParseOptions::default() };
        match Copybook::parse("t", &text, options) {
            Ok(copybook) => drop(copybook.plan(&PlanOptions::default())),
            Err(error) => {
                prop_assert!(error.line >= 1 && error.column >= 1);
                prop_assert!(error.span.offset() + error.span.len() <= error.text().len());
                let shown = error.to_string() + &format!("{:?}", miette::Report::new(error));
                prop_assert!(!shown.is_empty());
            }
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        for format in [ReferenceFormat::Fixed, ReferenceFormat::Free] {
            let _ = Copybook::parse("t", &text, ParseOptions { format, ..ParseOptions::default() });
        }
    }

    #[test]
    fn no_damage_to_a_copybook_makes_the_parser_panic(
        items in drawn(), damage in vec((any::<prop::sample::Index>(), prop::option::of(any::<char>())), 1..6),
    ) {
        let (entries, _) = written(&items);
        let mut text: Vec<char> = in_columns(&entries).chars().collect();
        for (at, with) in damage {
            let at = at.index(text.len());
            match with {
                Some(c) => text[at] = c,
                None => drop(text.remove(at)),
            }
        }
        let text: String = text.into_iter().collect();
        for following in [Following::Shift, Following::Stay] {
            if let Ok(copybook) = Copybook::parse("t", &text, ParseOptions::default()) {
                let _ = copybook.plan(&PlanOptions { following, ..PlanOptions::default() });
            }
        }
    }
}
