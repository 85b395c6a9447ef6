//! No password is ever shown: not by a URL, not by the settings that hold one, not by an adapter that refuses one.

use broker::rabbitmq::RabbitSettings;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use platform::secret::{Secret, ServerUrl, without_secrets};
use postgres::PostgresSettings;
use proptest::prelude::*;
use settings::{BrokerSettings, StoreSettings};

/// Passwords with everything that stands in a URL for something else.
fn password() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9@/?:#&=% .+$'\"\\\\\\[\\]-]{6,24}".prop_filter("short words are found anywhere", |password| {
        // Long enough in one piece that it is in no host name, and not in it by chance.
        pieces(password).next().is_some()
    })
}

/// The pieces of a password by which it is recognised.
fn pieces(password: &str) -> impl Iterator<Item = &str> {
    password.split(|c: char| !c.is_ascii_alphanumeric()).filter(|piece| piece.len() >= 4)
}

/// Everything that is said of a URL, or of the settings in which it stands.
fn said(url: &str) -> Vec<String> {
    let server = ServerUrl::from(url);
    let store = StoreSettings { url: server.clone(), ..StoreSettings::default() };
    let broker = BrokerSettings { url: server.clone(), ..BrokerSettings::default() };
    let rabbit = RabbitSettings::new(url);
    let mut said = vec![
        server.to_string(),
        format!("{server:?}"),
        server.place(),
        format!("{store:?} {broker:?} {rabbit:?} {:?}", PostgresSettings::of_url(url)),
        without_secrets(url),
        without_secrets(&format!("--store={url}")),
        without_secrets(&format!("CROSSFOOT__STORE__URL={url}")),
    ];
    // An embedded store is called by its path, once it was opened there.
    said.extend((!server.is_of(&["sqlite:"])).then(|| store.name()));
    said.extend(broker::rabbitmq::refused(&rabbit));
    said.extend(postgres::refused(&PostgresSettings::of_url(url)));
    said
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_password_is_ever_shown(password in password(), scheme in prop::sample::select(vec![
        "postgres://", "postgresql://", "amqp://", "amqps://", "postgre://", "ampq://", "https://", "postgres:/", "postgres:",
        "amqp:", "sqlite:", "sqlite://", "",
    ])) {
        let encoded = utf8_percent_encode(&password, NON_ALPHANUMERIC).to_string();
        for password in [&password, &encoded] {
            for url in [
                format!("{scheme}user:{password}@db.example:5432/x"),
                format!("{scheme}user:{password}@db.example:99999/x"),
                format!("{scheme}user:{password}@db.example/x?sslmode=require"),
                format!("{scheme}db.example/x?user=user&password={password}"),
                format!("{scheme}db.example/x?sslmode=require&sslpassword={password}"),
                format!("{scheme}db.example/x?sslkey=a&passfile={password}&port=1"),
            ] {
                for said in said(&url) {
                    for piece in pieces(password) {
                        prop_assert!(!said.contains(piece), "{url} is shown as {said}");
                    }
                }
            }
        }
        let settings = RabbitSettings { password: Some(password.as_str().into()), ..RabbitSettings::new("amqp://h") };
        let of_store = PostgresSettings { password: Some(password.as_str().into()), ..PostgresSettings::of_url("postgres://h/d") };
        let shown = format!("{settings:?} {of_store:?} {:?}", Secret::from(password.clone()));
        for piece in pieces(&password) {
            prop_assert!(!shown.contains(piece), "{shown}");
        }
    }
}
