//! A PostgreSQL database as a target, held to the contract of targets.

use conformance::Database as _;
use conformance::targets::shows_values_as_stored;
use conformance::targets::sql::{placed, postgresql};
use domain::comparison::Cell;

use super::PostgresTarget;
use super::tests::own;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: run ./test"]
async fn every_sample_comes_as_it_is_stored() {
    let own = own().await;
    let infinite = [("infinite timestamp", Cell::Other("timestamp", "infinity"))];
    let (statements, held) = placed("sample", postgresql, &infinite);
    own.execute(&statements.join(";")).await.unwrap();
    let target = PostgresTarget::open(own.settings()).await.unwrap();
    shows_values_as_stored(&target, &held).await;
}
