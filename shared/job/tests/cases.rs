//! Small inputs for which a tool of this kind is likely to load wrong data, each with the right values. Each stands for
//! a kind.
//!
//! `CROSSFOOT_PEER_DATA` names the folder above `cases`. Without it the tests say so and pass, unless
//! `CROSSFOOT_INSIST` is set.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::io::Write;
use std::path::PathBuf;

use job::Job;
use support::{delimited, read};

mod support;

fn case(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("CROSSFOOT_PEER_DATA").map(PathBuf::from).filter(|path| path.is_dir());
    let Some(folder) = folder else {
        assert!(
            std::env::var_os("CROSSFOOT_INSIST").is_none(),
            "CROSSFOOT_PEER_DATA must name a folder here"
        );
        drop(std::io::stderr().write_all(b"SKIPPED: CROSSFOOT_PEER_DATA names no folder\n"));
        return None;
    };
    let path = folder.join("cases").join(name);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// A job for records that a copybook lays out.
fn laid_out(copybook: &str, source: &str, record: &str) -> String {
    let text = String::from_utf8(case(copybook).unwrap()).unwrap().replace('\u{1a}', "\\u001A");
    format!(
        "[job]\nname = \"case\"\n[source]\nformat = \"copybook\"\ncopybook = \"c\"\n{source}\n[[record]]\n\
         name = \"r\"\nstaging = \"s\"\nfinal = \"f\"\n{record}\n[copybooks]\nc = \"\"\"\n{text}\"\"\"\n"
    )
}

#[test]
fn bytes_after_a_table_that_its_count_does_not_cover_are_a_reject() {
    let Some(full) = case("odo-full.vb") else { return };
    let job = laid_out("odo-last.cpy", "framing = \"rdw\"", "");
    let first = "'01' · 2 · 1.00 · 2.00 · NULL · NULL · NULL";
    let behind =
        |bytes: &str| format!("REJECT field-count: the record has {bytes} bytes, but its layout ends at");
    assert_eq!(
        read(&job, &full),
        [
            first,
            "REJECT padding: 16 bytes after the record's last item, from offset 7, belong to no field and are not \
             blank; the first is at offset 9"
        ]
    );
    assert_eq!(read(&job, &case("odo-beyond.vb").unwrap()), [first, &format!("{} 7", behind("51"))]);
    let last = case("odo-last.vb").unwrap();
    assert_eq!(read(&job, &last), [first, &format!("{} 7", behind("15")), &format!("{} 3", behind("7"))]);
    // The job may say that they are nothing.
    let job = laid_out("odo-last.cpy", "framing = \"rdw\"", "padding = \"any\"");
    assert_eq!(read(&job, &full)[1], "'02' · 1 · 1.00 · NULL · NULL · NULL · NULL");
}

#[test]
fn a_table_amid_a_record_is_right_in_one_setting_only_and_a_reject_in_the_others() {
    if case("odo-mid.cpy").is_none() {
        return;
    }
    let right = ["'01' · 2 · 'AA' · 'BB' · NULL · 1.00", "'02' · 0 · NULL · NULL · NULL · -2.00"];
    for (file, following, is_right) in [
        ("odo-mid-shift.vb", "shift", true),
        ("odo-mid-shift.vb", "stay", false),
        ("odo-mid-pad.vb", "shift", true),
        ("odo-mid-pad.vb", "stay", false),
        ("odo-mid-max.vb", "stay", true),
        ("odo-mid-max.vb", "shift", false),
    ] {
        let source = format!("framing = \"rdw\"\ncobol = {{ behind_tables = \"{following}\" }}");
        let lines = read(&laid_out("odo-mid.cpy", &source, ""), &case(file).unwrap());
        assert_eq!(lines[..2] == right, is_right, "{file} {following} {lines:#?}");
        assert_eq!(lines[2], "'03' · 3 · 'CC' · 'DD' · 'EE' · 3.00", "{file} {following}");
        assert!(is_right || lines[..2].iter().all(|line| line.starts_with("REJECT")), "{lines:#?}");
    }
}

#[test]
fn what_follows_nested_tables_is_a_reject() {
    let Some(nested) = case("odo-nested.rdw") else { return };
    let job = laid_out("odo-nested.cpy", "framing = \"rdw\"\nencoding = \"ascii\"", "");
    let lines = [read(&job, &nested), read(&job, &case("odo-nested-max.rdw").unwrap())].concat();
    assert_eq!(lines[2], "1 · 1 · 'A' · NULL · NULL · NULL · NULL · NULL · NULL");
    let rejects: Vec<_> = lines.iter().filter(|line| line.starts_with("REJECT")).collect();
    assert_eq!(rejects.len(), 4, "{lines:#?}");
}

#[test]
fn a_varchar_is_as_long_as_its_length_says() {
    if case("varchar.cpy").is_none() {
        return;
    }
    let values = ["'01' · 5 · 'HELLO'", "'02' · 0 · ''", "'03' · 20 · 'HELLO WORLD 12345678'"];
    for (file, framing, expected) in [
        ("varchar.fb", "fixed", &values[..]),
        ("varchar.vb", "rdw", &values[..]),
        ("varchar-slack.fb", "fixed", &["'01' · 5 · 'HELLO'", "'02' · 2 · 'HI'"][..]),
    ] {
        let job = laid_out("varchar.cpy", &format!("framing = \"{framing}\""), "");
        assert_eq!(read(&job, &case(file).unwrap()), expected, "{file}");
    }
    let plain = "framing = \"fixed\"\ncobol = { level_49 = \"plain\" }";
    let lines = read(&laid_out("varchar.cpy", plain, ""), &case("varchar-slack.fb").unwrap());
    assert_eq!(lines[0], "'01' · 5 · 'HELLOXXXXXXXXXXXXXXX'");
    let named = "[[record.field]]\nname = \"col8_text\"\nlength_from = \"col8_len\"";
    let lines = read(&laid_out("varchar.cpy", plain, named), &case("varchar-slack.fb").unwrap());
    assert_eq!(lines, ["'01' · 5 · 'HELLO'", "'02' · 2 · 'HI'"]);
}

#[test]
fn an_implied_point_counts_in_an_edited_picture() {
    let Some(source) = case("edited-point.txt") else { return };
    let field = "[[record.field]]\nname = \"amt\"\ntype = \"decimal(10,2)\"";
    let job = laid_out("edited-point.cpy", "framing = \"line\"\nencoding = \"ascii\"", field);
    assert_eq!(read(&job, &source), ["1 · 123.45", "2 · -1.50"]);
}

#[test]
fn an_ascii_source_says_the_order_of_bytes_and_the_kind_of_float() {
    let Some(source) = case("native.fb") else { return };
    let refused = |cobol: &str| {
        let source = format!("framing = \"fixed\"\nencoding = \"ascii\"\n{cobol}");
        Job::parse("job.toml", &laid_out("native.cpy", &source, "")).unwrap_err().to_string()
    };
    let error = refused("");
    assert!(error.contains("native number in an ASCII source") && error.contains("native_order"), "{error}");
    let error = refused("cobol = { native_order = \"little\" }");
    assert!(error.contains("float in an ASCII source") && error.contains("floats"), "{error}");
    let cobol = "cobol = { native_order = \"little\", floats = \"ieee\" }";
    let job = laid_out("native.cpy", &format!("framing = \"fixed\"\nencoding = \"ascii\"\n{cobol}"), "");
    assert_eq!(read(&job, &source), ["1 · 1 · '1.5' · 123.45", "2 · 2 · '-0.1' · 5.00"]);
}

#[test]
fn spaces_in_binary_fields_are_what_the_job_says() {
    let Some(source) = case("comp-spaces.fb") else { return };
    let read = |cobol: &str| read(&laid_out("comp-spaces.cpy", cobol, ""), &source);
    for binary in ["picture", "native"] {
        let lines = read(&format!("cobol = {{ binary = \"{binary}\", spaces = \"null\" }}"));
        assert_eq!(lines[..2], ["'01' · 1234 · 7", "'02' · NULL · NULL"]);
        let larger = if binary == "native" { "'03' · NULL · 12345" } else { "REJECT too-long: x'3039'" };
        assert!(lines[2].starts_with(larger), "{lines:#?}");
    }
    let lines = read("");
    assert!(lines[1].contains("only spaces where a number is expected"), "{lines:#?}");
}

#[test]
fn a_copybook_is_read_as_ibm_compilers_read_it() {
    if case("longer.cpy").is_none() {
        return;
    }
    let read = |copybook: &str, record: &str, source: &[u8]| {
        read(&laid_out(copybook, "framing = \"line\"\nencoding = \"ascii\"", record), source)
    };
    // The area is as long as its longest view.
    assert_eq!(read("longer.cpy", "views = [\"B\"]", b"abcde\n"), ["'abcde'"]);
    assert_eq!(read("longer.cpy", "padding = \"any\"", b"abcde\n"), ["'abc'"]);
    assert_eq!(read("tab.cpy", "", b"abc\n"), ["'abc'"]);
    assert_eq!(read("ctrlz.cpy", "", b"abc\n"), ["'abc'"]);
}

/// As [`read`], for a source with a header row.
fn read_named(job: &str, source: &[u8]) -> Result<Vec<String>, String> {
    let job = Job::parse("job.toml", job).unwrap_or_else(|error| panic!("{error}"));
    let header = format::Framer::new(&job.format).preamble(source, true).unwrap().unwrap_or(0);
    let names = format::header_names(&job.format, &source[..header]).unwrap();
    let bound = job.with_columns(&names).map_err(|error| error.to_string())?;
    Ok(read(&bound.unwrap_or(job).text, &source[header..]))
}

#[test]
fn columns_are_found_by_their_names_in_any_order() {
    let Some(reordered) = case("header-reordered.csv") else { return };
    let amounts = [("id", "integer"), ("amount", "decimal(9,2)"), ("fee", "decimal(9,2)")];
    let job = delimited("header = true", &amounts);
    let lines = read_named(&job, &reordered).unwrap();
    assert_eq!(lines, ["1 · 20.00 · 10.00", "2 · 2.00 · 1.00"]);
    let error = read_named(&job.replace("\"fee\"", "\"charge\""), &reordered).unwrap_err();
    assert!(error.contains("column 3 is not `charge`") && error.contains("column 2, `fee`"), "{error}");
    let from = |name: &str, of: &str, more: &str| {
        (format!("name = \"{name}\"\n"), format!("name = \"{name}\"\nfrom = \"{of}\"\n{more}"))
    };
    let doubled = [("id", "integer"), ("first", "decimal(9,2)"), ("second", "decimal(9,2)")];
    let job = delimited("header = true", &doubled);
    let (one, other) = (from("first", "amount", ""), from("second", "amount", ""));
    let job = job.replace(&one.0, &one.1).replace(&other.0, &other.1);
    let lines = read_named(&job, &case("header-doubled.csv").unwrap()).unwrap();
    assert_eq!(lines, ["1 · 10.00 · 20.00", "2 · 1.00 · 2.00"]);
    let turned = job.replace("name = \"first\"\n", "name = \"first\"\nnth = 2\n");
    let turned = turned.replace("name = \"second\"\n", "name = \"second\"\nnth = 1\n");
    let lines = read_named(&turned, &case("header-doubled.csv").unwrap()).unwrap();
    assert_eq!(lines, ["1 · 20.00 · 10.00", "2 · 2.00 · 1.00"]);
    let umlaut = [("amt", "decimal(9,2)"), ("size", "text(9)"), ("id", "integer")];
    let (size, named) = from("size", "Größe", "");
    let job = delimited("header = true", &umlaut).replace(&size, &named);
    assert_eq!(read_named(&job, &case("header-umlaut.csv").unwrap()).unwrap(), ["1.00 · 'a' · 1"]);
}

#[test]
fn an_escape_works_without_quotes_as_copy_and_mysqldump_write_it() {
    let Some(source) = case("backslash.txt") else { return };
    let fields = [("id", "integer"), ("text", "text(40)"), ("amt", "decimal(10,2)")];
    let job = delimited("separator = \"|\"\nquote = \"\"\nescape = \"\\\\\"\nnull = \"\\\\N\"", &fields);
    let expected = [
        "1 · 'text with | pipe' · 10.00",
        "2 · 'two\\nlines' · 20.50",
        "3 · 'back\\\\slash' · -1.00",
        "4 · 'ends in backslash\\\\' · 2.00",
        "5 · 'say \\\"hi\\\"' · 0.00",
    ];
    assert_eq!(read(&job, &source), expected);
    // A line end that is escaped, NULL, the text that only looks like it, an escape that nobody writes.
    let more = b"6|a\\\nb|1\n7|\\N|\\N\n8|\\\\N|2\n9|\\q|3\n10|x\\";
    let lines = read(&job, more);
    assert_eq!(lines[..3], ["6 · 'a\\nb' · 1.00", "7 · NULL · NULL", "8 · '\\\\N' · 2.00"]);
    assert!(lines[3].starts_with("REJECT quoting: '\\\\q' holds an escape"), "{}", lines[3]);
    assert!(lines[4].starts_with("REJECT"), "{}", lines[4]);
}

#[test]
fn a_file_of_another_encoding_is_not_taken_for_latin_1() {
    let Some(source) = case("cp1252.csv") else { return };
    let lines: Vec<_> = source.split(|byte| *byte == b'\n').collect();
    let columns = lines[0].split(|byte| *byte == b',').count();
    let names: Vec<_> = (0..columns).map(|at| format!("c{at}")).collect();
    let fields: Vec<_> = names.iter().map(|name| (name.as_str(), "text(60)")).collect();
    let job = |encoding: &str| delimited(&format!("encoding = \"{encoding}\"\nheader = false"), &fields);
    let right = read(&job("windows-1252"), &source);
    assert!(right.iter().any(|line| line.contains("Café 5 € – ok")), "{right:#?}");
    let wrong = read(&job("latin-1"), &source);
    assert!(
        wrong.iter().any(|line| line.starts_with("REJECT encoding: byte") && line.contains("windows-1252")),
        "{wrong:#?}"
    );
    let kept = job("latin-1").replace("header = false", "control_characters = \"keep\"");
    assert!(read(&kept, &source).iter().all(|line| !line.starts_with("REJECT")));
}

#[test]
fn text_of_many_encodings_is_read_and_a_separator_that_may_be_half_a_character_is_refused() {
    let fields = [("id", "integer"), ("text", "text(20)")];
    for (encoding, bytes, text) in [
        ("windows-1250", &b"1,\x8a\xe8\n"[..], "Šč"),
        ("iso-8859-15", b"1,\xa4\n", "€"),
        ("koi8-r", b"1,\xd0\xd2\n", "пр"),
        ("shift_jis", b"1,\x83\x5c\x95\x5c\n", "ソ表"),
        ("gb18030", b"1,\xd6\xd0\x81\x30\x84\x36\n", "中¥"),
        ("big5", b"1,\xa4\xa4\n", "中"),
        ("euc-kr", b"1,\xc7\xd1\n", "한"),
    ] {
        let job = delimited(&format!("encoding = \"{encoding}\""), &fields);
        assert_eq!(read(&job, bytes), [format!("1 · '{text}'")], "{encoding}");
    }
    let job = delimited("encoding = \"shift_jis\"", &fields);
    assert!(read(&job, b"1,\x83\n")[0].starts_with("REJECT encoding"));
    for (source, what) in [
        ("encoding = \"shift_jis\"\nseparator = \"|\"", "second byte of a character"),
        ("encoding = \"utf-16le\"", "does not contain ASCII"),
        ("encoding = \"utf-8\"\ncontrol_characters = \"keep\"", "does not apply"),
        ("encoding = \"klingon\"", "unknown encoding"),
        ("encoding = \"us-ascii\"", "leave `encoding` out"),
        ("encoding = \"cp037\"", "does not take the code page"),
        ("encoding = \"iso-8859-9\"", "windows-1254"),
    ] {
        let error = Job::parse("job.toml", &delimited(source, &fields)).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn numbers_are_read_in_the_notation_that_the_job_states() {
    let Some(us) = case("amounts-us.csv") else { return };
    let us_format = "header = true\ntrim = \"both\"\nnumbers = { grouping = \",\", currencies = [\"$\"], \
                     trailing_sign = true, parentheses = true, negative = [\"CR\"], exponent = true }";
    let lines = read(&delimited(us_format, &[("id", "integer"), ("amt", "decimal(38,2)")]), &us[7..]);
    let right = [
        "1234.56", "1234.56", "-250.00", "-250.00", "-250.00", "1500.00", "12.00", "0.50", "12.00", "7.00",
        "0.00", "0.01",
    ];
    for (at, amount) in right.iter().enumerate() {
        assert_eq!(lines[at], format!("{} · {amount}", at + 1));
    }
    assert!(lines[12].starts_with("REJECT"), "40 digits: {}", lines[12]);
    let whole = read(&delimited(us_format, &[("id", "integer"), ("amt", "decimal(38,0)")]), &us[7..]);
    assert!(whole.contains(&format!("13 · {}", "9".repeat(38))), "{whole:#?}");
    // As SQL writes them, which is the default, most of these are none.
    let strict = read(&delimited("", &[("id", "integer"), ("amt", "decimal(38,2)")]), &us[7..]);
    assert!(strict.iter().filter(|line| line.starts_with("REJECT")).count() >= 7, "{strict:#?}");

    let eu = case("amounts-eu.csv").unwrap();
    let after_header = eu.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let fields = [("id", "integer"), ("betrag", "decimal(15,2)")];
    let format = "separator = \";\"\nnumbers = { decimal = \",\", grouping = \".\" }";
    let lines = read(&delimited(format, &fields), &eu[after_header..]);
    assert_eq!(lines, ["1 · 1234.56", "2 · -0.05", "3 · 12.00", "4 · 1000.00"]);
}

#[test]
fn an_offset_is_never_dropped_and_local_times_stay_as_they_are_written() {
    let Some(source) = case("offsets.csv") else { return };
    let local = |third: &str| {
        delimited("", &[("id", "integer"), ("a", "timestamp"), ("b", "timestamp"), ("c", third)])
    };
    for format in ["timestamp(%Y-%m-%d %H:%M:%S %z)", "timestamp(%Y-%m-%dT%H:%M:%S%Q)", "date(%Y)", "date(%y"]
    {
        let error = Job::parse("job.toml", &local(format)).unwrap_err().to_string();
        assert!(error.contains("line "), "a job file that is wrong says where: {error}");
    }
    let lines = read(&local("text(30)"), &source);
    assert_eq!(
        lines[0],
        "1 · 2020-09-15 14:49:00.000000 · 2024-03-31 02:30:00.000000 · '2026-07-27 00:30:00 -0400'"
    );
    assert_eq!(
        lines[2],
        "3 · 0001-01-01 00:00:00.000000 · 9999-12-31 23:59:59.000000 · '2026-07-27T00:30:00Z'"
    );
    assert!(lines[3].starts_with("REJECT type"), "a 60th second is not the 59th: {}", lines[3]);
    for format in ["timestamptz", "timestamp with time zone"] {
        let lines = read(&local(format), &source);
        let instants = ["2026-07-27 04:30:00", "2026-07-26 19:00:00", "2026-07-27 00:30:00"];
        for (line, instant) in lines.iter().zip(instants) {
            assert!(line.ends_with(&format!(" · {instant}.000000Z")), "{line}");
        }
        assert!(
            lines[3].contains("'2026-07-27 00:30:00' is not a timestamp with an offset from UTC"),
            "{}",
            lines[3]
        );
    }
    let lines = read(&local("timestamptz(%Y-%m-%d %H:%M:%S %z)"), &source);
    assert!(lines[1].ends_with(" · 2026-07-26 19:00:00.000000Z"), "{}", lines[1]);
    assert!(lines[2].starts_with("REJECT type"), "{}", lines[2]);
    for format in ["timestamptz(%Y-%m-%d %H:%M:%S)", "timestamptz(%s)", "timestamptz(%H:%M%z)"] {
        assert!(Job::parse("job.toml", &local(format)).is_err(), "{format}");
    }
    let lines = read(&local("timestamp"), &source);
    assert!(lines[..3].iter().all(|line| line.starts_with("REJECT type")), "{lines:#?}");
}
