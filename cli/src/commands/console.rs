//! `console`: serves the operations console.

use std::net::SocketAddr;
use std::sync::Arc;

use console::desk::Desk;
use console::serve::serve;
use settings::Settings;
use store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::context::open_store;
use super::fleet::EMBEDDED;
use super::run::signal;
use crate::args::{Console, Global};
use crate::outcome::{Done, Failure};
use crate::output::remark;
use crate::wiring;

/// Runs `crossfoot console`: serves the console until it is stopped.
pub(crate) async fn console(global: &Global, args: &Console) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let (listener, at) = listen(args.listen).await?;
    let stop = CancellationToken::new();
    let stopper = tokio::spawn({
        let stop = stop.clone();
        async move {
            signal().await;
            stop.cancel();
        }
    });
    remark(&format!("console: http://{at}/ (stop with Ctrl-C)"));
    let served = serve(listener, desk(&settings, &store), stop).await;
    stopper.abort();
    served.map_err(|error| Failure::unfinished(format!("the console failed: {error}")))?;
    Ok(Done::Well)
}

/// Listens on `address`, and returns the address with its port.
async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("cannot listen on {address}: {error}"))
            .advise("pass another address, such as `127.0.0.1:0` for a free port")
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    Ok((listener, at))
}

/// What the console's requests work with.
fn desk(settings: &Settings, store: &Arc<dyn Store>) -> Arc<Desk> {
    Arc::new(Desk {
        store: Arc::clone(store),
        fleet_note: wiring::is_embedded(settings).then(|| EMBEDDED.to_owned()),
    })
}
