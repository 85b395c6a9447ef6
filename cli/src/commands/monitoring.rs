//! `--metrics`: a service of the fleet tells monitoring systems how it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use monitor::process::Facts;
use monitor::server;
use platform::clock::system_now;
use platform::life::Life;
use post::Post;
use prometheus_client::registry::Registry;
use settings::Settings;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::args::Metrics;
use crate::outcome::Failure;
use crate::output::remark;

/// A service that is watched.
pub(crate) struct Watched {
    /// What it is: `coordinator`, or its workers' roles.
    pub(crate) role: String,
    /// What it sends and receives messages by.
    pub(crate) post: Arc<Post>,
    /// Its main loop.
    pub(crate) life: Life,
    /// Cancelled when it stops: it takes no more work then.
    pub(crate) stop: CancellationToken,
    /// Registers what it counts.
    pub(crate) counted: Box<dyn Fn(&mut Registry) + Send + Sync>,
}

/// The service, with when it was started.
struct Service {
    of: Watched,
    started: SystemTime,
}

#[async_trait]
impl server::Watched for Service {
    fn register(&self, registry: &mut Registry) {
        let link = self.of.post.broker().link();
        let facts = Facts {
            role: self.of.role.clone(),
            version: env!("CARGO_PKG_VERSION"),
            started: self.started,
            idle: self.of.life.age(),
            is_connected: link.is_up,
            reconnects: link.reconnects,
            refused: self.of.post.refused(),
        };
        facts.register(registry);
        (self.of.counted)(registry);
    }

    fn idle(&self) -> Duration {
        self.of.life.age()
    }

    async fn is_ready(&self) -> Result<(), String> {
        if self.of.stop.is_cancelled() {
            return Err("the process is stopping".into());
        }
        if !self.of.post.broker().link().is_up {
            return Err("the process is not connected to the broker".into());
        }
        // Everyone who works with a store may ask for that, whatever the role of the process on the database.
        self.of.post.store().identity().await.map(drop).map_err(|error| {
            // The request has shown no token: what is wrong is for the log.
            tracing::warn!(%error, "the process is not ready: the store does not respond");
            "the store does not respond".to_owned()
        })
    }
}

/// What is served, if it was asked for.
pub(crate) struct Monitored(Option<(CancellationToken, JoinHandle<()>)>);

/// Serves metrics, health and readiness if `asked` says where, and prints the address.
pub(crate) async fn begin(settings: &Settings, asked: Metrics, of: Watched) -> Result<Monitored, Failure> {
    let Some(address) = asked.metrics else { return Ok(Monitored(None)) };
    let token = settings.metrics.token()?;
    if token.is_none() && !address.ip().is_loopback() {
        return Err(Failure::usage(format!(
            "other machines can reach {address}, and no token is set that they must show"
        ))
        .advise(
            "make one with `crossfoot token add --name prometheus --role scraper`, and name its file as `token_file` \
             under [metrics]; or pass a port alone, which is of this machine",
        ));
    }
    let (listener, at) = listen(address).await?;
    let stop = CancellationToken::new();
    let service = Arc::new(Service { of, started: system_now() });
    let task = tokio::spawn(server::serve(listener, service, token, stop.clone()));
    remark(&format!("metrics: http://{at}/metrics"));
    Ok(Monitored(Some((stop, task))))
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("cannot listen on {address}: {error}"))
            .advise("pass `--metrics` another port, or 0 for a free one")
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    Ok((listener, at))
}

impl Monitored {
    /// Ends it; answers in hand are given first.
    pub(crate) async fn end(self) {
        if let Some((stop, task)) = self.0 {
            stop.cancel();
            drop(task.await);
        }
    }
}
