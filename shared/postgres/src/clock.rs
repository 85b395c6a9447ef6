//! One clock decides about leases and heartbeats: the server's. Hosts' own clocks differ, and jump.

use platform::clock::{Clock as _, SystemClock};
use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use store::StoreError;

/// Now, by the server, in milliseconds since 1970; also within a transaction that has been open for a while.
pub(crate) const NOW_MS: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// Beyond this a difference is said.
pub(crate) const SKEW_MAX_MS: i64 = 2000;

/// By how much this host's clock is ahead of the server's. The time that the question took is no part of it.
pub(crate) async fn skew_ms(connection: &mut PgConnection) -> Result<i64, StoreError> {
    let before = SystemClock.now_ms();
    let sql = sqlx::AssertSqlSafe(format!("SELECT {NOW_MS} AS now_ms"));
    let server: i64 = sqlx::query(sql).fetch_one(connection).await?.try_get("now_ms")?;
    Ok(ahead(before, server, SystemClock.now_ms()))
}

/// How far ahead of `server` a clock is that showed `before` and `after` around the question.
fn ahead(before: i64, server: i64, after: i64) -> i64 {
    if server < before {
        before - server
    } else if server > after {
        after - server
    } else {
        0
    }
}

/// Says so when it is worth it. Nothing is decided by this host's clock, but times in reports and in the log are its.
pub(crate) fn warn_of(skew_ms: i64) {
    if skew_ms.abs() > SKEW_MAX_MS {
        tracing::warn!(
            skew_ms,
            "this host's clock differs from the database server's; leases use the server's, times of runs and \
             events use this host's"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_asking_took_is_no_skew() {
        assert_eq!(ahead(1000, 1000, 1000), 0);
        assert_eq!(ahead(1000, 1500, 2000), 0);
        assert_eq!(ahead(5000, 1000, 5010), 4000);
        assert_eq!(ahead(1000, 5000, 1010), -3990);
    }
}
