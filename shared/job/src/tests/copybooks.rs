//! What a job whose records a copybook lays out may say, and what it may not.

use super::{Job, message};

const GOOD: &str = r#"[job]
name = "accounts"

[source]
format = "copybook"
copybook = "account.cpy"

[[record]]
name = "account"
staging = "stg_accounts"
final = "accounts"

[[record.field]]
name = "is_open"
type = "boolean"
true = ["Y"]
false = ["N"]

[copybooks]
"account.cpy" = '''
       01  ACCOUNT.
           05  ID       PIC 9(8).
           05  IS-OPEN  PIC X.
           05  BALANCE  PIC S9(7)V99 COMP-3.
'''
"#;

#[test]
fn keys_of_other_formats_are_refused_and_not_ignored() {
    assert_eq!(message(GOOD), "accepted");
    let of_source = [
        "separator = \"|\"",
        "quote = \"\"",
        "escape = \"\\\\\"",
        "null = \"-\"",
        "header = true",
        "trailing_separator = true",
        "terminator = \"/\"",
        "continuation = \"88,\"",
        "short_lines = \"pad\"",
        "trim = \"both\"",
    ];
    for line in of_source {
        let key = line.split(' ').next().unwrap();
        let said = message(&GOOD.replacen("copybook = \"", &format!("{line}\ncopybook = \""), 1));
        assert!(said.contains("line 6") && said.contains(&format!("`{key}`")), "{line}: {said}");
    }
    let of_field =
        |line: &str| message(&GOOD.replacen("true = [\"Y\"]", &format!("{line}\ntrue = [\"Y\"]"), 1));
    for (line, says) in [
        ("rest = true", "`rest` applies only to the delimited format"),
        ("sum_of = { rest = \"x\", group = 2, amount = 1 }", "`sum_of` applies only to the delimited format"),
        ("point = \"implied\"", "the copybook's picture defines the decimal point"),
        ("start = 3", "the copybook defines the position of the field"),
    ] {
        let said = of_field(line);
        assert!(said.contains("line 16") && said.contains(says), "{line}: {said}");
    }
    let said = message(&GOOD.replacen("staging", "missing = \"null\"\nstaging", 1));
    assert!(said.contains("`missing` applies only to the delimited format"), "{said}");
}

#[test]
fn texts_for_true_and_false_are_held_to_the_same_as_elsewhere() {
    for (from, to, says) in [
        ("false = [\"N\"]", "", "set both `true` and `false`"),
        ("false = [\"N\"]", "false = [\"Y\"]", "`Y` means both true and false"),
        ("type = \"boolean\"", "type = \"text(1)\"", "`true` and `false` apply only to booleans"),
        ("name = \"is_open\"", "name = \"balance\"", "the field is a number in the copybook"),
        (
            "type = \"boolean\"",
            "type = \"boolean\"\ntrim = \"left\"",
            "invalid trim `left`: expected none, right or both",
        ),
    ] {
        let said = message(&GOOD.replacen(from, to, 1));
        assert!(said.contains(says), "{to}: {said}");
    }
    let job = Job::parse(
        "j.toml",
        &GOOD.replace("final = \"accounts\"", "final = \"accounts\"\nrest = \"ignore\""),
    );
    assert!(job.is_ok(), "{job:?}");
    assert!(
        message(&GOOD.replace("[[record.field]]", "rest = \"keep\"\n[[record.field]]"))
            .contains("invalid rest `keep`: expected ignore")
    );
}

#[test]
fn record_types_have_copybooks_of_their_own() {
    let with_kind =
        "       01  ACCOUNT.\n           05  KIND     PIC X.\n           05  ID       PIC 9(8).\n";
    let trailer = "       01  TRAILER.\n           05  KIND     PIC X.\n           05  TOTAL    PIC 9(4).\n";
    let text = |source: &str, account: &str, trailer_keys: &str, copybooks: &str| {
        format!(
            "[job]\nname = \"j\"\n[source]\nformat = \"copybook\"\n{source}framing = \"layout\"\nencoding = \"ascii\"\n\
             [[record]]\nname = \"account\"\n{account}when = {{ field = \"kind\", in = [\"A\"] }}\n\
             [[record]]\nname = \"trailer\"\n{trailer_keys}when = {{ field = \"kind\", in = [\"T\"] }}\n{copybooks}"
        )
    };
    let both = format!("[copybooks]\n\"a.cpy\" = '''\n{with_kind}'''\n\"t.cpy\" = '''\n{trailer}'''\n");
    let own = |name: &str| format!("copybook = \"{name}\"\n");
    for (source, account) in [(own("a.cpy"), String::new()), (String::new(), own("a.cpy"))] {
        let job = Job::parse("j.toml", &text(&source, &account, &own("t.cpy"), &both)).unwrap();
        let fields: Vec<Vec<_>> =
            job.layouts().map(|layout| layout.fields.iter().map(|of| of.name.as_str()).collect()).collect();
        assert_eq!(fields, [["kind", "id"], ["kind", "total"]]);
    }
    for (source, account, says) in [
        (own("a.cpy"), own("none.cpy"), "cannot find the copybook `none.cpy`"),
        (String::new(), String::new(), "record `account` has no copybook"),
        (own("a.cpy"), own("t.cpy"), "no record type uses this copybook"),
    ] {
        let said = message(&text(&source, &account, &own("t.cpy"), &both));
        assert!(said.contains(says), "{said}");
    }
    // Beside the job file: both are read, and become part of the job.
    let folder = std::env::temp_dir().join(format!("crossfoot-copybooks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.cpy"), with_kind).unwrap();
    std::fs::write(folder.join("j.toml"), text(&own("a.cpy"), "", &own("t.cpy"), "")).unwrap();
    let missing = Job::read(&folder.join("j.toml")).unwrap_err().to_string();
    std::fs::write(folder.join("t.cpy"), trailer).unwrap();
    let job = Job::read(&folder.join("j.toml"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(missing.contains("cannot read the copybook") && missing.contains("t.cpy"), "{missing}");
    let job = job.unwrap();
    assert_eq!(job.types(), ["account", "trailer"]);
    assert!(job.text.contains("[copybooks]\n\"a.cpy\" = "), "{}", job.text);
    assert_eq!(Job::parse("j.toml", &job.text).unwrap().digest, job.digest);
}
