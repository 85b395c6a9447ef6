//! What the databases' own errors mean to the callers of a store.
//!
//! Errors are logged, and records stay out of logs: PostgreSQL's DETAIL and the messages of its data exceptions carry
//! values, and so neither is repeated. The server's own log has them.

use std::borrow::Cow;

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use super::StoreError;

impl fault::Injected for StoreError {
    fn injected(reason: String) -> Self {
        Self::Interrupted { reason }
    }
}

impl StoreError {
    /// Whether doing it again may succeed, nothing having been changed about job, configuration or data: the
    /// connection was lost, the database gave this transaction up in favour of others, or its server has no room yet.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Interrupted { .. } | Self::ServerFull { .. })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::Interrupted { reason: error.to_string() }
            }
            _ => Self::Database { reason: error.to_string() },
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => of_database(&**database),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Interrupted { reason: error.to_string() },
            _ => Self::Database { reason: error.to_string() },
        }
    }
}

fn of_database(error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or(Cow::Borrowed(""));
    let reason = said(error);
    match &*code {
        // SQLite's numbers (its manual, "Result and Error Codes"): FULL; BUSY and LOCKED with their extended forms.
        "13" => StoreError::Full,
        "5" | "6" | "261" | "262" | "517" | "773" => StoreError::Interrupted { reason },
        // PostgreSQL's (its manual, appendix A): disk full; then what a lost or crowded server, a deadlock, a
        // failed serialisation, a lock that was not to be had in time, or a statement, transaction or session that was
        // cancelled or timed out say: none of it is the fault of what was being done.
        "53100" if reason.contains("shared memory segment") => StoreError::SharedMemory,
        "53100" => StoreError::ServerFull { reason },
        // What a database says that is not to be connected to for now.
        "55000" if reason.contains("not currently accepting connections") => {
            StoreError::Interrupted { reason }
        }
        "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "25P02" | "25P03" | "25P04" | "40001" | "40P01"
        | "53300" | "55P03" => StoreError::Interrupted { reason },
        code if code.len() == 5 && code.starts_with("08") => StoreError::Interrupted { reason },
        _ => StoreError::Database { reason },
    }
}

/// What the database said, without the values it may have said it of.
fn said(error: &dyn DatabaseError) -> String {
    let Some(postgres) = error.try_downcast_ref::<PgDatabaseError>() else {
        return error.message().to_owned();
    };
    let code = postgres.code();
    match (postgres.constraint(), postgres.table()) {
        (Some(constraint), Some(table)) => {
            let kind = match code {
                "23505" => "a unique constraint",
                "23503" => "a foreign key",
                "23514" => "a check constraint",
                "23P01" => "an exclusion constraint",
                _ => "a constraint",
            };
            format!("{kind} of table {table} is violated: {constraint} (SQLSTATE {code})")
        }
        _ if code == "23502" => format!(
            "column {} of table {} must not be NULL (SQLSTATE {code})",
            postgres.column().unwrap_or("?"),
            postgres.table().unwrap_or("?")
        ),
        _ if code.starts_with("22") => {
            format!("a value does not fit its column (SQLSTATE {code}); see the server's log")
        }
        _ if code == "P0001" => {
            format!("a trigger rejected it (SQLSTATE {code}); see the server's log")
        }
        _ => format!("{} (SQLSTATE {code})", postgres.message()),
    }
}

/// Of a statement that writes to a final table: a constraint, a trigger or a value that does not suit is final's
/// refusal of a row, and not a failure of the store.
pub fn refused(error: sqlx::Error) -> StoreError {
    if let sqlx::Error::Database(database) = &error
        && let Some(code) = database.code()
        && (["22", "23", "44"].iter().any(|class| code.starts_with(class)) || code == "P0001")
        && code.len() == 5
    {
        return StoreError::FinalRefused { reason: said(&**database) };
    }
    error.into()
}
