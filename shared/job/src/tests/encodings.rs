//! A job that lists encodings: what it must have, and which one a source is in.

use crate::{EncodingError, Encodings, Job, Told};

const JOB: &str = r#"
[job]
name = "letters"
[source]
format = "fixed"
framing = "fixed"
encoding = ["cp037", "latin-1"]   # of two senders
[[record]]
name = "header"
role = "header"
when = { field = "kind", in = ["01"] }
staging = "stg_header"
final = "header"
[[record.field]]
name = "kind"
type = "text(2)"
start = 1
width = 2
"#;

fn parsed(change: impl Fn(&str) -> String) -> Result<Job, String> {
    Job::parse("job.toml", &change(JOB)).map_err(|error| error.message)
}

#[test]
fn the_encoding_that_was_found_stands_in_the_list_s_place() {
    let job = parsed(str::to_owned).unwrap();
    assert_eq!(
        job.encodings.as_ref().map(|listed| &listed.names[..]),
        Some(&["cp037".to_owned(), "latin-1".to_owned()][..])
    );
    let found = job.in_encoding("latin-1").unwrap();
    assert_eq!(found.text, JOB.replace("[\"cp037\", \"latin-1\"]", "\"latin-1\""));
    assert_eq!((found.encodings.is_none(), found.digest == job.digest), (true, false));
    // A job that is found needs no finding.
    assert_eq!(found.in_encoding("cp037").unwrap().digest, found.digest);
    let told = |name, bytes: &[u8]| job.in_encoding(name).unwrap().told_in(bytes).unwrap();
    assert_eq!(told("latin-1", b"010201"), Told { told: 2, of: 3 });
    assert_eq!(told("cp037", b"010201"), Told { told: 0, of: 3 });
    assert_eq!(told("cp037", b"\xf0\xf1"), Told { told: 1, of: 1 });
}

#[test]
fn a_source_is_in_the_only_encoding_that_tells_types() {
    let listed = Encodings { names: vec!["cp037".into(), "latin-1".into()], span: 0..0 };
    let told = |told, of| Told { told, of };
    let found = |one, other| listed.found(&[one, other]).map_err(|EncodingError(why)| why);
    assert_eq!(found(told(7, 100), told(0, 100)), Ok("cp037"));
    assert_eq!(found(told(0, 100), told(1, 100)), Ok("latin-1"));
    assert_eq!(found(told(0, 0), told(0, 0)), Ok("cp037"));
    assert_eq!(
        found(told(0, 3), told(0, 3)).unwrap_err(),
        "none of its first 3 records is of a type that a `when` tells in any of cp037, latin-1"
    );
    assert_eq!(
        found(told(2, 3), told(1, 3)).unwrap_err(),
        "a `when` tells the type of records in cp037 (2 of 3) and latin-1 (1 of 3)"
    );
}

#[test]
fn a_list_that_cannot_be_told_apart_is_refused() {
    let with = |list: &str| parsed(|job| job.replace("[\"cp037\", \"latin-1\"]", list)).unwrap_err();
    assert_eq!(with("[\"cp037\"]"), "a list of encodings has 2 to 8; write a single one without brackets");
    assert_eq!(with("[\"cp037\", \"cp037\"]"), "`cp037` stands twice in the list");
    assert_eq!(with("[\"cp037\", \"klingon\"]"), "with the encoding `klingon`: unknown encoding `klingon`");
    let without_when =
        parsed(|job| job.replace("when = { field = \"kind\", in = [\"01\"] }\n", "")).unwrap_err();
    assert!(
        without_when.starts_with("a list of encodings is for the formats fixed and copybook"),
        "{without_when}"
    );
}
