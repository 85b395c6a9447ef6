//! Fields that are made of columns: each with the right value, or the reason why there is none.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use job::Job;
use support::{delimited, read};

mod support;

/// A job of one record type with these fields, each given by its lines.
fn job(source: &str, fields: &[&str]) -> String {
    let fields: String = fields.iter().map(|field| format!("[[record.field]]\n{field}\n")).collect();
    format!(
        "[job]\nname = \"case\"\n[source]\n{source}\n[[record]]\nname = \"r\"\nstaging = \"s\"\nfinal = \"f\"\n\
         {fields}{TABLES}"
    )
}

const TABLES: &str = "[lookups]\n\"branches.csv\" = '''\ncode,name,rate\n001,Head office,0.50\n002,\"Lyon, Sud\",1.25\n\
                      003,Head office,2.00\n'''\n";

const CSV: &str = "format = \"delimited\"";
const FIXED: &str = "format = \"fixed\"";

const ID: &str = "name = \"id\"\ntype = \"integer\"";

fn refused(job: &str, expected: &str) {
    let error = Job::parse("job.toml", job).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_constant_comes_from_no_byte() {
    let alone = delimited("", &[("id", "integer"), ("ccy", "text(3)")]) + "constant = \"EUR\"\n";
    assert_eq!(read(&alone, b"1\n"), ["1 · 'EUR'"]);
    let job = job(
        CSV,
        &[
            ID,
            "name = \"ccy\"\ntype = \"text(3)\"\nconstant = \"EUR\"",
            "name = \"rate\"\ntype = \"decimal(5,2)\"\nconstant = \"1.5\"",
        ],
    );
    assert_eq!(read(&job, b"1\n2\n"), ["1 · 'EUR' · 1.50", "2 · 'EUR' · 1.50"]);
    assert!(read(&job, b"1,EUR\n")[0].starts_with("REJECT field-count"));
}

#[test]
fn columns_are_joined_and_read_as_if_the_file_had_had_them_so() {
    let at =
        "name = \"at\"\ntype = \"timestamp(%Y%m%d %H%M)\"\nconcat = [\"date\", \"time\"]\nseparator = \" \"";
    let lines =
        read(&job(CSV, &[ID, at]), b"1,20240131,0930\n2,,\n3,20240131,\n4,2024 0131,0930\n5,20240132,0930\n");
    assert_eq!(lines[..2], ["1 · 2024-01-31 09:30:00.000000", "2 · NULL"]);
    assert_eq!(lines[2], "REJECT required: column 2 of `concat` is NULL, but not all of them are");
    assert_eq!(lines[3], "REJECT field-count: column 1 of `concat` contains the separator");
    assert!(lines[4].starts_with("REJECT type: '20240132 0930' is not a timestamp"), "{}", lines[4]);
    // By their names, wherever they stand; one of them is a field as well.
    let job = job(
        "format = \"delimited\"\nheader = true",
        &[ID, at, "name = \"day\"\ntype = \"date(%Y%m%d)\"\nfrom = \"date\""],
    );
    let mut bound = Job::parse("job.toml", &job).unwrap();
    bound = bound.with_columns(&["time".into(), "id".into(), "date".into()]).unwrap().unwrap();
    let lines = read(&bound.text, b"0930,1,20240131\n");
    assert_eq!(lines, ["1 · 2024-01-31 09:30:00.000000 · 2024-01-31"]);
    // At fixed positions each column is as long as it is, blanks at its end included.
    let joined =
        "name = \"k\"\ntype = \"text(5)\"\nconcat = [{ start = 1, width = 3 }, { start = 5, width = 2 }]";
    let lines = read(
        &self::job(FIXED, &["name = \"x\"\ntype = \"text(1)\"\nstart = 4\nwidth = 1", joined]),
        b"a  xb \nab xcd\n   x  \n",
    );
    assert_eq!(lines, ["'x' · 'a  b'", "'x' · 'ab cd'", "'x' · NULL"]);
}

#[test]
fn every_part_of_a_column_is_a_field_or_dropped_by_name() {
    let part = |name: &str, number: &str, more: &str| {
        format!("name = \"{name}\"\ntype = \"text(20)\"\nfrom = \"who\"\ntrim = \"both\"\n{number}\n{more}")
    };
    let comma = |name: &str, number: usize, more: &str| {
        part(name, &format!("part = {number}\nseparator = \";\""), more)
    };
    let both = job(CSV, &[ID, &comma("last", 1, ""), &comma("first", 2, "")]);
    let lines = read(&both, b"1,Doe; Jo\n2,Doe;\n3,\n4,Doe\n5,Doe;Jo;Sr\n6,;Jo\n");
    assert_eq!(lines[..3], ["1 · 'Doe' · 'Jo'", "2 · 'Doe' · NULL", "3 · NULL · NULL"]);
    assert_eq!(lines[3], "REJECT field-count: the column has 1 part, and the field is part 2");
    assert!(
        lines[4].starts_with("REJECT field-count: a part of the column becomes no field"),
        "{}",
        lines[4]
    );
    assert_eq!(lines[5], "6 · NULL · 'Jo'");
    let lenient = job(
        CSV,
        &[ID, &comma("last", 1, ""), &comma("first", 2, "missing_part = \"null\"\nuncovered = \"drop\"")],
    );
    assert_eq!(read(&lenient, b"4,Doe\n5,Doe;Jo;Sr\n"), ["4 · 'Doe' · NULL", "5 · 'Doe' · 'Jo'"]);
    let chars = |name: &str, place: &str, more: &str| part(name, &format!("part = {place}"), more);
    let tiled =
        job(CSV, &[ID, &chars("a", "{ start = 1, length = 2 }", ""), &chars("b", "{ start = 3 }", "")]);
    let lines = read(&tiled, "1,AB123\n2,A\n3,ÄB\n4,\n".as_bytes());
    assert_eq!(lines[0], "1 · 'AB' · '123'");
    assert!(
        lines[1].contains("the column has 1 character, and the field is characters 1 to 2"),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2..], ["3 · 'ÄB' · NULL", "4 · NULL · NULL"]);
    let gap = job(CSV, &[ID, &chars("a", "{ start = 1, length = 2 }", ""), &chars("b", "{ start = 4 }", "")]);
    assert!(read(&gap, b"1,AB-123\n")[0].contains("a part of the column becomes no field"));
    let dropped = job(
        CSV,
        &[
            ID,
            &chars("a", "{ start = 1, length = 2 }", "uncovered = \"drop\""),
            &chars("b", "{ start = 4 }", ""),
        ],
    );
    assert_eq!(read(&dropped, b"1,AB-123\n"), ["1 · 'AB' · '123'"]);
    // A part that is cut is never taken for one that is missing.
    let cut = job(CSV, &[ID, &chars("a", "{ start = 1, length = 4 }", "missing_part = \"null\"")]);
    assert!(read(&cut, b"1,ABC\n")[0].starts_with("REJECT field-count"));
    let typed = job(
        CSV,
        &[
            ID,
            "name = \"amt\"\ntype = \"decimal(9,2)\"\nfrom = \"v\"\npart = 2\nseparator = \" \"",
            "name = \"ccy\"\ntype = \"text(3)\"\nfrom = \"v\"\npart = 1\nseparator = \" \"",
        ],
    );
    assert_eq!(read(&typed, b"1,EUR 12.5\n"), ["1 · 12.50 · 'EUR'"]);
}

#[test]
fn a_code_is_looked_up_and_one_that_is_missing_is_a_reject_unless_the_job_says_otherwise() {
    let lookup = |more: &str| {
        format!("lookup = {{ file = \"branches.csv\", key = \"code\", value = \"name\"{more} }}")
    };
    let branch = format!("name = \"branch\"\ntype = \"text(20)\"\n{}", lookup(""));
    let lines = read(&job(CSV, &[ID, &branch]), b"1,001\n2,002\n3,999\n4,\n5,1\n");
    assert_eq!(lines[..2], ["1 · 'Head office'", "2 · 'Lyon, Sud'"]);
    assert_eq!(lines[2], "REJECT not-allowed: '999' is no code of the lookup table");
    assert_eq!(lines[3], "4 · NULL");
    assert!(lines[4].starts_with("REJECT not-allowed: '1'"), "a code is a text: {}", lines[4]);
    let otherwise =
        format!("name = \"branch\"\ntype = \"text(20)\"\n{}", lookup(", otherwise = \"unknown\""));
    assert_eq!(read(&job(CSV, &[ID, &otherwise]), b"3,999\n"), ["3 · 'unknown'"]);
    // Code and meaning are both kept, and a meaning has the field's type.
    let rate = "name = \"rate\"\ntype = \"decimal(5,2)\"\nfrom = \"branch\"\nlookup = { file = \"branches.csv\", key = \"code\", value = \"rate\" }";
    let code = "name = \"branch\"\ntype = \"text(3)\"";
    assert_eq!(read(&job(CSV, &[ID, code, rate]), b"1,002\n"), ["1 · '002' · 1.25"]);
    let text = job(CSV, &[ID, &branch]);
    for (from, to, expected) in [
        ("003,", "001,", "line 4: the code `001` is there twice, first in line 2"),
        ("003,Head office,2.00", "003,Head office", "line 4: it has 2 columns, but the header row has 3"),
        ("code,name", "code,code", "two columns are named `code`"),
        ("code,name", "code,title", "there is no column `name`"),
        ("003,", ",", "line 4: it has no code"),
        ("\"Lyon, Sud\"", "\"Lyon", "line 3: its quotes do not close"),
        ("text(20)", "text(9)", "code `001` stands for `Head office`"),
        ("\"branches.csv\" =", "\"other.csv\" =", "cannot find the lookup table `branches.csv`"),
    ] {
        refused(&text.replace(from, to), expected);
    }
    let big = format!("001,{}\n", "x".repeat(1 << 20));
    refused(&text.replace("001,Head office,0.50\n", &big), "at most 1048576 are allowed");
}

#[test]
fn an_indicator_says_whether_there_is_a_value() {
    let amount = |more: &str| {
        format!(
            "name = \"amt\"\ntype = \"decimal(9,2)\"\nnull_indicator = {{ column = \"ind\", null = [\"?\"], value = [\"\"] }}\n{more}"
        )
    };
    let lines = read(&job(CSV, &[ID, &amount("")]), b"1,12.50,\n2,0.00,?\n3,,?\n4,12.50,?\n5,12.50,!\n");
    assert_eq!(lines[..3], ["1 · 12.50", "2 · NULL", "3 · NULL"]);
    assert!(
        lines[3].starts_with("REJECT padding: the indicator says NULL, but the field has content"),
        "{}",
        lines[3]
    );
    assert_eq!(lines[4], "REJECT not-allowed: the indicator '!' means neither NULL nor a value");
    assert_eq!(read(&job(CSV, &[ID, &amount("null_content = \"drop\"")]), b"4,12.50,?\n"), ["4 · NULL"]);
    let required = read(&job(CSV, &[ID, &amount("required = true")]), b"2,0.00,?\n");
    assert!(required[0].starts_with("REJECT required"), "{}", required[0]);
    let fixed = "name = \"amt\"\ntype = \"decimal(4,2)\"\nstart = 1\nwidth = 5\nnull_indicator = { start = 6, width = 1 }";
    let lines = read(&job(FIXED, &[fixed]), b"12.50 \n     ?\n00.00?\n12.500\n12.50x\n");
    assert_eq!(lines[..4], ["12.50", "NULL", "NULL", "12.50"]);
    assert!(lines[4].contains("means neither"), "{}", lines[4]);
}

/// What Db2's own programs write: items with an indicator byte after or before them, or a halfword of -1.
const COPYBOOK: &str = "[copybooks]\n\"c\" = '''\n       01  R.\n           05  ID        PIC 9(3).\n           \
    05  AMT       PIC S9(5)V99 COMP-3.\n           05  AMT-IND   PIC X.\n           05  NOTE-IND  PIC S9(4) COMP.\n           \
    05  NOTE.\n             49  NOTE-LEN  PIC S9(4) COMP.\n             49  NOTE-TEXT PIC X(4).\n           \
    05  D         PIC 9(8).\n           05  T         PIC 9(6) COMP-3.\n           05  BRANCH    PIC 9(3) COMP.\n'''\n";

fn copybook(fields: &[&str]) -> String {
    job("format = \"copybook\"\ncopybook = \"c\"", fields) + COPYBOOK
}

/// A record: id, packed amount, its indicator, indicator of the note, the note, date, time and branch.
fn record(
    id: &str,
    amount: [u8; 4],
    indicator: u8,
    of_note: i16,
    note: &str,
    moment: (&str, [u8; 4]),
    branch: u16,
) -> Vec<u8> {
    let ebcdic = |text: &str| {
        let byte = |byte: u8| if byte.is_ascii_digit() { byte + 0xC0 } else { byte - b'A' + 0xC1 };
        text.bytes().map(byte).collect::<Vec<_>>()
    };
    let mut out = ebcdic(id);
    out.extend(amount);
    out.push(indicator);
    out.extend(of_note.to_be_bytes());
    out.extend(i16::try_from(note.len()).unwrap().to_be_bytes());
    let mut text = ebcdic(note);
    text.resize(4, 0x40);
    out.extend(text);
    out.extend(ebcdic(moment.0));
    out.extend(moment.1);
    out.extend(branch.to_be_bytes());
    out
}

#[test]
fn a_copybooks_columns_are_joined_looked_up_and_gated() {
    let job = copybook(&[
        "name = \"amt\"\nnull_indicator = \"amt_ind\"",
        "name = \"note_text\"\nnull_indicator = \"note_ind\"",
        "name = \"at\"\ntype = \"timestamp(%Y%m%d%H%M%S)\"\nconcat = [\"d\", \"t\"]",
        "name = \"office\"\ntype = \"text(20)\"\nfrom = \"branch\"\nlookup = { file = \"branches.csv\", key = \"code\", value = \"name\" }",
        "name = \"branch\"",
        "name = \"ccy\"\ntype = \"text(3)\"\nconstant = \"EUR\"",
    ]);
    let packed = |digits: u32| u32::from_str_radix(&format!("{digits:07}C"), 16).unwrap().to_be_bytes();
    let time = [0x00, 0x93, 0x00, 0x0F];
    let day = ("20240131", time);
    let good = record("001", packed(1250), 0x00, 0, "HI", day, 2);
    let lines = read(&job, &good);
    assert_eq!(lines, ["1 · 12.50 · 2 · 'HI' · 2 · 2024-01-31 09:30:00.000000 · 'Lyon, Sud' · 'EUR'"]);
    let null = |amount: [u8; 4], indicator: u8| record("001", amount, indicator, -1, "", day, 1);
    let tail = "0 · NULL · 1 · 2024-01-31 09:30:00.000000 · 'Head office' · 'EUR'";
    for (amount, indicator) in [([0; 4], 0x6F), ([0; 4], 0xFF), ([0x40; 4], 0xFF), (packed(0), 0xFF)] {
        assert_eq!(read(&job, &null(amount, indicator)), [format!("1 · NULL · {tail}")]);
    }
    for (bytes, expected) in [
        (null(packed(1), 0xFF), "REJECT padding: the indicator says NULL, but the field has content"),
        (null([0x7B; 4], 0xFF), "REJECT padding"),
        (null(packed(1), 0x7A), "REJECT not-allowed: the indicator x'7a' means neither NULL nor a value"),
        (record("001", packed(1), 0, -2, "", day, 1), "REJECT not-allowed: the indicator -2 means neither"),
        (record("001", packed(1), 0, 0, "", day, 9), "REJECT not-allowed: '009' is no code"),
        (record("001", packed(1), 0, 0, "", ("20240132", time), 1), "REJECT type"),
    ] {
        let lines = read(&job, &bytes);
        assert!(lines[0].starts_with(expected), "{}", lines[0]);
    }
    let drops =
        job.replace("null_indicator = \"amt_ind\"", "null_indicator = \"amt_ind\"\nnull_content = \"drop\"");
    assert_eq!(read(&drops, &null([0x7B; 4], 0xFF)), [format!("1 · NULL · {tail}")]);
    let named = job.replace("\"note_ind\"", "{ column = \"note_ind\", null = [-1, -2], value = [0] }");
    assert!(read(&named, &record("001", packed(1), 0, -2, "", day, 1))[0].contains("0.01 · 0 · NULL"));
}

#[test]
fn numbers_are_joined_with_all_their_digits_and_no_sign() {
    let job = copybook(&["name = \"k\"\ntype = \"text(12)\"\nconcat = [\"d\", \"note_ind\"]"]);
    let of =
        |number: i16| record("001", [0, 0, 0, 0x0C], 0xC1, number, "A", ("20240131", [0, 0, 0, 0x0F]), 1);
    assert!(read(&job, &of(7))[0].ends_with("· '202401310007'"), "{:?}", read(&job, &of(7)));
    let lines = read(&job, &of(-7));
    assert_eq!(lines, ["REJECT field-count: column 2 of `concat` is not as long as its picture says"]);
    let separated =
        job.replace("\"note_ind\"]", "\"note_ind\"]\nseparator = \"/\"").replace("text(12)", "text(14)");
    assert!(read(&separated, &of(-7))[0].ends_with("· '20240131/-0007'"));
}

#[test]
fn what_makes_no_sense_together_is_refused_by_name() {
    let x = |lines: &str| format!("name = \"x\"\ntype = \"text(9)\"\n{lines}");
    for (lines, expected) in [
        ("constant = \"a\"\nconcat = [\"b\", \"c\"]\nseparator = \" \"", "do not go together"),
        ("constant = \"0123456789\"", "constant `0123456789`"),
        ("constant = \"a\"\ndefault = \"b\"", "never NULL"),
        ("concat = [\"a\", \"b\"]", "needs a `separator`"),
        ("concat = [\"a\"]\nseparator = \" \"", "two columns or more"),
        ("concat = [{ start = 1, width = 2 }, \"b\"]\nseparator = \" \"", "by its name"),
        ("part = 0\nseparator = \",\"", "counted from 1"),
        ("part = 1", "needs a `separator`"),
        ("part = { start = 0 }", "counted from 1"),
        ("part = 1\nseparator = \"\"", "nothing separates"),
        ("separator = \",\"", "goes with"),
        ("uncovered = \"drop\"", "goes with `part`"),
        ("part = 1\nseparator = \",\"\nuncovered = \"keep\"", "expected reject or drop"),
        ("null_content = \"drop\"", "goes with `null_indicator`"),
        ("null_indicator = { column = \"i\", null = [\"?\"], value = [\"?\"] }", "both NULL and a value"),
        ("null_indicator = { column = \"i\", null = [] }", "names no indicator"),
        ("null_indicator = { column = \"i\", null = [1] }", "the indicator's column is a text"),
    ] {
        // Keys that say nothing by themselves are seen beside a field that is made of columns.
        let other = "name = \"o\"\ntype = \"text(1)\"\nconstant = \"x\"";
        refused(&job(CSV, &[ID, other, &x(lines)]), expected);
    }
    let parts = [
        "name = \"a\"\ntype = \"text(9)\"\nfrom = \"v\"\npart = 1\nseparator = \",\"",
        "name = \"b\"\ntype = \"text(9)\"\nfrom = \"v\"\npart = 2\nseparator = \";\"",
    ];
    refused(&job(CSV, &parts), "take their column apart in different ways");
    let hidden = parts[1].replace("\";\"", "\",\"\nsensitive = true");
    refused(&job(CSV, &[parts[0], &hidden]), "mark both as sensitive, or neither");
    let overlapping = [
        "name = \"a\"\ntype = \"text(2)\"\nstart = 1\nwidth = 2",
        "name = \"k\"\ntype = \"text(5)\"\nconcat = [{ start = 2, width = 3 }, { start = 5, width = 2 }]",
    ];
    refused(&job(FIXED, &overlapping), "overlaps");
    for (fields, expected) in [
        (
            "name = \"x\"\ntype = \"text(9)\"\nfrom = \"amt\"\npart = 1\nseparator = \".\"",
            "neither a text nor a whole number",
        ),
        (
            "name = \"x\"\ntype = \"text(9)\"\nconcat = [\"d\", \"nothing\"]",
            "the copybook has no column `nothing`",
        ),
        ("name = \"x\"\ntype = \"text(9)\"\nconcat = [\"d\", \"note_text\"]", "`concat` needs a `separator`"),
        ("name = \"amt\"\nnull_indicator = \"amt\"", "not beside the field"),
        (
            "name = \"amt\"\nnull_indicator = { column = \"amt_ind\", null = [\"x'FFFF'\"] }",
            "as the indicator's column has",
        ),
        (
            "name = \"amt\"\nnull_indicator = \"amt_ind\"\n[[record.field]]\nname = \"amt_ind\"",
            "is a field as well",
        ),
        (
            "name = \"x\"\ntype = \"text(9)\"\nconstant = \"a\"\nwidth = 3",
            "for a field with a column of its own",
        ),
    ] {
        refused(&copybook(&[fields]), expected);
    }
    let told = copybook(&["name = \"x\"\ntype = \"text(9)\"\nconstant = \"a\""])
        .replace("staging = \"s\"", "when = { field = \"x\", in = [\"a\"] }\nstaging = \"s\"");
    refused(&told, "cannot tell a record's type");
}

#[test]
fn fingerprints_can_be_compared_where_fields_are_made_alike() {
    let of = |text: &str| Job::parse("job.toml", text).unwrap().layout_digest();
    let branch = "name = \"branch\"\ntype = \"text(20)\"\nlookup = { file = \"branches.csv\", key = \"code\", value = \"name\" }";
    let job = job(CSV, &[ID, branch]);
    assert_eq!(of(&job), of(&job.replace("name = \"case\"", "name = \"other\"")));
    for (from, to) in [
        ("003,Head office", "003,Harbour"),
        ("value = \"name\"", "value = \"rate\""),
        ("value = \"name\" }", "value = \"name\", otherwise = \"x\" }"),
        ("lookup = { file = \"branches.csv\", key = \"code\", value = \"name\" }", ""),
        ("lookup = { file = \"branches.csv\", key = \"code\", value = \"name\" }", "constant = \"001\""),
    ] {
        assert_ne!(of(&job), of(&job.replace(from, to)), "{from} and {to}");
    }
}
