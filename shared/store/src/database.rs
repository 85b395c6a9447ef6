//! What a database must offer to hold the ledger.
//!
//! The ledger itself is written once, over [`Database`] and [`Connection`]. An adapter supplies transactions, the
//! words in which its SQL differs ([`Syntax`]), and, by implementing [`crate::Staging`], [`crate::Rules`] and
//! [`crate::Promotions`] itself, what is really different: rows in bulk.

use std::fmt::Write as _;
use std::pin::Pin;

use async_trait::async_trait;
use domain::ids::RunId;
use domain::table::TableName;

use crate::masking::Masking;
use crate::param::{Insert, Param};
use crate::row::Row;
use crate::{Fence, StoreError};

/// A future that may borrow a connection.
pub type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

/// The words in which one database's SQL differs from another's, where the ledger's statements need them.
/// Statements use `$1` for their parameters, `CAST`, `ON CONFLICT`, `RETURNING` and `FILTER`, which all of them
/// have.
#[derive(Debug)]
pub struct Syntax {
    /// Now, by the database's clock, in milliseconds since 1970. It moves on within a transaction.
    pub now_ms: &'static str,
    /// Locks the row that a query finds, shared: its key stays as it is, while other changes continue.
    pub share_key: &'static str,
    /// Locks the row that a query finds against every change of it, but not against [`Syntax::share_key`].
    pub lock_row: &'static str,
    /// Locks the row that a query finds against everything.
    pub lock_all: &'static str,
    /// Locks the row of the table that the query calls `c`.
    pub lock_c: &'static str,
    /// A query for the numbers in the JSON list that is parameter `$2`.
    pub numbers_of_2: &'static str,
}

/// A lock that a transaction holds until its end, where the database's own locks do not suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock<'a> {
    /// Opening a run of this job: looking for one on the same bytes, and inserting.
    Opening(&'a str),
    /// Making or replacing a message key.
    Keys,
    /// Appending to the log.
    Log,
    /// The state of a run: commits share it, steps have it to themselves.
    State(RunId),
}

/// A transaction under way, or whatever a statement runs on.
#[async_trait]
pub trait Connection: Send {
    /// The words in which the database's SQL differs from others'.
    fn syntax(&self) -> &'static Syntax;
    /// The rows that a query finds.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn fetch(&mut self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, StoreError>;
    /// Runs a statement. Returns how many rows it changed.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn execute(&mut self, sql: &str, params: Vec<Param>) -> Result<u64, StoreError>;
    /// Inserts rows. Returns how many came in.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn insert(&mut self, rows: Insert) -> Result<u64, StoreError>;
    /// Waits until the transaction has `lock` to itself.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn lock(&mut self, lock: Lock<'_>) -> Result<(), StoreError>;
    /// Waits until the transaction shares `lock`.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn share(&mut self, lock: Lock<'_>) -> Result<(), StoreError>;
    /// Ends the promotion of the run that is under way elsewhere, where the database can do that.
    ///
    /// # Errors
    /// [`StoreError::Blocked`] when it may not be ended.
    async fn end_promotion(&mut self, run_id: RunId) -> Result<(), StoreError>;

    /// The first row that a query finds.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn fetch_first(&mut self, sql: &str, params: Vec<Param>) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, params).await?.into_iter().next())
    }

    /// The first row of a query that always finds one.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn fetch_one(&mut self, sql: &str, params: Vec<Param>) -> Result<Row, StoreError> {
        self.fetch_first(sql, params).await?.ok_or_else(found_nothing)
    }
}

fn found_nothing() -> StoreError {
    StoreError::Database { reason: "a query found no row where there must be one".into() }
}

/// How a change of the ledger is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What is changed, in words for the log.
    pub what: &'static str,
    /// Whether an operator waits for the change: it then waits only briefly for a lock.
    pub is_prompt: bool,
    /// Whether a crash of the server may lose the change: it is then committed without waiting for the disk.
    pub is_in_passing: bool,
}

impl Change {
    /// An ordinary change of the ledger: durable, and not prompt.
    pub const LEDGER: Self = Self { what: "a change of the ledger", is_prompt: false, is_in_passing: false };
    /// What must outlive a worker, but not a crash of the server: starts, heartbeats, what was read back.
    pub const IN_PASSING: Self = Self { is_in_passing: true, ..Self::LEDGER };

    /// A change that an operator waits for.
    #[must_use]
    pub const fn prompt(what: &'static str) -> Self {
        Self { what, is_prompt: true, is_in_passing: false }
    }

    /// A change that the log calls by this name.
    #[must_use]
    pub const fn named(what: &'static str) -> Self {
        Self { what, is_prompt: false, is_in_passing: false }
    }
}

/// A database that a ledger is kept in.
pub trait Database: Clone + Send + Sync + 'static {
    /// The words in which the database's SQL differs from others'.
    const SYNTAX: &'static Syntax;

    /// The store's URL, without secrets.
    fn shown_url(&self) -> String;

    /// The masking key, as far as this process knows it.
    fn masking(&self) -> &Masking;

    /// Runs a query on its own connection, and folds the rows as they come. Reading does not wait for writers.
    ///
    /// # Errors
    /// [`StoreError`] of the database, or of `step`.
    fn fold<T, F>(
        &self,
        sql: &str,
        params: Vec<Param>,
        start: T,
        step: F,
    ) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnMut(&mut T, Row) -> Result<(), StoreError> + Send + 'static;

    /// Runs `work` in one transaction. Once begun it runs to its end, even if the caller stops waiting.
    ///
    /// # Errors
    /// [`StoreError`] of the database, or of `work`; everything is taken back then.
    fn write<T, F>(&self, change: Change, work: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut (dyn Connection + 'c)) -> Work<'c, T> + Send + 'static;

    /// Removes the run's rows from a staging table, if it is there, under the run's fence. Returns how many there
    /// were.
    ///
    /// # Errors
    /// [`StoreError::Fenced`].
    fn empty_staging(
        &self,
        fence: Fence,
        table: &TableName,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The rows that a query finds: pages, counts and single rows.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    fn fetch(
        &self,
        sql: &str,
        params: Vec<Param>,
    ) -> impl Future<Output = Result<Vec<Row>, StoreError>> + Send {
        self.fold(sql, params, Vec::new(), |rows, row| {
            rows.push(row);
            Ok(())
        })
    }

    /// The first row that a query finds.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    fn fetch_first(
        &self,
        sql: &str,
        params: Vec<Param>,
    ) -> impl Future<Output = Result<Option<Row>, StoreError>> + Send {
        async move { Ok(self.fetch(sql, params).await?.into_iter().next()) }
    }

    /// The first row of a query that always finds one.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    fn fetch_one(
        &self,
        sql: &str,
        params: Vec<Param>,
    ) -> impl Future<Output = Result<Row, StoreError>> + Send {
        async move { self.fetch_first(sql, params).await?.ok_or_else(found_nothing) }
    }
}

/// The list `$1, $2, …` of `count` parameters.
#[must_use]
pub fn places(count: usize) -> String {
    let mut places = String::new();
    for at in 1..=count {
        let comma = if at == 1 { "" } else { ", " };
        // Writing into a string does not fail.
        let _ = write!(places, "{comma}${at}");
    }
    places
}
