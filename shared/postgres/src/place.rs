//! In which schema the ledger is: where it was made, and for a new store in a schema of its own.
//!
//! Every session looks for names in the ledger's schema first, so that no table elsewhere can pass for one of the
//! ledger's. The job's tables are made in the first other schema of the search path in which the user may make tables.
//! (The ledger's may be on the path: `"$user"` leads a user called `crossfoot` to it.)

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use store::StoreError;
use store::names::quoted;

/// The schema of the ledger in a new store.
const DEFAULT_SCHEMA: &str = "crossfoot";

/// One process at a time decides where a new ledger is made.
const DECIDING: &str = "SELECT pg_advisory_lock(1128660993, 9)";

/// In which schema the ledger is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LedgerSchema {
    /// Where the search path of the connection leads.
    #[default]
    SearchPath,
    /// Where it is already; in a new store, in the schema `crossfoot`.
    Usual,
    /// In this schema, and nowhere else.
    Named(String),
}

/// Where the ledger was found, or is made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// The search path of every session; `None`: as the server has it.
    pub(crate) path: Option<String>,
    /// The search path by which the job's tables are made, if it is another.
    making: Option<String>,
}

impl Place {
    /// Has the transaction make tables where the job's tables are, and not beside the ledger.
    pub(crate) async fn begin_making(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        if let Some(path) = &self.making {
            connection.execute(AssertSqlSafe(format!("SET LOCAL search_path = {path}"))).await?;
        }
        Ok(())
    }
}

/// Finds the ledger, or decides where it is made, and looks there from now on. `url` names the store in errors;
/// `url_decides`: it sets the search path itself.
pub(crate) async fn find(
    connection: &mut PgConnection,
    wanted: &LedgerSchema,
    url: &str,
    url_decides: bool,
) -> Result<Place, StoreError> {
    let schema = match wanted {
        LedgerSchema::Usual if !url_decides => DEFAULT_SCHEMA,
        LedgerSchema::SearchPath | LedgerSchema::Usual => return Ok(Place::default()),
        LedgerSchema::Named(schema) => schema,
    };
    let unfit = |reason: String| StoreError::Unfit { url: url.to_owned(), reason };
    let mut found = look(connection, schema).await?;
    if !found.is_in_it && found.elsewhere.is_none() {
        connection.execute(DECIDING).await?;
        found = look(connection, schema).await?;
    }
    match (&found.elsewhere, wanted) {
        _ if found.is_in_it => {}
        (Some(_), LedgerSchema::Usual | LedgerSchema::SearchPath) => return Ok(Place::default()),
        (Some(elsewhere), LedgerSchema::Named(_)) => {
            let (url, found, wanted) = (url.to_owned(), elsewhere.clone(), schema.to_owned());
            return Err(StoreError::OtherSchema { url, found, wanted });
        }
        (None, _) if found.is_schema => {}
        (None, _) => {
            let made = connection.execute(AssertSqlSafe(format!("CREATE SCHEMA {}", quoted(schema)))).await;
            made.map_err(|error| {
                unfit(format!(
                    "cannot create schema {schema} for its tables: {}; run `CREATE SCHEMA {schema} AUTHORIZATION {}` as \
                     the database's owner, or set [store] schema to a schema in which that user may create tables",
                    StoreError::from(error),
                    found.user
                ))
            })?;
        }
    }
    let path = format!("{}, {}", quoted(schema), found.path);
    let making = found.makes_in.map(|first| format!("{}, {path}", quoted(&first)));
    let place = Place { path: Some(path), making };
    if let Some(path) = &place.path {
        connection.execute(AssertSqlSafe(format!("SET search_path = {path}"))).await?;
    }
    Ok(place)
}

struct Looked {
    is_in_it: bool,
    is_schema: bool,
    /// The schema that the search path leads to, if there is a ledger.
    elsewhere: Option<String>,
    path: String,
    /// The first schema of the search path, other than the ledger's, in which the user may make tables.
    makes_in: Option<String>,
    user: String,
}

async fn look(connection: &mut PgConnection, schema: &str) -> Result<Looked, StoreError> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = $1 AND c.relname = 'crossfoot_schema') AS in_it,
                EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1) AS is_schema,
                (SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.oid = to_regclass('crossfoot_schema')) AS elsewhere,
                (SELECT p.s::text FROM unnest(current_schemas(false)) WITH ORDINALITY p (s, place)
                 WHERE p.s <> $1 AND has_schema_privilege(p.s, 'CREATE') ORDER BY p.place LIMIT 1) AS makes_in,
                current_setting('search_path') AS path, quote_ident(current_user) AS user_name",
    )
    .bind(schema)
    .fetch_one(connection)
    .await?;
    Ok(Looked {
        is_in_it: row.try_get("in_it")?,
        is_schema: row.try_get("is_schema")?,
        elsewhere: row.try_get("elsewhere")?,
        path: row.try_get("path")?,
        makes_in: row.try_get("makes_in")?,
        user: row.try_get("user_name")?,
    })
}
