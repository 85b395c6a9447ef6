use domain::approval::Approval;
use domain::rule::Condition;
use domain::value::FieldType;

use super::*;

mod bytes;
mod controls;
mod copybooks;
mod edits;
mod encodings;
mod round_trip;

const GOOD: &str = r#"[job]
name = "orders"

[source]
format = "delimited"
separator = "|"
header = true

[[record]]
name = "order"
key = ["id"]
amounts = ["amt"]
staging = "stg_orders"
final = "orders"

[[record.field]]
name = "id"
type = "integer"

[[record.field]]
name = "amt"
type = "decimal(15,2)"
min = "0.01"

[[record.field]]
name = "day"
type = "date(%Y%m%d)"

[declared]
records = 3
amounts.amt = "12.50"

[[rule]]
name = "pairs"
balance = { sum = "amt", by = ["day"], to = "0.00" }

[limits]
rejects = "0.1%"
"#;

fn message(text: &str) -> String {
    Job::parse("j.toml", text).map_or_else(|error| error.to_string(), |_| "accepted".into())
}

#[test]
fn a_job_file_means_what_it_says() {
    let job = Job::parse("j.toml", GOOD).unwrap();
    assert_eq!(job.records[0].layout.fields[1].ty, FieldType::Decimal { precision: 15, scale: 2 });
    assert_eq!(job.format.fields[2].pattern.as_deref(), Some("%Y%m%d"));
    assert!(job.records[0].layout.fields[0].required, "a key field is required");
    assert_eq!(job.reject_limit, RejectLimit::PerMillion(1000));
    assert_eq!(job.declared.unwrap().amounts["amt"].to_string(), "12.50");
    assert!(matches!(job.rules[0].condition, Condition::Balance { .. }));
}

#[test]
fn each_fault_is_named_with_its_line() {
    // what is replaced, by what, and what the message must say
    let table = [
        ("header = true", "haeder = true", "line 7", "unknown field `haeder`"),
        ("type = \"integer\"", "type = \"int\"", "line 18", "unknown type `int`"),
        ("decimal(15,2)", "decimal(39,2)", "line 22", "1 to 38"),
        ("key = [\"id\"]", "key = [\"idd\"]", "line 11", "there is no field `idd`"),
        ("amounts = [\"amt\"]", "amounts = [\"day\"]", "line 12", "only decimal and integer"),
        ("min = \"0.01\"", "min = 0.01", "line 23", "would be parsed as a float"),
        ("min = \"0.01\"", "pattern = \"a\"", "line 23", "`pattern` applies only to text"),
        ("name = \"day\"", "name = \"run_id\"", "line 26", "a column that Crossfoot adds"),
        ("name = \"day\"", "name = \"AMT\"", "line 26", "two fields have the name"),
        ("final = \"orders\"", "final = \"stg_orders\"", "line 14", "same table"),
        ("final = \"orders\"", "final = \"x; drop\"", "line 14", "invalid table name"),
        ("final = \"orders\"", "final = \"orders\"\nmode = \"upsrt\"", "line 15", "append or upsert"),
        ("separator = \"|\"", "separator = \"||\"", "line 6", "one ASCII character"),
        ("separator = \"|\"", "framing = \"line\"", "line 6", "does not apply to the delimited format"),
        ("rejects = \"0.1%\"", "rejects = -1", "line 38", "invalid rejects"),
        ("to = \"0.00\"", "to = 0.0", "line 35", "would be parsed as a float"),
        ("balance =", "holds = \"amt > 0\"\nbalance =", "line 34", "exactly one of"),
        ("records = 3\namounts.amt = \"12.50\"", "", "j.toml", "declares nothing"),
    ];
    for (from, to, line, fragment) in table {
        let message = message(&GOOD.replacen(from, to, 1));
        assert!(message.contains(line) && message.contains(fragment), "{to}: {message}");
    }
}

#[test]
fn a_fixed_record_needs_positions_that_do_not_overlap() {
    let fixed = GOOD.replace("\"delimited\"\nseparator = \"|\"\nheader = true", "\"fixed\"");
    assert!(message(&fixed).contains("needs `start`"));
    let placed = fixed
        .replace("type = \"integer\"", "type = \"integer\"\nstart = 1\nwidth = 5")
        .replace("min = \"0.01\"", "start = 6\nwidth = 10")
        .replace("%Y%m%d)\"", "%Y%m%d)\"\nstart = 15\nwidth = 8");
    assert!(message(&placed).contains("overlaps"), "{}", message(&placed));
    assert_eq!(message(&placed.replace("start = 15", "start = 16")), "accepted");
}

#[test]
fn sensitive_fields_are_marked_and_the_job_masks() {
    assert!(!Job::parse("j.toml", GOOD).unwrap().is_sensitive());
    let job =
        Job::parse("j.toml", &GOOD.replace("type = \"integer\"", "type = \"integer\"\nsensitive = true"))
            .unwrap();
    let layout = &job.records[0].layout;
    assert!(job.is_sensitive() && layout.fields[0].sensitive && !layout.fields[1].sensitive);
    let raw = domain::record::RawField { tag: domain::record::Tag::Integer, content: &7_i64.to_be_bytes() };
    assert_eq!((layout.shown(0, &raw), layout.shown(1, &raw)), ("masked".into(), "7".into()));
    job.masks.give_key(&domain::mask::MaskKey::new(&[1; 32]).unwrap());
    assert!(layout.shown(0, &raw).starts_with("masked:"), "all layouts of the job share the key");
}

#[test]
fn what_is_asked_of_an_approver_is_said_by_the_job() {
    let of = |section: &str| Job::parse("j.toml", &format!("{GOOD}{section}")).map(|job| job.approval);
    assert_eq!(of("").unwrap(), Approval::default());
    let both = of("[approval]\nfour_eyes = true\nrequire_reason = true\n").unwrap();
    assert_eq!(both, Approval { four_eyes: true, require_reason: true });
    let shadow =
        Job::parse("j.toml", &format!("{GOOD}[approval]\nfour_eyes = true\n")).unwrap().unattended().unwrap();
    assert_eq!(shadow.approval, Approval::default());
    assert_eq!(shadow.layout_digest(), Job::parse("j.toml", GOOD).unwrap().layout_digest());
    assert_eq!(shadow.rules.len(), 1);
    assert!(message(&format!("{GOOD}[approval]\nfour_eye = true\n")).contains("unknown field `four_eye`"));
}
