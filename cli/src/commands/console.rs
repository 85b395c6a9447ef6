//! `console`: serves the operations console; also beside other commands.

use std::net::SocketAddr;
use std::sync::Arc;

use console::access::{Access, Owner, SignIn};
use console::desk::Desk;
use console::pulse::Pulse;
use console::serve::serve;
use platform::clock::{Clock as _, SystemClock};
use settings::Settings;
use store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::context::open_store;
use super::fleet::EMBEDDED;
use super::run::signal;
use super::sign_in;
use crate::args::{Beside, Console, Global};
use crate::driving::Driving;
use crate::operator;
use crate::outcome::{Done, Failure};
use crate::output::remark;
use crate::wiring;

/// How a console is served.
pub(crate) struct How {
    /// The address to listen on.
    pub(crate) listen: SocketAddr,
    /// Whether operators sign in on a loopback address, too.
    pub(crate) require_token: bool,
    /// Whether nothing may be done with runs.
    pub(crate) read_only: bool,
    /// Why this process does not drive runs for operators; `None` if it does.
    pub(crate) refuses: Option<String>,
}

/// A console that is being served.
pub(crate) struct Served {
    stop: CancellationToken,
    driving: Arc<Driving>,
    task: JoinHandle<std::io::Result<()>>,
}

/// Runs `crossfoot console`: serves the console until it is stopped.
pub(crate) async fn console(global: &Global, args: &Console) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let how = How {
        listen: args.listen,
        require_token: args.require_token,
        read_only: args.read_only,
        refuses: None,
    };
    let mut served = begin(&settings, &store, how).await?;
    remark("stop with Ctrl-C");
    tokio::select! {
        _ = signal() => {}
        ended = &mut served.task => return failed(ended.map_err(std::io::Error::other).and_then(|ended| ended)),
    }
    served.end().await;
    Ok(Done::Well)
}

fn failed(ended: std::io::Result<()>) -> Result<Done, Failure> {
    ended.map_err(|error| Failure::unfinished(format!("the console failed: {error}")))?;
    Ok(Done::Well)
}

/// Serves a console beside another command, if that is asked for. `refuses` says why runs are not driven from it.
pub(crate) async fn beside(
    settings: &Settings,
    store: &Arc<dyn Store>,
    asked: Beside,
    refuses: Option<&str>,
) -> Result<Option<Served>, Failure> {
    let Some(listen) = asked.console else { return Ok(None) };
    let refuses = refuses.map(str::to_owned);
    let how = How { listen, require_token: false, read_only: false, refuses };
    begin(settings, store, how).await.map(Some)
}

/// Begins to serve a console, and prints its address.
pub(crate) async fn begin(settings: &Settings, store: &Arc<dyn Store>, how: How) -> Result<Served, Failure> {
    let sign_in = sign_in::of(settings)?;
    if sign_in.is_empty() && owner(&how, &sign_in).is_none() {
        has_token(&**store, SystemClock.now_ms()).await?;
    }
    let (listener, at) = listen(how.listen).await?;
    let said = sign_in::said(settings);
    let (desk, driving) = desk(settings, store, &how, at, sign_in)?;
    let stop = desk.stop.clone();
    let task = tokio::spawn(serve(listener, desk));
    remark(&format!("console: http://{at}/"));
    said.iter().for_each(|said| remark(said));
    Ok(Served { stop, driving, task })
}

/// Makes what operators work with, and what drives runs for them. `at` is the address that is listened on; `sign_in` is
/// who signs operators in there besides the store's tokens.
pub(crate) fn desk(
    settings: &Settings,
    store: &Arc<dyn Store>,
    how: &How,
    at: SocketAddr,
    sign_in: SignIn,
) -> Result<(Arc<Desk>, Arc<Driving>), Failure> {
    let (coordinator, _watcher) = wiring::coordinator_without_broker(settings, store);
    let stop = CancellationToken::new();
    let driving = Driving::new(settings, store, how.refuses.clone(), stop.clone());
    let fleet_note = wiring::is_embedded(settings).then(|| EMBEDDED.to_owned());
    let clock = Arc::clone(&coordinator.clock);
    let owner = owner(how, &sign_in);
    let access = Access::new(Arc::clone(store), Arc::clone(&clock), at, owner, sign_in)
        .map_err(Failure::unfinished)?;
    let desk = Arc::new(Desk {
        store: Arc::clone(store),
        coordinator,
        driver: Arc::clone(&driving) as _,
        access,
        pulse: Pulse::new(Arc::clone(store), clock, fleet_note.clone()),
        fleet_note,
        is_read_only: how.read_only,
        stop,
    });
    Ok((desk, driving))
}

/// The user who starts a console on a loopback address owns it, unless someone else signs operators in: a proxy on this
/// machine that the same user runs cannot be told from that user.
fn owner(how: &How, sign_in: &SignIn) -> Option<Owner> {
    let is_own = how.listen.ip().is_loopback() && !how.require_token && sign_in.is_empty();
    is_own.then(|| {
        let (name, context) = operator::acting();
        Owner { name, os_user: context.os_user }
    })
}

/// Fails if no one could sign in.
async fn has_token(store: &dyn Store, now_ms: i64) -> Result<(), Failure> {
    let tokens = coordinator::ops::tokens::tokens(store, now_ms).await?;
    if tokens.iter().any(|token| token.valid) {
        return Ok(());
    }
    Err(Failure::usage("no one can sign in: the store has no valid token, and this console asks for one")
        .advise("make one with `crossfoot token add --name NAME --role viewer,operator`"))
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

impl Served {
    /// Ends the console: streams end, requests in hand are answered, runs that it drives stop and can be resumed.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => remark(&format!("the console failed: {error}")),
            Err(error) => remark(&format!("the console failed: {error}")),
        }
        self.driving.end().await;
    }
}
