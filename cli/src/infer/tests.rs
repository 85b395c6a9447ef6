//! What is inferred from which sample. That the text is a job is checked by `infer` itself, and that the job reads
//! its own sample by [`read_back`].

use format::{Decoder, Framer};
use job::Job;

use super::*;

/// Decodes the sample as the inferred job says: how many records, and the first reason against one.
fn read_back(text: &str, sample: &[u8]) -> (usize, Option<String>) {
    let job = Job::parse("sample.toml", text).unwrap();
    let framer = Framer::new(&job.format);
    let mut decoder = Decoder::new(&job.format, job.records[0].layout.clone()).unwrap();
    let mut at = framer.preamble(sample, true).unwrap().unwrap();
    let (mut records, mut reason) = (0, None);
    while let Some(frame) = framer.next(&sample[at..], true).unwrap() {
        let decoded = decoder.decode(&sample[at + frame.start..at + frame.end]);
        reason = reason.or_else(|| decoded.reasons().first().map(|reason| format!("{reason:?}")));
        records += 1;
        at += frame.total;
    }
    (records, reason)
}

/// The inferred job, whose every record reads back.
fn inferred(sample: &[u8]) -> Inferred {
    let shown = String::from_utf8_lossy(sample);
    let inferred = infer("sample", sample, true).unwrap_or_else(|error| panic!("{shown:?}: {error}"));
    assert_eq!(read_back(&inferred.text, sample).1, None, "{shown}\n{}", inferred.text);
    inferred
}

/// The values of a key in the text, without their comments.
fn all(inferred: &Inferred, key: &str) -> Vec<String> {
    let lines = inferred.text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    lines.map(|value| value.split("   #").next().unwrap().trim_matches('"').to_owned()).collect()
}

fn one(inferred: &Inferred, key: &str) -> Option<String> {
    all(inferred, key).pop()
}

/// The first column's type, beside a column that serves to find the separator.
fn type_of(values: &[&str]) -> String {
    let sample: String = values.iter().map(|value| format!("{value}|x\n")).collect();
    all(&inferred(sample.as_bytes()), "type").remove(0)
}

#[test]
fn a_columns_type_has_room_for_what_the_sample_does_not_show() {
    let table: &[(&[&str], &str)] = &[
        (&["1", "-20", "300"], "integer"),
        (&["+1", "2"], "text(10)"),
        (&["007", "12"], "text(10)"),
        (&["0", "12"], "integer"),
        (&["9223372036854775808"], "decimal(38,0)"),
        (&["1.50", "0.25"], "decimal(15,2)"),
        (&["1.5", "2.25"], "decimal(15,2)"),
        (&["1.5", "2.25", "3"], "decimal(15,2)"),
        (&["-1.5", ""], "decimal(15,1)"),
        (&["12345678901234.50"], "decimal(28,2)"),
        (&["0.1234567890123456789012345678901234567"], "decimal(38,37)"),
        (&["00.5"], "text(10)"),
        (&["1,5"], "text(10)"),
        (&["1e5"], "text(10)"),
        (&["2024-02-29", "2023-12-31"], "date(%Y-%m-%d)"),
        (&["2023-02-29"], "text(20)"),
        (&["20240229", "19991231"], "date(%Y%m%d)"),
        (&["20240230"], "integer"),
        (&["31/12/2024", "01/02/2024"], "date(%d/%m/%Y)"),
        (&["12/31/2024", "1/2/2024"], "date(%m/%d/%Y)"),
        (&["01/02/2024"], "date(%d/%m/%Y)"),
        (&["31.12.2024"], "date(%d.%m.%Y)"),
        (&["31-DEC-2024"], "date(%d-%b-%Y)"),
        (&["2024-02-29 23:59:59", "2024-02-29 23:59:59.123456"], "timestamp(%Y-%m-%d %H:%M:%S%.f)"),
        (&["2024-02-29T23:59:59Z"], "timestamp(%Y-%m-%dT%H:%M:%S%.fZ)"),
        (&["29.02.2024 23:59"], "timestamp(%d.%m.%Y %H:%M)"),
        (&["20240229235959"], "timestamp(%Y%m%d%H%M%S)"),
        (&["2024-02-29-23.59.59.000001"], "timestamp(%Y-%m-%d-%H.%M.%S%.f)"),
        (&["2024-02-29 23:59:60"], "text(40)"),
        (&["2024-02-29T23:59:59+01:00"], "timestamptz"),
        (&["true", "FALSE"], "boolean"),
        (&["Y", "N"], "boolean"),
        (&["Y", "Y"], "text(10)"),
        (&["0", "1"], "integer"),
        (&["", "  "], "text(200)"),
        (&["somewhat longer"], "text(40)"),
        (&[" 1", "20 "], "integer"),
    ];
    for (values, expected) in table {
        assert_eq!(type_of(values), *expected, "{values:?}");
    }
}

#[test]
fn what_was_a_choice_is_said() {
    let table: &[(&str, &str)] = &[
        ("a,b\n01/02/2024,1\n", "also matches %m/%d/%Y"),
        ("id,zip\n1,12345\n", "the name suggests an identifier"),
        ("id;v\n1;1,50\n", "numbers with commas"),
        ("id,v\n1,\"\"\n2,\"3\"\n", "all values that are not empty are integer"),
        ("id,v\n1,\\N\n2,\n", "are read as empty text, not as NULL"),
        ("id,at\n1,2024-02-29T23:59:59+01:00\n", "with a time zone"),
        ("a|b|\n1|2|\n", "every row ends with the separator"),
        ("ann,bob\ncarl,dora\n", "set header = true"),
        ("first_name,city\ncarl,Ulm\n", "set header = false"),
        ("name,city\n", "the only row"),
    ];
    for (sample, fragment) in table {
        let notes = inferred(sample.as_bytes()).notes;
        assert!(notes.iter().any(|note| note.contains(fragment)), "{sample}: {notes:#?}");
    }
    let odd = infer("odd", b"a,b\n1,2\n3,4\n5,6\n\nTRAILER,4,5\n", true).unwrap();
    assert!(odd.notes[0].contains("(line 6)") && odd.notes[1].contains("line 5 is empty"), "{:?}", odd.notes);
}

#[test]
fn separators_quotes_and_nulls_are_found() {
    let table: &[(&str, &str, Option<&str>)] = &[
        ("1,5;2,5\n3,5;4,5\n", "separator", Some(";")),
        ("1,a;b,2\n2,c;d,3\n", "separator", Some(",")),
        ("a\tb, c\n1\td, e\n", "separator", Some("\\t")),
        ("x|\"p;q\"|\"r\"\"s\nt\"\ny|\"p;q\"|u\n", "separator", Some("|")),
        ("a\t\"b\n1\t\"c\" d\n2\te\n", "quote", Some("")),
        ("1,\"a \\\" b, c\"\n2,\"d\"\n", "escape", Some("\\\\")),
        ("1,\"a \"\" b, c\"\n2,\"d\"\n", "escape", None),
        ("1|2|\n3|4|\n", "trailing_separator", Some("true")),
        ("1|2|x\n3|4|\n", "trailing_separator", None),
        ("id,v\n1,\\N\n2,3\n", "null", Some("\\\\N")),
        ("id,v\n1,NULL\n2,3\n", "null", Some("NULL")),
        ("id,v\n1,\n2,3\n", "null", None),
        ("id,v\r\n1,2\r\n", "header", Some("true")),
        ("1,2\n3,4\n", "header", Some("false")),
        ("\u{feff}id,v\n1,2\n", "header", Some("true")),
        ("id, v \n1, 2 \n", "trim", Some("both")),
    ];
    for (sample, key, expected) in table {
        assert_eq!(one(&inferred(sample.as_bytes()), key).as_deref(), *expected, "{sample:?}: {key}");
    }
    let latin = inferred(b"name,amount\nM\xfcller,1.50\n");
    assert_eq!(one(&latin, "encoding").as_deref(), Some("latin-1"));
}

#[test]
fn columns_get_names_that_a_database_can_use() {
    let header = "Order ID,orderDate,Größe,run_id,a,A,2nd,%,\"x\ny\"";
    let sample = format!("{header}\n1,2024-02-29,3,4,5,6,7,8,9\n");
    let names = all(&inferred(sample.as_bytes()), "name");
    let expected =
        ["order_id", "order_date", "groesse", "source_run_id", "a", "a_2", "_2nd", "column_8", "x_y"];
    assert_eq!(names[2..], expected);
    for (name, table) in
        [("Crossfoot-log", "t_crossfoot_log"), ("", "records"), ("2024", "_2024"), ("é", "e")]
    {
        let text = infer(name, sample.as_bytes(), true).unwrap().text;
        assert!(text.contains(&format!("final = \"{table}\"")), "{name}: {text}");
    }
}

#[test]
fn a_key_is_set_when_well_supported_and_suggested_otherwise() {
    let rows = |count: usize, row: fn(usize) -> String| (0..count).map(row).collect::<String>();
    let many = format!("id,amount\n{}", rows(30, |at| format!("{at},{}.50\n", at % 3)));
    let found = inferred(many.as_bytes());
    assert_eq!(one(&found, "key").as_deref(), Some("[\"id\"]"));
    assert_eq!(one(&found, "amounts").as_deref(), Some("[\"amount\"]"));
    let few = inferred(b"id,amount\n1,2.50\n2,2.50\n");
    assert_eq!((one(&few, "key"), one(&few, "# key").as_deref()), (None, Some("[\"id\"]")));
    let pair = format!("order_id,line,qty\n{}", rows(40, |at| format!("{},{},7\n", at / 4, at % 4)));
    assert_eq!(one(&inferred(pair.as_bytes()), "# key").as_deref(), Some("[\"order_id\", \"line\"]"));
    let none = inferred(b"id,amount\n1,2.50\n1,2.50\n");
    assert!(
        none.notes.iter().any(|note| note.contains("no column or pair of columns is unique")),
        "{:?}",
        none.notes
    );
}

#[test]
fn what_is_no_delimited_text_is_refused_with_the_reason() {
    let table: &[(&[u8], bool, &str)] = &[
        (b"", true, "is empty"),
        (b" \n\n", true, "is empty"),
        (b"\x1f\x8b\x08rest", true, "gzip"),
        (b"a,b\n1,\0\n", true, "not plain text"),
        (b"\xff\xfea\0,\0", true, "UTF-16"),
        (b"a,b\r1,2\r3,4\r", true, "CR only"),
        (b"0001SMITH     00012\n0002JONES     00034\n", true, "format = \"fixed\""),
        (b"a,b", false, "no separator"),
    ];
    for (sample, whole, fragment) in table {
        let error = infer("sample", sample, *whole).unwrap_err().to_string();
        assert!(error.contains(fragment), "{error}");
    }
}

#[test]
fn a_sample_may_be_cut_off_anywhere() {
    let rows = "1,\"Größe, \"\"x\"\"\ny\",1.50\n2,Ärger,20.75\n".repeat(3);
    let sample = format!("id,name,amount\n{rows}");
    let bytes = sample.as_bytes();
    let whole = infer("sample", bytes, true).unwrap();
    // From the second record's end on, all columns have been seen.
    for end in 60..bytes.len() {
        let cut = infer("sample", &bytes[..end], false).unwrap();
        assert_eq!(all(&cut, "type")[..2], all(&whole, "type")[..2], "cut at {end}");
    }
}

const WORDS: [&str; 36] = [
    "",
    "",
    "0",
    "1",
    "-7",
    "+3",
    "007",
    "12.50",
    "-0.5",
    ".5",
    "5.",
    "1e5",
    "NaN",
    "1,5",
    "a;b",
    "p|q",
    "t\tt",
    "NULL",
    "\\N",
    "true",
    "F",
    "y",
    "2024-02-29",
    "20240229",
    "01/02/2024",
    "2024-02-29 23:59:59.5",
    "x",
    "Größe",
    "say \"hi\"",
    "two\nlines",
    " padded ",
    "run_id",
    "id",
    "99999999999999999999",
    "\\",
    "'",
];

/// Whatever a table's cells are, what is inferred from it is a job that reads all of its records.
#[test]
fn whatever_a_table_holds_its_job_is_accepted_and_reads_it() {
    let mut read = 0;
    for seed in 1..=1500 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let (width, height) = (2 + dice.usize(..6), 1 + dice.usize(..12));
        let separator = [",", ";", "|", "\t"][dice.usize(..4)];
        let line_end = ["\n", "\r\n"][dice.usize(..2)];
        // Columns of one kind, and columns of all kinds.
        let homes: Vec<Option<usize>> =
            (0..width).map(|_| (dice.usize(..3) > 0).then(|| dice.usize(..WORDS.len()))).collect();
        let always_quoted = dice.usize(..4) == 0;
        let mut sample = String::new();
        for _ in 0..height {
            let mut cells = Vec::new();
            for home in &homes {
                let word =
                    WORDS[home.filter(|_| dice.usize(..8) > 0).unwrap_or_else(|| dice.usize(..WORDS.len()))];
                let special = word.contains(['"', '\n', ',', ';', '|', '\t']);
                let quote = always_quoted || special || dice.usize(..10) == 0;
                cells.push(if quote {
                    format!("\"{}\"", word.replace('"', "\"\""))
                } else {
                    word.to_owned()
                });
            }
            sample += &(cells.join(separator) + line_end);
        }
        if sample.trim().is_empty() {
            continue;
        }
        let Ok(found) = infer("random", sample.as_bytes(), true) else { continue };
        let (records, reason) = read_back(&found.text, sample.as_bytes());
        assert_eq!(reason, None, "seed {seed}\n{sample}\n{}", found.text);
        assert!(records <= height, "seed {seed}: {records} records\n{sample}\n{}", found.text);
        read += 1;
    }
    assert!(read > 500, "only {read} tables said anything");
}
