//! The store's identity, and the keys of its messages.

use domain::ids::StoreId;
use domain::seal::{KeyId, Keyring};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use store::StoreError;
use store::message_key::{random, random_identity, ring};

use super::connect::{Lock, PostgresStore, lock};
use super::ledger::damaged;

async fn insert_key(connection: &mut PgConnection, now_ms: i64) -> Result<KeyId, StoreError> {
    let key = random()?;
    sqlx::query(
        "INSERT INTO crossfoot_message_key (generation, key, made_at_ms)
         SELECT coalesce(max(generation), 0) + 1, $1, $2 FROM crossfoot_message_key",
    )
    .bind(key.bytes().as_slice())
    .bind(now_ms)
    .execute(connection)
    .await?;
    Ok(key.id())
}

const KEPT: &str = "SELECT key FROM crossfoot_message_key ORDER BY generation DESC LIMIT 2";

fn keys_from(rows: &[PgRow]) -> Result<Vec<Vec<u8>>, StoreError> {
    rows.iter().map(|row| Ok(row.try_get("key")?)).collect()
}

async fn kept_keys(connection: &mut PgConnection) -> Result<Vec<Vec<u8>>, StoreError> {
    keys_from(&sqlx::query(KEPT).fetch_all(connection).await?)
}

impl PostgresStore {
    pub(crate) async fn agreed_identity(&self) -> Result<StoreId, StoreError> {
        let select = "SELECT store_id::text AS id FROM crossfoot_store";
        let id = match sqlx::query(select).fetch_optional(&self.pool).await? {
            Some(row) => row.try_get::<String, _>("id")?,
            None => {
                let made = random_identity()?.to_string();
                self.write(move |connection| {
                    Box::pin(async move {
                        sqlx::query(
                            "INSERT INTO crossfoot_store (one, store_id) VALUES (1, $1::uuid) ON CONFLICT DO NOTHING",
                        )
                        .bind(made)
                        .execute(&mut *connection)
                        .await?;
                        // A statement of its own: it sees the process that came first.
                        let row = sqlx::query(select).fetch_one(connection).await?;
                        Ok(row.try_get::<String, _>("id")?)
                    })
                })
                .await?
            }
        };
        id.parse().map_err(|_| damaged("the store's identity"))
    }

    pub(crate) async fn fetch_message_keys(&self) -> Result<Keyring, StoreError> {
        let kept = keys_from(&sqlx::query(KEPT).fetch_all(&self.pool).await?)?;
        if !kept.is_empty() {
            return ring(&kept);
        }
        let kept = self
            .write(|connection| {
                Box::pin(async move {
                    lock(connection, Lock::Keys).await?;
                    if kept_keys(connection).await?.is_empty() {
                        insert_key(connection, 0).await?;
                    }
                    kept_keys(connection).await
                })
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
        self.write(move |connection| {
            Box::pin(async move {
                lock(connection, Lock::Keys).await?;
                let row = sqlx::query("SELECT max(made_at_ms) AS made FROM crossfoot_message_key")
                    .fetch_one(&mut *connection)
                    .await?;
                let age_ms = now_ms - row.try_get::<i64, _>("made")?;
                if age_ms < settled_ms {
                    return Err(StoreError::KeyTooYoung { age_s: age_ms / 1000, settled_s: settled_ms / 1000 });
                }
                let id = insert_key(connection, now_ms).await?;
                sqlx::query(
                    "DELETE FROM crossfoot_message_key WHERE generation < (SELECT max(generation) - 1 FROM crossfoot_message_key)",
                )
                .execute(connection)
                .await?;
                Ok(id)
            })
        })
        .await
    }
}
