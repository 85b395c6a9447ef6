//! One connection to the broker: made, told apart when it fails, and cut when it hangs.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use lapin::tcp::{AsyncTcpStream, OwnedTLSConfig};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionProperties, Event};
use tokio::time::timeout;

use super::errors::{Stage, explain};
use super::settings::{RabbitSettings, Target};
use crate::BrokerError;

/// Seconds between two heartbeats; either side gives up a connection that is silent for twice as long.
const HEARTBEAT: u16 = 10;

/// A connection fresh from its handshake.
pub(super) struct Dialed {
    pub(super) connection: Connection,
    pub(super) events: BoxStream<'static, Event>,
    pub(super) socket: Socket,
}

/// A second handle of a connection's socket: lapin has no timeout of its own before the first heartbeat, nor for what
/// it writes, so a thread of it would wait for a silent peer for ever.
#[derive(Clone, Default)]
pub(super) struct Socket(Arc<OnceLock<std::net::TcpStream>>);

impl Socket {
    /// Ends the connection at once, for both sides.
    pub(super) fn cut(&self) {
        if let Some(socket) = self.0.get() {
            // An error means that it is over already.
            drop(socket.shutdown(std::net::Shutdown::Both));
        }
    }

    fn keep(&self, stream: &tokio::net::TcpStream) -> io::Result<()> {
        use std::os::fd::AsFd;
        let socket = std::net::TcpStream::from(stream.as_fd().try_clone_to_owned()?);
        drop(self.0.set(socket));
        Ok(())
    }
}

/// How far a connection got, for the explanation of its failure.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<Stage>>);

impl Progress {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Stage::Reaching)))
    }

    fn to(&self, stage: Stage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    pub(super) fn stage(&self) -> Stage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the stream that AMQP is to be spoken on, through TLS if the URL says so.
macro_rules! open_stream {
    ($target:expr, $socket:expr, $progress:expr, $runtime:expr) => {{
        let found = tokio::net::lookup_host(($target.host.as_str(), $target.port)).await?;
        let addresses: Vec<SocketAddr> = found.collect();
        let stream = AsyncTcpStream::connect($runtime, addresses).await?;
        if let AsyncTcpStream::Plain(plain) = &stream {
            let plain = plain.get_ref();
            plain.set_nodelay(true)?;
            $socket.keep(plain)?;
        }
        let stream = if $target.tls {
            $progress.to(Stage::Encrypting);
            let tls = OwnedTLSConfig { identity: None, cert_chain: $target.ca.clone() };
            stream.into_tls(&$target.host, tls.as_ref()).await?
        } else {
            stream
        };
        $progress.to(Stage::Greeting);
        stream
    }};
}

/// Connects and logs in.
///
/// # Errors
/// [`BrokerError`] that says which step failed, and what to do.
pub(super) async fn dial(
    settings: &RabbitSettings,
    target: &Target,
    name: &str,
) -> Result<Dialed, BrokerError> {
    platform::tls::install();
    let uri = AMQPUri {
        scheme: if target.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo { username: target.username.clone(), password: target.credentials()? },
            host: target.host.clone(),
            port: target.port,
        },
        vhost: target.vhost.clone(),
        query: AMQPQueryString { heartbeat: Some(HEARTBEAT), ..AMQPQueryString::default() },
    };
    let (socket, progress) = (Socket::default(), Progress::new());
    let properties = ConnectionProperties::default().with_connection_name(format!("crossfoot {name}").into());
    let runtime =
        lapin::runtime::default_runtime().map_err(|error| explain(target, progress.stage(), &error))?;
    let (to, kept, at) = (target.clone(), socket.clone(), progress.clone());
    let connecting = Box::pin(Connection::connector(
        uri,
        runtime,
        async move |_, runtime| Ok(open_stream!(to, kept, at, &runtime)),
        properties,
    ));
    match timeout(settings.connect_timeout, connecting).await {
        Ok(Ok(connection)) => {
            // One listener and no more: lapin gives each event to one of them.
            let events = connection.events_listener().boxed();
            Ok(Dialed { connection, events, socket })
        }
        Ok(Err(error)) => {
            socket.cut();
            Err(explain(target, progress.stage(), &error))
        }
        Err(_) => {
            socket.cut();
            let waited = settings.connect_timeout.as_secs_f32();
            let reason = match progress.stage() {
                Stage::Reaching => format!("no connection within {waited} s"),
                _ => format!("it accepts connections but did not answer within {waited} s"),
            };
            Err(BrokerError::Unreachable { url: target.url.clone(), reason })
        }
    }
}

/// The server's product and version, from before the login, such as `RabbitMQ 3.10.8`.
///
/// lapin keeps this to itself. A connection begins with the server's `connection.start` (AMQP 0-9-1, 1.4.2.1), and
/// that with its properties, a field table: a name with a byte for its length, `S`, four bytes for the value's.
pub(super) async fn greeting(settings: &RabbitSettings, target: &Target) -> io::Result<String> {
    use futures_util::{AsyncReadExt, AsyncWriteExt};
    platform::tls::install();
    let (socket, progress) = (Socket::default(), Progress::new());
    let talk = async {
        let runtime = lapin::runtime::default_runtime().map_err(io::Error::other)?;
        let mut stream = open_stream!(target, socket, progress, &runtime);
        stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
        stream.flush().await?;
        let mut head = [0; 7];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
        if head[0] != 1 || length > 1 << 17 {
            return Err(io::Error::other("the server does not speak AMQP 0-9-1"));
        }
        let mut frame = vec![0; length];
        stream.read_exact(&mut frame).await?;
        let product = property(&frame, "product").unwrap_or_else(|| "unknown broker".into());
        let version = property(&frame, "version").unwrap_or_else(|| "unknown version".into());
        Ok::<_, io::Error>(format!("{product} {version}"))
    };
    let outcome = timeout(settings.connect_timeout, Box::pin(talk)).await;
    socket.cut();
    outcome.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")))
}

fn property(frame: &[u8], name: &str) -> Option<String> {
    let mut key = vec![u8::try_from(name.len()).ok()?];
    key.extend(name.as_bytes());
    key.push(b'S');
    let at = frame.windows(key.len()).position(|window| window == key)? + key.len();
    let length = u32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?) as usize;
    let text = String::from_utf8_lossy(frame.get(at + 4..at + 4 + length.min(100))?).into_owned();
    Some(text.chars().filter(|c| !c.is_control()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_read_as_far_as_it_is_there() {
        let frame = b"..\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\xff3";
        assert_eq!(property(frame, "product").as_deref(), Some("RabbitMQ"));
        assert_eq!(property(frame, "version"), None);
        assert_eq!(property(frame, "platform"), None);
    }
}
