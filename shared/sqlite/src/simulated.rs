//! Stores of simulations: each simulated process has a handle of its own on the one file, with a gate before and after
//! everything that it asks of the store. The database's clock is the simulation's.

use async_trait::async_trait;
use platform::inline;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use store::StoreError;

/// What stands between a simulated process and the store.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Before the store is asked for `what` (the name of the type that does it).
    ///
    /// # Errors
    /// What the process is told instead; nothing is done then.
    async fn enters(&self, what: &'static str) -> Result<(), StoreError>;
    /// After `what` is done, before the process is told.
    ///
    /// # Errors
    /// What the process is told instead, though it is done.
    async fn leaves(&self, what: &'static str) -> Result<(), StoreError>;
    /// `what` is committed, and nothing else happened since.
    fn changed(&self, what: &'static str, connection: &Connection);
}

/// Makes `unixepoch` with one argument, which is how the ledger asks for the time, tell the simulation's time.
pub(crate) fn set_clock(connection: &Connection) -> rusqlite::Result<()> {
    if !inline::is_simulated() {
        return Ok(());
    }
    connection.create_scalar_function("unixepoch", 1, FunctionFlags::SQLITE_UTF8, |_| {
        // The clock of whoever asks: one simulation after another may use the connection.
        let clock = inline::clock().ok_or(rusqlite::Error::InvalidQuery)?;
        // Thousandths are exact enough: the statement rounds.
        Ok(clock.now_ms() as f64 / 1000.0)
    })
}
