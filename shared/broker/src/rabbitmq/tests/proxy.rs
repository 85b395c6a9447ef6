//! A proxy between us and the server that cuts, stalls, and keeps the server's answers to itself.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;

/// What the links are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    Fine,
    /// The server hears us, and we do not hear the server.
    NoAnswers,
    /// Nothing gets through, nothing ends.
    Stalled,
    /// Links that exist end, new ones end at once.
    Down,
}

pub(super) struct Proxy {
    address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    cuts: watch::Sender<u64>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn start() -> Self {
        let server = Url::parse(&url()).unwrap();
        let server = format!("{}:{}", server.host_str().unwrap(), server.port().unwrap_or(5672));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let weather = Arc::new(watch::Sender::new(Weather::Fine));
        let cuts = watch::Sender::new(0);
        let (seen, cut) = (Arc::clone(&weather), cuts.clone());
        let task = tokio::spawn(async move {
            while let Ok((ours, _)) = listener.accept().await {
                if *seen.borrow() == Weather::Down {
                    continue;
                }
                let Ok(theirs) = TcpStream::connect(&server).await else { continue };
                tokio::spawn(link(ours, theirs, seen.subscribe(), cut.subscribe()));
            }
        });
        Self { address, weather, cuts, task }
    }

    /// The settings, by way of this proxy.
    pub(super) fn before(&self, settings: &RabbitSettings) -> RabbitSettings {
        let mut url = Url::parse(settings.url.reveal()).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        RabbitSettings { url: String::from(url).into(), ..settings.clone() }
    }

    pub(super) fn weather(&self, weather: Weather) {
        self.weather.send_replace(weather);
        if weather == Weather::Down {
            self.cut();
        }
    }

    /// Ends all links that exist.
    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn link(
    ours: TcpStream,
    theirs: TcpStream,
    weather: watch::Receiver<Weather>,
    mut cut: watch::Receiver<u64>,
) {
    cut.mark_unchanged();
    let ((our_reader, our_writer), (their_reader, their_writer)) = (ours.into_split(), theirs.into_split());
    let up = pour(our_reader, their_writer, weather.clone(), &[Weather::Fine, Weather::NoAnswers]);
    let down = pour(their_reader, our_writer, weather, &[Weather::Fine]);
    tokio::select! {
        _ = up => {}
        _ = down => {}
        _ = cut.changed() => {}
    }
}

async fn pour(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: watch::Receiver<Weather>,
    passes: &[Weather],
) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 14];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let passing = weather.wait_for(|weather| passes.contains(weather)).await;
        if passing.map(drop).is_err() {
            return Ok(());
        }
        to.write_all(&buffer[..read]).await?;
    }
}

use url::Url;
