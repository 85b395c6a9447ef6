//! What only PostgreSQL has to answer for: its types, its locks, its triggers, its way of refusing a connection.

use conformance::{APPEND, Database as _, LASTS, Loading, entry, job, row};
use domain::amount::Amount;
use domain::ids::ChunkNo;
use domain::record::{self, RawField, Tag};
use domain::value::FieldType;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};
use store::model::CommitOutcome;
use store::{Log as _, StoreError};

use super::connect::{PostgresSettings, PostgresStore};
use super::tests::{make, own, own_with};
use super::{numeric, rows};

#[tokio::test]
#[ignore = "needs PostgreSQL: run ./test"]
async fn the_server_reads_and_writes_the_decimals_that_we_do() {
    let own = own().await;
    let mut connection = PgConnection::connect(own.settings().url.reveal()).await.unwrap();
    let mut runner = TestRunner::deterministic();
    let strategy = (-(10_i128.pow(38) - 1)..10_i128.pow(38), 0_u32..38, 0_u8..=38);
    let mut texts = Vec::new();
    for _ in 0..2000 {
        let (mantissa, cut, scale) = strategy.new_tree(&mut runner).unwrap().current();
        texts.push(Amount::new(mantissa / 10_i128.pow(cut), scale).unwrap().to_string());
    }
    let sent = sqlx::query("SELECT numeric_send(t::numeric) AS sent FROM unnest($1::text[]) WITH ORDINALITY n (t, nth) ORDER BY nth")
        .bind(&texts)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(sent.len(), texts.len());
    for (text, row) in texts.iter().zip(sent) {
        let (theirs, mut ours, mut back) = (row.get::<Vec<u8>, _>("sent"), Vec::new(), Vec::new());
        numeric::encode(text.as_bytes(), &mut ours).unwrap();
        assert_eq!(ours, theirs, "{text}");
        numeric::decode(&theirs, &mut back).unwrap();
        assert_eq!(String::from_utf8(back).unwrap(), *text);
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run ./test"]
async fn the_server_reads_and_writes_the_days_and_times_that_we_do() {
    let own = own().await;
    let mut connection = PgConnection::connect(own.settings().url.reveal()).await.unwrap();
    // Every 13th day of all years that a date may have, and a time of that day.
    let found = sqlx::query(
        "SELECT to_char(d, 'YYYY-MM-DD') AS day, date_send(d::date) AS sent, to_char(t, 'YYYY-MM-DD HH24:MI:SS.US') AS time,
                timestamp_send(t) AS sent_time
         FROM generate_series('0001-01-01'::timestamp, '9999-12-31', '13 days') d, LATERAL (SELECT d + (extract(doy FROM d) * 229.000001 * interval '1 s') AS t) l",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(found.len() > 280_000);
    for row in found {
        for (ty, tag, text, sent) in [
            (FieldType::Date, Tag::Date, "day", "sent"),
            (FieldType::Timestamp, Tag::Timestamp, "time", "sent_time"),
        ] {
            let (text, sent): (String, Vec<u8>) = (row.get(text), row.get(sent));
            let (mut ours, mut back, mut expected) = (Vec::new(), Vec::new(), Vec::new());
            rows::put_field(&mut ours, &ty, RawField { tag, content: text.as_bytes() }).unwrap();
            assert_eq!(ours[4..], sent, "{text}");
            rows::read_field(&mut back, &ty, Some(&sent));
            record::put_raw(&mut expected, tag, text.as_bytes());
            assert_eq!(back, expected, "{text}");
        }
    }
}

#[test]
fn what_is_no_day_or_time_is_refused() {
    for (ty, tag, text) in [
        (FieldType::Date, Tag::Date, "2023-02-29"),
        (FieldType::Date, Tag::Date, "2023-13-01"),
        (FieldType::Date, Tag::Date, "2023-00-10"),
        (FieldType::Timestamp, Tag::Timestamp, "2023-01-01 24:00:00.000000"),
        (FieldType::Timestamp, Tag::Timestamp, "2023-01-01 00:00:60.000000"),
        (FieldType::Timestamp, Tag::Timestamp, "2023-01-01 00:00:00.00000"),
        (FieldType::Instant, Tag::Instant, "2023-01-01 00:00:00.000000"),
    ] {
        let refused = rows::put_field(&mut Vec::new(), &ty, RawField { tag, content: text.as_bytes() });
        assert_eq!(refused, Err(rows::Fault::Malformed), "{text}");
    }
}

#[test]
fn values_that_no_field_can_have_are_foreign() {
    let decimal = FieldType::Decimal { precision: 38, scale: 2 };
    let nan = [0, 0, 0, 0, 0xc0, 0, 0, 0];
    let another_scale = [0, 1, 0, 0, 0, 0, 0, 1, 0, 1];
    for (ty, value, text) in [
        (decimal, &nan[..], "numeric NaN"),
        (decimal, &another_scale[..], "numeric 1.0"),
        (FieldType::Date, &i32::MAX.to_be_bytes()[..], "date infinity"),
        (FieldType::Timestamp, &i64::MIN.to_be_bytes()[..], "timestamp -infinity"),
        (FieldType::Instant, &i64::MAX.to_be_bytes()[..], "timestamptz infinity"),
        (FieldType::Integer, &[0, 0, 0, 1][..], "integer x'00000001'"),
    ] {
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        rows::read_field(&mut out, &ty, Some(value));
        record::put_raw(&mut expected, Tag::Foreign, text.as_bytes());
        assert_eq!(out, expected, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_nul_in_a_text_is_refused_by_name_and_nothing_is_stored() {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let good = loading.load(&[vec![row(1, "a", "1.00")]]).await;
    let cut = job::chunk::ChunkCut { chunk_no: ChunkNo(1), ..good[0].clone() };
    loading.store.add_chunks(loading.fence, std::slice::from_ref(&cut)).await.unwrap();
    let refused = loading.commit(loading.batch(&cut, &[row(2, "secret\0", "1.00")])).await.unwrap_err();
    let StoreError::Unstorable { what } = &refused else { panic!("{refused}") };
    assert!(what.contains("field account") && what.contains("chunk 1"), "{what}");
    assert!(!refused.to_string().contains("secret"), "{refused}");
    assert_eq!(loading.staging().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn only_writers_of_that_final_table_wait_for_a_promotion() {
    let subject = make().await;
    let job = job(APPEND, "");
    let promoted = Loading::begin(&subject.store, &job, 1).await;
    let permit = promoted.stage(&[vec![row(1, "a", "1.00"), row(2, "b", "1.00")]]).await;
    subject.database.execute("CREATE TABLE seen (id bigint)").await.unwrap();
    let function = "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (new.id); RETURN new; END $$";
    subject.database.execute(function).await.unwrap();
    subject
        .database
        .execute("CREATE TRIGGER note AFTER INSERT ON entries FOR EACH ROW EXECUTE FUNCTION note()")
        .await
        .unwrap();
    let mut promotion = promoted.store.begin_promotion(promoted.fence, &permit, &promoted.job).await.unwrap();
    assert_eq!(promotion.insert().await.unwrap(), 4, "what the trigger changed counts too");
    // Another run of the very same job is opened, loaded and led, and this one's lease is renewed.
    let other = Loading::begin(&subject.store, &job, 2).await;
    other.load(&[vec![row(9, "z", "1.00")]]).await;
    other.store.renew(other.fence, LASTS).await.unwrap();
    promoted.store.renew(promoted.fence, LASTS).await.unwrap();
    let write = "SET lock_timeout = '200ms'; INSERT INTO entries VALUES (7, 'x', 1, '00000000-0000-0000-0000-000000000000')";
    assert!(subject.database.execute(write).await.is_err(), "final is not written to");
    promotion.commit(&[], "{}", entry(Some(promoted.run_id), "promoted")).await.unwrap();
    subject.database.execute(write).await.unwrap();
    // And again, as after a connection that was lost at the commit: the run is found promoted.
    let mut again = promoted.store.begin_promotion(promoted.fence, &permit, &promoted.job).await.unwrap();
    let refused = again.insert().await;
    assert!(matches!(refused, Err(StoreError::FinalRefused { .. })), "{refused:?}");
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("entries_pkey") && !said.contains("(id)="), "{said}");
    again.rollback().await.unwrap();
    let cuts = store::model::ChunkRange::ALL;
    assert_eq!(other.staging_in(cuts).await.len(), 1);
    assert_eq!(
        other
            .commit(other.batch(&other.store.chunks(other.run_id, 0, 1).await.unwrap()[0].cut, &[]))
            .await
            .unwrap(),
        CommitOutcome::AlreadyThere
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: run ./test"]
async fn processes_that_open_a_new_database_together_all_succeed() {
    let own = own().await;
    let openers: Vec<_> = (0..6)
        .map(|_| {
            let settings = own.settings();
            tokio::spawn(async move { PostgresStore::open(&settings).await.map(drop) })
        })
        .collect();
    for opener in openers {
        opener.await.unwrap().unwrap();
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_server_that_cannot_be_used_says_why_and_no_secret() {
    let own = own().await;
    let good = own.settings();
    let url = |change: &dyn Fn(&mut url::Url)| {
        let mut url = url::Url::parse(good.url.reveal()).unwrap();
        change(&mut url);
        PostgresSettings::of_url(url.as_str())
    };
    let wrong = PostgresSettings { password: Some("hunter2".into()), ..good.clone() };
    for (settings, said) in [
        (url(&|url| url.set_path("/no_such_database")), "3D000"),
        (url(&|url| url.set_port(Some(1)).unwrap()), "refused"),
        (url(&|url| url.set_host(Some("no-such-host.invalid")).unwrap()), "not found"),
        (url(&|url| url.set_query(Some("sslmode=require"))), "TLS"),
        (wrong, "28P01"),
    ] {
        let Err(error) = PostgresStore::open(&settings).await else {
            // A server that trusts everyone, or talks TLS, has nothing to refuse.
            assert!(said == "28P01" || said == "TLS");
            continue;
        };
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        let shown = format!("{error} {settings:?}");
        assert!(shown.contains(said), "{said}: {shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("crossfoot:"), "{shown}");
    }
    let refused = PostgresStore::open(&PostgresSettings::of_url("mysql://a:b@c/d")).await.err();
    assert!(matches!(&refused, Some(StoreError::BadUrl { url }) if !url.contains("a:b")), "{refused:?}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_database_of_another_encoding_is_refused_with_what_to_do() {
    let own = own_with("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0").await;
    let error = PostgresStore::open(&own.settings()).await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Unfit { .. }), "{error:?}");
    assert!(error.to_string().contains("ENCODING 'UTF8' TEMPLATE template0"), "{error}");
}

/// Both have the same SQLSTATE. A parallel hash join in a container with the usual 64 MB of /dev/shm says the first.
#[tokio::test]
#[ignore = "needs PostgreSQL: run ./test"]
async fn shared_memory_that_is_full_is_not_taken_for_a_disk_that_is() {
    let own = own().await;
    let mut connection = PgConnection::connect(own.settings().url.reveal()).await.unwrap();
    for (message, memory) in [
        (
            "could not resize shared memory segment \"/PostgreSQL.1\" to 16777216 bytes: No space left on device",
            true,
        ),
        ("could not write to file \"base/pgsql_tmp/1.0\": No space left on device", false),
    ] {
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '53100'; END $$");
        let error = connection.execute(AssertSqlSafe(raise)).await.map(drop).unwrap_err();
        let error = StoreError::from(error);
        assert!(matches!(error, StoreError::SharedMemory) == memory, "{error:?}");
        assert!(matches!(error, StoreError::ServerFull { .. }) != memory, "{error:?}");
        assert_eq!(error.is_transient(), !memory, "room on a disk is made, a setting is not");
    }
}

/// The settings of a server that speaks TLS, with `parameters` in the URL, and two authorities: its own, and another.
fn encrypted(own: &super::tests::Own, parameters: &str) -> PostgresSettings {
    let of = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} names no authority"));
    let parameters = parameters
        .replace("{other}", &of("CROSSFOOT_TEST_OTHER_CA"))
        .replace("{ca}", &of("CROSSFOOT_TEST_CA"));
    let mut settings = own.settings();
    settings.url = format!("{}?{parameters}", settings.url.reveal()).into();
    settings
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_server_that_its_authority_vouches_for_is_spoken_to_in_tls() {
    let own = own().await;
    for parameters in
        ["sslmode=verify-full&sslrootcert={ca}", "sslmode=verify-ca&sslrootcert={ca}", "sslmode=require"]
    {
        let settings = encrypted(&own, parameters);
        let store =
            PostgresStore::open(&settings).await.unwrap_or_else(|error| panic!("{parameters}: {error}"));
        let row = sqlx::query("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .fetch_one(&store.pool)
            .await
            .unwrap();
        assert!(row.get::<bool, _>("ssl"), "{parameters}");
        assert!(row.get::<String, _>("version").starts_with("TLSv1."), "{parameters}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_server_that_the_settings_authority_vouches_for_is_trusted_unless_the_url_names_another() {
    let own = own().await;
    let file = |name: &str| Some(std::env::var(name).unwrap().into());
    let (right, other) = (file("CROSSFOOT_TEST_CA"), file("CROSSFOOT_TEST_OTHER_CA"));
    for (parameters, ca_file, is_trusted) in [
        ("sslmode=verify-full", right.clone(), true),
        ("sslmode=verify-full", other.clone(), false),
        ("sslmode=verify-full&sslrootcert={ca}", other, true),
        ("sslmode=verify-full&sslrootcert={other}", right, false),
    ] {
        let settings = PostgresSettings { ca_file, ..encrypted(&own, parameters) };
        let opened = PostgresStore::open(&settings).await.map(drop).map_err(|error| error.to_string());
        assert_eq!(opened.is_ok(), is_trusted, "{parameters}: {opened:?}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run ./test"]
async fn a_server_that_another_authority_vouches_for_is_refused() {
    let own = own().await;
    let refused = [
        ("sslmode=verify-full&sslrootcert={other}", "cannot establish a TLS connection"),
        ("sslmode=verify-ca&sslrootcert={other}", "cannot establish a TLS connection"),
        // Nobody in the system's own list signed a test's certificate.
        ("sslmode=verify-full", "cannot establish a TLS connection"),
        ("sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "/nowhere/ca.pem"),
    ];
    for (parameters, said) in refused {
        let settings = encrypted(&own, parameters);
        let error = PostgresStore::open(&settings).await.map(drop).unwrap_err();
        assert!(matches!(&error, StoreError::Unreachable { .. }), "{parameters}: {error:?}");
        let text = error.to_string();
        assert!(text.contains(said) && !text.contains("crossfoot:crossfoot"), "{parameters}: {text}");
    }
}

/// A server without TLS answers the request for it with `N` (PostgreSQL's manual, "SSL Session Encryption").
#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 8];
        socket.read_exact(&mut request).await.unwrap();
        assert_eq!(request, [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
        socket.write_all(b"N").await.unwrap();
        // Nothing more comes: neither a user's name nor a password.
        let mut rest = Vec::new();
        drop(socket.read_to_end(&mut rest).await);
        rest
    });
    let settings =
        PostgresSettings::of_url(&format!("postgres://u:secret@127.0.0.1:{port}/d?sslmode=require"));
    let error = PostgresStore::open(&settings).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("TLS") && !error.contains("secret"), "{error}");
    assert!(server.await.unwrap().is_empty());
}

#[tokio::test]
#[ignore = "needs PostgreSQL: run ./test"]
async fn nobody_is_permitted_to_change_the_log_its_owner_included() {
    let own = own().await;
    let owner = format!("cf_owner_{}_{}", std::process::id(), own.name());
    for sql in [
        format!("CREATE ROLE {owner} LOGIN PASSWORD 'x'"),
        format!("ALTER DATABASE {} OWNER TO {owner}", own.name()),
        format!("GRANT ALL ON SCHEMA public TO {owner}"),
    ] {
        own.execute(&sql).await.unwrap();
    }
    // A role as it should be: no superuser, and the owner of all that it makes.
    let settings =
        PostgresSettings { username: Some(owner.clone()), password: Some("x".into()), ..own.settings() };
    let store = PostgresStore::open(&settings).await.unwrap();
    for kind in ["opened", "promoted"] {
        store.log(entry(None, kind)).await.unwrap();
    }
    let before = store.events(0, 10).await.unwrap();
    let changes = [
        "UPDATE crossfoot_event SET actor = 'nobody' WHERE seq = 1",
        "DELETE FROM crossfoot_event",
        "TRUNCATE crossfoot_event",
        "TRUNCATE crossfoot_event, crossfoot_run CASCADE",
        "INSERT INTO crossfoot_event SELECT * FROM crossfoot_event WHERE seq = 1 ON CONFLICT (seq) DO UPDATE SET actor = 'nobody'",
    ];
    for sql in changes {
        let of_owner = own.execute(&format!("SET ROLE {owner}; {sql}")).await.unwrap_err();
        assert!(of_owner.contains("permission denied"), "{sql}: {of_owner}");
        // A superuser is asked for no permission: the triggers answer.
        let refused = own.execute(sql).await.unwrap_err();
        assert!(refused.contains("append-only"), "{sql}: {refused}");
        let as_replica =
            own.execute(&format!("SET session_replication_role = replica; {sql}")).await.unwrap_err();
        assert!(as_replica.contains("append-only"), "{sql}: {as_replica}");
    }
    assert_eq!(store.events(0, 10).await.unwrap(), before);
    drop(store);
    drop(own);
}
