//! Who an ID token is of: the operator's name, and the role.

use domain::visible::visible;
use serde_json::{Map, Value};

use super::OidcConfig;
use crate::access::known::{Known, name};
use crate::problem::Problem;

/// The operator that verified claims are of.
pub(super) fn known(config: &OidcConfig, claims: &Map<String, Value>) -> Result<Known, Problem> {
    let name = name(named(config, claims).unwrap_or_default()).map_err(|error| {
        Problem::forbidden(error)
            .advise("ask the administrator of the identity provider, or see `name_claim` of `[console.oidc]`")
    })?;
    let values = match found(claims, &config.roles_claim) {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let claim = &config.roles_claim;
    let Some(role) = config.roles.highest(values.iter().copied()) else {
        let why = match values.len() {
            0 => format!("the ID token has no `{claim}`"),
            _ => format!("none of your `{claim}` gives a role in this console"),
        };
        return Err(Problem::forbidden(format!(
            "you are signed in at the identity provider as {name}, but {why}"
        ))
        .advise("ask the administrator for a role in this console"));
    };
    let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
    Ok(Known { name, role, by: format!("oidc: {} at {}", visible(subject), config.issuer) })
}

/// The operator's name: the claim that is configured, else the mail address that the provider verified, else `sub`.
fn named<'a>(config: &OidcConfig, claims: &'a Map<String, Value>) -> Option<&'a str> {
    let text = |name: &str| found(claims, name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let verified = claims.get("email_verified").map(|value| value == true || value == "true");
    // Where people write their own address, one could be another.
    let is_own = |name: &str| name != "email" || verified != Some(false);
    let configured = text(&config.name_claim).filter(|_| is_own(&config.name_claim));
    configured.or_else(|| text("email").filter(|_| verified == Some(true))).or_else(|| text("sub"))
}

/// The claim of this name; where there is none, the one that the dots of the name lead to.
fn found<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let mut parts = name.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    })
}

#[cfg(test)]
mod tests {
    use domain::role::OperatorRole;
    use serde_json::json;

    use super::*;

    fn config(name_claim: &str, roles_claim: &str) -> OidcConfig {
        OidcConfig {
            issuer: "https://id.example".into(),
            client_id: "crossfoot".into(),
            client_secret: "secret".into(),
            redirect: "https://crossfoot.example".into(),
            scopes: Vec::new(),
            name_claim: name_claim.into(),
            roles_claim: roles_claim.into(),
            roles: [("ops".to_owned(), OperatorRole::Operator)].into_iter().collect(),
            only_ca_file: None,
            ca_file: None,
        }
    }

    fn ask(config: &OidcConfig, claims: &Value) -> Result<String, String> {
        match known(config, claims.as_object().unwrap()) {
            Ok(known) => Ok(format!("{} {}", known.name, known.role.name())),
            Err(problem) => Err(problem.detail),
        }
    }

    #[test]
    fn the_name_is_the_claims_or_a_verified_address_or_the_subject() {
        let usual = config("preferred_username", "groups");
        let mail = config("email", "groups");
        for (config, mut claims, name) in [
            (
                &usual,
                json!({ "preferred_username": "alice", "email": "a@x", "email_verified": true }),
                "alice",
            ),
            (&usual, json!({ "email": "a@x", "email_verified": true }), "a@x"),
            (&usual, json!({ "email": "a@x", "email_verified": false }), "4711"),
            (&usual, json!({ "email": "a@x" }), "4711"),
            (&usual, json!({ "preferred_username": "", "email": 7 }), "4711"),
            (&mail, json!({ "preferred_username": "alice", "email": "a@x" }), "a@x"),
            (
                &mail,
                json!({ "preferred_username": "alice", "email": "a@x", "email_verified": false }),
                "4711",
            ),
            (&config("profile.login", "groups"), json!({ "profile": { "login": "al" } }), "al"),
        ] {
            claims["sub"] = "4711".into();
            claims["groups"] = json!(["ops"]);
            assert_eq!(ask(config, &claims), Ok(format!("{name} operator")), "{claims}");
        }
        for bad in ["a\u{1b}[2J", "a\nb", " alice", &"x".repeat(101)] {
            // A name that cannot be used is not replaced by another.
            let claims = json!({ "preferred_username": bad, "sub": "4711", "groups": "ops" });
            assert!(ask(&usual, &claims).unwrap_err().contains("cannot be used"), "{claims}");
        }
    }

    #[test]
    fn without_a_value_that_gives_a_role_nobody_gets_in() {
        for (claim, claims, is_in) in [
            ("groups", json!({ "groups": ["staff", "ops"] }), true),
            ("groups", json!({ "groups": "ops" }), true),
            ("groups", json!({ "groups": ["Ops"] }), false),
            ("groups", json!({ "groups": { "ops": true } }), false),
            ("groups", json!({}), false),
            ("realm_access.roles", json!({ "realm_access": { "roles": ["ops"] } }), true),
            ("https://x.example/roles", json!({ "https://x.example/roles": ["ops"] }), true),
            ("realm_access.roles", json!({ "realm_access": "ops" }), false),
        ] {
            let mut claims = claims;
            claims["sub"] = "4711".into();
            let answer = ask(&config("sub", claim), &claims);
            assert_eq!(answer.is_ok(), is_in, "{claim}: {claims}: {answer:?}");
        }
    }
}
