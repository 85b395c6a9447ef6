//! Locks that last as long as a transaction, by which sessions of all processes keep out of each other's way.

use domain::ids::RunId;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use store::StoreError;

/// What a transaction may have to itself until its end. Waiting is in order of arrival.
#[derive(Clone, Copy)]
pub(crate) enum Lock {
    /// Making a table of a job.
    Table,
    /// Opening a run of a job: looking for one on the same bytes, and inserting.
    Opening,
    /// Making the partition of a run.
    Partition(RunId),
    /// Promoting a run of a job: looking for one that brought the same bytes into final, and promoting.
    Promoting,
    /// Making or replacing a message key.
    Keys,
    /// Appending to the log.
    Log,
    /// The state of a run: commits share it, steps have it to themselves.
    State(RunId),
    /// Promoting a run: by this, a coordinator that acquires the run finds the session to end.
    Driver(RunId),
}

impl Lock {
    /// The lock's two numbers. The first ones are ours (`CF` and a digit); runs that share a second one by chance
    /// wait for each other, no more.
    pub(crate) fn key(self, job: &str) -> (i32, i32) {
        let of_run = |run_id: RunId| {
            let bytes = run_id.to_bytes();
            i32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]])
        };
        let of_job = || {
            let hash = domain::fingerprint::Hash::of(job.as_bytes()).0;
            i32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
        };
        match self {
            Self::Table => (0x4346_0001, of_job()),
            Self::Opening => (0x4346_0002, of_job()),
            Self::Partition(run_id) => (0x4346_0003, of_run(run_id)),
            Self::Promoting => (0x4346_0004, of_job()),
            Self::Log => (0x4346_0005, 0),
            Self::State(run_id) => (0x4346_0006, of_run(run_id)),
            Self::Driver(run_id) => (0x4346_0007, of_run(run_id)),
            Self::Keys => (0x4346_0008, 0),
        }
    }
}

/// Has `lock` to itself until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, lock: Lock) -> Result<(), StoreError> {
    lock_for(connection, lock, "").await
}

/// As [`lock`], for one job, or one table.
pub(crate) async fn lock_for(connection: &mut PgConnection, lock: Lock, job: &str) -> Result<(), StoreError> {
    let (class, object) = lock.key(job);
    sqlx::query("SELECT pg_advisory_xact_lock($1, $2)").bind(class).bind(object).execute(connection).await?;
    Ok(())
}

/// Shares `lock` until the transaction ends.
pub(crate) async fn share(connection: &mut PgConnection, lock: Lock) -> Result<(), StoreError> {
    let (class, object) = lock.key("");
    sqlx::query("SELECT pg_advisory_xact_lock_shared($1, $2)")
        .bind(class)
        .bind(object)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends the session that promotes the run, at any step: what it did is rolled back, unless it was committed.
pub(crate) async fn end_promotion(connection: &mut PgConnection, run_id: RunId) -> Result<(), StoreError> {
    let (class, object) = Lock::Driver(run_id).key("");
    let sessions = sqlx::query(
        "SELECT l.pid, coalesce(a.usename::text, 'unknown') AS user_name, coalesce(a.application_name, 'unknown') AS application
         FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.pid <> pg_backend_pid()
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND l.classid::bigint = $1::bigint AND l.objid::bigint = $2::bigint & 4294967295",
    )
    .bind(class)
    .bind(object)
    .fetch_all(&mut *connection)
    .await?;
    for row in sessions {
        let pid: i32 = row.try_get("pid")?;
        let (user, application): (String, String) = (row.try_get("user_name")?, row.try_get("application")?);
        let ended = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&mut *connection).await;
        if let Err(error) = ended {
            return Err(StoreError::Blocked {
                what: format!(
                    "run {run_id} is being promoted by a session that could not be ended ({})",
                    StoreError::from(error)
                ),
                waited_s: 0,
                by: format!("pid {pid} (user {user}, application {application})"),
            });
        }
        tracing::warn!(%run_id, pid, user, application, "ended the promotion of the run's former owner");
    }
    Ok(())
}
