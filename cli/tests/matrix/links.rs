//! Links between a process and a server that are cut, go dead, are slow, or are cut just after a request.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::ground::{Ground, Outcome, Who, let_pass};
use super::pairs::{Lab, Pair, Servers};

/// How much later everything comes over a slow link, block by block and each way.
const LATE: Duration = Duration::from_millis(20);

/// What a link does to the flows over it.
#[derive(Default)]
struct Weather {
    /// The flows that exist, each with whether it was forgotten.
    flows: Mutex<Vec<(TcpStream, TcpStream, Arc<AtomicBool>)>>,
    late_ms: AtomicU64,
    /// How many more requests pass whose flow is cut before the reply.
    cuts: AtomicU32,
    /// Whether new flows are refused.
    is_down: AtomicBool,
}

/// A link to a server, by way of a port of its own.
pub(crate) struct Link {
    port: u16,
    weather: Arc<Weather>,
}

impl Link {
    pub(crate) fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (server, port) = (server.to_owned(), listener.local_addr().unwrap().port());
        let weather = Arc::<Weather>::default();
        let of_all = Arc::clone(&weather);
        std::thread::spawn(move || {
            for ours in listener.incoming() {
                if of_all.is_down.load(Ordering::SeqCst) {
                    continue;
                }
                let (Ok(ours), Ok(theirs)) = (ours, TcpStream::connect(&server)) else { continue };
                drop((ours.set_nodelay(true), theirs.set_nodelay(true)));
                let forgotten = Arc::<AtomicBool>::default();
                let ends = || (ours.try_clone().unwrap(), theirs.try_clone().unwrap());
                let ((our_1, their_1), (our_2, their_2), (our_3, their_3)) = (ends(), ends(), ends());
                of_all.flows.lock().unwrap().push((our_1, their_1, Arc::clone(&forgotten)));
                let (up, down) = (Arc::clone(&of_all), Arc::clone(&of_all));
                let also = Arc::clone(&forgotten);
                std::thread::spawn(move || pour(our_2, their_2, &forgotten, &up, true));
                std::thread::spawn(move || pour(their_3, our_3, &also, &down, false));
            }
        });
        Self { port, weather }
    }

    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(address(url), &format!("127.0.0.1:{}", self.port))
    }

    /// Ends every flow. Later ones pass.
    pub(crate) fn cut(&self) {
        for (ours, theirs, _) in self.weather.flows.lock().unwrap().drain(..) {
            drop((ours.shutdown(Shutdown::Both), theirs.shutdown(Shutdown::Both)));
        }
    }

    /// Every flow stays open on both sides, and nothing comes through any more. Later ones pass.
    fn forget(&self) {
        for (.., forgotten) in &*self.weather.flows.lock().unwrap() {
            forgotten.store(true, Ordering::SeqCst);
        }
    }
}

/// Where a server is, by its URL.
pub(crate) fn address(url: &str) -> &str {
    let (_, place) = url.rsplit_once('@').unwrap();
    place.split_once('/').unwrap().0
}

fn pour(mut from: TcpStream, mut to: TcpStream, forgotten: &AtomicBool, weather: &Weather, is_up: bool) {
    let mut block = [0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut block) {
        while forgotten.load(Ordering::SeqCst) {
            // Neither side is told: both sockets stay open as long as the test.
            std::thread::park();
        }
        let late_ms = weather.late_ms.load(Ordering::SeqCst);
        if late_ms > 0 {
            let_pass(Duration::from_millis(late_ms));
        }
        if to.write_all(&block[..read]).is_err() {
            break;
        }
        let one_less = |left: u32| left.checked_sub(1);
        if is_up && weather.cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            // The server has the request; its reply finds nobody.
            break;
        }
    }
    drop((to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both)));
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    RabbitMq,
    PostgreSql,
}

impl Server {
    const fn word(self) -> &'static str {
        match self {
            Self::RabbitMq => "RabbitMQ",
            Self::PostgreSql => "PostgreSQL",
        }
    }
}

/// A fault of a link, and its name.
type Fault = (&'static str, fn(&Link));

pub(crate) fn pairs() -> Vec<Pair> {
    let faults: [Fault; 6] = [
        ("link cut", Link::cut),
        ("link half-open", Link::forget),
        ("link slow, 20 ms each way", |link| {
            let late = u64::try_from(LATE.as_millis()).unwrap();
            link.weather.late_ms.store(late, Ordering::SeqCst);
        }),
        ("link cut just after a request", |link| link.weather.cuts.store(1, Ordering::SeqCst)),
        ("link cut just after a request, ten times", |link| link.weather.cuts.store(10, Ordering::SeqCst)),
        ("link down for 8 s", |link| {
            link.weather.is_down.store(true, Ordering::SeqCst);
            link.cut();
            let_pass(Duration::from_secs(8));
            link.weather.is_down.store(false, Ordering::SeqCst);
        }),
    ];
    let mut pairs = Vec::new();
    for who in Who::ALL {
        for server in [Server::RabbitMq, Server::PostgreSql] {
            for (kind, fault) in faults {
                let in_subset = matches!(
                    (kind, who, server),
                    ("link cut", Who::Processor, Server::RabbitMq)
                        | ("link half-open", Who::Writer, Server::PostgreSql)
                        | ("link cut just after a request", Who::Coordinator, Server::PostgreSql)
                        | ("link slow, 20 ms each way", Who::Processor, Server::RabbitMq)
                );
                pairs.push(Pair {
                    kind,
                    place: format!("{} to {}", who.word(), server.word()),
                    in_subset,
                    servers: Servers::Shared,
                    strike: Box::new(move |lab| struck(lab, who, server, fault)),
                });
            }
        }
    }
    pairs
}

fn struck(lab: &Lab, whose: Who, server: Server, fault: fn(&Link)) -> Outcome {
    let mut ground = Ground::on(lab.servers());
    let (name, url) = match server {
        Server::RabbitMq => ("CROSSFOOT__BROKER__URL", ground.fleet.servers.amqp.clone()),
        Server::PostgreSql => ("CROSSFOOT__STORE__URL", ground.fleet.store()),
    };
    let link = Link::to(address(&url));
    let over = vec![(name.to_owned(), link.url(&url))];
    for who in Who::ALL {
        ground.start(who, if who == whose { over.clone() } else { Vec::new() });
    }
    ground.submit();
    ground.until_it_loads();
    ground.strikes();
    fault(&link);
    let outcome = ground.goes_on();
    ground.ends_sound();
    outcome
}
