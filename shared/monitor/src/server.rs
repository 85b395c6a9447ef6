//! Answers `/metrics`, `/healthz` and `/readyz` over HTTP, with a bound on everything that a peer can ask of it: how
//! many connections there are, how long one lasts, how long its head may be. A connection has one request.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use platform::secret::Secret;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::guard::{self, Failures};

/// The most connections at a time; others wait to be accepted.
const CONNECTIONS_MAX: usize = 16;

/// How long a connection may last, whatever the peer does.
const CONNECTION_MAX: Duration = Duration::from_secs(10);

/// The longest head of a request.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How long the question whether the process is ready may take.
const READY_MAX: Duration = Duration::from_secs(5);

/// An answer to that question is good so long: whoever asks without a token cannot make the process ask its servers
/// more often.
const READY_FRESH: Duration = Duration::from_secs(1);

/// How long answers in hand may take to end.
const DRAIN: Duration = Duration::from_secs(2);

/// The pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A process whose loop has not turned for so long is taken for dead. It is longer than a loop waits for a store that
/// is away, because a restart would not bring that back.
pub const ALIVE: Duration = Duration::from_secs(300);

/// What is asked about.
#[async_trait]
pub trait Watched: Send + Sync {
    /// Registers what the process counts.
    fn register(&self, registry: &mut Registry);

    /// The time since the main loop of the process turned.
    fn idle(&self) -> Duration;

    /// Whether the process can work: broker and store are there.
    ///
    /// # Errors
    /// What is missing, in words that anyone may read.
    async fn is_ready(&self) -> Result<(), String>;
}

struct Server {
    watched: Arc<dyn Watched>,
    /// What a scraper must show; `None`: only processes of this machine ask.
    token: Option<Secret>,
    failures: Failures,
    began: Instant,
    ready: Mutex<Option<(Instant, Result<(), String>)>>,
}

/// An answer that is being made.
type Answer = Response<String>;

fn answer(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    answer
}

fn plain(status: StatusCode, text: impl Into<String>) -> Answer {
    answer(status, "text/plain; charset=utf-8", text.into() + "\n")
}

impl Server {
    async fn answer(&self, from: IpAddr, request: &Request<Incoming>) -> Answer {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here");
        }
        match request.uri().path() {
            "/metrics" => match self.refusal(from, request) {
                None => self.metrics(),
                Some(refusal) => refusal,
            },
            "/healthz" => self.health(),
            "/readyz" => match self.ready().await {
                Ok(()) => plain(StatusCode::OK, "ready"),
                Err(why) => plain(StatusCode::SERVICE_UNAVAILABLE, why),
            },
            _ => plain(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz here"),
        }
    }

    /// Why a request is not given the metrics; `None`: it is.
    fn refusal(&self, from: IpAddr, request: &Request<Incoming>) -> Option<Answer> {
        let text = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let Some(token) = &self.token else {
            return match text(HOST) {
                Some(host) if guard::is_loopback(host) => None,
                _ => Some(plain(
                    StatusCode::FORBIDDEN,
                    "metrics are answered only at the address of this machine: 127.0.0.1 or localhost",
                )),
            };
        };
        let given = text(AUTHORIZATION).and_then(guard::bearer);
        // Whoever is known is not refused for the failures of others behind the same proxy.
        if given.is_some_and(|given| guard::equal(given, token.reveal())) {
            return None;
        }
        if let Err(wait_s) = self.failures.may_try(from, self.began.elapsed()) {
            let mut refusal =
                plain(StatusCode::TOO_MANY_REQUESTS, format!("too many failures; wait {wait_s} s"));
            refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_s));
            return Some(refusal);
        }
        if given.is_some() {
            self.failures.count(from, self.began.elapsed());
            tracing::warn!(peer = %from, "someone asked for metrics with a token that is not valid");
        }
        Some(plain(StatusCode::UNAUTHORIZED, "send the scraper's token as a bearer token"))
    }

    fn metrics(&self) -> Answer {
        let mut registry = Registry::with_prefix("crossfoot");
        self.watched.register(&mut registry);
        let mut text = String::new();
        match encode(&mut text, &registry) {
            Ok(()) => answer(StatusCode::OK, crate::CONTENT_TYPE, text),
            Err(error) => {
                plain(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot write the metrics: {error}"))
            }
        }
    }

    fn health(&self) -> Answer {
        let idle = self.watched.idle();
        if idle < ALIVE {
            return plain(StatusCode::OK, "ok");
        }
        let (idle_s, max_s) = (idle.as_secs(), ALIVE.as_secs());
        plain(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the main loop has not turned for {idle_s} s; {max_s} s are allowed"),
        )
    }

    async fn ready(&self) -> Result<(), String> {
        // Those who ask at the same time wait for one answer.
        let mut known = self.ready.lock().await;
        if let Some((at, answer)) = &*known
            && at.elapsed() < READY_FRESH
        {
            return answer.clone();
        }
        let late = |_| Err(format!("the store does not respond within {} s", READY_MAX.as_secs()));
        let answer = timeout(READY_MAX, self.watched.is_ready()).await.unwrap_or_else(late);
        *known = Some((Instant::now(), answer.clone()));
        answer
    }
}

/// Serves until `stop` is cancelled. Whoever asks for metrics must show `token` if there is one; without one, only
/// requests to a name of this machine are answered, so that the listener must be on a loopback address.
pub async fn serve(
    listener: TcpListener,
    watched: Arc<dyn Watched>,
    token: Option<Secret>,
    stop: CancellationToken,
) {
    let server = Arc::new(Server {
        watched,
        token,
        failures: Failures::default(),
        began: Instant::now(),
        ready: Mutex::default(),
    });
    let (room, tasks) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), TaskTracker::new());
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let server = Arc::clone(&server);
                tasks.spawn(async move {
                    let _permit = permit;
                    one(&server, stream, from).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection that asks for metrics");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    // What is not answered by then is dropped with its connection.
    drop(timeout(DRAIN, tasks.wait()).await);
}

async fn one(server: &Server, stream: TcpStream, from: SocketAddr) {
    let service =
        service_fn(|request| async move { Ok::<_, Infallible>(server.answer(from.ip(), &request).await) });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(HEAD_BYTES_MAX);
    // What a peer does wrong is its own affair.
    drop(timeout(CONNECTION_MAX, http.serve_connection(TokioIo::new(stream), service)).await);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use prometheus_client::metrics::counter::Counter;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[derive(Default)]
    struct Process {
        idle_s: AtomicU64,
        is_away: AtomicBool,
        asked: AtomicU64,
    }

    #[async_trait]
    impl Watched for Process {
        fn register(&self, registry: &mut Registry) {
            let counter = Counter::<u64>::default();
            counter.inc_by(3);
            registry.register("tries", "How often it was tried", counter);
        }

        fn idle(&self) -> Duration {
            Duration::from_secs(self.idle_s.load(Ordering::Relaxed))
        }

        async fn is_ready(&self) -> Result<(), String> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.is_away.load(Ordering::Relaxed) { Err("the broker is away".into()) } else { Ok(()) }
        }
    }

    struct Going {
        at: SocketAddr,
        process: Arc<Process>,
        stop: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    }

    async fn going(token: Option<&str>) -> Going {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, process) = (listener.local_addr().unwrap(), Arc::new(Process::default()));
        let stop = CancellationToken::new();
        let token = token.map(Secret::from);
        let task = tokio::spawn(serve(listener, Arc::clone(&process) as _, token, stop.clone()));
        Going { at, process, stop, task }
    }

    async fn said(at: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn get(going: &Going, path: &str, headers: &str) -> (u16, String) {
        let answer =
            said(going.at, &format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", going.at)).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    #[tokio::test]
    async fn it_tells_metrics_health_and_readiness_and_nothing_else() {
        let going = going(None).await;
        let (status, body) = get(&going, "/metrics", "").await;
        assert_eq!(status, 200);
        assert!(body.contains("crossfoot_tries_total 3\n") && body.ends_with("# EOF\n"), "{body}");
        assert_eq!(get(&going, "/healthz", "").await, (200, "ok\n".into()));
        assert_eq!(get(&going, "/readyz", "").await, (200, "ready\n".into()));
        assert_eq!(get(&going, "/readyz", "").await.0, 200);
        assert_eq!(going.process.asked.load(Ordering::Relaxed), 1, "an answer is good for a moment");
        going.process.idle_s.store(ALIVE.as_secs(), Ordering::Relaxed);
        assert_eq!(get(&going, "/healthz", "").await.0, 503);
        assert_eq!(get(&going, "/", "").await.0, 404);
        let posted = said(going.at, "POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(posted.starts_with("HTTP/1.1 405"), "{posted}");
        // A name that is made to point here.
        let foreign = said(going.at, "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n").await;
        assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
        going.stop.cancel();
        going.task.await.unwrap();
        assert!(TcpStream::connect(going.at).await.is_err());
    }

    #[tokio::test]
    async fn without_the_broker_it_is_not_ready() {
        let going = going(None).await;
        going.process.is_away.store(true, Ordering::Relaxed);
        assert_eq!(get(&going, "/readyz", "").await, (503, "the broker is away\n".into()));
    }

    #[tokio::test]
    async fn metrics_need_the_token_and_probes_do_not() {
        let going = going(Some("cft_secret")).await;
        let authorized = "Authorization: Bearer cft_secret\r\n";
        assert_eq!(get(&going, "/metrics", authorized).await.0, 200);
        assert_eq!((get(&going, "/healthz", "").await.0, get(&going, "/readyz", "").await.0), (200, 200));
        assert_eq!(get(&going, "/metrics", "").await.0, 401);
        for _ in 0..10 {
            assert_eq!(get(&going, "/metrics", "Authorization: Bearer cft_guess\r\n").await.0, 401);
        }
        assert_eq!(get(&going, "/metrics", "Authorization: Bearer cft_guess\r\n").await.0, 429);
        assert_eq!(get(&going, "/metrics", authorized).await.0, 200, "who is known is not refused");
    }

    #[tokio::test]
    async fn connections_that_say_nothing_leave_room_when_they_go() {
        let going = going(None).await;
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            silent.push(TcpStream::connect(going.at).await.unwrap());
        }
        let waits = get(&going, "/healthz", "");
        tokio::pin!(waits);
        assert!(timeout(Duration::from_millis(200), &mut waits).await.is_err(), "there is no room");
        drop(silent);
        assert_eq!(waits.await.0, 200);
        // A head that is too long ends its connection.
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(2 * HEAD_BYTES_MAX));
        let mut stream = TcpStream::connect(going.at).await.unwrap();
        drop(stream.write_all(long.as_bytes()).await);
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
}
