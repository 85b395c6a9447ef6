//! Why it does not work, for a person to read.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, Event};
use platform::health::{Finding, Verdict};

use super::connection::{Dialed, dial, greeting};
use super::errors::{Stage, explain};
use super::settings::{RabbitSettings, Target};
use super::topology::{self, QueueCounts};
use crate::{BrokerError, Queue};

/// How long a trial message may take to be confirmed.
const TRIAL: Duration = Duration::from_secs(5);

pub(super) async fn diagnose(settings: &RabbitSettings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let target = match settings.target() {
        Ok(target) => target,
        Err(error) => return vec![Finding::error("broker settings", &error)],
    };
    let version = match greeting(settings, &target).await {
        Ok(text) => of_version(text),
        Err(error) => Finding::new("broker version", Verdict::Warn, format!("not known: {error}"), None),
    };
    let mut dialed = match dial(settings, &target, "doctor").await {
        Ok(dialed) => dialed,
        Err(error) => return vec![version, Finding::error("broker connection", &error)],
    };
    findings.push(version);
    let what =
        format!("connected as {:?} to virtual host {:?} of {}", target.username, target.vhost, target.url);
    findings.push(Finding::new("broker connection", Verdict::Ok, what, None));
    findings.extend(whose(settings, &target, &dialed).await);
    for queue in Queue::ALL {
        findings.push(look_at(settings, &target, &dialed, queue).await);
    }
    findings.push(try_out(settings, &target, &mut dialed).await);
    if topology::within(settings, &target, dialed.connection.close(200, "done".into())).await.is_err() {
        dialed.socket.cut();
    }
    findings
}

fn of_version(text: String) -> Finding {
    let mut numbers = text.rsplit(' ').next().unwrap_or_default().split('.');
    let mut number = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    let is_known = text.starts_with("RabbitMQ ");
    match (number(), number()) {
        (Some(major), Some(minor)) if is_known && (major, minor) >= (3, 10) => {
            Finding::new("broker version", Verdict::Ok, text, None)
        }
        (Some(_), Some(_)) if is_known => {
            let advice = "upgrade to RabbitMQ 3.10 or later; older versions can lose dead letters";
            Finding::new("broker version", Verdict::Bad, text, Some(advice))
        }
        _ => Finding::new(
            "broker version",
            Verdict::Warn,
            text,
            Some("use RabbitMQ; other brokers are not tested"),
        ),
    }
}

/// Whose the queues are, where the store is known. Declaring what is there as it is changes nothing.
async fn whose(settings: &RabbitSettings, target: &Target, dialed: &Dialed) -> Option<Finding> {
    const WHAT: &str = "store of the queues";
    let own = settings.store?;
    let bound = async {
        let channel = topology::open_channel(settings, target, &dialed.connection).await?;
        if !topology::is_bound(settings, target, &channel).await? {
            return Ok(false);
        }
        topology::bind_to_store(settings, target, &channel).await?;
        Ok::<_, BrokerError>(true)
    };
    Some(match bound.await {
        Ok(true) => Finding::ok(WHAT, format!("this store, {own}")),
        Ok(false) => Finding::ok(WHAT, "none yet; the first process to start binds the queues to its store"),
        Err(error) => Finding::error(WHAT, &error),
    })
}

async fn look_at(settings: &RabbitSettings, target: &Target, dialed: &Dialed, queue: Queue) -> Finding {
    let what = format!("queue {}", settings.name(queue));
    let looked = async {
        let channel = topology::open_channel(settings, target, &dialed.connection).await?;
        let Some(found) = topology::look_at(settings, target, &channel, queue).await? else {
            return Ok(None);
        };
        // It exists, so that declaring it changes nothing, but compares it. A worker's user may not declare queues.
        match topology::declare_queue(settings, target, &channel, queue).await {
            Ok(()) | Err(BrokerError::Forbidden { .. }) => Ok::<_, BrokerError>(Some(found)),
            Err(error) => Err(error),
        }
    };
    match looked.await {
        Ok(None) => {
            Finding::new(what, Verdict::Ok, "does not exist yet; the first process to start creates it", None)
        }
        Ok(Some(QueueCounts { messages, .. })) if queue == Queue::DeadLetters && messages > 0 => {
            let advice = "list them with `crossfoot dead-letters list`; redrive the runs whose chunks were set aside, \
             then replay or clear them";
            Finding::new(what, Verdict::Warn, format!("{messages} dead letters"), Some(advice))
        }
        Ok(Some(QueueCounts { messages, consumers: 0 })) if messages > 0 && queue != Queue::DeadLetters => {
            let advice =
                "start a consumer: processors for chunks, writers for batches, a coordinator for counts";
            Finding::new(
                what,
                Verdict::Warn,
                format!("{messages} messages are waiting, and the queue has no consumer"),
                Some(advice),
            )
        }
        Ok(Some(QueueCounts { messages, consumers })) => Finding::new(
            what,
            Verdict::Ok,
            format!("ok; messages waiting: {messages}, consumers: {consumers}"),
            None,
        ),
        Err(error) => Finding::error(what, &error),
    }
}

/// Declares a queue that nobody else can see, and publishes to it: whether the user may, and the broker does.
async fn try_out(settings: &RabbitSettings, target: &Target, dialed: &mut Dialed) -> Finding {
    let what = "declaring and publishing";
    // The server makes up no names with our prefix, and permissions go by names.
    let name = format!("{}crossfoot.doctor.{}", settings.prefix, uuid::Uuid::now_v7());
    let exclusive =
        QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let prepare = async {
        let channel = topology::open_channel(settings, target, &dialed.connection).await?;
        let declare = async {
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            channel.queue_declare(name.clone().into(), exclusive, FieldTable::default()).await?;
            let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let key = name.clone().into();
            channel.basic_publish("".into(), key, mandatory, b"trial", BasicProperties::default()).await
        };
        let sent = topology::within(settings, target, declare).await?;
        Ok::<_, BrokerError>((sent.map_err(|error| explain(target, Stage::Working, &error))?, channel))
    };
    let (sent, channel) = match prepare.await {
        Ok(prepared) => prepared,
        Err(error) => return Finding::error(what, &error),
    };
    let blocked = async {
        while let Some(event) = dialed.events.next().await {
            if let Event::ConnectionBlocked(reason) = event {
                return reason;
            }
        }
        "the connection ended".into()
    };
    let finding = tokio::select! {
        confirmed = sent => match confirmed {
            Ok(Confirmation::Ack(None)) => {
                Finding::new(what, Verdict::Ok, "permitted; a test message was confirmed", None)
            }
            Ok(_) => Finding::new(what, Verdict::Bad, "a test message was not accepted", Some("check the broker's log")),
            Err(error) => Finding::error(what, explain(target, Stage::Working, &error)),
        },
        reason = blocked => {
            let advice = "the broker is low on memory or disk and accepts no messages; free some (see \
             rabbitmqctl status)";
            Finding::new(what, Verdict::Bad, format!("the broker is blocking publishers: {reason}"), Some(advice))
        }
        () = tokio::time::sleep(TRIAL) => {
            let advice = "check for alarms (rabbitmq-diagnostics alarms), and check the broker's log";
            let waited = TRIAL.as_secs();
            Finding::new(what, Verdict::Bad, format!("a test message was not confirmed within {waited} s"), Some(advice))
        }
    };
    // Whatever happens, it goes with the connection.
    let delete = channel.queue_delete(name.into(), QueueDeleteOptions::default());
    drop(tokio::time::timeout(TRIAL, delete).await);
    finding
}
