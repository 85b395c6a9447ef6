//! Who the store is, and the keys that belong to it.

use ambassador::delegatable_trait;
use async_trait::async_trait;
use domain::ids::StoreId;
use domain::mask::MaskKey;
use domain::seal::{KeyId, Keyring};

use crate::database::{Change, Connection, Database, Lock};
use crate::masking::Kept;
use crate::message_key::{random, random_identity, ring};
use crate::{StoreError, params};

/// What every process on the store agrees on.
#[async_trait]
#[delegatable_trait]
pub trait Identity: Send + Sync {
    /// Its URL, without secrets.
    fn url(&self) -> String;
    /// The store's identity, made at the first call and kept; every process on the store gets the same.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn identity(&self) -> Result<StoreId, StoreError>;
    /// The keys that messages are sealed with: the current one, made at the first call, and the one before it.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    async fn message_keys(&self) -> Result<Keyring, StoreError>;
    /// Replaces the current key by a new one, and returns the new one's number; the one before stays valid, and older
    /// ones do not.
    ///
    /// # Errors
    /// [`StoreError::KeyTooYoung`] unless the current key was made at least `settled_ms` ago: processes that do not
    /// know it yet seal with the one that would stop being valid.
    async fn rotate_message_key(&self, now_ms: i64, settled_ms: i64) -> Result<KeyId, StoreError>;
    /// The key of masks: the operator's if one was set, otherwise one that the first call makes and stores. Every
    /// process on this store gets the same key.
    ///
    /// # Errors
    /// [`StoreError::OtherKey`] when masks were made with another key before.
    async fn masking_key(&self) -> Result<MaskKey, StoreError>;
}

const IDENTITY: &str = "SELECT CAST(store_id AS text) AS id FROM crossfoot_store";
const KEYS: &str = "SELECT key FROM crossfoot_message_key ORDER BY generation DESC LIMIT 2";
const MASKING: &str = "SELECT key, key_check FROM crossfoot_masking";

async fn insert_key(connection: &mut dyn Connection, now_ms: i64) -> Result<KeyId, StoreError> {
    let key = random()?;
    let sql = "INSERT INTO crossfoot_message_key (generation, key, made_at_ms)
               SELECT coalesce(max(generation), 0) + 1, $1, $2 FROM crossfoot_message_key";
    connection.execute(sql, params![key.bytes().as_slice(), now_ms]).await?;
    Ok(key.id())
}

async fn first_keys(connection: &mut dyn Connection) -> Result<Keyring, StoreError> {
    connection.lock(Lock::Keys).await?;
    if connection.fetch_first(KEYS, params![]).await?.is_none() {
        insert_key(connection, 0).await?;
    }
    ring(&connection.fetch(KEYS, params![]).await?)
}

async fn next_key(
    connection: &mut dyn Connection,
    now_ms: i64,
    settled_ms: i64,
) -> Result<KeyId, StoreError> {
    connection.lock(Lock::Keys).await?;
    let newest = "SELECT max(made_at_ms) AS made FROM crossfoot_message_key";
    let age_ms = now_ms - connection.fetch_one(newest, params![]).await?.get::<i64>("made")?;
    if age_ms < settled_ms {
        return Err(StoreError::KeyTooYoung { age_s: age_ms / 1000, settled_s: settled_ms / 1000 });
    }
    let id = insert_key(connection, now_ms).await?;
    let older = "DELETE FROM crossfoot_message_key
                 WHERE generation < (SELECT max(generation) - 1 FROM crossfoot_message_key)";
    connection.execute(older, params![]).await?;
    Ok(id)
}

#[async_trait]
impl<D: Database> Identity for D {
    fn url(&self) -> String {
        self.shown_url()
    }

    async fn identity(&self) -> Result<StoreId, StoreError> {
        if let Some(row) = self.fetch_first(IDENTITY, params![]).await? {
            return row.parsed("id");
        }
        let made = random_identity()?;
        self.write(Change::LEDGER, move |connection| {
            Box::pin(async move {
                let sql = "INSERT INTO crossfoot_store (one, store_id) VALUES (1, $1) ON CONFLICT DO NOTHING";
                connection.execute(sql, params![made]).await?;
                // A statement of its own: it sees the process that came first.
                connection.fetch_one(IDENTITY, params![]).await?.parsed("id")
            })
        })
        .await
    }

    async fn message_keys(&self) -> Result<Keyring, StoreError> {
        // They are read far more often than they are made, and reading waits for nobody who writes.
        let kept = self.fetch(KEYS, params![]).await?;
        if !kept.is_empty() {
            return ring(&kept);
        }
        self.write(Change::LEDGER, |connection| Box::pin(first_keys(connection))).await
    }

    async fn rotate_message_key(&self, now_ms: i64, settled_ms: i64) -> Result<KeyId, StoreError> {
        self.message_keys().await?;
        self.write(Change::LEDGER, move |connection| Box::pin(next_key(connection, now_ms, settled_ms))).await
    }

    async fn masking_key(&self) -> Result<MaskKey, StoreError> {
        let masking = self.masking();
        let agree = async {
            if let Some(row) = self.fetch_first(MASKING, params![]).await? {
                return Kept::from_row(&row)?.agreed(masking.configured(), &self.shown_url());
            }
            let first = Kept::first(masking.configured())?;
            let kept = self.write(Change::LEDGER, move |connection| {
                Box::pin(async move {
                    let sql = "INSERT INTO crossfoot_masking (one, key, key_check) VALUES (1, $1, $2)
                               ON CONFLICT DO NOTHING";
                    connection.execute(sql, params![first.key, first.check]).await?;
                    // A statement of its own: it sees the process that came first.
                    Kept::from_row(&connection.fetch_one(MASKING, params![]).await?)
                })
            });
            kept.await?.agreed(masking.configured(), &self.shown_url())
        };
        masking.agreed(agree).await
    }
}
