//! Dates and NULL as people write them, each with the right value or the reason why there is none.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use job::Job;
use support::{delimited, read};

mod support;

/// A job for records between separators whose second field has these further lines.
fn with_field(source: &str, ty: &str, lines: &str) -> String {
    let job = delimited(source, &[("id", "integer"), ("x", ty)]);
    format!("{job}{lines}\n")
}

#[test]
fn a_date_in_one_of_several_forms_means_one_day_or_is_a_reject() {
    let job = with_field("", "date", "format = [\"%Y-%m-%d\", \"%d.%m.%Y\", \"%m/%d/%Y\", \"%d/%m/%Y\"]");
    let lines = read(
        &job,
        b"1,2024-02-29\n2,29.02.2024\n3,12/31/2024\n4,31/12/2024\n5,03/04/2024\n6,05/05/2024\n7,x\n",
    );
    assert_eq!(lines[..4], ["1 · 2024-02-29", "2 · 2024-02-29", "3 · 2024-12-31", "4 · 2024-12-31"]);
    assert!(
        lines[4].starts_with(
            "REJECT type: '03/04/2024' is ambiguous: 2024-03-04 in the format %m/%d/%Y, and 2024-04-03 in the format"
        ),
        "{}",
        lines[4]
    );
    assert_eq!(lines[5], "6 · 2024-05-05", "both forms give the same day");
    assert!(lines[6].contains("'x' is not a date in any of the formats %Y-%m-%d, %d.%m.%Y"), "{}", lines[6]);
    let job = with_field("", "timestamptz", "format = [\"%Y-%m-%d %H:%M%z\", \"%d.%m.%Y %H:%MZ\"]");
    let lines = read(&job, b"1,2024-02-29 01:00+0100\n2,29.02.2024 00:00Z\n");
    assert!(lines.iter().all(|line| line.ends_with("2024-02-29 00:00:00.000000Z")), "{lines:#?}");
    for (ty, lines, expected) in [
        ("text(3)", "format = \"%Y\"", "applies only to dates"),
        ("date(%Y%m%d)", "format = \"%Y-%m-%d\"", "already has a format"),
        ("date", "format = []", "names no format"),
        ("date", "format = [\"%Y-%m-%d\", \"%d.%m.\"]", "lacks the year"),
        ("date(%Y%m%d)", "year_window = 1950", "no format of the field has %y"),
        ("date(%y%m%d)", "year_window = 0", "1 to 9900"),
        ("date(%y%m%d%a)", "year_window = 1950", "does not go with the weekday"),
        ("date", "hour_24 = \"next-day\"", "applies only to timestamp"),
        ("timestamp(%Y%m%d)", "hour_24 = \"next-day\"", "one hour of the day"),
        ("date", "null = []", "names no text"),
    ] {
        let error = Job::parse("job.toml", &with_field("", ty, lines)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn several_texts_stand_for_null_in_a_source_or_a_field() {
    let job = with_field("null = [\"\", \"NULL\", \"\\\\N\"]", "text(9)", "");
    let lines = read(&job, b"1,\n2,NULL\n3,\\N\n4,\"NULL\"\n5,null\n");
    assert_eq!(lines, ["1 · NULL", "2 · NULL", "3 · NULL", "4 · 'NULL'", "5 · 'null'"]);
    // A field's own texts take the place of the source's: dates that mean none, and nothing else.
    let none = "null = [\"0001-01-01\", \"9999-12-31\", \"00000000\"]";
    let lines =
        read(&with_field("", "date", none), b"1,0001-01-01\n2,9999-12-31\n3,00000000\n4,9999-12-30\n5,\n");
    assert_eq!(lines[..4], ["1 · NULL", "2 · NULL", "3 · NULL", "4 · 9999-12-30"]);
    assert!(lines[4].starts_with("REJECT type"), "{}", lines[4]);
    let copy = "quote = \"\"\nescape = \"\\\\\"\nnull = [\"NULL\", \"\\\\N\"]";
    let lines = read(&with_field(copy, "text(9)", ""), b"1,\\N\n2,NULL\n3,\\\\N\n4,\\q\n");
    assert_eq!(lines[..3], ["1 · NULL", "2 · NULL", "3 · '\\\\N'"]);
    assert!(lines[3].starts_with("REJECT quoting"), "{}", lines[3]);
    let error = Job::parse("job.toml", &with_field(copy, "text(9)", "null = \"x\"")).unwrap_err().to_string();
    assert!(error.contains("does not go with an `escape` outside quotes"), "{error}");
    let fixed = "[job]\nname = \"f\"\n[source]\nformat = \"fixed\"\n[[record]]\nname = \"r\"\nstaging = \"s\"\nfinal = \"f\"\n\
                 [[record.field]]\nname = \"n\"\ntype = \"integer\"\nstart = 1\nwidth = 4\nnull = \"9999\"\n";
    assert_eq!(read(fixed, b"9999\n    \n  12\n"), ["NULL", "NULL", "12"]);
}

#[test]
fn two_digits_of_a_year_and_the_hour_24_are_what_the_job_says() {
    let days = b"1,491231\n2,500101\n3,000229\n";
    let lines = read(&with_field("year_window = 1950", "date(%y%m%d)", ""), days);
    assert_eq!(lines, ["1 · 2049-12-31", "2 · 1950-01-01", "3 · 2000-02-29"]);
    let lines = read(&with_field("year_window = 1950", "date(%y%m%d)", "year_window = 1900"), days);
    assert_eq!(lines[..2], ["1 · 1949-12-31", "2 · 1950-01-01"]);
    assert!(lines[2].starts_with("REJECT type"), "1900 was no leap year: {}", lines[2]);
    let lines = read(&with_field("", "date(%y%j)", "year_window = 1900"), b"1,00365\n2,00366\n3,04366\n");
    assert_eq!((lines[0].as_str(), lines[2].as_str()), ("1 · 1900-12-31", "3 · 1904-12-31"));
    assert!(lines[1].starts_with("REJECT type"), "{}", lines[1]);
    let source = b"1,2024-02-28-24.00.00.000000\n2,2024-12-31-23.59.59\n3,2024-12-31-24.00.01\n4,9999-12-31-24.00.00\n";
    let form = "timestamp(%Y-%m-%d-%H.%M.%S%.f)";
    let lines = read(&with_field("", form, "hour_24 = \"next-day\""), source);
    assert_eq!(lines[..2], ["1 · 2024-02-29 00:00:00.000000", "2 · 2024-12-31 23:59:59.000000"]);
    assert!(lines[2..].iter().all(|line| line.starts_with("REJECT type")), "{lines:#?}");
    let lines = read(&with_field("", "timestamp", "hour_24 = \"next-day\""), b"1,2024-12-31 24:00:00\n");
    assert_eq!(lines, ["1 · 2025-01-01 00:00:00.000000"]);
    assert!(
        read(&with_field("", form, ""), source)[0].starts_with("REJECT type"),
        "by default it is a reject"
    );
}

#[test]
fn a_copybooks_days_by_number_hours_24_and_offsets_are_read_or_rejected() {
    let job = |cobol: &str| {
        format!(
            "[job]\nname = \"case\"\n[source]\nformat = \"copybook\"\ncopybook = \"c\"\nencoding = \"ascii\"\n\
             [source.cobol]\n{cobol}\n[[record]]\nname = \"r\"\nstaging = \"s\"\nfinal = \"f\"\n\
             [[record.field]]\nname = \"d\"\ntype = \"date(LILIAN)\"\n\
             [[record.field]]\nname = \"t\"\ntype = \"timestamp(db2)\"\n\
             [[record.field]]\nname = \"z\"\ntype = \"timestamptz(db2)\"\n\
             [[record.field]]\nname = \"o\"\ntype = \"timestamptz(%Y%m%d%H%M%S%z)\"\n\
             [copybooks]\nc = '''\n       01  R.\n           05  D  PIC 9(7).\n           05  T  PIC X(19).\n           \
             05  Z  PIC X(25).\n           05  O  PIC X(19).\n'''\n"
        )
    };
    let record = |day: &str, time: &str| format!("{day}{time}2024-02-29-00.30.00-05:0020240229003000+0130");
    let instants = "2024-02-29 05:30:00.000000Z · 2024-02-28 23:00:00.000000Z";
    let good = record("0161210", "2024-02-29-23.59.59");
    assert_eq!(
        read(&job(""), good.as_bytes()),
        [format!("2024-02-29 · 2024-02-29 23:59:59.000000 · {instants}")]
    );
    let late = record("0000000", "2024-02-29-24.00.00");
    let lines = read(&job(""), late.as_bytes());
    assert!(lines[0].contains("0000000 is not a date in the format LILIAN"), "{}", lines[0]);
    assert!(lines[0].contains("'2024-02-29-24.00.00' is not a timestamp"), "{}", lines[0]);
    let lenient = job("date_zeros = \"null\"\nhour_24 = \"next-day\"");
    let expected = format!("NULL · 2024-03-01 00:00:00.000000 · {instants}");
    assert_eq!(read(&lenient, late.as_bytes()), [expected.as_str()]);
    // The hour 24 of a day is a day's end where the clock with that offset is.
    let ends = late.replace("-00.30.00-05:00", "-24.00.00-05:00");
    let expected = expected.replace("2024-02-29 05:30", "2024-03-01 05:00");
    assert_eq!(read(&lenient, ends.as_bytes()), [expected]);
    for (from, to) in [("-05:00", "      "), ("+0130", "     ")] {
        let lines = read(&job(""), good.replace(from, to).as_bytes());
        assert!(lines[0].starts_with("REJECT type"), "a time without its offset: {}", lines[0]);
    }
    let error = Job::parse("job.toml", &job("hour_24 = \"today\"")).unwrap_err().to_string();
    assert!(error.contains("expected reject or next-day"), "{error}");
}
