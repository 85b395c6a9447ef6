//! Every number that the console shows, held to SQL over the store.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::browser::Console;
use super::desk::postings;

/// A sound source of the desk's job with this many records, of which one in fifty has no date. The job's limit of rejects must
/// allow it.
pub(crate) fn with_bad_dates(records: u64) -> String {
    let mut text = String::from_utf8(postings(records)).unwrap();
    for id in (25..=records).step_by(50) {
        text = text.replace(&format!("\n{id},2024"), &format!("\n{id},x2024"));
    }
    text
}

/// Compares every number that the console shows of the newest run with what SQL finds: `sql` gives the first column of
/// a query's rows. Returns what the page shows of the run, for a comparison after a restart.
pub(crate) fn every_number_is_sqls(
    console: &Console,
    sql: &dyn Fn(&str) -> Vec<u64>,
) -> BTreeMap<String, Value> {
    let number = |query: &str| sql(query)[0];
    let item = console.get("/runs")["items"][0].clone();
    let run = item["run_id"].as_str().unwrap().to_owned();
    let of = |query: &str| number(&query.replace("RUN", &format!("run_id = '{run}'")));
    let done = "crossfoot_chunk WHERE state = 'committed' AND RUN";
    for (key, query) in [
        ("chunks_split", "SELECT count(*) FROM crossfoot_chunk WHERE RUN".to_owned()),
        ("chunks_committed", format!("SELECT count(*) FROM {done}")),
        ("chunks_set_aside", "SELECT count(*) FROM crossfoot_chunk WHERE state = 'set-aside' AND RUN".into()),
        ("records_split", "SELECT sum(records) FROM crossfoot_chunk WHERE RUN".into()),
        ("records_processed", format!("SELECT sum(accepted + rejected) FROM {done}")),
        ("records_rejected", "SELECT count(*) FROM crossfoot_reject WHERE RUN".into()),
        ("records_written", "SELECT count(*) FROM stg_postings WHERE RUN".into()),
        ("bytes_committed", format!("SELECT sum(bytes) FROM {done}")),
    ] {
        assert_eq!(item[key], of(&query), "{key}: {item}");
    }
    let shown = console.get(&format!("/runs/{run}"));
    let flow = &shown["flow"];
    let staged = of("SELECT count(*) FROM stg_postings WHERE RUN");
    let rejected = of("SELECT count(*) FROM crossfoot_reject WHERE RUN");
    assert_eq!(flow["source"]["records"], of("SELECT sum(records) FROM crossfoot_chunk WHERE RUN"));
    assert_eq!(flow["source"]["bytes"], of("SELECT sum(bytes) FROM crossfoot_chunk WHERE RUN"));
    assert_eq!((&flow["written"]["records"], &flow["staging"]["records"]), (&json!(staged), &json!(staged)));
    let read = "SELECT sum(records) FROM (SELECT max(r.records) AS records FROM crossfoot_report r
                JOIN crossfoot_chunk c USING (run_id, chunk_no)
                WHERE r.role = 'processor' AND c.state <> 'set-aside' AND RUN GROUP BY chunk_no) AS each";
    assert!(flow["processed"]["read"].as_u64().unwrap() >= of(read).max(staged + rejected), "{flow}");
    if shown["state"] == "promoted" {
        assert_eq!(
            flow["processed"],
            json!({ "read": staged + rejected, "accepted": staged, "rejected": rejected })
        );
        assert_eq!(flow["final"], number("SELECT count(*) FROM postings"));
        assert!(flow["balances"].as_array().unwrap().iter().all(|one| one["holds"] == true), "{flow}");
    }

    let workers = console.get(&format!("/runs/{run}/workers"));
    for worker in workers["workers"].as_array().unwrap() {
        let (id, role) = (&worker["worker_id"], worker["role"].as_str().unwrap());
        let of = |from: &str| of(&from.replace("ID", &id.to_string()).replace("ROLE", role));
        let (column, table) = match role {
            "processor" => ("processor_id", "crossfoot_reject"),
            _ => ("writer_id", "stg_postings"),
        };
        for (key, in_ledger) in
            [("records", "records_in"), ("accepted", "accepted"), ("rejected", "rejected")]
        {
            let ledger = format!("SELECT sum({in_ledger}) FROM {done} AND {column} = ID");
            assert_eq!(worker["ledger"][key], of(&ledger), "{worker}");
            let reported = format!(
                "SELECT sum(r.{key}) FROM crossfoot_report r JOIN crossfoot_chunk c USING (run_id, chunk_no)
                 WHERE r.role = 'ROLE' AND r.worker_id = ID AND c.{column} = ID AND c.state = 'committed' AND RUN"
            );
            assert_eq!(worker["reported"][key], of(&reported), "{worker}");
        }
        assert_eq!(
            worker["table"],
            of(&format!("SELECT count(*) FROM {table} WHERE worker_id = ID AND RUN"))
        );
        let mut times = sql(&format!(
            "SELECT busy_us FROM crossfoot_report WHERE run_id = '{run}' AND worker_id = {id} AND role = '{role}'"
        ));
        times.sort_unstable();
        if !times.is_empty() {
            let median = times[times.len().div_ceil(2) - 1];
            assert_eq!(worker["chunk_ms_median"], format!("{}.{:03}", median / 1000, median % 1000));
        }
    }
    for total in workers["totals"].as_array().unwrap() {
        let is_writer = total["role"] == "writer";
        assert_eq!(total["ledger"]["chunks"], item["chunks_committed"], "{total}");
        assert_eq!(total["tables"], if is_writer { staged } else { rejected }, "{total}");
    }

    let map = console.get(&format!("/runs/{run}/chunks"));
    let cells = map["cells"].as_str().unwrap();
    assert_eq!(
        (&map["count"], cells.len() as u64),
        (&item["chunks_split"], of("SELECT count(*) FROM crossfoot_chunk WHERE RUN"))
    );
    let committed = map["states"].as_array().unwrap().iter().position(|state| state == "committed").unwrap();
    let cell = char::from_digit(u32::try_from(committed).unwrap(), 36).unwrap();
    assert_eq!(item["chunks_committed"], cells.chars().filter(|c| *c == cell).count());
    let chunk = console.get(&format!("/runs/{run}/chunks/1"));
    for (key, column) in [("byte_offset", "offset_bytes"), ("bytes", "bytes"), ("records", "records")] {
        assert_eq!(
            chunk[key],
            of(&format!("SELECT {column} FROM crossfoot_chunk WHERE chunk_no = 1 AND RUN"))
        );
    }

    let summary = console.get(&format!("/runs/{run}/rejects/summary"));
    assert_eq!(summary["total"], rejected);
    let (mut listed, mut cursor) = (0, String::new());
    loop {
        let page = console.get(&format!("/runs/{run}/rejects?limit=7{cursor}"));
        listed += page["items"].as_array().unwrap().len() as u64;
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(listed, rejected);
    let log = console.get("/log?limit=500");
    assert_eq!(log["items"].as_array().unwrap().len() as u64, number("SELECT count(*) FROM crossfoot_event"));
    let job = &console.get("/jobs")["items"][0];
    assert_eq!(job["runs"], number("SELECT count(*) FROM crossfoot_run"));
    let metrics = console.ask("GET", "/metrics", &[], "").body;
    for (name, query) in [
        (
            "crossfoot_records{job=\"postings\"}",
            "SELECT sum(accepted + rejected) FROM crossfoot_chunk WHERE state = 'committed'",
        ),
        ("crossfoot_rejects{job=\"postings\"}", "SELECT count(*) FROM crossfoot_reject"),
        (
            "crossfoot_bytes{job=\"postings\"}",
            "SELECT sum(bytes) FROM crossfoot_chunk WHERE state = 'committed'",
        ),
        (
            "crossfoot_runs{job=\"postings\",state=\"promoted\"}",
            "SELECT count(*) FROM crossfoot_run WHERE state = 'promoted'",
        ),
        (
            "crossfoot_unfinished_chunks{job=\"postings\"}",
            "SELECT count(*) FROM crossfoot_chunk JOIN crossfoot_run r USING (run_id)
             WHERE r.state = 'loading' AND crossfoot_chunk.state = 'split'",
        ),
    ] {
        let line = format!("{name} {}\n", number(query));
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    let paths = [
        "",
        "/workers",
        "/chunks",
        "/chunks/1",
        "/rejects",
        "/rejects/summary",
        "/findings",
        "/log",
        "/report",
    ];
    paths.iter().map(|path| ((*path).to_owned(), console.get(&format!("/runs/{run}{path}")))).collect()
}
