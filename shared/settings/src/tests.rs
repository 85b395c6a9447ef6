use domain::seal::{Keyring, MessageKey};
use wire::{BodyCompression, Sealing};

use super::*;

fn load(text: &str) -> Result<Settings, SettingsError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Settings::load(Some(file.path()))
}

#[test]
fn messages_are_compressed_for_a_broker_on_another_machine() {
    let compression = |url: &str, compress| {
        BrokerSettings { url: url.into(), compress, ..BrokerSettings::default() }.compression()
    };
    for (url, auto) in [
        ("memory:", BodyCompression::Plain),
        ("amqp://guest:guest@127.0.0.1:5672/%2f", BodyCompression::Plain),
        ("amqp://localhost", BodyCompression::Plain),
        ("amqp://localhost.example:5672/v", BodyCompression::Lz4),
        ("amqp://127.0.0.1.example/v", BodyCompression::Lz4),
        ("amqps://[::1]:5671/v", BodyCompression::Plain),
        ("amqp://mq.example:5672/v", BodyCompression::Lz4),
        ("amqps://anna:p@127.0.0.1@10.0.0.7/v", BodyCompression::Lz4),
    ] {
        assert_eq!(compression(url, Compress::Auto), auto, "{url}");
        assert_eq!(compression(url, Compress::Always), BodyCompression::Lz4);
        assert_eq!(compression(url, Compress::Never), BodyCompression::Plain);
    }
    assert!(load("[broker]\ncompress = \"always\"\n").is_ok());
    assert!(load("[broker]\ncompress = \"sometimes\"\n").is_err());
}

#[test]
fn message_keys_come_from_files_or_from_the_store_or_are_switched_off_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        format!("{:?}", folder.path().join(name).display().to_string())
    };
    let (one, two) = (file("one", &format!("{}\n", "ab".repeat(32))), file("two", &"cd".repeat(32)));
    let of = |text: &str| load(&format!("[broker]\n{text}")).and_then(|settings| settings.broker.sealing());
    assert_eq!(of(""), Ok(None));
    assert_eq!(of("authenticate = false\n"), Ok(Some(Sealing::Off)));
    let (current, previous) =
        (MessageKey::new(&[0xab; 32]).unwrap(), Some(MessageKey::new(&[0xcd; 32]).unwrap()));
    let both = format!("message_key_file = {one}\nprevious_message_key_file = {two}\n");
    assert_eq!(of(&both), Ok(Some(Sealing::Keys(Keyring { current, previous }))));
    let short = file("short", "abcd");
    for (text, says) in [
        (format!("message_key_file = {short}\n"), "64 hexadecimal digits"),
        ("message_key_file = \"/nowhere\"\n".to_owned(), "broker.message_key_file /nowhere"),
        (format!("previous_message_key_file = {two}\n"), "set both"),
        (format!("authenticate = false\nmessage_key_file = {one}\n"), "remove one"),
    ] {
        let error = of(&text).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains("abab"), "{error}");
    }
}

#[test]
fn a_masking_key_is_read_whole_and_never_printed() {
    let of = |text: &str| load(text).and_then(|settings| settings.masking.key());
    let long = "k".repeat(32);
    assert_eq!(of(""), Ok(None));
    let key = MaskKey::new(long.as_bytes()).unwrap();
    assert_eq!(of(&format!("[masking]\nkey = \"{long}\"\n")), Ok(Some(key.clone())));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{long}\r\n")).unwrap();
    let named = format!("[masking]\nkey_file = {:?}\n", file.path().display().to_string());
    assert_eq!(of(&named), Ok(Some(key)), "a line end is no part of it");
    for (text, says) in [
        ("[masking]\nkey = \"short\"\n".to_owned(), "masking.key: a masking key needs at least 32 bytes"),
        ("[masking]\nkey_file = \"/nowhere\"\n".to_owned(), "/nowhere"),
        (format!("{named}key = \"{long}\"\n"), "set only one"),
    ] {
        let error = of(&text).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains("kkkk"), "{error}");
    }
    let shown = format!("{:?}", load(&format!("[masking]\nkey = \"{long}\"\n")).unwrap());
    assert!(!shown.contains("kkkk"), "{shown}");
}

#[test]
fn a_store_has_one_name_whoever_opens_it() {
    let name = |url: &str| StoreSettings { url: url.into(), ..StoreSettings::default() }.name();
    for url in [
        "postgres://db.example:5432/ledger",
        "postgresql://anna@db.example:5432/ledger",
        "postgres://ben:p@ss/word@db.example:5432/ledger?sslmode=verify-full",
    ] {
        assert_eq!(name(url), "postgres://db.example:5432/ledger", "{url}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("x.db");
    std::fs::write(&path, "").unwrap();
    let whole = format!("sqlite:{}", path.display());
    assert_eq!(name(&whole), whole);
    let folder = folder.path().display();
    assert_eq!(name(&format!("sqlite://{folder}/./x.db")), whole);
}

#[test]
fn what_is_not_set_has_its_default_and_what_is_unknown_is_refused() {
    let settings = load("[store]\nurl = \"sqlite:x.db\"\n[fleet]\nchunk_bytes = 1000\n").unwrap();
    assert_eq!((settings.store.url.reveal(), settings.fleet.chunk_bytes), ("sqlite:x.db", 1000));
    assert_eq!(settings.fleet.window_chunks, FleetSettings::default().window_chunks);
    assert!(load("[fleet]\nchunk_byte = 1\n").unwrap_err().to_string().contains("chunk_byte"));
    for bad in [0, domain::limits::CHUNK_BYTES_MAX + 1] {
        let error = load(&format!("[fleet]\nchunk_bytes = {bad}\n")).unwrap_err().to_string();
        assert!(error.contains("fleet.chunk_bytes"), "{error}");
    }
}

#[test]
fn chunks_travel_inline_unless_it_is_said_and_workers_read_only_below_places() {
    let settings = load("").unwrap();
    assert_eq!((settings.fleet.chunks, settings.worker.sources.len()), (Travel::Inline, 0));
    let settings = load(
        "[fleet]\nchunks = \"by-reference\"\n[worker]\nsources = [\"/mnt/extracts\", \"s3://ledgers/in\"]\n",
    );
    let settings = settings.unwrap();
    assert_eq!(settings.fleet.chunks, Travel::ByReference);
    assert_eq!(settings.worker.sources, ["/mnt/extracts", "s3://ledgers/in"]);
    for (text, says) in [
        ("[fleet]\nchunks = \"both\"\n", "both"),
        ("[worker]\nsources = [\"extracts\"]\n", "worker.sources `extracts`"),
        ("[worker]\nsources = [\"\"]\n", "worker.sources"),
    ] {
        let error = load(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
