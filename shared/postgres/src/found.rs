//! What the server says of a table: its kind, its keys, its columns, and what else has a say in what is written to it.

use domain::layout::Layout;
use domain::table::TableName;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use store::StoreError;
use store::names::{quoted, table as quoted_table};

/// A column that is there.
pub(crate) struct Found {
    pub(crate) name: String,
    /// Its type as `format_type` spells it.
    pub(crate) declared: String,
    /// The type that values of it have: a domain's own.
    pub(crate) ty: String,
    pub(crate) not_null: bool,
    pub(crate) generated: bool,
    /// How it is an identity: `always`, `by default`, or not at all.
    pub(crate) identity: Option<&'static str>,
    pub(crate) has_default: bool,
    /// How to compare with it, so that equal means the same bytes and its indexes serve.
    pub(crate) collation: Option<String>,
    /// Whether its collation tells texts apart by their bytes.
    pub(crate) bytewise: bool,
}

/// A trigger that runs when rows are inserted or updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    /// Whether it runs before a row is written, and so may alter it.
    pub(crate) is_before: bool,
}

/// A relation that is there.
pub(crate) struct Relation {
    pub(crate) oid: i64,
    /// `pg_class.relkind`.
    pub(crate) kind: String,
    pub(crate) partitioned: String,
    pub(crate) is_permanent: bool,
    /// The primary key first, then other unique keys whose columns are all named and which are checked at once.
    pub(crate) keys: Vec<Vec<String>>,
    pub(crate) has_primary_key: bool,
    /// Rules that rewrite what is inserted or updated.
    pub(crate) rules: Vec<String>,
    pub(crate) triggers: Vec<Trigger>,
    /// Its foreign keys.
    pub(crate) foreign_keys: Vec<String>,
    /// Whether row security hides rows from this user, or refuses them.
    pub(crate) is_row_security_active: bool,
    /// What this user may not do with it.
    pub(crate) missing_privileges: Vec<String>,
    pub(crate) user: String,
}

/// `table`'s columns in their order; none if it is not there.
pub(crate) async fn columns_of(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<Vec<Found>, StoreError> {
    let rows = sqlx::query(
        "SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS declared, base.ty,
                a.attnotnull AS not_null, a.attgenerated <> '' AS generated, a.attidentity::text AS identity,
                a.atthasdef AND a.attgenerated = '' AS has_default,
                coalesce(c.collisdeterministic, true) AS bytewise,
                quote_ident(n.nspname) || '.' || quote_ident(c.collname) AS collation
         FROM pg_attribute a LEFT JOIN pg_collation c ON c.oid = a.attcollation
         LEFT JOIN pg_namespace n ON n.oid = c.collnamespace
         CROSS JOIN LATERAL (
           WITH RECURSIVE below (typ, modifier) AS (
             SELECT a.atttypid, a.atttypmod UNION ALL
             SELECT t.typbasetype, t.typtypmod FROM below b JOIN pg_type t ON t.oid = b.typ WHERE t.typtype = 'd')
           SELECT format_type(b.typ, b.modifier) AS ty FROM below b JOIN pg_type t ON t.oid = b.typ
           WHERE t.typtype <> 'd') base
         WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
    )
    .bind(quoted_table(table))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let identity: String = row.try_get("identity")?;
            Ok(Found {
                name: row.try_get("name")?,
                declared: row.try_get("declared")?,
                ty: row.try_get("ty")?,
                not_null: row.try_get("not_null")?,
                generated: row.try_get("generated")?,
                identity: match identity.as_str() {
                    "a" => Some("ALWAYS"),
                    "d" => Some("BY DEFAULT"),
                    _ => None,
                },
                has_default: row.try_get("has_default")?,
                bytewise: row.try_get("bytewise")?,
                collation: row.try_get("collation")?,
            })
        })
        .collect()
}

/// What `table` is; `None` if it is not there.
pub(crate) async fn relation(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<Option<Relation>, StoreError> {
    // A trigger's type: bit 2 means before, bit 3 insert, bit 5 update (PostgreSQL's catalog/pg_trigger.h).
    let row = sqlx::query(
        "SELECT c.oid::bigint AS oid, c.relkind::text AS kind, coalesce(pg_get_partkeydef(c.oid), '') AS partitioned,
                c.relpersistence = 'p' AS permanent, current_user::text AS user_name,
                ARRAY(SELECT r.rulename::text FROM pg_rewrite r
                      WHERE r.ev_class = c.oid AND r.ev_type IN ('2', '3') AND r.ev_enabled <> 'D'
                      ORDER BY 1) AS rules,
                ARRAY(SELECT t.tgname::text FROM pg_trigger t
                      WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
                      AND t.tgtype::int & 20 <> 0 ORDER BY 1) AS triggers,
                ARRAY(SELECT t.tgtype::int & 2 <> 0 FROM pg_trigger t
                      WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
                      AND t.tgtype::int & 20 <> 0 ORDER BY t.tgname::text) AS befores,
                ARRAY(SELECT k.conname::text FROM pg_constraint k
                      WHERE k.conrelid = c.oid AND k.contype = 'f' ORDER BY 1) AS foreign_keys,
                coalesce(row_security_active(c.oid), false) AS row_security,
                ARRAY(SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) p
                      WHERE NOT has_any_column_privilege(c.oid, p)
                      AND NOT (p = 'UPDATE' AND has_table_privilege(c.oid, 'DELETE, TRUNCATE'))) AS missing
         FROM pg_class c WHERE c.oid = to_regclass($1)",
    )
    .bind(quoted_table(table))
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (triggers, befores): (Vec<String>, Vec<bool>) = (row.try_get("triggers")?, row.try_get("befores")?);
    let (keys, has_primary_key) = keys(connection, table).await?;
    Ok(Some(Relation {
        oid: row.try_get("oid")?,
        kind: row.try_get("kind")?,
        partitioned: row.try_get("partitioned")?,
        is_permanent: row.try_get("permanent")?,
        keys,
        has_primary_key,
        rules: row.try_get("rules")?,
        triggers: triggers
            .into_iter()
            .zip(befores)
            .map(|(name, is_before)| Trigger { name, is_before })
            .collect(),
        foreign_keys: row.try_get("foreign_keys")?,
        is_row_security_active: row.try_get("row_security")?,
        missing_privileges: row.try_get("missing")?,
        user: row.try_get("user_name")?,
    }))
}

/// The unique keys of a table, its primary key first, and whether it has one.
async fn keys(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<(Vec<Vec<String>>, bool), StoreError> {
    // A key that is checked late, holds of some rows only, or is of expressions does not tell every row apart at once.
    let rows = sqlx::query(
        "SELECT i.indisprimary AS is_primary, ARRAY(
                  SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (attnum, place)
                  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                  WHERE k.place <= i.indnkeyatts ORDER BY k.place) AS names
         FROM pg_index i
         WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indimmediate
         AND i.indpred IS NULL AND i.indexprs IS NULL ORDER BY i.indisprimary DESC, i.indexrelid",
    )
    .bind(quoted_table(table))
    .fetch_all(connection)
    .await?;
    let mut has_primary_key = false;
    let mut keys = Vec::new();
    for row in rows {
        has_primary_key |= row.try_get::<bool, _>("is_primary")?;
        keys.push(row.try_get("names")?);
    }
    Ok((keys, has_primary_key))
}

/// Whether the search path leads to a table of this name.
pub(crate) async fn is_there(connection: &mut PgConnection, table: &TableName) -> Result<bool, StoreError> {
    // By way of pg_class and not of the name alone: what another session has just made is known to this one only once
    // it takes a lock on some table, and a name looked up without one is answered from what it knew before.
    let row = sqlx::query("SELECT EXISTS (SELECT 1 FROM pg_class WHERE oid = to_regclass($1)) AS x")
        .bind(quoted_table(table))
        .fetch_one(connection)
        .await?;
    Ok(row.try_get("x")?)
}

/// Why a table of this name cannot be made, if its schema is missing or closed to this user.
pub(crate) async fn unmade(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<Option<String>, StoreError> {
    let row = sqlx::query(
        "SELECT n.oid IS NOT NULL AS there, coalesce(n.nspname::text, $1, '') AS name, current_user::text AS user_name,
                coalesce(has_schema_privilege(n.oid, 'CREATE'), false) AS may
         FROM (SELECT coalesce($1, current_schema()::text) AS wanted) w
         LEFT JOIN pg_namespace n ON n.nspname = w.wanted",
    )
    .bind(table.schema())
    .fetch_one(connection)
    .await?;
    let (name, user): (String, String) = (row.try_get("name")?, row.try_get("user_name")?);
    Ok(if !row.try_get::<bool, _>("there")? {
        let what =
            if name.is_empty() { "no schema of the search path".into() } else { format!("no schema {name}") };
        Some(format!("there is {what}; create it, or name a schema that is there"))
    } else if !row.try_get::<bool, _>("may")? {
        Some(format!(
            "it does not exist, and user {user} cannot create tables in schema {name}; grant CREATE on the schema, or \
             create the table yourself as `crossfoot check` shows it"
        ))
    } else {
        None
    })
}

/// Why a table that a crash empties cannot be used.
pub(crate) const UNLOGGED: &str = "it is unlogged or temporary, so its content does not survive a crash";

/// Why a column cannot be used that takes different texts for the same.
pub(crate) fn not_bytewise(column: &str) -> String {
    format!(
        "column {column} has a collation that treats different texts as equal; the job needs COLLATE \"C\""
    )
}

/// How a text is compared with a column, in SQL.
pub(crate) fn collation(there: &Found) -> String {
    match (&there.collation, there.bytewise) {
        (None, _) => String::new(),
        (Some(collation), true) => format!(" COLLATE {collation}"),
        (Some(_), false) => " COLLATE \"C\"".into(),
    }
}

/// How the key of a row `alias` of final is compared with that of the staged record `s`, so that equal means the same
/// bytes and an index serves.
pub(crate) async fn same_key(
    connection: &mut PgConnection,
    layout: &Layout,
    alias: &str,
) -> Result<Vec<String>, StoreError> {
    let found = columns_of(connection, &layout.final_table.name).await?;
    layout
        .key
        .iter()
        .map(|at| {
            let (column, field) = (layout.column(*at), quoted(&layout.fields[*at].name));
            let there =
                found.iter().find(|there| there.name == column).ok_or_else(|| StoreError::TableDiffers {
                    table: layout.final_table.name.to_string(),
                    differences: vec![format!("column {column} is missing")],
                })?;
            // Values of `char(n)` are compared as such: their texts lose their blanks. All fill it, or do not fit.
            let cast = if there.ty.starts_with("character(") { "::bpchar" } else { "" };
            Ok(format!("{alias}.{} = s.{field}{cast}{}", quoted(column), collation(there)))
        })
        .collect()
}
