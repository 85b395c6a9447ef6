//! What the processes of a fleet tell monitoring systems: each is scraped, and what it counted is what the run's report
//! says; and the names are those of docs/observability.md.

use crate::browser::{Console, answer_of};
use crate::desk::{Going, postings};
use crate::metrics::{documented, served, value};
use crate::servers::{Fleet, servers, until};

const RECORDS: u64 = 20_000;

/// Where a process said that it serves its metrics.
fn address(going: &Going) -> String {
    going.until_it_says("metrics: http://");
    let said = going.said();
    let (_, rest) = said.split_once("metrics: http://").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

fn get(at: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let answer = answer_of(at, "GET", path, headers, "");
    (answer.status, answer.body)
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn every_process_counts_what_the_report_says_and_what_the_documents_list() {
    let fleet = Fleet::new(servers(), postings(RECORDS));
    // Some metrics are of jobs with a schedule alone.
    let schedule = "[schedule]\nexpected = \"0 2 * * *\"\nwithin = \"2h\"\n\n[limits]";
    fleet.desk.put_job("job.toml", &[("[limits]", schedule)]);
    let coordinator = fleet.start(&["coordinator", "--metrics", "0", "--console=127.0.0.1:0"]);
    let processor = fleet.start(&["worker", "--role", "processor", "--slots", "1", "--metrics", "0"]);
    let writer = fleet.start(&["worker", "--role", "writer", "--slots", "1", "--metrics", "127.0.0.1:0"]);
    let (of_coordinator, of_processor, of_writer) =
        (address(&coordinator), address(&processor), address(&writer));
    for at in [&of_coordinator, &of_processor, &of_writer] {
        assert_eq!(get(at, "/healthz", &[]), (200, "ok\n".into()));
        assert_eq!(get(at, "/readyz", &[]), (200, "ready\n".into()));
        assert_eq!(get(at, "/", &[]).0, 404);
        // A page of another site whose name points here.
        assert_eq!(get(at, "/metrics", &[("host", "evil.example")]).0, 403);
    }
    let line = ["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "40000", "--wait"];
    fleet.run(&line).exits(0);
    let report = fleet.run(&["report", "--json"]).exits(0).json();
    let chunks = fleet.number("SELECT count(*) FROM crossfoot_chunk");
    assert!(chunks > 5);
    let counted = |role: &str, key: &str| -> u64 {
        let of_role = report["workers"].as_array().unwrap().iter().filter(|worker| worker["role"] == role);
        of_role.map(|worker| worker["reported"][key].as_u64().unwrap()).sum()
    };
    // A message is settled after its effect: the last ones may be on their way.
    let is_counted = |at: &str, series: &str, expected: u64| {
        until(&format!("{series} = {expected}"), || {
            value(&get(at, "/metrics", &[]).1, series) as u64 == expected
        });
    };
    for (at, role, queue) in [(&of_processor, "processor", "chunks"), (&of_writer, "writer", "batches")] {
        let series = |name: &str| format!("crossfoot_worker_{name}_total{{role=\"{role}\"}}");
        is_counted(at, &series("records"), counted(role, "records"));
        is_counted(at, &series("rejects"), counted(role, "rejected"));
        let done = format!("crossfoot_worker_messages_total{{queue=\"crossfoot.{queue}\",result=\"done\"}}");
        is_counted(at, &done, chunks);
        is_counted(at, "crossfoot_process_broker_connected", 1);
        is_counted(at, &format!("crossfoot_worker_messages_in_hand{{queue=\"crossfoot.{queue}\"}}"), 0);
    }
    assert_eq!(counted("writer", "records"), RECORDS);
    is_counted(&of_processor, "crossfoot_worker_decode_seconds_count", chunks);
    is_counted(&of_writer, "crossfoot_worker_commit_seconds_count", chunks);
    let bytes = fleet.number("SELECT sum(bytes) FROM crossfoot_chunk");
    is_counted(&of_processor, "crossfoot_worker_bytes_total{role=\"processor\"}", bytes);
    is_counted(&of_coordinator, "crossfoot_coordinator_bytes_total", bytes);
    is_counted(&of_coordinator, "crossfoot_coordinator_records_total", RECORDS);
    is_counted(&of_coordinator, "crossfoot_coordinator_runs_total{end=\"promoted\"}", 1);
    is_counted(&of_coordinator, "crossfoot_coordinator_active", 1);
    is_counted(&of_coordinator, "crossfoot_coordinator_runs_in_hand", 0);
    is_counted(&of_coordinator, "crossfoot_coordinator_chunks_total{step=\"committed\"}", chunks);
    // Ranges go to whoever is free.
    let read_back =
        |at: &str| value(&get(at, "/metrics", &[]).1, "crossfoot_worker_records_read_back_total") as u64;
    until("all is read back", || read_back(&of_processor) + read_back(&of_writer) == RECORDS);
    // The documents have every metric, with its type and labels, and no other.
    let mut workers = served(&get(&of_processor, "/metrics", &[]).1);
    workers.extend(served(&get(&of_writer, "/metrics", &[]).1));
    let (mut process, mut own) = (workers.clone(), served(&get(&of_coordinator, "/metrics", &[]).1));
    let of_process =
        |name: &String| !name.starts_with("crossfoot_worker") && !name.starts_with("crossfoot_coord");
    process.retain(|name, _| of_process(name));
    workers.retain(|name, _| !of_process(name));
    own.retain(|name, _| !of_process(name));
    assert_eq!(process, documented("### Every process"));
    assert_eq!(workers, documented("### Workers"));
    assert_eq!(own, documented("### Coordinators"));
    let console = Console::of(coordinator);
    let of_console = console.ask("GET", "/metrics", &[], "").body;
    assert_eq!(served(&of_console), documented("### Consoles"));
    // Told to stop, a process is not ready, and its metrics end with it.
    processor.signal("TERM");
    processor.end().exits(0);
    assert!(std::net::TcpStream::connect(&of_processor).is_err());
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn an_address_that_others_reach_needs_a_token_and_a_process_without_servers_is_not_ready() {
    let fleet = Fleet::new(servers(), postings(10));
    fleet.run(&["runs"]).exits(0);
    let line = ["worker", "--role", "writer", "--slots", "1", "--metrics", "0.0.0.0:0"];
    fleet.run(&line).exits(2).says(&["token", "token_file"]);
    fleet.desk.put("scraper.token", "cft_0123456789abcdef0123456789abcdef\n");
    let writer = fleet.start_with(&line, &[("CROSSFOOT__METRICS__TOKEN_FILE", "scraper.token")]);
    let at = address(&writer).replace("0.0.0.0", "127.0.0.1");
    assert_eq!(get(&at, "/metrics", &[]).0, 401);
    assert_eq!(get(&at, "/metrics", &[("authorization", "Bearer cft_guess")]).0, 401);
    let shown = [("authorization", "Bearer cft_0123456789abcdef0123456789abcdef")];
    assert_eq!(get(&at, "/metrics", &shown).0, 200);
    assert_eq!((get(&at, "/healthz", &[]).0, get(&at, "/readyz", &[]).0), (200, 200));
    assert!(!writer.said().contains("0123456789abcdef"), "{}", writer.said());
}
