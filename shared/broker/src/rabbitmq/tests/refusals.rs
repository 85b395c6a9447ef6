//! What the first connect says when it does not come about, and what the doctor says.

use domain::ids::StoreId;

use super::*;

async fn refusal(settings: RabbitSettings) -> BrokerError {
    let given = credentials(settings.url.reveal()).map(|given| format!("{given}@"));
    let error = soon(Rabbit::connect(settings)).await.err().expect("it connected");
    let text = error.to_string();
    assert!(given.is_none_or(|given| !text.contains(&given)) && !text.contains("geheim"), "{text}");
    assert!(!error.is_usage(), "{text}");
    error
}

/// The user and the password in a server's URL.
fn credentials(url: &str) -> Option<&str> {
    let (_, address) = url.split_once("://")?;
    address.split_once('@').map(|(credentials, _)| credentials)
}

/// The address part of the server's URL.
fn host() -> String {
    let url = url();
    url[url.find('@').unwrap() + 1..url.rfind('/').unwrap()].to_owned()
}

#[tokio::test]
#[ignore = "needs RabbitMQ: run ./test"]
async fn a_wrong_password_is_told_from_a_missing_virtual_host() {
    let error = refusal(RabbitSettings { password: Some("geheim".into()), ..settings() }).await;
    let url = url();
    let credentials = credentials(&url).unwrap();
    let (ours, _) = credentials.split_once(':').unwrap();
    assert!(matches!(&error, BrokerError::LoginRefused { user, .. } if user == ours), "{error}");
    let url = format!("amqp://{credentials}@{}/no%2fsuch", host());
    let error = refusal(RabbitSettings { url: url.into(), ..settings() }).await;
    assert!(matches!(&error, BrokerError::NoSuchVhost { vhost, .. } if vhost == "no/such"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_told_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = refusal(RabbitSettings::new(format!("amqp://u:geheim@{address}"))).await;
    assert!(matches!(error, BrokerError::Unreachable { .. }), "{error}");
    let error = refusal(RabbitSettings::new("amqp://u:geheim@no-such-host.invalid")).await;
    assert!(matches!(error, BrokerError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connect_timeout = Duration::from_millis(200);
    let settings = RabbitSettings { connect_timeout, ..RabbitSettings::new(format!("amqp://{address}")) };
    let silent = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Until the other side is gone, which shows that nothing of it stays behind.
        let mut sink = tokio::io::sink();
        tokio::io::copy(&mut stream, &mut sink).await
    };
    let (error, _) = tokio::join!(refusal(settings), async { soon(silent).await });
    assert!(error.to_string().contains("did not answer within 0.2 s"), "{error}");
}

#[tokio::test]
#[ignore = "needs RabbitMQ: run ./test"]
async fn tls_to_a_server_without_it_is_a_tls_failure() {
    let url = format!("amqps://{}@{}/", credentials(&url()).unwrap(), host());
    let error = refusal(RabbitSettings { url: url.into(), ..settings() }).await;
    assert!(matches!(error, BrokerError::Tls { .. }), "{error}");
}

#[tokio::test]
#[ignore = "needs RabbitMQ: run ./test"]
async fn a_queue_with_other_arguments_is_named_and_a_doctor_sees_it() {
    let ours = settings();
    let _cleanup = Cleanup(ours.clone());
    Rabbit::connect(ours.clone()).await.unwrap().close().await;
    let theirs = RabbitSettings { delivery_limit: 7, ..ours.clone() };
    let error = refusal(theirs.clone()).await;
    let BrokerError::Differs { name, reason } = &error else { panic!("{error}") };
    assert!(name.starts_with(&ours.prefix) && reason.contains("x-delivery-limit"), "{error}");
    let findings = Rabbit::diagnose(&theirs).await;
    let bad: Vec<_> = findings.iter().filter(|finding| finding.verdict == Verdict::Bad).collect();
    assert_eq!(bad.len(), Queue::ALL.len() - 1, "{findings:#?}");
}

#[tokio::test]
#[ignore = "needs RabbitMQ: run ./test"]
async fn a_doctor_finds_a_healthy_broker_healthy_and_changes_nothing() {
    let settings = settings();
    let before = Rabbit::diagnose(&settings).await;
    assert!(before.iter().all(|finding| finding.verdict == Verdict::Ok), "{before:#?}");
    assert!(before[0].detail.starts_with("RabbitMQ "), "{before:#?}");
    let absent = before.iter().filter(|finding| finding.detail.starts_with("does not exist yet")).count();
    assert_eq!(absent, Queue::ALL.len(), "{before:#?}");

    let _cleanup = Cleanup(settings.clone());
    let broker = Rabbit::connect(settings.clone()).await.unwrap();
    broker.publish(Queue::Batches, body(1)).await.unwrap();
    broker.publish(Queue::DeadLetters, body(1)).await.unwrap();
    broker.close().await;
    let after = Rabbit::diagnose(&settings).await;
    let warned: Vec<_> = after.iter().filter(|finding| finding.verdict != Verdict::Ok).collect();
    assert_eq!(warned.len(), 2, "{after:#?}");
    assert!(warned.iter().all(|finding| finding.verdict == Verdict::Warn && finding.advice.is_some()));
    assert_eq!(after.len(), Queue::ALL.len() + 3);
}

#[tokio::test]
#[ignore = "needs RabbitMQ: run ./test"]
async fn queues_are_of_one_store_and_refused_to_another_by_name() {
    let ours = StoreId::from_bytes([1; 16]);
    let theirs = StoreId::from_bytes([2; 16]);
    // A prefix as people have them: with a long one the broker's words are cut off before the other store's identity.
    let prefix = format!("t{:x}.", std::process::id());
    let settings = RabbitSettings { store: Some(ours), prefix, ..settings() };
    let other = RabbitSettings { store: Some(theirs), ..settings.clone() };
    let _cleanup = Cleanup(settings.clone());
    let of_store = async |settings: &RabbitSettings| {
        let findings = Rabbit::diagnose(settings).await;
        findings.into_iter().find(|finding| finding.what == "store of the queues").unwrap()
    };
    let none_yet = of_store(&other).await;
    assert!(none_yet.verdict == Verdict::Ok && none_yet.detail.starts_with("none yet"), "{none_yet:?}");

    let broker = Rabbit::connect(settings.clone()).await.unwrap();
    // Any number of processes of the same store, and an adapter that is not told a store.
    Rabbit::connect(settings.clone()).await.unwrap().close().await;
    Rabbit::connect(RabbitSettings { store: None, ..settings.clone() }).await.unwrap().close().await;
    assert!(of_store(&settings).await.detail.contains(&ours.to_string()));
    let refused = Rabbit::connect(other.clone()).await.err().unwrap();
    assert!(
        matches!(&refused, BrokerError::OtherStore { own, found, .. } if (*own, *found) == (theirs, Some(ours))),
        "{refused}"
    );
    assert!(refused.is_usage() && refused.to_string().contains("--take-queues"), "{refused}");
    let found = of_store(&other).await;
    assert!(found.verdict == Verdict::Bad && found.detail.contains(&ours.to_string()), "{found:?}");
    broker.close().await;

    // Taken over on purpose, it is the other way round.
    Rabbit::take_queues(&other).await.unwrap();
    Rabbit::connect(other).await.unwrap().close().await;
    assert!(matches!(Rabbit::connect(settings).await.err(), Some(BrokerError::OtherStore { .. })));
}

#[tokio::test]
async fn a_doctor_of_no_broker_says_so() {
    let findings = Rabbit::diagnose(&RabbitSettings::new("amqp://u:geheim@127.0.0.1:1")).await;
    assert_eq!(findings.last().unwrap().verdict, Verdict::Bad);
    assert!(!format!("{findings:?}").contains("geheim"));
    let findings = Rabbit::diagnose(&RabbitSettings::new("http://u:geheim@127.0.0.1:1")).await;
    assert_eq!(findings[0].verdict, Verdict::Bad);
}
