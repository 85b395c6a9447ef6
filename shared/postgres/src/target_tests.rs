//! A PostgreSQL database as a target, held to the contract of targets.

use conformance::Database as _;
use conformance::targets::shows_values_as_stored;
use conformance::targets::sql::{placed, postgresql};
use domain::comparison::Cell;
use domain::value::FieldType;
use store::target::{
    Relation, RowSink, SharedReaders as _, SharedSnapshot, Target as _, TargetError, Wanted, WantedColumn,
};

use super::tests::own;
use super::{PostgresReaders, PostgresTarget};

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

/// Keeps what it takes, as text.
#[derive(Default)]
struct Texts(Vec<String>);

impl RowSink for Texts {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), TargetError> {
        self.0.push(format!("{cells:?}"));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: run ./test"]
async fn readers_of_other_processes_see_the_same_moment_of_the_same_database_or_nothing() {
    let own = own().await;
    own.execute("CREATE TABLE moment (a text); INSERT INTO moment VALUES ('before')").await.unwrap();
    let target = PostgresTarget::open(own.settings()).await.unwrap();
    own.execute("INSERT INTO moment VALUES ('after')").await.unwrap();
    let wanted = Wanted {
        relation: Relation::Query("SELECT * FROM moment".into()),
        filter: None,
        columns: vec![WantedColumn { name: "a".into(), ty: FieldType::Text { chars_max: 10 } }],
    };
    let prepared = target.prepare(wanted).await.unwrap();
    let shared = target.shared().unwrap();
    let readers = PostgresReaders { settings: own.settings() };
    let mut texts = Texts::default();
    let rows = readers.reader(&shared).await.unwrap().read(&prepared, 0, &mut texts).await.unwrap();
    assert_eq!((rows, texts.0.len()), (1, 1), "{:?}", texts.0);
    assert!(texts.0[0].contains("before"), "{:?}", texts.0);

    let elsewhere = SharedSnapshot { server: "1/1764249999.000001".into(), ..shared.clone() };
    let refused = readers.reader(&elsewhere).await.err().unwrap().to_string();
    assert!(refused.contains("another database than the one that is compared"), "{refused}");
    drop(target);
}
