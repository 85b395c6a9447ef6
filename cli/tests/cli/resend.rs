//! Corrected rejects loaded again: `rejects --edit`, `resend`, and the books of both runs.

use super::desk::{Desk, Ended, csv};

const GOOD: &str = "1,2024-02-29,10.00,first";

/// A desk with a promoted run of one accepted record and three rejects: records 2, 3 and 4.
fn loaded(changes: &[(&str, &str)]) -> (Desk, String) {
    let rows =
        [GOOD, "2,2024-02-29,1.001,second", "3,2024-02-30,3.00,\"third, quoted\"", "four,2024-02-28,4.00,"];
    let desk = Desk::with(csv(&rows));
    desk.put_job("job.toml", &[&[("rejects = 0", "rejects = 3")], changes].concat());
    desk.load().exits(0);
    assert_eq!(desk.final_rows(), 1);
    let first = run_id(&desk);
    desk.run(&["rejects", &first, "--edit", "rejects.csv"]).exits(0);
    (desk, first)
}

/// The id of the run that was opened last.
fn run_id(desk: &Desk) -> String {
    desk.run(&["runs", "--limit", "1", "--json"]).exits(0).json()[0]["run_id"].as_str().unwrap().to_owned()
}

/// The cells of a row: rows of these tests have no line ends in them.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    cells.push(cell);
    cells
}

/// Writes `corrected.csv`: the rejects' rows with these cells, by record number and column.
pub(super) fn mend(desk: &Desk, changes: &[(&str, &str, &str)]) {
    let text = std::fs::read_to_string(desk.path("rejects.csv")).unwrap();
    let mut rows: Vec<_> = text.lines().map(cells).collect();
    for (record, column, value) in changes {
        let at = rows[0].iter().position(|name| name == column).unwrap();
        let row = rows.iter_mut().find(|row| row[0] == *record).unwrap();
        row[at] = (*value).to_owned();
    }
    let line = |row: &Vec<String>| {
        let quoted: Vec<_> = row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        quoted.join(",") + "\n"
    };
    desk.put("corrected.csv", rows.iter().map(line).collect::<String>());
}

fn resend(desk: &Desk, first: &str) -> Ended {
    desk.run(&["resend", first, "--from", "corrected.csv"])
}

/// How many files of corrected records are on the desk.
fn files(desk: &Desk) -> usize {
    let folder = desk.path("corrected.csv").parent().unwrap().read_dir().unwrap();
    folder.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".dat")).count()
}

#[test]
fn mended_rejects_are_loaded_once_and_the_books_of_both_runs_are_closed() {
    let (desk, first) = loaded(&[]);
    let rows = std::fs::read_to_string(desk.path("rejects.csv")).unwrap();
    let rows: Vec<_> = rows.lines().map(cells).collect();
    assert_eq!(
        rows[0],
        "record_no,chunk_no,offset,record_type,reasons,hex,id,booked_on,amount,text"
            .split(',')
            .collect::<Vec<_>>()
    );
    assert_eq!(rows.len(), 4);
    assert!(rows[1][4].starts_with("amount: too-long: "), "{rows:?}");
    assert_eq!(rows[1][6..], ["2", "2024-02-29", "", "second"]);
    assert_eq!(rows[2][6..], ["3", "", "3.00", "third, quoted"]);
    assert_eq!(rows[3][6..], ["", "2024-02-28", "4.00", "\\N"]);

    mend(&desk, &[("2", "amount", "1.5"), ("3", "booked_on", "2024-02-29")]);
    resend(&desk, &first).exits(0).prints(&["RECONCILED", "2 records", "Resends", &first]).says(&[
        "2 records corrected",
        "left as rejects of run",
        "3 = resent and in final 2 + resent and rejected again 0 + open 1",
    ]);
    let second = run_id(&desk);
    let sent = std::fs::read_to_string(desk.path(&format!("resend-{first}-1.dat"))).unwrap();
    assert_eq!(
        sent,
        "id,booked_on,amount,text\n2,2024-02-29,1.50,second\n3,2024-02-29,3.00,\"third, quoted\"\n"
    );
    assert_eq!(desk.final_rows(), 3);
    // What the report says is what the ledger and the tables say.
    let resent = &desk.run(&["report", &first, "--json"]).exits(0).json()["resent"];
    let in_final = desk.number(&format!(
        "SELECT count(*) FROM postings WHERE last_run_id IN
         (SELECT run_id FROM crossfoot_run WHERE resends = '{first}')"
    ));
    let rejects = desk.number(&format!("SELECT count(*) FROM crossfoot_reject WHERE run_id = '{first}'"));
    assert_eq!((&resent["rejects"], &resent["in_final"]), (&rejects.into(), &in_final.into()), "{resent}");
    assert_eq!(
        (in_final, &resent["open"], &resent["runs"][0]["run_id"]),
        (2, &1.into(), &second.clone().into())
    );
    assert_eq!(desk.run(&["report", &second, "--json"]).json()["resends"], first);
    let sum = "3 = resent and in final 2 + resent and rejected again 0 + open 1";
    desk.run(&["report", &first]).exits(0).prints(&[&format!("rejects: {sum}"), &second]);
    desk.run(&["show", &first]).exits(0).prints(&[sum, &second]);
    desk.run(&["show", &second]).exits(0).prints(&["resends", &first]);
    desk.run(&["runs"]).exits(0).prints(&[&format!("resends rejects of run {first}")]);
    let page = desk.run(&["report", &first, "--format", "html"]).exits(0);
    page.prints(&[sum]);

    // Once.
    resend(&desk, &first).exits(2).says(&[
        "record 2 of run",
        "was resent by run",
        &second,
        "nothing was loaded",
    ]);
    assert_eq!((files(&desk), desk.final_rows()), (1, 3));
    // The third is still there to be corrected, by its bytes.
    let hex = domain::hex::encode(b"4,2024-02-28,4.00,");
    mend(&desk, &[("4", "hex", &hex)]);
    resend(&desk, &first).exits(0).says(&["in final 3 + resent and rejected again 0 + open 0"]);
    let third = run_id(&desk);
    assert_eq!(desk.final_rows(), 4);

    // Evidence: both runs name each other, and packs of both hold.
    desk.run(&["audit", "verify"]).exits(0);
    desk.run(&["audit", "log", &first]).exits(0).prints(&["resent", &second, &third]);
    desk.run(&["audit", "log", &second]).exits(0).prints(&["resends", &first]);
    desk.run(&["audit", "keygen", "-o", "me"]).exits(0);
    for run in [&first, &second] {
        let pack = format!("{run}.tar");
        desk.run(&["audit", "export", run, "-o", &pack, "--key", "me.key"]).exits(0);
        desk.run(&["audit", "verify", &pack, "--key", "me.pub"]).exits(0).prints(&["VERIFIED"]);
    }

    // Final would hold a part of the source without the rest.
    let back_out = |run: &str| desk.run(&["back-out", run, "--yes", "--reason", "wrong file"]);
    back_out(&first).exits(2).says(&["were resent by run", "back out run"]);
    assert_eq!(desk.final_rows(), 4);
    back_out(&second).exits(0);
    desk.run(&["report", &first]).exits(0).prints(&["in final 1 + resent and rejected again 0 + open 2"]);
    back_out(&third).exits(0);
    back_out(&first).exits(0);
    assert_eq!(desk.final_rows(), 0);
    desk.run(&["audit", "verify"]).exits(0);
}

#[test]
fn what_is_rejected_again_is_mended_in_the_run_that_rejected_it() {
    let rows = [GOOD, "2,2024-02-30,1.001,both"];
    let desk = Desk::with(csv(&rows));
    desk.put_job("job.toml", &[("rejects = 0", "rejects = 3")]);
    desk.load().exits(0);
    let first = run_id(&desk);
    desk.run(&["rejects", "--edit", "rejects.csv"]).exits(0).says(&["crossfoot resend"]);
    mend(&desk, &[("2", "amount", "1.00")]);
    resend(&desk, &first)
        .exits(0)
        .says(&["1 = resent and in final 0 + resent and rejected again 1 + open 0"]);
    let second = run_id(&desk);
    desk.run(&["rejects", "last"]).exits(0).prints(&[&format!("was record 2 of run {first}, byte")]);
    let listed = desk.run(&["rejects", "last", "--json"]).exits(0).json();
    assert_eq!(listed[0]["original"]["record_no"], 2);
    assert_eq!(listed[0]["original"]["run_id"], first);
    assert_eq!(
        listed[0]["original"]["byte_offset"].as_u64(),
        desk.run(&["rejects", &first, "--json"]).json()[0]["byte_offset"].as_u64()
    );
    resend(&desk, &first)
        .exits(2)
        .says(&["was resent by run", &format!("crossfoot rejects {second} --edit")]);
    desk.run(&["rejects", &second, "--edit", "rejects.csv"]).exits(0);
    mend(&desk, &[("1", "booked_on", "2024-02-28")]);
    resend(&desk, &second).exits(0);
    // The first run's books follow the record to where it went.
    let sum = "1 = resent and in final 1 + resent and rejected again 0 + open 0";
    desk.run(&["report", &first]).exits(0).prints(&[sum]);
    desk.run(&["report", &second]).exits(0).prints(&[sum]);
    assert_eq!(desk.final_rows(), 2);
}

#[test]
fn rows_that_no_reject_became_are_refused_with_their_line() {
    let (desk, first) = loaded(&[]);
    for (changes, says) in [
        (&[("2", "record_no", "1")][..], "line 2: record 1 is not a reject of run"),
        (&[("2", "record_no", "99")], "line 2: record 99 is not a reject"),
        (&[("2", "record_no", "two")], "line 2: `record_no` is not a record number"),
        (&[("3", "record_no", "2")], "line 3: record 2 has a row before this one"),
        (&[("2", "offset", "7")], "line 2: record 2: `offset` was changed"),
        (&[("2", "amount", "1.00"), ("2", "hex", "31")], "`hex` and `amount` were both changed"),
        (&[("2", "hex", "3")], "`hex` is not pairs of hexadecimal digits"),
        (&[("2", "hex", "310a32")], "would not be found again as one record"),
        (&[("2", "text", "")], "field `text`: the cell is empty"),
        (&[("2", "amount", "1,5")], "field `amount`: it is not written as a value of type decimal(15,2)"),
        (&[("2", "text", "\\x")], "begins with a backslash that stands for nothing"),
        (&[], "no row differs"),
        (&[("2", "amount", "1.00"), ("4", "booked_on", "yesterday")], "line 4: record 4: field `booked_on`"),
    ] {
        mend(&desk, changes);
        resend(&desk, &first).exits(2).says(&[says]);
        assert_eq!((files(&desk), run_id(&desk)), (0, first.clone()), "{says}");
    }
    // Not a table that `rejects --edit` wrote.
    desk.put("corrected.csv", "id,amount\n1,2\n");
    resend(&desk, &first).exits(2).says(&["line 1", "record_no,chunk_no"]);
    // A run that is not in final.
    desk.put("in.csv", csv(&["x,2024-02-29,1.00,y", "x,x,x,x", "x,x,x,x", "x,x,x,x"]));
    desk.load().exits(1);
    desk.run(&["resend", "last", "--from", "corrected.csv"]).exits(2).says(&["once their run is promoted"]);
    desk.run(&["audit", "log", &first]).exits(0);
    assert_eq!(desk.number("SELECT count(*) FROM crossfoot_resent"), 0);
}

#[test]
fn what_the_job_asks_of_whole_sources_is_not_passed_over_in_silence() {
    let rules = [("[limits]", "[declared]\nrecords = 4\n\n[approval]\nrequire_reason = true\n\n[limits]")];
    let (desk, first) = loaded(&rules);
    mend(&desk, &[("2", "amount", "1.00")]);
    resend(&desk, &first).exits(2).says(&["reason"]);
    let line = [
        "resend",
        &first,
        "--from",
        "corrected.csv",
        "--reason",
        "the sender corrected it",
        "--output",
        "again.csv",
    ];
    desk.run(&line).exits(0).says(&["[declared] of the job is not compared"]).prints(&["RECONCILED"]);
    assert!(desk.path("again.csv").exists());
    desk.run(&["audit", "log", &first]).exits(0).prints(&["the sender corrected it"]);

    let eyes = [("[limits]", "[approval]\nfour_eyes = true\n\n[limits]")];
    let rows = [GOOD, "2,2024-02-29,1.001,second"];
    let desk = Desk::with(csv(&rows));
    desk.put_job("job.toml", &[&[("rejects = 0", "rejects = 3")], &eyes[..]].concat());
    let by = |who, line: &[&str]| desk.run(&[line, &["--operator", who]].concat());
    by("anna", &["run", "job.toml", "--source", "in.csv"]).exits(3);
    by("anna", &["rejects", "last", "--edit", "rejects.csv"]).exits(0);
    mend(&desk, &[("2", "amount", "1.00")]);
    by("anna", &["resend", "last", "--from", "corrected.csv"]).exits(2).says(&["awaiting-approval"]);
    by("ben", &["approve", "--yes"]).exits(0);
    let first = run_id(&desk);
    by("anna", &["resend", &first, "--from", "corrected.csv"]).exits(3).says(&["being resent 1 + open 0"]);
    by("cleo", &["resend", &first, "--from", "corrected.csv"])
        .exits(2)
        .says(&["was resent by run", "awaiting-approval"]);
    by("anna", &["approve", "--yes"]).exits(2);
    by("ben", &["approve", "--yes"]).exits(0);
    desk.run(&["report", &first]).exits(0).prints(&["in final 1 + resent and rejected again 0 + open 0"]);
    // Given up, a resend lets go of its records.
    assert_eq!(desk.final_rows(), 2);
}

const COPYBOOK: &str = "       01  ACCOUNT.
           05  ACCT-NO    PIC 9(4).
           05  BALANCE    PIC S9(5)V99 COMP-3.
           05  OWNER      PIC X(6).
";

#[test]
fn a_packed_field_is_mended_in_the_bytes_of_its_record() {
    let desk = Desk::new();
    desk.put("account.cpy", COPYBOOK);
    let record = |number: u8, balance: [u8; 4]| {
        let owner = [0xD4, 0xE4, 0x51, 0xD9, 0x40, 0x40];
        [&[0xF0, 0xF0, 0xF0, 0xF0 + number][..], &balance, &owner].concat()
    };
    let (good, bad) = (record(1, [0x00, 0x01, 0x25, 0x0C]), record(2, [0x00, 0x0A, 0x25, 0x0C]));
    desk.put("accounts.dat", [good, bad].concat());
    desk.run(&["init", "--copybook", "account.cpy", "-o", "account.toml"]).exits(0);
    let job = std::fs::read_to_string(desk.path("account.toml")).unwrap();
    desk.put("account.toml", job + "\n[limits]\nrejects = 1\n");
    desk.run(&["run", "account.toml", "--source", "accounts.dat"]).exits(0);
    let first = run_id(&desk);
    desk.run(&["rejects", "--edit", "rejects.csv"]).exits(0);
    // Neither more than the picture holds, nor a character that the code page lacks.
    for (column, value, says) in [
        ("balance", "123456.00", "field `balance`: the field cannot hold the value"),
        ("owner", "€", "field `owner`: the field cannot hold the value"),
        ("owner", "SEVEN77", "field `owner`: the field cannot hold the value"),
    ] {
        mend(&desk, &[("2", column, value)]);
        resend(&desk, &first).exits(2).says(&["line 2: record 2", says]);
    }
    mend(&desk, &[("2", "balance", "-12.50"), ("2", "owner", "MÜLLER")]);
    resend(&desk, &first).exits(0).says(&["1 = resent and in final 1"]).prints(&["RECONCILED"]);
    let sent = std::fs::read(desk.path(&format!("resend-{first}-1.dat"))).unwrap();
    assert_eq!(sent[..8], [0xF0, 0xF0, 0xF0, 0xF2, 0x00, 0x01, 0x25, 0x0D]);
    assert_eq!((sent.len(), sent[8]), (14, 0xD4));
}

#[test]
fn rows_to_edit_show_sensitive_fields_and_the_log_says_who_asked() {
    let (desk, first) = loaded(&[("required = true", "required = true\nsensitive = true")]);
    desk.run(&["audit", "log", &first]).exits(0).prints(&["rejects-written", "rejects.csv"]);
    mend(&desk, &[("2", "amount", "987654321.987")]);
    let refused = resend(&desk, &first).exits(2);
    assert!(!refused.err.contains("987654321"), "{refused}");
    mend(&desk, &[("2", "amount", "9.87")]);
    resend(&desk, &first).exits(0).says(&["in final 1"]);
}

#[test]
fn rejects_as_they_came_have_the_header_row_that_their_job_reads() {
    let desk = Desk::with("Nr,booked_on,amount,text\n1,2024-02-29,10.00,rent\n2,2024-02-30,10.00,rent\n");
    desk.put_job(
        "job.toml",
        &[("type = \"integer\"", "type = \"integer\"\nfrom = \"Nr\""), ("rejects = 0", "rejects = 1")],
    );
    desk.load().exits(0);
    desk.run(&["rejects", "--raw", "raw.csv"]).exits(0);
    let raw = std::fs::read_to_string(desk.path("raw.csv")).unwrap();
    assert_eq!(raw, "Nr,booked_on,amount,text\n2,2024-02-30,10.00,rent\n");
    desk.run(&["check", "job.toml", "--source", "raw.csv"]).exits(0);
}
