use super::*;
use crate::Settings;

fn load(text: &str) -> Result<ConsoleSettings, SettingsError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Settings::load(Some(file.path())).map(|settings| settings.console)
}

const OIDC: &str = "[console.oidc]\nissuer = \"https://id.example/realms/ops\"\nclient_id = \"crossfoot\"\n\
                    client_secret = \"geheim42\"\nredirect = \"https://crossfoot.example\"\n\
                    roles = { \"/Ledger.Ops\" = \"operator\", \"Control\" = \"approver\" }\n";

const PROXY: &str = "[console.proxy]\nuser_header = \"X-Forwarded-User\"\nfrom = [\"10.0.3.7\", \"fd00::/64\"]\n\
                     role = \"viewer\"\n";

/// What is wrong when `this` is replaced by `that`.
fn fault(text: &str, this: &str, that: &str) -> String {
    assert!(text.contains(this), "{this}");
    let error = load(&text.replacen(this, that, 1)).unwrap_err().to_string();
    assert!(!error.contains("geheim42"), "{error}");
    error
}

#[test]
fn a_provider_has_defaults_and_its_values_keep_their_case() {
    assert_eq!(load("").unwrap(), ConsoleSettings::default());
    let oidc = load(OIDC).unwrap().oidc.unwrap();
    assert_eq!(oidc.scopes, ["openid", "profile", "email"]);
    assert_eq!((&oidc.name_claim[..], &oidc.roles_claim[..]), ("preferred_username", "groups"));
    let roles = oidc.roles().unwrap();
    assert!(roles.contains(&("/Ledger.Ops".to_owned(), OperatorRole::Operator)), "{roles:?}");
    assert!(roles.contains(&("Control".to_owned(), OperatorRole::Approver)), "{roles:?}");
    assert_eq!(oidc.secret().unwrap().reveal(), "geheim42");
    assert!(!format!("{oidc:?}").contains("geheim42"));
    assert!(load(&OIDC.replace("https://id.example/realms/ops", "http://127.0.0.1:8080")).is_ok());
}

#[test]
fn what_would_let_no_one_in_or_give_a_secret_away_is_refused() {
    for (this, that, says) in [
        ("https://id.example/realms/ops", "http://id.example", "`http` is allowed on this machine only"),
        ("https://id.example/realms/ops", "https://a:geheim42@id.example", "has a user"),
        ("https://id.example/realms/ops", "ldap://id.example", "not a URL with `https`"),
        ("https://crossfoot.example", "https://crossfoot.example/console", "has a path"),
        ("https://crossfoot.example", "http://crossfoot.example", "on this machine only"),
        ("\"operator\"", "\"scraper\"", "`scraper` is not viewer"),
        ("\"operator\"", "\"root\"", "`root` is not viewer"),
        ("{ \"/Ledger.Ops\" = \"operator\", \"Control\" = \"approver\" }", "{}", "no one could sign in"),
        ("redirect =", "scopes = [\"profile\"]\nredirect =", "does not have `openid`"),
        ("\"crossfoot\"", "\" \"", "console.oidc.client_id is empty"),
        ("redirect =", "redirects =", "redirects"),
    ] {
        let error = fault(OIDC, this, that);
        assert!(error.contains(says), "{that}: {error}");
    }
    let without = load(&OIDC.replace("client_secret = \"geheim42\"\n", "")).unwrap().oidc.unwrap();
    assert!(without.secret().unwrap_err().to_string().contains("client_secret_file"));
    let both = OIDC.replace("client_id =", "client_secret_file = \"x\"\nclient_id =");
    assert!(load(&both).unwrap().oidc.unwrap().secret().unwrap_err().to_string().contains("only one"));
}

#[test]
fn a_proxy_is_known_by_its_address_and_on_this_machine_by_a_secret_too() {
    let proxy = load(PROXY).unwrap().proxy.unwrap();
    assert_eq!(proxy.networks().unwrap(), ["10.0.3.7/32", "fd00::/64"].map(|one| one.parse().unwrap()));
    assert_eq!((proxy.role(), proxy.secret()), (Ok(Some(OperatorRole::Viewer)), Ok(None)));
    for here in ["127.0.0.1", "127.0.0.0/8", "::1", "0.0.0.0/0", "::/0", "::ffff:127.0.0.1"] {
        let error = fault(PROXY, "10.0.3.7", here);
        assert!(error.contains("`secret_header`"), "{here}: {error}");
        let secret = "secret_header = \"X-Proxy-Secret\"\nsecret_file = \"f\"\nrole = ";
        let with = PROXY.replace("10.0.3.7", here).replace("role = ", secret);
        assert!(load(&with).is_ok(), "{here}");
    }
    for (this, that, says) in [
        ("10.0.3.7", "proxy.example", "`proxy.example` is neither"),
        ("[\"10.0.3.7\", \"fd00::/64\"]", "[]", "`from` is empty"),
        ("X-Forwarded-User", "X User", "only letters, digits"),
        ("role = \"viewer\"", "", "set `role`, or `groups_header` and `roles`"),
        ("role = \"viewer\"", "groups_header = \"G\"", "set `role`, or"),
        ("role = \"viewer\"", "role = \"viewer\"\ngroups_header = \"G\"", "`role` excludes"),
        ("role = \"viewer\"", "role = \"scraper\"", "`scraper` is not viewer"),
        ("role =", "secret_header = \"S\"\nrole =", "or neither"),
        ("role =", "secret_header = \"x-forwarded-user\"\nsecret_file = \"f\"\nrole =", "have the same name"),
    ] {
        let error = fault(PROXY, this, that);
        assert!(error.contains(says), "{that}: {error}");
    }
    let short = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(short.path(), "short\n").unwrap();
    let of = format!("secret_header = \"S\"\nsecret_file = {:?}\nrole =", short.path().display().to_string());
    let proxy = load(&PROXY.replace("role =", &of)).unwrap().proxy.unwrap();
    let error = proxy.secret().unwrap_err().to_string();
    assert!(error.contains("fewer than 16") && !error.contains("short\n"), "{error}");
}
