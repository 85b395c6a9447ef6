//! The tokens with which operators sign in to the console. The store has only their digests.

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::event::Entry as LogEntry;
use domain::fingerprint::Hash;

use crate::database::{Change, Connection, Database};
use crate::param::Param;
use crate::row::Row;
use crate::{StoreError, log, params};

/// A token as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// What the token is called in lists and when it is revoked.
    pub token_id: String,
    /// The operator who signs in with it.
    pub name: String,
    /// The names of its roles, with commas between them.
    pub roles: String,
    /// SHA-256 of the token.
    pub sha256: Hash,
    /// Who made it: `operator@host`.
    pub made_by: String,
    /// When it was made, in milliseconds since 1970.
    pub made_at_ms: i64,
    /// When it expires, in milliseconds since 1970; `None` if it does not.
    pub expires_at_ms: Option<i64>,
    /// When it was revoked, in milliseconds since 1970; `None` if it was not.
    pub revoked_at_ms: Option<i64>,
}

/// The tokens of a store.
#[async_trait]
#[delegatable_trait]
pub trait Tokens: Send + Sync {
    /// Adds a token, with the log's entry for it.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn add_token(&self, token: &TokenRow, log: LogEntry) -> Result<(), StoreError>;
    /// Every token that was ever made, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError>;
    /// The token with this digest; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn token(&self, sha256: &Hash) -> Result<Option<TokenRow>, StoreError>;
    /// Revokes a token, with the log's entry for it. `false`: there is no such token, or it was revoked before; nothing
    /// is logged then.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn revoke_token(&self, token_id: &str, log: LogEntry) -> Result<bool, StoreError>;
}

fn token_from(row: &Row) -> Result<TokenRow, StoreError> {
    Ok(TokenRow {
        token_id: row.get("token_id")?,
        name: row.get("name")?,
        roles: row.get("roles")?,
        sha256: row.get("sha256")?,
        made_by: row.get("made_by")?,
        made_at_ms: row.get("made_at_ms")?,
        expires_at_ms: row.get("expires_at_ms")?,
        revoked_at_ms: row.get("revoked_at_ms")?,
    })
}

async fn add(connection: &mut dyn Connection, token: TokenRow, log: LogEntry) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO crossfoot_token (token_id, name, roles, sha256, made_by, made_at_ms, expires_at_ms)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = params![
        &token.token_id,
        Param::words(Some(&token.name)),
        &token.roles,
        token.sha256.0.as_slice(),
        Param::words(Some(&token.made_by)),
        token.made_at_ms,
        token.expires_at_ms,
    ];
    connection.execute(sql, values).await?;
    log::append(connection, log).await?;
    Ok(())
}

#[async_trait]
impl<D: Database> Tokens for D {
    async fn add_token(&self, token: &TokenRow, log: LogEntry) -> Result<(), StoreError> {
        let token = token.clone();
        self.write(Change::LEDGER, move |connection| Box::pin(add(connection, token, log))).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let sql = "SELECT * FROM crossfoot_token ORDER BY made_at_ms, token_id";
        self.fetch(sql, params![]).await?.iter().map(token_from).collect()
    }

    async fn token(&self, sha256: &Hash) -> Result<Option<TokenRow>, StoreError> {
        let sql = "SELECT * FROM crossfoot_token WHERE sha256 = $1";
        let row = self.fetch_first(sql, params![sha256.0.as_slice()]).await?;
        row.as_ref().map(token_from).transpose()
    }

    async fn revoke_token(&self, token_id: &str, log: LogEntry) -> Result<bool, StoreError> {
        let token_id = token_id.to_owned();
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                let sql = "UPDATE crossfoot_token SET revoked_at_ms = $2
                           WHERE token_id = $1 AND revoked_at_ms IS NULL";
                let revoked = connection.execute(sql, params![token_id, log.at_ms]).await? > 0;
                if revoked {
                    log::append(connection, log).await?;
                }
                Ok(revoked)
            })
        })
        .await
    }
}
