//! The schemas are what they describe: the committed files are the code's, every key is described, the parsers take
//! what the schemas allow, and what commands print is of its schema.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use job::Job;
use jsonschema::Validator;
use serde_json::{Value, json};

use super::desk::{Desk, JOB, csv, postings};

/// Remakes what is committed.
const REMAKE: &str = "CROSSFOOT_REMAKE=1 cargo test -p crossfoot --test cli schema::";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn names(desk: &Desk) -> Vec<String> {
    let list = desk.run(&["schema", "--list", "--json"]).exits(0).json();
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

fn schema(desk: &Desk, name: &str) -> Value {
    desk.run(&["schema", name]).exits(0).json()
}

fn validator(schema: &Value) -> Validator {
    jsonschema::validator_for(schema).unwrap_or_else(|error| panic!("{}: {error}", schema["$id"]))
}

/// Everything that is wrong with `value`, in lines.
fn faults(validator: &Validator, value: &Value) -> String {
    let faults = validator.iter_errors(value).map(|fault| format!("{}: {fault}", fault.instance_path()));
    faults.collect::<Vec<_>>().join("\n")
}

/// Holds a committed file to what was made, or writes it.
fn hold(path: &str, made: &str) -> Option<String> {
    let whole = repository().join(path);
    if std::env::var_os("CROSSFOOT_REMAKE").is_some() {
        fs::create_dir_all(whole.parent().unwrap()).unwrap();
        fs::write(&whole, made).unwrap();
        return None;
    }
    let committed = fs::read_to_string(&whole).unwrap_or_default();
    (committed != made).then(|| path.to_owned())
}

#[test]
fn the_committed_schemas_and_references_are_those_of_the_code() {
    let desk = Desk::new();
    let (mut stale, mut files) = (Vec::new(), BTreeSet::new());
    for name in names(&desk) {
        stale.extend(hold(&format!("docs/schema/{name}.json"), &desk.run(&["schema", &name]).exits(0).out));
        files.insert(format!("{name}.json"));
    }
    for (name, path) in [("job", "docs/job-file.md"), ("settings", "docs/settings-keys.md")] {
        stale.extend(hold(path, &desk.run(&["schema", name, "--markdown"]).exits(0).out));
    }
    assert!(stale.is_empty(), "out of date: {}; remake them with `{REMAKE}`", stale.join(", "));
    for entry in fs::read_dir(repository().join("docs/schema")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        assert!(files.contains(&file), "docs/schema/{file} is of no schema: remove it");
    }
}

#[test]
fn every_document_is_in_the_reading_order_and_every_schema_in_the_list() {
    let docs = repository().join("docs");
    let read = |name: &str| fs::read_to_string(docs.join(name)).unwrap();
    let (order, book, list) = (read("README.md"), read("SUMMARY.md"), read("json.md"));
    for entry in fs::read_dir(&docs).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if file.ends_with(".md") && !["README.md", "SUMMARY.md"].contains(&file.as_str()) {
            let link = format!("]({file})");
            assert!(order.contains(&link), "docs/README.md does not list {file}");
            assert!(book.contains(&link), "docs/SUMMARY.md does not list {file}");
        }
    }
    for name in names(&Desk::new()) {
        assert!(list.contains(&format!("](schema/{name}.json)")), "docs/json.md does not list {name}");
    }
}

#[test]
fn a_schema_has_a_version_and_names_no_host_and_an_unknown_one_is_refused() {
    let desk = Desk::new();
    for name in names(&desk) {
        let schema = schema(&desk, &name);
        let version = if ["report", "show", "trends"].contains(&name.as_str()) { 2 } else { 1 };
        assert_eq!(schema["$id"], format!("crossfoot:{name}/{version}"));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        validator(&schema);
    }
    assert_eq!(desk.run(&["schema"]).exits(0).json()["$id"], "crossfoot:job/1");
    desk.run(&["schema", "jop"]).exits(2).says(&["there is no schema `jop`", "job, settings"]);
    desk.run(&["schema", "report", "--markdown"]).exits(2).says(&["`job` and `settings`"]);
    desk.run(&["schema", "job", "-o", "job.schema.json"]).exits(0).says(&["job.schema.json"]);
    assert!(desk.path("job.schema.json").exists());
}

/// Visits every key below `table`: its path, its schema, and whether it is a table with keys of its own.
fn keys(
    root: &Value,
    table: &Value,
    path: &str,
    seen: &mut BTreeSet<String>,
    found: &mut Vec<(String, Value, bool)>,
) {
    for (name, key) in table["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let (mut of, mut is_table) = (Vec::new(), false);
        references(key, &mut of);
        for reference in &of {
            let definition = &root["$defs"][reference];
            let is_direct = key["$ref"].is_string() || key["items"]["$ref"].is_string();
            is_table |= is_direct && definition["properties"].is_object();
            if seen.insert(reference.clone()) {
                keys(root, definition, &path, seen, found);
                for variant in definition["anyOf"].as_array().into_iter().flatten() {
                    let mut inner = Vec::new();
                    references(variant, &mut inner);
                    for one in inner {
                        if seen.insert(one.clone()) {
                            keys(root, &root["$defs"][&one], &path, seen, found);
                        }
                    }
                }
            }
        }
        found.push((path, key.clone(), is_table));
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                found.push(reference.trim_start_matches("#/$defs/").to_owned());
            }
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_is_described_and_has_examples_that_it_allows() {
    let desk = Desk::new();
    for (name, least) in [("job", 130), ("settings", 30)] {
        let root = schema(&desk, name);
        let mut found = Vec::new();
        keys(&root, &root, "", &mut BTreeSet::new(), &mut found);
        assert!(found.len() >= least, "{name}: only {} keys are found", found.len());
        let reference = desk.run(&["schema", name, "--markdown"]).exits(0).out;
        for (path, key, is_table) in found {
            let text = key["description"].as_str().unwrap_or_default();
            assert!(text.len() > 15 && text.ends_with('.'), "{name}: `{path}` is not described: `{text}`");
            let examples = key["examples"].as_array().cloned().unwrap_or_default();
            assert!(is_table || !examples.is_empty(), "{name}: `{path}` has no example");
            let is_there = reference.contains(&format!("# `{path}`"))
                || reference.contains(&format!("## `[{path}]`"))
                || reference.contains(&format!("## `[[{path}]]`"));
            assert!(is_there, "{name}: `{path}` is not in the reference");
            // The key by itself, with the definitions that it refers to.
            let mut alone = key.clone();
            alone["$defs"] = root["$defs"].clone();
            let alone = validator(&alone);
            for value in examples.iter().chain(key.get("default")) {
                let faults = faults(&alone, value);
                assert!(faults.is_empty(), "{name}: `{path}` does not allow its own {value}: {faults}");
            }
        }
    }
}

fn toml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            toml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
}

fn as_json(toml: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(toml).unwrap()).unwrap()
}

#[test]
fn jobs_and_settings_are_of_their_schemas_and_a_key_too_many_is_not() {
    let desk = Desk::new();
    let jobs = validator(&schema(&desk, "job"));
    let mut examples = Vec::new();
    toml_files(&repository().join("examples"), &mut examples);
    assert!(examples.len() > 10);
    for path in examples {
        let faults = faults(&jobs, &as_json(&fs::read_to_string(&path).unwrap()));
        assert!(faults.is_empty(), "{}: {faults}", path.display());
    }
    assert_eq!(faults(&jobs, &as_json(JOB)), "");
    for (this, that) in [
        ("header = true", "heder = true"),
        ("header = true", "header = \"yes\""),
        ("\"delimited\"", "\"csv\""),
        ("staging =", "stage ="),
        ("mode = \"append\"", "mode = \"replace\""),
        ("rejects = 0", "rejects = 0.5"),
        ("name = \"postings\"", "name = \"two words\""),
        ("required = true", "required = true\nwidth = \"all\""),
    ] {
        let job = JOB.replacen(this, that, 1);
        assert!(job != JOB && !jobs.is_valid(&as_json(&job)), "{that}");
        assert!(Job::parse("job.toml", &job).is_err(), "{that}");
    }
    let settings = validator(&schema(&desk, "settings"));
    let good =
        "[store]\nurl = \"sqlite:x.db\"\n[fleet]\nchunk_bytes = 1000\n[notify]\non = [\"unfinished\"]\n";
    assert_eq!(faults(&settings, &as_json(good)), "");
    for bad in [
        "[stor]\n",
        "[fleet]\nchunk_bytes = 0\n",
        "[notify]\non = [\"well\"]\n",
        "[broker]\ncompress = \"no\"\n",
    ] {
        assert!(!settings.is_valid(&as_json(bad)), "{bad}");
    }
}

const COPYBOOK: &str = r#"[job]
name = "accounts"
[source]
format = "copybook"
copybook = "account.cpy"
[source.cobol]
[[record]]
name = "account"
staging = "stg_accounts"
final = "accounts"
[copybooks]
"account.cpy" = '''
       01  ACCOUNT.
           05  ID       PIC 9(8).
'''
"#;

const FIXED: &str = r#"[job]
name = "accounts"
[source]
format = "fixed"
[[record]]
name = "account"
staging = "stg_accounts"
final = "accounts"
[[record.field]]
name = "amount"
type = "decimal(8,2)"
start = 1
width = 8
[[control]]
record = "account"
[[control.total]]
field = "amount"
count = "*"
[[rule]]
name = "rule"
holds = "amount > 0"
[trends]
records = "40%"
"#;

/// What the parser says of the key with this value, below the line `below`.
fn said(job: &str, below: &str, key: &str, value: &Value) -> Option<String> {
    let line = format!("{below}\n{key} = {value}\n");
    let text = job.replacen(&format!("{below}\n"), &line, 1);
    assert_ne!(text, job, "{below}");
    Job::parse("job.toml", &text).err().map(|error| error.to_string())
}

/// A word of a message's list, without what stands in parentheses behind it.
fn without_remark(word: &str) -> String {
    word.split(" (").next().unwrap_or_default().trim_matches('"').to_owned()
}

#[test]
fn the_values_that_the_schema_lists_are_those_that_the_parser_takes() {
    let schema = schema(&Desk::new(), "job");
    // What each definition's keys are tried with: a job, and the line below which they stand.
    let table: [(&str, &str, &str); 9] = [
        ("CobolSection", COPYBOOK, "[source.cobol]"),
        ("SourceSection", FIXED, "format = \"fixed\""),
        ("SourceSection", COPYBOOK, "copybook = \"account.cpy\""),
        ("RecordSection", FIXED, "name = \"account\""),
        ("RecordSection", JOB, "name = \"posting\""),
        ("FieldSection", FIXED, "start = 1"),
        ("ControlSection", FIXED, "record = \"account\""),
        ("RuleSection", FIXED, "name = \"rule\""),
        ("TrendsSection", FIXED, "[trends]"),
    ];
    let mut tried = BTreeSet::new();
    for (definition, job, below) in table {
        assert_eq!(Job::parse("job.toml", job).err().map(|error| error.to_string()), None);
        for (key, of) in schema["$defs"][definition]["properties"].as_object().unwrap() {
            let Some(values) = of["enum"].as_array() else { continue };
            let wrong = if values.iter().any(Value::is_number) { json!(3) } else { json!("zz") };
            // Keys that the job has already are replaced; those of another format are tried with another job.
            let job = job.replace(&format!("{key} = "), &format!("# {key} = "));
            let below = if below.starts_with(&format!("{key} = ")) { "[source]" } else { below };
            let message = said(&job, below, key, &wrong).unwrap_or_else(|| panic!("{key} takes {wrong}"));
            let words: Vec<_> = values
                .iter()
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                .collect();
            if !message.contains(&format!("{key} `zz`")) && !message.contains(&format!("{key} 3")) {
                continue;
            }
            // The lines after the first show the place in the job file.
            let first = message.lines().next().unwrap();
            let listed = first.rsplit_once(": ").map(|(_, listed)| listed.replace(" or ", ", ")).unwrap();
            let listed = listed.trim_start_matches("expected ");
            let listed: BTreeSet<_> = listed.split(", ").map(without_remark).collect();
            assert!(
                words.iter().all(|word| listed.contains(word)),
                "{key}: {words:?} against {listed:?}: {message}"
            );
            assert_eq!(words.len(), listed.len(), "{key}: {words:?} against {listed:?}");
            tried.insert(format!("{definition}.{key}"));
        }
    }
    assert!(tried.len() >= 25, "only {} keys could be tried: {tried:?}", tried.len());
}

#[test]
fn what_commands_print_as_json_is_of_its_schema() {
    let rows = ["1,2024-02-29,10.00,IBAN-DE-4711", "2,2024-02-29,-10.00,x", "3,29.2.2024,5.00,y"];
    let desk = Desk::with(csv(&rows));
    let run = ["run", "job.toml", "--source", "in.csv", "--json"];
    let is_of = |name: &str, line: &[&str], code: i32| {
        let line = [line, &["--json"]].concat();
        let printed = desk.run(&line).exits(code).json();
        let faults = faults(&validator(&schema(&desk, name)), &printed);
        assert!(faults.is_empty(), "{name}: {}: {faults}\n{printed:#}", line.join(" "));
    };
    // A run that does not reconcile, with a reject and a finding; then sound ones.
    is_of("report", &run[..4], 1);
    is_of("rejects", &["rejects"], 0);
    is_of("explain", &["explain"], 0);
    is_of("show", &["show"], 0);
    is_of("purge", &["purge", "--yes"], 0);
    desk.put("in.csv", postings(100));
    is_of("report", &[&run[..4], &["--pause-after", "staged"]].concat(), 3);
    is_of("report", &["resume"], 3);
    is_of("report", &["approve", "--yes"], 0);
    for (name, line) in [
        ("report", &["report"][..]),
        ("runs", &["runs"]),
        ("show", &["show"]),
        ("workers", &["workers"]),
        ("rejects", &["rejects"]),
        ("explain", &["explain"]),
        ("trends", &["trends", "postings"]),
        ("check", &["check", "job.toml"]),
        ("check", &["check", "job.toml", "--source", "in.csv"]),
        ("declared", &["fingerprint", "job.toml", "--source", "in.csv"]),
        ("doctor", &["doctor"]),
        ("drill-list", &["drill", "--list"]),
        ("drill", &["drill", "job.toml", "--source", "in.csv", "--only", "CNT-01"]),
        ("setup", &["setup"]),
        ("retention", &["retention", "--staging", "1h"]),
        ("rotate-key", &["rotate-key"]),
        ("audit-keygen", &["audit", "keygen", "-o", "me"]),
        ("audit-export", &["audit", "export", "-o", "run.tar", "--key", "me.key"]),
        ("prove", &["prove", "--record", "17", "--key", "me.key", "--record-out", "record.txt"]),
        ("audit-log", &["audit", "log"]),
        ("audit-verify", &["audit", "verify"]),
        ("audit-verify-pack", &["audit", "verify", "run.tar", "--key", "me.pub"]),
        ("schema-list", &["schema", "--list"]),
    ] {
        is_of(name, line, 0);
    }
    desk.run(&["prove", "--record", "17", "-o", "proof.json", "--key", "me.key"]).exits(0);
    is_of(
        "audit-verify-proof",
        &["audit", "verify", "proof.json", "--record", "record.txt", "--job", "job.toml", "--key", "me.pub"],
        0,
    );
    is_of("audit-verify-pack", &["audit", "verify", "run.tar"], 1);
    // What is handed to a coordinator service that is not there.
    desk.put("again.csv", postings(7));
    let broker = ["--broker", "amqp://nobody.invalid"];
    is_of("submit", &[&["submit", "job.toml", "--source", "again.csv"][..], &broker].concat(), 0);
    is_of("cancel", &["cancel", "--yes"], 0);
    // A log that was tampered with.
    desk.sql()
        .execute_batch("DROP TRIGGER crossfoot_event_no_update; UPDATE crossfoot_event SET actor = 'x';")
        .unwrap();
    is_of("audit-verify", &["audit", "verify"], 1);
}
