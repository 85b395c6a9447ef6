//! Facts about the server, for the person who has to make it work.

use platform::health::{Finding, Verdict};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use store::StoreError;

use super::clock::SKEW_MAX_MS;
use super::connect::{PostgresStore, take_back};

/// A process of the fleet takes at most this many connections by default; with fewer left, one more
/// may not find room.
const FREE_MIN: i64 = 20;

/// Facts about a server and what its user may do.
struct Facts {
    version: String,
    fsync: bool,
    full_page_writes: bool,
    user: String,
    schema: String,
    may_create: bool,
    opens_runs: bool,
    connections: i64,
    connections_max: i64,
}

impl PostgresStore {
    /// Looks at everything on the server on which the proof rests, or without which a run would fail. What opening the
    /// store checks is not looked at again.
    pub async fn diagnose(&self) -> Vec<Finding> {
        match self.facts().await {
            Ok(facts) => facts.findings().into_iter().chain([clock_of(self.skew_ms)]).collect(),
            Err(error) => vec![Finding::error("database", error)],
        }
    }

    async fn facts(&self) -> Result<Facts, StoreError> {
        let (mut session, _watch) = self.begin().await?;
        self.place.begin_making(&mut session).await?;
        let row = sqlx::query(
            "SELECT current_setting('server_version') AS version,
                    current_setting('fsync')::bool AS fsync,
                    current_setting('full_page_writes')::bool AS full_page_writes,
                    current_user::text AS user_name, coalesce(current_schema()::text, '') AS schema_name,
                    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
                    has_table_privilege('crossfoot_run', 'INSERT') AS opens_runs,
                    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
                    current_setting('max_connections')::bigint AS connections_max",
        )
        .fetch_one(&mut *session)
        .await?;
        take_back(session).await;
        Ok(Facts::of(&row)?)
    }
}

/// Whether this host's clock agrees with the server's.
fn clock_of(skew_ms: i64) -> Finding {
    let what = "clock";
    if skew_ms.abs() <= SKEW_MAX_MS {
        return Finding::ok(
            what,
            format!("this host's clock is within {SKEW_MAX_MS} ms of the database server's"),
        );
    }
    let (by_ms, way) = (skew_ms.unsigned_abs(), if skew_ms > 0 { "ahead of" } else { "behind" });
    let detail =
        format!("this host's clock is {}.{} s {way} the database server's", by_ms / 1000, by_ms % 1000 / 100);
    let advice =
        "synchronize both with NTP; leases use the server's clock, times of runs and events use this host's";
    Finding::warn(what, detail, advice)
}

impl Facts {
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            version: row.try_get("version")?,
            fsync: row.try_get("fsync")?,
            full_page_writes: row.try_get("full_page_writes")?,
            user: row.try_get("user_name")?,
            schema: row.try_get("schema_name")?,
            may_create: row.try_get("may_create")?,
            opens_runs: row.try_get("opens_runs")?,
            connections: row.try_get("connections")?,
            connections_max: row.try_get("connections_max")?,
        })
    }

    fn findings(&self) -> Vec<Finding> {
        vec![self.durability(), self.permissions(), self.room()]
    }

    fn durability(&self) -> Finding {
        let what = "database durability";
        let on = |is_on| if is_on { "on" } else { "off" };
        let detail = format!(
            "PostgreSQL {}: fsync {}, full_page_writes {}",
            self.version,
            on(self.fsync),
            on(self.full_page_writes)
        );
        if self.fsync && self.full_page_writes {
            return Finding::ok(what, detail);
        }
        let advice = "turn both on, so that acknowledged data survives a server crash";
        Finding::new(what, Verdict::Bad, detail, Some(advice))
    }

    fn permissions(&self) -> Finding {
        let (what, user, schema) = ("database permissions", &self.user, &self.schema);
        if self.may_create {
            return Finding::ok(what, format!("user {user} can create tables in schema {schema}"));
        }
        if !self.opens_runs {
            // Coordinators make the tables that it works with.
            return Finding::ok(what, format!("user {user} cannot create tables, and opens no runs"));
        }
        let detail = format!("user {user} cannot create tables in schema {schema}");
        let advice =
            "grant CREATE on the schema to the user; Crossfoot creates a staging partition for each run";
        Finding::new(what, Verdict::Bad, detail, Some(advice))
    }

    fn room(&self) -> Finding {
        let what = "database connections";
        let detail = format!("{} of {} in use", self.connections, self.connections_max);
        if self.connections_max.saturating_sub(self.connections) >= FREE_MIN {
            return Finding::ok(what, detail);
        }
        let advice = "each process of the fleet uses up to 16; raise max_connections on the server, or lower \
         max_connections under [store]";
        Finding::warn(what, detail, advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Facts {
        Facts {
            version: "15.8".into(),
            fsync: true,
            full_page_writes: true,
            user: "u".into(),
            schema: "s".into(),
            may_create: true,
            opens_runs: true,
            connections: 80,
            connections_max: 100,
        }
    }

    #[test]
    fn a_clock_that_differs_is_named_with_its_difference() {
        assert_eq!(clock_of(-2000).verdict, Verdict::Ok);
        let ahead = clock_of(3_600_450);
        assert_eq!(ahead.verdict, Verdict::Warn);
        assert!(ahead.detail.contains("3600.4 s ahead of"), "{}", ahead.detail);
        assert!(clock_of(-2001).detail.contains("2.0 s behind"));
    }

    #[test]
    fn each_finding_turns_with_what_it_looks_at() {
        let verdicts = |facts: &Facts| facts.findings().iter().map(|one| one.verdict).collect::<Vec<_>>();
        use Verdict::{Bad, Ok, Warn};
        assert_eq!(verdicts(&sound()), [Ok, Ok, Ok]);
        assert_eq!(verdicts(&Facts { fsync: false, ..sound() }), [Bad, Ok, Ok]);
        assert_eq!(verdicts(&Facts { full_page_writes: false, ..sound() }), [Bad, Ok, Ok]);
        assert_eq!(verdicts(&Facts { may_create: false, ..sound() }), [Ok, Bad, Ok]);
        assert_eq!(verdicts(&Facts { may_create: false, opens_runs: false, ..sound() }), [Ok, Ok, Ok]);
        assert_eq!(verdicts(&Facts { connections: 81, ..sound() }), [Ok, Ok, Warn]);
        let advised = Facts { fsync: false, may_create: false, connections: 100, ..sound() };
        assert!(advised.findings().iter().all(|one| one.advice.is_some()));
    }
}
