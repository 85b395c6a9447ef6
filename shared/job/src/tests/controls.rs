//! Declared totals and controls: what the file may say, and the line of each fault.

use domain::footing::{Cover, Wanted, What};

use super::*;

const BATCHES: &str = r#"[job]
name = "batches"

[source]
format = "delimited"

[[record]]
name = "opening"
role = "header"
when = { field = "code", in = ["5"] }
staging = "stg_opening"
final = "opening"
[[record.field]]
name = "code"
type = "text(1)"
[[record.field]]
name = "day"
type = "date"

[[record]]
name = "entry"
when = { field = "code", in = ["6"] }
amounts = ["amt"]
staging = "stg_entry"
final = "entry"
[[record.field]]
name = "code"
type = "text(1)"
[[record.field]]
name = "amt"
type = "decimal(12,2)"

[[record]]
name = "closing"
role = "trailer"
staging = "stg_closing"
final = "closing"
[[record.field]]
name = "code"
type = "text(1)"
[[record.field]]
name = "entries"
type = "integer"
[[record.field]]
name = "cents"
type = "integer"

[[control]]
name = "batch"
record = "closing"
covers = { from = "opening" }
[[control.total]]
field = "entries"
count = ["entry"]
[[control.total]]
field = "cents"
sum = "entry.amt"
scale = 2
where = "amt > 0"
"#;

#[test]
fn a_control_means_what_it_says() {
    let job = Job::parse("j.toml", BATCHES).unwrap();
    let plan = job.footing.unwrap();
    let control = &plan.controls()[0];
    assert_eq!((control.name.as_str(), control.record, &control.cover), ("batch", 2, &Cover::From(vec![0])));
    assert_eq!((control.totals[1].field, control.totals[1].scale), (2, 2));
    assert_eq!(control.totals[1].measure.what, What::Sum { absolute: false });
    assert!(control.totals[1].measure.parts.as_ref().unwrap()[0].only.is_some());
    assert!(!plan.counts_lines() && job.declared.is_none());
}

#[test]
fn declared_numbers_may_be_taken_from_a_trailer() {
    let text = BATCHES.split("[[control]]").next().unwrap().to_owned()
        + "[declared]\nrecords = { from = \"trailer\", field = \"entries\" }\namounts.\"entry.amt\" = { from = \"closing\", field = \"cents\", scale = 2 }\nvalues.day = 2024-02-29\nbytes = 7\n";
    let job = Job::parse("j.toml", &text).unwrap();
    let plan = job.footing.unwrap();
    let [control] = plan.controls() else { panic!("one control is expected") };
    assert_eq!((control.name.as_str(), &control.cover, control.totals.len()), ("closing", &Cover::File, 2));
    // What is counted if nothing is said: the detail records.
    assert_eq!(control.totals[0].measure.parts.as_ref().unwrap()[0].record, 1);
    assert_eq!(job.declared.unwrap().values["day"], "2024-02-29");
}

#[test]
fn each_fault_of_a_control_is_named_with_its_line() {
    let value = |line: &str| format!("where = \"amt > 0\"\n[[control.value]]\nfield = \"entries\"\n{line}");
    // what is replaced, by what, and what the message must say
    let table: &[(&str, &str, &str, &str)] = &[
        ("record = \"closing\"\n", "record = \"closed\"\n", "line 50", "there is no record `closed`"),
        ("from = \"opening\"", "from = \"openings\"", "line 51", "there is no record `openings`"),
        ("{ from = \"opening\" }", "\"opening\"", "line 51", "file, preceding or following"),
        ("{ from = \"opening\" }", "{ from = \"closing\" }", "line 49", "cannot open its own scope"),
        ("field = \"entries\"\ncount", "field = \"entry\"\ncount", "line 53", "there is no field `entry`"),
        ("count = [\"entry\"]", "count = [\"entrie\"]", "line 54", "there is no record `entrie`"),
        ("count = [\"entry\"]", "count = []", "line 54", "no record is listed"),
        ("count = [\"entry\"]", "count = [\"entry\", \"entry\"]", "line 54", "listed twice"),
        ("count = [\"entry\"]", "cuont = [\"entry\"]", "line 54", "unknown field `cuont`"),
        ("count = [\"entry\"]", "count = \"*\"\nwhere = \"code = '6'\"", "line 55", "`*` means all records"),
        ("count = [\"entry\"]", "count = \"*\"\nlines = \"*\"", "line 53", "exactly one of"),
        ("count = [\"entry\"]", "count = \"*\"\nblocks_of = 0", "line 55", "at least 1"),
        ("count = [\"entry\"]", "count = \"*\"\nabsolute = true", "line 55", "applies only to a sum"),
        ("sum = \"entry.amt\"", "sum = \"entry.code\"", "line 57", "only decimal and integer"),
        ("sum = \"entry.amt\"", "sum = \"entry.amt\"\nlast_digits = 39", "line 58", "1 to 38"),
        ("where = \"amt > 0\"", "where = \"amt > 'x'\"", "line 59", "invalid condition for `entry`"),
        ("field = \"cents\"", "field = \"entries\"", "line 49", "a field can declare only one total"),
        ("where = \"amt > 0\"", &value(""), "line 61", "exactly one of"),
        ("where = \"amt > 0\"", &value("sequence = false"), "line 62", "omit it"),
        ("where = \"amt > 0\"", &value("sequence = { first = 9, last = 1 }"), "line 62", "greater than"),
        ("where = \"amt > 0\"", &value("equals = \"x\""), "line 62", "is not a value"),
        ("name = \"batch\"", "name = \"batch\"\noutside = \"warn\"", "line 50", "fail or ignore"),
        ("name = \"batch\"", "name = \"\"", "line 49", "1 to 100"),
    ];
    for (from, to, line, fragment) in table {
        let text = BATCHES.replacen(from, to, 1);
        assert_ne!(text, BATCHES, "{from}");
        let message = message(&text);
        assert!(message.contains(line) && message.contains(fragment), "{to}: {message}");
    }
    let table = [
        ("records = { from = \"footer\", field = \"entries\" }", "there is no record `footer`"),
        ("records = { from = \"trailer\", fields = \"entries\" }", "unknown field"),
        ("records = -1", "of at least 0"),
        ("amounts.amt = \"1.00\"", "does not name its record"),
        ("amounts.\"closing.cents\" = \"1.00\"", "is not among the record's `amounts`"),
        ("values.day = 1.5", "expected text"),
    ];
    for (line, fragment) in table {
        let message = message(&format!("{BATCHES}\n[declared]\n{line}\n"));
        assert!(message.contains("line 62") && message.contains(fragment), "{line}: {message}");
    }
}

#[test]
fn a_value_is_equal_given_or_the_next() {
    let wanted = |line: &str| {
        let text = format!("{BATCHES}[[control.value]]\nfield = \"entries\"\n{line}\n");
        Job::parse("j.toml", &text).unwrap().footing.unwrap().controls()[0].demands[0].wanted.clone()
    };
    assert!(matches!(wanted("equals = 5"), Wanted::Equals(_)));
    assert!(matches!(wanted("given = \"n\""), Wanted::Given(name) if name == "n"));
    assert!(matches!(wanted("sequence = true"), Wanted::Sequence { first: 1, last: None }));
    assert!(matches!(wanted("sequence = { last = 99 }"), Wanted::Sequence { first: 1, last: Some(99) }));
}

const LINES: &str = r#"[job]
name = "lines"

[source]
format = "delimited"
quote = ""
terminator = "/"
continuation = "88,"

[[record]]
name = "account"
missing = "null"
staging = "stg_account"
final = "account"
[[record.field]]
name = "code"
type = "text(2)"
[[record.field]]
name = "summary"
type = "text(100)"
rest = true
[[record.field]]
name = "total"
type = "decimal(18,2)"
point = "implied"
sum_of = { rest = "summary", group = 4, amount = 2, extra = { S = 3, D = { times = 2 } } }
"#;

#[test]
fn what_a_source_says_of_lines_and_groups_is_understood_or_refused_with_its_line() {
    use format::spec::{Extra, Form, GroupSum};
    let job = Job::parse("j.toml", LINES).unwrap();
    let Form::Delimited(form) = &job.records[0].format.form else { panic!("it is delimited") };
    assert_eq!((form.terminator, form.missing_is_null), (Some(b'/'), true));
    assert_eq!(form.continuation.unwrap().prefix(), b"88,");
    let fields = &job.records[0].format.fields;
    assert!(fields[1].rest && fields[2].implied_point);
    let extra = vec![("D".to_owned(), Extra::Times(2)), ("S".to_owned(), Extra::Values(3))];
    assert_eq!(fields[2].sum_of, Some(GroupSum { of: 1, group: 4, amount: 1, extra }));
    let table = [
        ("quote = \"\"\n", "\n", "line 8", "without quotes"),
        ("terminator = \"/\"", "terminator = \",\"", "line 7", "cannot be the separator or a space"),
        ("continuation = \"88,\"", "continuation = \"\"", "line 8", "1 to 8 bytes"),
        ("continuation = \"88,\"", "continuation = \"123456789\"", "line 8", "1 to 8 bytes"),
        ("continuation = \"88,\"", "short_lines = \"pad\"", "line 8", "only to the fixed format"),
        ("missing = \"null\"", "missing = \"nil\"", "line 12", "null or reject"),
        ("type = \"text(2)\"", "type = \"text(2)\"\nrest = true", "line 18", "only the last field"),
        ("point = \"implied\"", "point = \"comma\"", "line 25", "written or implied"),
        (
            "type = \"text(2)\"",
            "type = \"text(2)\"\npoint = \"implied\"",
            "line 18",
            "applies only to decimals",
        ),
        ("decimal(18,2)", "text(9)", "line 25", "applies only to decimals"),
        ("rest = \"summary\"", "rest = \"code\"", "line 26", "not a field that takes the rest"),
        ("amount = 2", "amount = 5", "line 26", "count from 1"),
        ("group = 4", "group = 0", "line 26", "count from 1"),
        ("times = 2", "times = 1001", "line 26", "at most 1000"),
        ("sum_of =", "sumof =", "line 26", "unknown field `sumof`"),
    ];
    for (from, to, line, fragment) in table {
        let text = LINES.replacen(from, to, 1);
        assert_ne!(text, LINES, "{from}");
        let message = message(&text);
        assert!(message.contains(line) && message.contains(fragment), "{to}: {message}");
    }
    let behind = format!("{LINES}[[record.field]]\nname = \"more\"\ntype = \"text(1)\"\n");
    assert!(message(&behind).contains("must follow the fields in the record"), "{}", message(&behind));
    let fixed = "[job]\nname = \"f\"\n[source]\nformat = \"fixed\"\nshort_lines = \"pad\"\n[[record]]\nname = \"r\"\nstaging = \"s\"\nfinal = \"f\"\n[[record.field]]\nname = \"a\"\ntype = \"text(2)\"\nstart = 1\nwidth = 2\n";
    assert_eq!(message(fixed), "accepted");
    let table = [
        ("short_lines = \"pad\"", "short_lines = \"fill\"", "line 5", "reject or pad"),
        (
            "short_lines = \"pad\"",
            "short_lines = \"pad\"\nframing = \"fixed\"",
            "line 5",
            "applies only to framing `line`",
        ),
        ("short_lines = \"pad\"", "terminator = \"/\"", "line 5", "only to the delimited format"),
        ("name = \"r\"", "name = \"r\"\nmissing = \"null\"", "line 8", "only to the delimited format"),
        ("width = 2", "width = 2\nrest = true", "line 15", "only to the delimited format"),
    ];
    for (from, to, line, fragment) in table {
        let message = message(&fixed.replacen(from, to, 1));
        assert!(message.contains(line) && message.contains(fragment), "{to}: {message}");
    }
}
