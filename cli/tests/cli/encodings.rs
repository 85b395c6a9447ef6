//! A job that lists encodings: each source shows which one it is in, or is refused.

use super::desk::Desk;

const JOB: &str = r#"
[job]
name = "letters"
[source]
format = "fixed"
framing = "fixed"
encoding = ["cp037", "latin-1"]   # two senders
[[record]]
name = "head"
role = "header"
when = { field = "kind", in = ["01"] }
staging = "stg_head"
final = "head"
[[record.field]]
name = "kind"
type = "text(2)"
start = 1
width = 2
[[record.field]]
name = "day"
type = "date(%Y%m%d)"
start = 3
width = 8
[[record]]
name = "item"
when = { field = "kind", in = ["25"] }
amounts = ["amount"]
staging = "stg_item"
final = "item"
[[record.field]]
name = "kind"
type = "text(2)"
start = 1
width = 2
[[record.field]]
name = "amount"
type = "decimal(8,2)"
point = "implied"
start = 3
width = 8
"#;

const LETTER: &str = "0120261128250000123425000099992500000001";

/// Digits in EBCDIC.
fn ebcdic(text: &str) -> Vec<u8> {
    text.bytes().map(|byte| byte - b'0' + 0xF0).collect()
}

#[test]
fn each_source_is_read_in_the_encoding_that_its_records_show() {
    let desk = Desk::new();
    desk.put("job.toml", JOB);
    desk.put("ascii.dat", LETTER);
    desk.put("ebcdic.dat", ebcdic(LETTER));
    for (file, encoding) in [("ascii.dat", "latin-1"), ("ebcdic.dat", "cp037")] {
        let found = format!("the source is read in {encoding}");
        desk.run(&["check", "job.toml", "--source", file]).exits(0).prints(&[&found]);
        desk.run(&["run", "job.toml", "--source", file]).exits(0);
        assert_eq!(desk.number("SELECT count(*) FROM item WHERE amount = '99.99'"), 1, "{file}");
        desk.sql().execute_batch("DELETE FROM item; DELETE FROM head").unwrap();
        assert_eq!(desk.report()["state"], "promoted");
    }
    // The same content gives the same fingerprint.
    let prints = ["ascii.dat", "ebcdic.dat"].map(|file| {
        let said = desk.run(&["fingerprint", "job.toml", "--source", file, "--json"]).exits(0);
        said.json()["fingerprint"].clone()
    });
    assert!(prints[0].is_string() && prints[0] == prints[1], "{prints:?}");
    desk.run(&["check", "job.toml"]).exits(0).prints(&["job letters is valid"]);
}

#[test]
fn a_source_in_none_of_the_encodings_and_a_stream_are_refused() {
    let desk = Desk::new();
    desk.put("job.toml", JOB);
    desk.put("other.dat", "992026112899000012349900009999");
    let none =
        "none of its first 3 records is of a type that a `when` tells in any of cp037, latin-1; if it is";
    for command in ["run", "check", "fingerprint"] {
        desk.run(&[command, "job.toml", "--source", "other.dat"]).exits(2).says(&[none]);
    }
    let ended = desk.pipe(&["run", "job.toml", "--source", "-"], LETTER.as_bytes());
    ended.exits(2).says(&[
        "a stream can be read only once; if it is a file of this job, name it (`encoding` under [source])",
    ]);
    assert!(desk.run(&["runs", "--json"]).exits(0).json()["runs"].as_array().is_none_or(Vec::is_empty));
    // What the list must have is said of the job, before any source.
    desk.put("job.toml", JOB.replace("\"latin-1\"]", "\"klingon\"]"));
    desk.run(&["check", "job.toml"]).exits(2).says(&["with the encoding `klingon`"]);
}
