//! Least privilege: the roles of a fleet's processes, and what each may do with which table.
//!
//! A process logs in as a user of its own that is a member of its role, and works as that role (`SET role`), so that
//! what the coordinators make belongs to their role and not to one of them.

use std::sync::Arc;

use domain::process_role::ProcessRole;
use domain::table::TableName;
use job::Job;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};
use store::StoreError;
use store::names::{quoted, table as quoted_table};
use thiserror::Error;
use tokio::time::timeout;

use super::connect::{PostgresSettings, ROLLBACK, connected};

/// What a worker puts down of itself, and how it shows that it is alive.
const WORKER: &str = "SELECT, INSERT (name, role, host, pid, version, started_at_ms, seen_at_ms), \
                      UPDATE (seen_at_ms, stopped_at_ms, in_hand_since_ms)";
/// What a processor makes of a chunk's row. A trigger lets it set a chunk aside, and do nothing else to its state.
const STARTED: &str = "SELECT, UPDATE (state, reason, processor_starts, started_by)";
/// What a writer makes of a chunk's row.
const COMMITTED: &str = "SELECT, UPDATE (state, reason, writer_starts, started_by, processor_id, writer_id, bytes_in, \
                         records_in, accepted, rejected, sums, rejected_sums, tree, rules, by_type, footing, content, \
                         byte_shares)";

/// What each role may do with each table of the ledger, in the order of [`ProcessRole::ALL`].
#[rustfmt::skip]
const RIGHTS: [(&str, [&str; 5]); 22] = [
    ("crossfoot_schema",        ["SELECT", "SELECT", "SELECT", "SELECT", "SELECT"]),
    ("crossfoot_store",         ["SELECT, INSERT", "SELECT", "SELECT", "SELECT", "SELECT"]),
    ("crossfoot_message_key",   ["SELECT, INSERT, DELETE", "SELECT", "SELECT", "", ""]),
    ("crossfoot_masking",       ["SELECT, INSERT", "SELECT", "SELECT", "SELECT", "SELECT"]),
    ("crossfoot_job",           ["SELECT, INSERT", "SELECT", "SELECT", "SELECT", "SELECT"]),
    ("crossfoot_run",           ["SELECT, INSERT, UPDATE, DELETE", "SELECT", "SELECT", "SELECT", "SELECT"]),
    ("crossfoot_worker",        ["SELECT, INSERT, UPDATE", WORKER, WORKER, "SELECT", "SELECT"]),
    ("crossfoot_service",       ["SELECT, INSERT, UPDATE, DELETE", "SELECT", "SELECT", "SELECT", "SELECT"]),
    ("crossfoot_comparison",    ["SELECT, INSERT, UPDATE, DELETE", "SELECT", "SELECT", "SELECT", "SELECT"]),
    ("crossfoot_chunk",         ["SELECT, INSERT, UPDATE, DELETE", STARTED, COMMITTED, "SELECT", "SELECT"]),
    ("crossfoot_report",        ["SELECT, INSERT, UPDATE, DELETE", "", "", "SELECT", "SELECT"]),
    ("crossfoot_reject",        ["SELECT, INSERT, UPDATE, DELETE", "SELECT", "SELECT, INSERT", "SELECT", "SELECT"]),
    ("crossfoot_reject_reason", ["SELECT, INSERT, UPDATE, DELETE", "SELECT", "SELECT, INSERT", "SELECT", "SELECT"]),
    ("crossfoot_resent",        ["SELECT, INSERT, DELETE", "", "", "SELECT", "SELECT"]),
    ("crossfoot_breach",        ["SELECT, INSERT, UPDATE, DELETE", "", "SELECT, INSERT", "SELECT", "SELECT"]),
    ("crossfoot_exclusion",     ["SELECT, INSERT, UPDATE, DELETE", "SELECT", "SELECT", "SELECT", "SELECT"]),
    ("crossfoot_check",         ["SELECT, INSERT, UPDATE, DELETE", "", "", "SELECT", "SELECT"]),
    ("crossfoot_finding",       ["SELECT, INSERT, UPDATE, DELETE", "", "", "SELECT", "SELECT"]),
    ("crossfoot_event",         ["SELECT, INSERT", "SELECT, INSERT", "SELECT, INSERT", "SELECT", "SELECT"]),
    ("crossfoot_readback",      ["SELECT, INSERT, DELETE", "SELECT, INSERT", "SELECT, INSERT", "SELECT", "SELECT"]),
    ("crossfoot_token",         ["SELECT, INSERT, UPDATE", "", "", "SELECT", ""]),
    ("crossfoot_unlogged",      ["SELECT, INSERT", "", "", "", ""]),
];

/// The roles of one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    prefix: String,
    /// The schema of the ledger.
    ledger: String,
    /// The schema in which the jobs' tables are made.
    tables: String,
}

/// Why roles cannot be made.
#[derive(Debug, Error)]
pub enum RolesError {
    /// The name is not one for roles.
    #[error(
        "invalid role prefix `{0}`: use a small letter, then small letters, digits or `_`, at most 40 characters"
    )]
    Prefix(String),
    /// The ledger is not where it was said to be.
    #[error("schema {ledger} holds no ledger; set [store] schema to the schema that does")]
    NoLedger {
        /// The schema that was looked into.
        ledger: String,
    },
    /// The database refused.
    #[error("cannot make the roles: {0}; connect as a superuser, or as the database's owner with CREATEROLE")]
    Refused(StoreError),
    /// The database cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Roles {
    /// The roles whose names begin with `prefix`, on the ledger in schema `ledger` and jobs' tables in schema `tables`.
    ///
    /// # Errors
    /// [`RolesError::Prefix`].
    pub fn new(prefix: &str, ledger: &str, tables: &str) -> Result<Self, RolesError> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_good = prefix.len() <= 40
            && prefix.starts_with(|c: char| c.is_ascii_lowercase())
            && prefix.chars().all(is_plain);
        if !is_good {
            return Err(RolesError::Prefix(prefix.escape_debug().to_string()));
        }
        Ok(Self { prefix: prefix.into(), ledger: ledger.into(), tables: tables.into() })
    }

    /// The name of a role on the server.
    #[must_use]
    pub fn name(&self, role: ProcessRole) -> String {
        format!("{}_{}", self.prefix, role.name())
    }

    fn names(&self, roles: &[ProcessRole]) -> String {
        roles.iter().map(|role| quoted(&self.name(*role))).collect::<Vec<_>>().join(", ")
    }

    /// The script that makes the roles, and gives each exactly its rights: it can be run again at any time. `jobs` are
    /// those whose tables may be there already.
    #[must_use]
    pub fn script(&self, jobs: &[Arc<Job>]) -> String {
        use ProcessRole::{Auditor, Console, Coordinator, Processor, Writer};
        let (ledger, tables) = (quoted(&self.ledger), quoted(&self.tables));
        let all = self.names(ProcessRole::ALL);
        let coordinator = self.names(&[Coordinator]);
        let workers = self.names(&[Processor, Writer]);
        let mut sql = String::from("BEGIN;\n");
        let mut say = |text: &str| {
            sql.push_str(text);
            sql.push('\n');
        };
        say("\n-- The roles. Nobody logs in as one: users that do are its members, and work as it.");
        for role in ProcessRole::ALL {
            let (text, name) = (literal(&self.name(*role)), self.names(&[*role]));
            say(&format!(
                "DO $do$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {text}) THEN CREATE ROLE {name} \
                 NOLOGIN; END IF; END $do$;"
            ));
        }
        say(&format!(
            "DO $do$ BEGIN EXECUTE format({}, current_database()); END $do$;",
            literal(&format!("GRANT CONNECT ON DATABASE %I TO {all}"))
        ));
        say("\n-- The ledger: what was granted before is taken back first.");
        say(&format!("GRANT USAGE ON SCHEMA {ledger} TO {all};"));
        for (table, rights) in RIGHTS {
            say(&format!("REVOKE ALL ON {ledger}.{table} FROM {all};"));
            for (role, right) in ProcessRole::ALL.iter().zip(rights).filter(|(_, right)| !right.is_empty()) {
                say(&format!("GRANT {right} ON {ledger}.{table} TO {};", self.names(&[*role])));
            }
        }
        say("\n-- Workers bring the index of a run's staging up to date, which only its owner may.");
        let function = format!("{ledger}.crossfoot_summarize(regclass)");
        say(&format!("GRANT CREATE ON SCHEMA {ledger} TO {coordinator};"));
        say(&format!("ALTER FUNCTION {function} SECURITY DEFINER;"));
        say(&format!("ALTER FUNCTION {function} OWNER TO {coordinator};"));
        say(&format!("REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC;"));
        say(&format!("GRANT EXECUTE ON FUNCTION {function} TO {coordinator}, {workers};"));
        say(&format!("REVOKE CREATE ON SCHEMA {ledger} FROM {coordinator};"));
        say("\n-- The jobs' tables: coordinators make and own them, the console reads them.");
        say(&format!("REVOKE CREATE ON SCHEMA {tables} FROM PUBLIC, {all};"));
        say(&format!(
            "GRANT USAGE ON SCHEMA {tables} TO {};",
            self.names(&[Coordinator, Processor, Writer, Console])
        ));
        say(&format!("GRANT CREATE ON SCHEMA {tables} TO {coordinator};"));
        say(&format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {coordinator} IN SCHEMA {tables} GRANT SELECT ON TABLES TO {};",
            self.names(&[Console])
        ));
        say(&format!("REVOKE USAGE ON SCHEMA {tables} FROM {};", self.names(&[Auditor])));
        if !jobs.is_empty() {
            say("\n-- Tables of jobs that are there already.");
            say(&format!("SET LOCAL search_path = {tables}, {ledger};"));
        }
        for layout in jobs.iter().flat_map(|job| job.layouts()) {
            say(&self.staging(&layout.staging));
            if let Some(runs) = layout.final_table.run_table() {
                say(&when_there(runs, &format!("'ALTER TABLE %s OWNER TO {coordinator}'")));
            }
            say(&when_there(
                &layout.final_table.name,
                &format!("'GRANT SELECT, INSERT, UPDATE ON %s TO {coordinator}'"),
            ));
            say(&when_there(
                &layout.final_table.name,
                &format!("'GRANT SELECT ON %s TO {}'", self.names(&[Console])),
            ));
        }
        sql.push_str("\nCOMMIT;\n");
        sql
    }

    /// Hands a staging table and its partitions to the coordinators, and lets writers write them.
    fn staging(&self, table: &TableName) -> String {
        use ProcessRole::{Console, Coordinator, Processor, Writer};
        let (owner, readers, writer) =
            (self.names(&[Coordinator]), self.names(&[Processor, Writer, Console]), self.names(&[Writer]));
        format!(
            "DO $do$ DECLARE one regclass; BEGIN
    FOR one IN SELECT c.oid::regclass FROM pg_class c WHERE c.oid = to_regclass({name}) OR c.oid IN
        (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass({name}))
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO {owner}', one);
        EXECUTE format('GRANT SELECT ON %s TO {readers}', one);
        EXECUTE format('GRANT INSERT ON %s TO {writer}', one);
    END LOOP;
END $do$;",
            name = literal(&quoted_table(table)),
        )
    }

    /// Runs the script as the user of `settings`, on a ledger that is there.
    ///
    /// # Errors
    /// [`RolesError`]; nothing was changed then.
    pub async fn apply(&self, settings: &PostgresSettings, jobs: &[Arc<Job>]) -> Result<(), RolesError> {
        let mut connection = connected(settings).await?;
        let row = sqlx::query("SELECT to_regclass($1) IS NOT NULL AS found")
            .bind(format!("{}.crossfoot_run", quoted(&self.ledger)))
            .fetch_one(&mut connection)
            .await
            .map_err(StoreError::from)?;
        if !row.try_get::<bool, _>("found").map_err(StoreError::from)? {
            return Err(RolesError::NoLedger { ledger: self.ledger.clone() });
        }
        let done = sqlx::raw_sql(AssertSqlSafe(self.script(jobs))).execute(&mut connection).await;
        done.map_err(|error| RolesError::Refused(error.into()))?;
        drop(timeout(ROLLBACK, connection.close()).await);
        Ok(())
    }
}

/// A text as SQL writes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Runs `statement`, a format in which `%s` is the table, if the table is there.
fn when_there(table: &TableName, statement: &str) -> String {
    let name = literal(&quoted_table(table));
    format!(
        "DO $do$ BEGIN IF to_regclass({name}) IS NOT NULL THEN EXECUTE format({statement}, to_regclass({name})); \
         END IF; END $do$;"
    )
}

/// Lets workers use a staging table or partition that was just made: who may insert rejects may insert staged rows, and
/// who may keep what it read back may read them. Without roles, everyone is the owner, and nothing is to be done.
pub(crate) async fn share_with_workers(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "SELECT DISTINCT quote_ident(r.rolname) AS grantee,
                CASE c.relname WHEN 'crossfoot_reject' THEN 'INSERT' ELSE 'SELECT' END AS granted
         FROM pg_class c CROSS JOIN aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
         WHERE c.oid IN (to_regclass('crossfoot_reject'), to_regclass('crossfoot_readback'))
         AND a.privilege_type = 'INSERT' AND a.grantee <> c.relowner AND r.rolname <> current_user",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut grants = String::new();
    for row in rows {
        let (grantee, granted): (String, String) = (row.try_get("grantee")?, row.try_get("granted")?);
        grants.push_str(&format!("GRANT {granted} ON {} TO {grantee};\n", quoted_table(table)));
    }
    if !grants.is_empty() {
        connection.execute(AssertSqlSafe(grants)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_ledger_has_its_rights() {
        let mut made: Vec<_> = super::super::connect::migrations()
            .flat_map(|sql| ["CREATE TABLE ", "CREATE UNLOGGED TABLE "].map(|made| sql.split(made).skip(1)))
            .flatten()
            .filter_map(|rest| rest.split_whitespace().next())
            .chain(["crossfoot_schema"])
            .collect();
        made.sort_unstable();
        made.dedup();
        let mut named: Vec<_> = RIGHTS.iter().map(|(table, _)| *table).collect();
        named.sort_unstable();
        assert_eq!(named, made);
    }

    #[test]
    fn only_the_coordinator_opens_runs_and_only_writers_besides_write_rejects() {
        let of = |table: &str| RIGHTS.iter().find(|(name, _)| *name == table).unwrap().1;
        let who = |table: &str, right: &str| {
            let rights = of(table).into_iter().zip(ProcessRole::ALL);
            rights.filter(|(has, _)| has.contains(right)).map(|(_, role)| role.name()).collect::<Vec<_>>()
        };
        assert_eq!(who("crossfoot_run", "INSERT"), ["coordinator"]);
        assert_eq!(who("crossfoot_run", "UPDATE"), ["coordinator"]);
        assert_eq!(who("crossfoot_reject", "INSERT"), ["coordinator", "writer"]);
        assert_eq!(who("crossfoot_event", "INSERT"), ["coordinator", "processor", "writer"]);
        assert_eq!(who("crossfoot_event", "UPDATE"), [""; 0]);
        assert_eq!(who("crossfoot_message_key", "SELECT"), ["coordinator", "processor", "writer"]);
    }

    #[test]
    fn a_script_holds_no_password_and_takes_plain_names_only() {
        let roles = Roles::new("bank", "crossfoot", "public").unwrap();
        let script = roles.script(&[]);
        assert!(script.contains("CREATE ROLE \"bank_writer\" NOLOGIN"), "{script}");
        assert!(!script.to_lowercase().contains("password"), "{script}");
        for bad in ["", "Bank", "a-b", "1a", "a b"] {
            assert!(Roles::new(bad, "crossfoot", "public").is_err(), "{bad}");
        }
    }
}
