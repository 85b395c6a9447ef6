//! `demo`: loads a generated file through the embedded pipeline; `--inject` damages it on the way.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use coordinator::open::RunRequest;
use domain::ids::RunId;
use domain::reconcile::VerifySource;
use job::Job;
use rusqlite::Connection;
use source::Location;

use super::console;
use super::run::{Begin, conclude, signal, start};
use crate::args::{Damage, Demo, Global};
use crate::demo::{COPYBOOK, JOB, write_source};
use crate::outcome::{Done, Failure};
use crate::output::remark;
use crate::wiring;

/// Runs `crossfoot demo`: generates a source, loads it, and damages staging if `--inject` is given.
pub(crate) async fn demo(global: &Global, args: &Demo) -> Result<Done, Failure> {
    let dir = &args.dir;
    let database = dir.join("crossfoot.db");
    let (source, job_path) = (dir.join("postings.dat"), dir.join("postings.toml"));
    let copybook = dir.join("postings.cpy");
    let failed =
        |what: &Path, error: std::io::Error| Failure::unfinished(format!("{}: {error}", what.display()));
    fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    for suffix in ["", "-wal", "-shm"] {
        let old = dir.join(format!("crossfoot.db{suffix}"));
        match fs::remove_file(&old) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&old, error)),
            _ => {}
        }
    }
    remark(&format!("generating {} records into {}", domain::words::grouped(args.records), source.display()));
    write_source(&source, args.records).map_err(|error| failed(&source, error))?;
    fs::write(&job_path, JOB).map_err(|error| failed(&job_path, error))?;
    fs::write(&copybook, COPYBOOK).map_err(|error| failed(&copybook, error))?;

    let mut global = global.clone();
    global.store = Some(format!("sqlite:{}", database.display()).into());
    let settings = wiring::settings(&global, Some(&args.fleet))?;
    let store = wiring::store(&settings, true).await?;
    let served = console::beside(&settings, &store, args.beside, None).await?;
    let job = Arc::new(Job::read(&job_path)?);
    let request = RunRequest {
        job,
        source: Location::file(&source),
        declared: None,
        again: false,
        reason: None,
        pause_after_staged: args.inject.is_some(),
        verify_source: VerifySource::Sample,
        submitted: false,
        chunks: wiring::chunk_limits(&settings.fleet),
    };
    let mut ended = start(&global, &settings, &store, Begin::Open(Box::new(request)), None).await?;
    if let Some(damage) = args.inject {
        for done in inject(&database, ended.run_id, damage, args.records)
            .map_err(|error| Failure::unfinished(format!("cannot inject the damage: {error}")))?
        {
            remark(&format!("damage: {done}"));
        }
        let reason = Some("demo --inject".to_owned());
        ended = start(&global, &settings, &store, Begin::Approve(ended.run_id, reason, None), None).await?;
    }
    let done = conclude(&global, &*store, ended).await;
    let flag = format!("--store sqlite:{}", database.display());
    remark(&format!("next:  crossfoot report --format html -o report.html {flag}"));
    remark(&format!("       crossfoot explain {flag}"));
    if let Some(served) = served {
        remark("the console continues; stop it with Ctrl-C");
        signal().await;
        served.end().await;
    }
    Ok(done)
}

/// Damages staging with plain SQL, as an intruder would, and returns what it did.
fn inject(database: &Path, run_id: RunId, damage: Damage, records: u64) -> rusqlite::Result<Vec<String>> {
    let connection = Connection::open(database)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    let run = run_id.to_string();
    // Four records far apart, or any records of a very small demo. The first record is the header.
    let at = |share: u64| (records * share / 10).max(1) + 1;
    let wants = |one: Damage| damage == Damage::All || damage == one;
    let mut done = Vec::new();
    if wants(Damage::LostRecord) {
        connection.execute("DELETE FROM stg_postings WHERE run_id = ?1 AND record_no = ?2", (&run, at(2)))?;
        done.push(format!("deleted record {} from staging", at(2)));
    }
    if wants(Damage::Cent) {
        let amount: String = connection.query_row(
            "SELECT amount FROM stg_postings WHERE run_id = ?1 AND record_no = ?2",
            (&run, at(4)),
            |row| row.get(0),
        )?;
        let cent = domain::amount::Amount::new(1, 2).ok();
        let more = amount
            .parse::<domain::amount::Amount>()
            .ok()
            .zip(cent)
            .and_then(|(amount, cent)| amount.checked_add(cent).ok());
        let more = more.map_or_else(|| "0.01".into(), |more| more.to_string());
        connection.execute(
            "UPDATE stg_postings SET amount = ?3 WHERE run_id = ?1 AND record_no = ?2",
            (&run, at(4), &more),
        )?;
        done.push(format!("added one cent to the amount of record {}", at(4)));
    }
    if wants(Damage::SwappedValue) {
        let amount = |record_no: u64| {
            let sql = "SELECT amount FROM stg_postings WHERE run_id = ?1 AND record_no = ?2";
            connection.query_row(sql, (&run, record_no), |row| row.get::<_, String>(0))
        };
        // Skips one record, so that the two are not a debit and its own credit.
        let (one, other) = (at(6), at(6) + 2);
        let (of_one, of_other) = (amount(one)?, amount(other)?);
        let put = "UPDATE stg_postings SET amount = ?3 WHERE run_id = ?1 AND record_no = ?2";
        connection.execute(put, (&run, one, of_other))?;
        connection.execute(put, (&run, other, of_one))?;
        done.push(format!("swapped the amounts of records {one} and {other}"));
    }
    if wants(Damage::DoubledRecord) {
        connection.execute(
            "INSERT INTO stg_postings SELECT run_id, chunk_no, ?3, worker_id, record_type, posting_id, account, booked_on, amount,
                 currency, branch, terminal, narrative
             FROM stg_postings WHERE run_id = ?1 AND record_no = ?2",
            (&run, at(8), records + 3),
        )?;
        done.push(format!("inserted a second copy of record {} into staging", at(8)));
    }
    Ok(done)
}
