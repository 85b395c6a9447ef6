//! Three databases behind their drivers: PostgreSQL, MariaDB and SQLite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use conformance::targets::sql::{Written, mariadb, placed, postgresql, sqlite};
use conformance::targets::{Held, Sample, shows_values_as_stored};
use domain::comparison::Cell;
use domain::table::TableName;
use domain::value::FieldType;
use odbc::OdbcTarget;
use odbc_api::{ConnectionOptions, environment};
use platform::secret::ServerUrl;
use store::target::{Relation, RowSink, Target as _, TargetError, Wanted, WantedColumn};

/// One at a time: several that connected at once on a busy machine were told by unixODBC that there is no such driver.
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What `./test` set up.
fn attributes(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} must hold a connection string: run ./test"))
}

/// Runs statements on a connection of its own.
fn run(attributes: &str, statements: &[String]) {
    let environment = environment().unwrap();
    let connection =
        environment.connect_with_connection_string(attributes, ConnectionOptions::default()).unwrap();
    for sql in statements {
        connection.execute(sql, (), None).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// Puts each sample into a table of its own, and holds the driver to what it must show.
async fn hold(variable: &str, write: fn(&Sample) -> Written, otherwise: &[(&str, Cell<'static>)]) {
    let _alone = ONE.lock().await;
    let attributes = attributes(variable);
    let (statements, held) = placed(&format!("odbc_{}", std::process::id()), write, otherwise);
    run(&attributes, &statements);
    let target = OdbcTarget::open(&ServerUrl::from(format!("odbc:{attributes}")), None).unwrap();
    shows_values_as_stored(&target, &held).await;
    let tables = held.iter().filter_map(|(_, held)| match held {
        Held::In(table) | Held::Shown(table, _) => Some(format!("DROP TABLE {table}")),
        Held::Nowhere(_) => None,
    });
    run(&attributes, &tables.collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_shows_every_sample() {
    let infinite = [("infinite timestamp", Cell::Other("PostgreSQL timestamp", "infinity"))];
    hold("CROSSFOOT_TEST_ODBC_POSTGRES", postgresql, &infinite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_shows_every_sample() {
    // ODBC has no type for a time with a zone: it is shown without, in UTC.
    let instant = [("instant", Cell::Timestamp("2024-02-29 22:59:59.999999"))];
    hold("CROSSFOOT_TEST_ODBC_MARIADB", mariadb, &instant).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_shows_every_sample() {
    hold("CROSSFOOT_TEST_ODBC_SQLITE", sqlite, &[]).await;
}

struct Count(u64);

impl RowSink for Count {
    fn row(&mut self, _: &[Cell<'_>]) -> Result<(), TargetError> {
        self.0 += 1;
        Ok(())
    }
}

async fn refused(attributes: &str, table: &str, column: &str, ty: FieldType) -> String {
    let target = match OdbcTarget::open(&ServerUrl::from(format!("odbc:{attributes}")), None) {
        Ok(target) => target,
        Err(error) => return error.to_string(),
    };
    let wanted = Wanted {
        relation: Relation::Table(TableName::parse(table).unwrap()),
        filter: None,
        columns: vec![WantedColumn { name: column.into(), ty }],
    };
    let prepared = match target.prepare(wanted).await {
        Ok(prepared) => prepared,
        Err(error) => return error.to_string(),
    };
    let mut count = Count(0);
    target.reader().await.unwrap().read(&prepared, 0, &mut count).await.unwrap();
    format!("{} rows", count.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_told_and_no_password_is() {
    let _alone = ONE.lock().await;
    let attributes = attributes("CROSSFOOT_TEST_ODBC_MARIADB");
    let table = format!("odbc_refused_{}", std::process::id());
    run(&attributes, &[format!("CREATE TABLE {table} (V time, `straße` int)")]);
    let text = FieldType::Text { chars_max: 20 };
    assert_eq!(refused(&attributes, &table, "v", text).await, "0 rows");
    assert_eq!(refused(&attributes, &table, "straße", FieldType::Integer).await, "0 rows");
    let said = refused(&attributes, &table, "v", FieldType::Timestamp).await;
    assert!(said.contains("column `v` is of the type Time"), "{said}");
    assert!(refused(&attributes, &table, "w", text).await.contains("no column `w`"));
    assert!(refused(&attributes, "odbc_none", "v", text).await.contains("odbc_none"));
    run(&attributes, &[format!("DROP TABLE {table}")]);
    let parts = attributes.split(';').filter(|part| !part.starts_with("Pwd="));
    let wrong = format!("{};Pwd=geheim-{table}", parts.collect::<Vec<_>>().join(";"));
    let said = refused(&wrong, &table, "v", text).await;
    assert!(
        said.contains("cannot read the target odbc:Driver=mariadb") && !said.contains("geheim"),
        "{said}"
    );
    assert!(refused("DSN", "t", "v", text).await.contains("invalid connection string"));
    assert!(refused("DSN=crossfoot-none", "t", "v", text).await.contains("cannot read the target odbc:DSN="));
}
