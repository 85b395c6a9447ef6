//! A firewall that forgets a flow: the connection stays open on both sides, and nothing comes through any more.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::desk::postings;
use crate::servers::{Fleet, PATIENCE, servers, until};

/// Passes on what comes, until the flows that exist are forgotten. Later ones pass.
struct Firewall {
    port: u16,
    forgets: Arc<AtomicBool>,
    links: Arc<AtomicU16>,
}

impl Firewall {
    fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (server, port) = (server.to_owned(), listener.local_addr().unwrap().port());
        let (forgets, links) = (Arc::<AtomicBool>::default(), Arc::<AtomicU16>::default());
        let (seen, counted) = (Arc::clone(&forgets), Arc::clone(&links));
        std::thread::spawn(move || {
            for ours in listener.incoming() {
                let (Ok(ours), Ok(theirs)) = (ours, TcpStream::connect(&server)) else { continue };
                // A flow that begins after the others were forgotten is a flow like any.
                let forgotten = if seen.load(Ordering::SeqCst) { Arc::default() } else { Arc::clone(&seen) };
                counted.fetch_add(1, Ordering::SeqCst);
                let (our_end, their_end) = (ours.try_clone().unwrap(), theirs.try_clone().unwrap());
                let also = Arc::clone(&forgotten);
                std::thread::spawn(move || pour(ours, theirs, &forgotten));
                std::thread::spawn(move || pour(their_end, our_end, &also));
            }
        });
        Self { port, forgets, links }
    }

    fn forget(&self) {
        self.forgets.store(true, Ordering::SeqCst);
    }
}

fn pour(mut from: TcpStream, mut to: TcpStream, forgotten: &AtomicBool) {
    let mut block = [0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut block) {
        while forgotten.load(Ordering::SeqCst) {
            // Neither side is told: both sockets stay open as long as the test.
            std::thread::park();
        }
        if to.write_all(&block[..read]).is_err() {
            return;
        }
    }
    drop(to.shutdown(std::net::Shutdown::Both));
}

/// Where the server of a store's URL is.
fn address(store: &str) -> &str {
    let (_, place) = store.rsplit_once('@').unwrap();
    place.split_once('/').unwrap().0
}

fn behind(firewall: &Firewall, store: &str) -> String {
    store.replace(address(store), &format!("127.0.0.1:{}", firewall.port))
}

#[test]
#[ignore = "needs RabbitMQ and PostgreSQL: run ./test"]
fn a_run_whose_flows_to_the_database_are_forgotten_goes_on_over_new_ones() {
    const RECORDS: u64 = 40_000;
    let fleet = Fleet::new(servers(), postings(RECORDS));
    let firewall = Firewall::before(address(&fleet.store()));
    let store = behind(&firewall, &fleet.store());
    let settings = [("CROSSFOOT__STORE__URL", store.as_str())];
    // All of them, so that whoever comes back first has nobody to wait for.
    let coordinator = fleet.start_with(&["coordinator"], &settings);
    coordinator.until_it_says("coordinator started");
    let workers = [("processor", "p1"), ("writer", "w1"), ("writer", "w2")].map(|(role, name)| {
        let going = fleet.start_with(&["worker", "--role", role, "--slots", "1", "--name", name], &settings);
        going.until_it_says("started");
        going
    });
    let submitted =
        fleet.start(&["submit", "job.toml", "--source", "in.csv", "--chunk-bytes", "10000", "--wait"]);
    let chunks = fleet.desk.path("in.csv").metadata().unwrap().len() / 10_000;
    until("some chunks are committed", || fleet.committed() > chunks / 4);
    let links = firewall.links.load(Ordering::SeqCst);
    firewall.forget();
    let began = Instant::now();
    submitted.end_within(PATIENCE).exits(0).prints(&["RECONCILED"]);
    assert!(began.elapsed() < Duration::from_secs(120), "it took {:?}", began.elapsed());
    assert!(firewall.links.load(Ordering::SeqCst) > links, "it went on over new flows");
    fleet.is_sound(RECORDS);
    drop((coordinator, workers));
}
