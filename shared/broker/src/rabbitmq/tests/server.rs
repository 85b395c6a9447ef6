//! A server of the test's own, that is restarted, and told that its memory is full.

use std::process::Command;

use super::faults::publish;
use super::*;

/// The server in its folder; stopped at the end.
struct Server(tempfile::TempDir);

impl Server {
    fn start() -> Self {
        let server = Self(tempfile::tempdir().unwrap());
        server.script("start", &["rabbitmq"]);
        server
    }

    fn variable(&self, name: &str) -> String {
        let env = std::fs::read_to_string(self.0.path().join("env")).unwrap();
        let value = env.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
        value.unwrap_or_else(|| panic!("{name} is not in {env}")).to_owned()
    }

    fn settings(&self) -> RabbitSettings {
        RabbitSettings::new(self.variable("CROSSFOOT_TEST_AMQP"))
    }

    fn script(&self, what: &str, arguments: &[&str]) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/servers");
        let mut command = Command::new(script);
        command.arg(what).arg(self.0.path()).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    }

    async fn act(self: &Arc<Self>, what: &'static str, arguments: &'static [&'static str]) {
        let server = Arc::clone(self);
        tokio::task::spawn_blocking(move || server.script(what, arguments)).await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.script("stop", &["rabbitmq"]);
    }
}

/// Encrypted, with the authority that signed the server's certificate, and without.
async fn tls_is_trusted_by_the_authority_that_is_named(server: &Server) {
    let encrypted = RabbitSettings::new(server.variable("CROSSFOOT_TEST_AMQPS"));
    let error = soon(Rabbit::connect(encrypted.clone())).await.err().unwrap();
    assert!(matches!(&error, BrokerError::Tls { reason, .. } if reason.contains("UnknownIssuer")), "{error}");
    let encrypted =
        RabbitSettings { ca_file: Some(server.variable("CROSSFOOT_TEST_CA").into()), ..encrypted };
    let broker = Rabbit::connect(encrypted.clone()).await.unwrap();
    broker.publish(Queue::Ranges, body(3)).await.unwrap();
    let mut consumer = broker.consume(Queue::Ranges, 1).await.unwrap();
    let delivery = next(&mut consumer).await;
    assert_eq!(number(&delivery), 3);
    assert!(delivery.done().await);
    broker.close().await;
    let findings = Rabbit::diagnose(&encrypted).await;
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Ok), "{findings:#?}");
    // Not encrypted, to the port where it should be.
    let url = encrypted.url.reveal().replace("amqps://", "amqp://");
    let error = soon(Rabbit::connect(RabbitSettings::new(url))).await.err().unwrap();
    assert!(matches!(error, BrokerError::Unreachable { .. }), "{error}");
}

/// A user that may log in but do nothing, and one that may not even use the virtual host.
async fn missing_permissions_are_told(server: &Arc<Server>) {
    server.act("rabbitmqctl", &["add_user", "anna", "geheim"]).await;
    let anna = RabbitSettings {
        username: Some("anna".into()),
        password: Some("geheim".into()),
        // Queues that are there need no right to be made.
        prefix: "anna.".into(),
        ..server.settings()
    };
    for reason in ["access to vhost", "configure access to queue"] {
        let error = soon(Rabbit::connect(anna.clone())).await.err().unwrap();
        let BrokerError::Forbidden { user, .. } = &error else { panic!("{error}") };
        assert_eq!(user, "anna");
        let text = error.to_string();
        assert!(
            text.contains(reason) || text.contains("access to queue") && !text.contains("geheim"),
            "{text}"
        );
        server.act("rabbitmqctl", &["set_permissions", "anna", "", ".*", ".*"]).await;
    }
    let owner =
        Rabbit::connect(RabbitSettings { prefix: "anna.".into(), ..server.settings() }).await.unwrap();
    soon(Rabbit::connect(anna)).await.unwrap().close().await;
    owner.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RabbitMQ: run ./test"]
async fn a_server_is_trusted_found_again_after_a_restart_and_waited_for_while_it_blocks() {
    let server = Arc::new(tokio::task::spawn_blocking(Server::start).await.unwrap());
    tls_is_trusted_by_the_authority_that_is_named(&server).await;
    missing_permissions_are_told(&server).await;
    let broker = Arc::new(Rabbit::connect(server.settings()).await.unwrap());
    let mut consumer = broker.consume(Queue::Chunks, 1).await.unwrap();
    publish(&broker, Queue::Batches, 7).await;

    server.act("restart", &["rabbitmq"]).await;
    publish(&broker, Queue::Chunks, 1).await;
    let delivery = next(&mut consumer).await;
    assert_eq!(number(&delivery), 1);
    assert!(delivery.done().await);
    // What was confirmed before outlived it.
    let mut batches = broker.consume(Queue::Batches, 1).await.unwrap();
    let delivery = next(&mut batches).await;
    assert_eq!(number(&delivery), 7);
    assert!(delivery.done().await);

    let mut blocked = broker.blocked();
    assert!(blocked.borrow().is_none());
    server.act("rabbitmqctl", &["set_vm_memory_high_watermark", "0.000001"]).await;
    let publishing = tokio::spawn({
        let broker = Arc::clone(&broker);
        async move { broker.publish(Queue::Chunks, body(2)).await }
    });
    // The broker says so to whoever publishes.
    let reason = soon(blocked.wait_for(Option::is_some)).await.unwrap().clone().unwrap();
    assert!(reason.contains("memory"), "{reason}");
    let findings = Rabbit::diagnose(&server.settings()).await;
    let last = findings.last().unwrap();
    assert!(last.verdict == Verdict::Bad && last.detail.contains("blocking publishers"), "{findings:#?}");
    assert!(!publishing.is_finished());
    // Consuming goes on meanwhile.
    assert_eq!(broker.depth(Queue::Batches).await.unwrap(), 0);
    server.act("rabbitmqctl", &["set_vm_memory_high_watermark", "0.4"]).await;
    soon(publishing).await.unwrap().unwrap();
    assert!(soon(blocked.wait_for(Option::is_none)).await.unwrap().is_none());
    assert_eq!(number(&next(&mut consumer).await), 2);
    broker.close().await;
}
