//! A MariaDB database as a target, held to the contract of targets.

use conformance::targets::sql::{mariadb, placed};
use conformance::targets::{Held, shows_values_as_stored};
use platform::secret::ServerUrl;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};

use super::MysqlTarget;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB: run ./test"]
async fn every_sample_comes_as_it_is_stored() {
    let url = std::env::var("CROSSFOOT_TEST_MYSQL").expect("CROSSFOOT_TEST_MYSQL says where a MariaDB is");
    let (statements, held) = placed(&format!("sample_{}", std::process::id()), mariadb, &[]);
    let mut connection = MySqlConnection::connect(&url).await.unwrap();
    for sql in statements {
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
    }
    let target = MysqlTarget::open(&ServerUrl::from(url.as_str()), None, None).await.unwrap();
    shows_values_as_stored(&target, &held).await;
    for (_, held) in held {
        if let Held::In(table) = held {
            connection.execute(AssertSqlSafe(format!("DROP TABLE {table}"))).await.unwrap();
        }
    }
}
