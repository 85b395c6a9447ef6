//! The store's identity, and the keys of its messages.

use domain::ids::StoreId;
use domain::seal::{KeyId, Keyring};
use rusqlite::{Transaction, params};
use store::StoreError;
use store::message_key::{random, random_identity, ring};

use super::connect::SqliteStore;
use super::ledger::damaged;

fn insert_key(transaction: &Transaction<'_>, now_ms: i64) -> Result<KeyId, StoreError> {
    let key = random()?;
    transaction.execute(
        "INSERT INTO crossfoot_message_key (generation, key, made_at_ms)
         SELECT coalesce(max(generation), 0) + 1, ?1, ?2 FROM crossfoot_message_key",
        params![key.bytes().as_slice(), now_ms],
    )?;
    Ok(key.id())
}

fn kept_keys(transaction: &Transaction<'_>) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut select = transaction
        .prepare_cached("SELECT key FROM crossfoot_message_key ORDER BY generation DESC LIMIT 2")?;
    let keys = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(keys)
}

impl SqliteStore {
    pub(crate) async fn agreed_identity(&self) -> Result<StoreId, StoreError> {
        let made = random_identity()?.to_string();
        let id: String = self
            .write(move |transaction| {
                transaction.execute(
                    "INSERT INTO crossfoot_store (one, store_id) VALUES (1, ?1) ON CONFLICT DO NOTHING",
                    [made],
                )?;
                Ok(transaction.query_row("SELECT store_id FROM crossfoot_store", [], |row| row.get(0))?)
            })
            .await?;
        id.parse().map_err(|_| damaged("the store's identity"))
    }

    pub(crate) async fn fetch_message_keys(&self) -> Result<Keyring, StoreError> {
        let kept = self
            .write(|transaction| {
                if kept_keys(transaction)?.is_empty() {
                    insert_key(transaction, 0)?;
                }
                kept_keys(transaction)
            })
            .await?;
        ring(&kept)
    }

    pub(crate) async fn replace_message_key(
        &self,
        now_ms: i64,
        settled_ms: i64,
    ) -> Result<KeyId, StoreError> {
        self.fetch_message_keys().await?;
        self.write(move |transaction| {
            let made: i64 = transaction
                .query_row("SELECT max(made_at_ms) FROM crossfoot_message_key", [], |row| row.get(0))?;
            let age_ms = now_ms - made;
            if age_ms < settled_ms {
                return Err(StoreError::KeyTooYoung { age_s: age_ms / 1000, settled_s: settled_ms / 1000 });
            }
            let id = insert_key(transaction, now_ms)?;
            transaction.execute(
                "DELETE FROM crossfoot_message_key WHERE generation < (SELECT max(generation) - 1 FROM crossfoot_message_key)",
                [],
            )?;
            Ok(id)
        })
        .await
    }
}
