use proptest::prelude::*;

use super::*;

#[test]
fn a_url_is_shown_without_what_may_be_a_password() {
    let table = [
        ("amqp://anna:gehe@im/@mq:5672/v", "amqp://***@mq:5672/v"),
        ("postgres://db.example:5432/ledger", "postgres://db.example:5432/ledger"),
        ("postgres://u:p@h/d?sslmode=require&user=U", "postgres://***@h/d?sslmode=require&***"),
        ("postgres://h/d?user=U&password=p@ss", "postgres://***"),
        ("postgres://h/d?user=U&password=p", "postgres://h/d?***"),
        ("postgres://h/d?sslmode=require", "postgres://h/d?sslmode=require"),
        ("postgres://u:secret/h/d", "postgres://***"),
        ("postgres://[::1]:5432/d", "postgres://[::1]:5432/d"),
        ("postgre://u:secret@h/d", "postgre://***@h/d"),
        ("--store=postgres://u:secret@h/d", "--store=postgres://***@h/d"),
        ("CROSSFOOT__STORE__URL=postgres://u:secret@h/d", "CROSSFOOT__STORE__URL=postgres://***@h/d"),
        ("CROSSFOOT__STORE__PASSWORD=se cret", "CROSSFOOT__STORE__PASSWORD=***"),
        ("host=h password=p@ss://x", "host=h password=***"),
        ("postgres:u:secret@h/d", "***@h/d"),
        ("sqlite:a@b.db", "sqlite:a@b.db"),
        ("--store=sqlite:a@b.db", "--store=sqlite:a@b.db"),
        ("sqlite:///tmp/x.db", "sqlite:///tmp/x.db"),
        ("memory:", "memory:"),
        ("in.csv", "in.csv"),
        ("@://x", "***"),
    ];
    for (given, shown) in table {
        assert_eq!(without_secrets(given), shown, "{given}");
    }
    let url = |text: &str| ServerUrl::from(text).to_string();
    assert_eq!(url("postgres:u:secret@h/d"), "postgres:***");
    assert_eq!(url("u:secret@h"), "u:***");
    assert_eq!(url("x.db"), "x.db");
    assert_eq!(url("parquet:/lake/a@b"), "parquet:/lake/a@b");
    for (given, shown) in [
        ("odbc:DSN=bank", "odbc:DSN=bank"),
        (
            "odbc:Driver={ODBC Driver 18};Server=h;UID=u;PWD=s;Database=d",
            "odbc:Driver={ODBC Driver 18};Server=h;Database=d;***",
        ),
        ("odbc:DSN=bank;PWD={a;b}}c};", "odbc:DSN=bank;***"),
        ("odbc:DSN=bank;PWD={a;b", "odbc:***"),
        ("odbc:DSN=bank;AccessToken=t;", "odbc:DSN=bank;***"),
        ("odbc:bank;secret", "odbc:***"),
        ("odbc:DSN=bank;geheim;Database=d", "odbc:***"),
    ] {
        assert_eq!(url(given), shown, "{given}");
    }
    assert_eq!(ServerUrl::from("postgres://u:p@h:1/d?sslmode=require").place(), "postgres://h:1/d");
}

#[test]
fn what_follows_a_flag_that_asks_for_a_secret_is_hidden() {
    let words = ["crossfoot", "--password", "geheim", "--reason", "it was late"].map(str::to_owned);
    let shown: Vec<_> = words_without_secrets(words.into_iter()).collect();
    assert_eq!(shown, ["crossfoot", "--password", "***", "--reason", "it was late"]);
}

#[test]
fn a_secret_that_was_kept_is_recognised_and_one_that_was_hidden_is_not() {
    for text in [
        "crossfoot run job.toml --store 'postgres://u:geheim@h/d'",
        "crossfoot run --store postgres://h/d?user=U&password=geheim",
        "the broker amqp://u:geheim@h cannot be reached",
        "{\"command\":\"crossfoot --store postgres://u:geheim@h/d\"}",
    ] {
        assert!(seems_to_hold_a_secret(text), "{text}");
        let hidden: Vec<_> = text.split(' ').map(|word| without_secrets(word.trim_matches('\''))).collect();
        assert!(!seems_to_hold_a_secret(&hidden.join(" ")), "{hidden:?}");
    }
    for text in [
        "",
        "crossfoot approve last --store postgres://***@h/d --reason 'mail to anna@example.com'",
        "postgres://h/d?sslmode=require",
        "postgres://anna@h/d",
        "see https://wiki.example/runs?page=4",
        "source: /data/in.csv",
    ] {
        assert!(!seems_to_hold_a_secret(text), "{text}");
    }
}

#[test]
fn a_secret_is_the_only_line_of_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    let table: [(&[u8], Result<&str, &str>); 9] = [
        (b"geheim", Ok("geheim")),
        (b"geheim\n", Ok("geheim")),
        (b"geheim\r\n", Ok("geheim")),
        (b"geheim\n\r\n", Ok("geheim")),
        (b" geheim ", Ok(" geheim ")),
        (b"", Err("empty")),
        (b"\n", Err("empty")),
        (b"geheim\nsecond\n", Err("more than one line")),
        (b"\xff", Err("UTF-8")),
    ];
    for (content, expected) in table {
        std::fs::write(&path, content).unwrap();
        match (Secret::from_file(&path), expected) {
            (Ok(secret), Ok(expected)) => assert_eq!(secret.reveal(), expected),
            (Err(error), Err(why)) => assert!(error.to_string().contains(why), "{error}"),
            (read, _) => panic!("{content:?}: {read:?}"),
        }
    }
}

proptest! {
    #[test]
    fn showing_twice_shows_no_more(text in "[a-z:/@?=&#. ]{0,40}") {
        let once = without_secrets(&text);
        let twice = without_secrets(&once);
        prop_assert!(twice == once || twice.contains("***"), "{text}: {once}: {twice}");
    }
}
