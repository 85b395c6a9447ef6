//! Fields that are made of columns, and NULL indicators: what is in the tables, and what wrong input comes to.

use rusqlite::Connection;

use super::desk::Desk;

const JOB: &str = r#"[job]
name = "orders"

[source]
format = "delimited"
header = true

[[record]]
name = "order"
key = ["id"]
amounts = ["amount", "fee"]
staging = "stg_orders"
final = "orders"

[[record.field]]
name = "id"
type = "integer"

[[record.field]]
name = "booked_at"
type = "timestamp(%Y%m%d %H%M%S)"
concat = ["date", "time"]
separator = " "

[[record.field]]
name = "currency"
type = "text(3)"
from = "value"
part = 1
separator = " "

[[record.field]]
name = "amount"
type = "decimal(15,2)"
from = "value"
part = 2
separator = " "

[[record.field]]
name = "fee"
type = "decimal(15,2)"
null_indicator = { column = "fee_ind", null = ["?"], value = [""] }

[[record.field]]
name = "branch"
type = "text(20)"
lookup = { file = "branches.csv", key = "code", value = "name" }

[[record.field]]
name = "code"
type = "text(3)"
from = "branch"

[[record.field]]
name = "system"
type = "text(4)"
constant = "CORE"
"#;

const BRANCHES: &str = "code,name\n001,Head office\n002,\"Lyon, Sud\"\n";

fn desk(rows: &[&str]) -> Desk {
    let desk = Desk::new();
    desk.put("job.toml", JOB);
    desk.put("branches.csv", BRANCHES);
    let head = "branch,fee_ind,fee,id,time,date,value\n";
    desk.put("in.csv", format!("{head}{}\n", rows.join("\n")));
    desk
}

const GOOD: [&str; 3] = [
    "001,,0.50,1,093000,20240131,EUR 12.50",
    "002,?,0.00,2,235959,20240229,EUR -100.07",
    "001,,,3,,,USD 1000000.01",
];

const RUN: [&str; 4] = ["run", "job.toml", "--source", "in.csv"];

/// What a query on the store gives, its columns with `|` between them.
fn rows(desk: &Desk, query: &str) -> Vec<String> {
    let store = Connection::open(desk.path("crossfoot.db")).unwrap();
    let mut statement = store.prepare(query).unwrap();
    let count = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let cell = |at: usize| match row.get_ref(at).unwrap() {
            rusqlite::types::ValueRef::Null => "NULL".to_owned(),
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Real(_) => panic!("no column is a float"),
            rusqlite::types::ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
            rusqlite::types::ValueRef::Blob(_) => panic!("no column is bytes"),
        };
        Ok((0..count).map(cell).collect::<Vec<_>>().join("|"))
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

#[test]
fn what_is_made_of_columns_is_in_final_to_the_cent() {
    let desk = desk(&GOOD);
    desk.run(&["check", "job.toml", "--source", "in.csv"]).exits(0).prints(&["Head office", "CORE"]);
    desk.run(&RUN).exits(0);
    let all = "SELECT id, booked_at, currency, amount, fee, branch, code, system FROM orders ORDER BY id";
    assert_eq!(
        rows(&desk, all),
        [
            "1|2024-01-31 09:30:00.000000|EUR|12.50|0.50|Head office|001|CORE",
            "2|2024-02-29 23:59:59.000000|EUR|-100.07|NULL|Lyon, Sud|002|CORE",
            "3|NULL|USD|1000000.01|NULL|Head office|001|CORE",
        ]
    );
    let report = desk.run(&["report", "--json"]).exits(0).json();
    let sums = report.to_string();
    assert!(sums.contains("999912.44") && sums.contains("0.50"), "{sums}");
    desk.run(&["attest", "last", "--json"]).exits(0);
    desk.run(&["audit", "verify"]).exits(0);
}

#[test]
fn a_sender_with_the_same_job_declares_the_result_and_the_bytes() {
    let desk = desk(&GOOD);
    let declared = desk.run(&["fingerprint", "job.toml", "--source", "in.csv"]).exits(0);
    desk.put("declared.json", &declared.out);
    desk.run(&[&RUN[..], &["--declared", "declared.json"]].concat()).exits(0);
    // With another table of codes, the result is another one: not compared, but refused.
    desk.put("branches.csv", BRANCHES.replace("Lyon, Sud", "Lyon"));
    let ended = desk.run(&[&RUN[..], &["--declared", "declared.json", "--again"]].concat());
    assert_ne!(ended.code, Some(0), "{}", ended.out);
}

#[test]
fn wrong_input_is_a_reject_with_its_reason() {
    for (row, code, reason) in [
        ("999,,0.50,4,093000,20240131,EUR 1.00", "not-allowed", "no code of the lookup table"),
        ("001,,0.50,4,093000,20240131,EUR 1.00 net", "field-count", "`uncovered`"),
        ("001,,0.50,4,093000,20240131,1.00", "field-count", "the field is part 2"),
        ("001,X,0.50,4,093000,20240131,EUR 1.00", "not-allowed", "neither NULL nor a value"),
        ("001,?,0.50,4,093000,20240131,EUR 1.00", "padding", "`null_content`"),
        ("001,,0.50,4,,20240131,EUR 1.00", "required", "`concat` is NULL"),
        ("001,,0.50,4,093000,2024 131,EUR 1.00", "field-count", "contains the separator"),
    ] {
        let desk = desk(&[GOOD[0], row]);
        desk.run(&RUN).exits(1).prints(&["NOT RECONCILED"]);
        assert_eq!(rows(&desk, "SELECT count(*) FROM stg_orders"), ["1"]);
        let rejects = desk.run(&["rejects", "--json"]).exits(0).json().to_string();
        assert!(rejects.contains(code) && rejects.contains(reason), "{row}: {rejects}");
    }
}

#[test]
fn what_is_dropped_or_stands_for_another_code_is_counted_by_name() {
    let desk = desk(&[GOOD[0], "777,?,0.99,4,093000,20240131,EUR 1.00 net"]);
    let job = JOB
        .replace("value = [\"\"] }", "value = [\"\"] }\nnull_content = \"drop\"")
        .replacen("part = 1\n", "part = 1\nuncovered = \"drop\"\n", 1)
        .replace("value = \"name\" }", "value = \"name\", otherwise = \"unknown\" }");
    desk.put("job.toml", job);
    desk.run(&RUN).exits(0);
    let sql = "SELECT id, amount, fee, branch FROM orders ORDER BY id";
    assert_eq!(rows(&desk, sql), ["1|12.50|0.50|Head office", "4|1.00|NULL|unknown"]);
    let report = desk.run(&["report", "--json"]).exits(0).json();
    let counted = report["decode_proof"]["equivalences"].to_string();
    assert!(counted.contains("unknown-code") && counted.contains("under-null"), "{report}");
    let text = desk.run(&["report"]).exits(0);
    assert!(text.out.contains("unknown-code") && text.out.contains("left out"), "{}", text.out);
}

#[test]
fn a_table_that_cannot_be_used_is_refused_before_anything_is_loaded() {
    let desk = desk(&GOOD);
    for (table, words) in [
        ("code,name\n001,A\n002,B\n001,C\n", "line 4: the code `001` is there twice, first in line 2"),
        ("code,title\n001,A\n", "there is no column `name`"),
        ("code,name\n001,a name that is far too long\n", "code `001` stands for"),
    ] {
        desk.put("branches.csv", table);
        desk.run(&["check", "job.toml"]).exits(2).says(&[words]);
        desk.run(&RUN).exits(2).says(&[words]);
    }
    std::fs::remove_file(desk.path("branches.csv")).unwrap();
    desk.run(&RUN).exits(2).says(&["cannot read the lookup table", "branches.csv"]);
    assert!(
        !desk.path("crossfoot.db").exists()
            || rows(&desk, "SELECT name FROM sqlite_schema WHERE name = 'orders'").is_empty()
    );
}

/// A desk with the job files, copybooks and data of `examples/db2-unload`.
fn unloads() -> Desk {
    let desk = Desk::new();
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/db2-unload");
    for file in std::fs::read_dir(examples).unwrap().map(Result::unwrap) {
        desk.put(&file.file_name().to_string_lossy(), std::fs::read(file.path()).unwrap());
    }
    desk
}

#[test]
fn db2_unloads_load_with_their_nulls() {
    let desk = unloads();
    for (name, table) in [("dsntiaul", "employees"), ("unload", "unloaded")] {
        desk.run(&["run", &format!("{name}.toml"), "--source", &format!("{name}.data")]).exits(0);
        let sql = format!("SELECT empno, workdept, salary, bonus FROM {table} ORDER BY empno");
        assert_eq!(
            rows(&desk, &sql),
            [
                "000010|A00|52750.00|1000.00",
                "000020|B01|41250.00|800.00",
                "000030|C01|38250.00|NULL",
                "000120|NULL|29250.05|-600.10",
                "000340|E21|NULL|500.00",
                "200340|NULL|0.00|NULL",
            ]
        );
        let report = desk.run(&["report", "--json"]).exits(0).json().to_string();
        assert!(report.contains("161500.05") && report.contains("1699.90"), "{report}");
    }
    let sql = "SELECT name_text, hiredate, changed, system FROM employees WHERE empno IN ('000340', '000010') ORDER BY 1";
    assert_eq!(
        rows(&desk, sql),
        [
            "CHRISTINE HAAS|1965-01-01|2024-05-06 07:08:09.123456|DB2P",
            "JASON GOUNOD|NULL|2024-05-06 07:08:09.123456|DB2P",
        ]
    );
}

#[test]
fn a_db2_unload_with_another_indicator_or_with_content_under_null_is_not_loaded() {
    for (at, byte, reason) in [
        (6, 0x7F, "neither NULL nor a value"),
        (6, 0xFF, "`null_content`"),
        // The packed salary of the fifth employee, whose indicator says NULL.
        (4 * 22 + 15, 0x1C, "`null_content`"),
    ] {
        let desk = unloads();
        let mut data = std::fs::read(desk.path("unload.data")).unwrap();
        data[at] = byte;
        desk.put("unload.data", &data);
        desk.run(&["run", "unload.toml", "--source", "unload.data"]).exits(1);
        let rejects = desk.run(&["rejects", "--json"]).exits(0).json().to_string();
        assert!(rejects.contains(reason), "{at}: {rejects}");
    }
}

#[test]
fn a_decoder_that_misreads_a_field_beside_its_indicator_is_caught() {
    let desk = unloads();
    let drill = ["drill", "dsntiaul.toml", "--source", "dsntiaul.data", "--only"];
    desk.run(&[&drill[..], &["DEC-27"]].concat()).exits(0).prints(&["EFFECTIVE", "1 of 1 defect caught"]);
    desk.run(&[&drill[..], &["DEC-07"]].concat()).exits(0).prints(&["EFFECTIVE", "1 of 1 defect caught"]);
}
