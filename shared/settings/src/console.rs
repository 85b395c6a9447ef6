//! The settings of the operations console: who signs in to it besides those who have a token.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use domain::role::OperatorRole;
use ipnet::IpNet;
use platform::secret::Secret;
use schemars::JsonSchema;
use serde::Deserialize;

use super::SettingsError;
use crate::broker::is_here;

/// Who signs in to the operations console besides those who have a token. With one of these tables no one is the owner
/// of a console on a loopback address: everyone signs in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleSettings {
    /// Operators sign in at an identity provider (OpenID Connect). Without this table they do not.
    #[schemars(with = "OidcSettings")]
    pub oidc: Option<OidcSettings>,
    /// A proxy signs operators in, and names them in a header. Without this table such headers say nothing.
    #[schemars(with = "ProxySettings")]
    pub proxy: Option<ProxySettings>,
}

/// Operators sign in at an identity provider: OpenID Connect with the authorization code flow, PKCE, state and nonce.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcSettings {
    /// The provider's issuer, as its ID tokens name it: `https`, or `http` on this machine only. Its document is read
    /// from `/.well-known/openid-configuration` below it.
    #[schemars(extend("examples" = ["https://id.example/realms/ops"]))]
    pub issuer: String,
    /// The name under which the provider knows the console.
    #[schemars(extend("examples" = ["crossfoot"]))]
    pub client_id: String,
    /// The console's secret at the provider. Better given as `CROSSFOOT__CONSOLE__OIDC__CLIENT_SECRET` or in a file.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["secret"]))]
    pub client_secret: Option<Secret>,
    /// A file with the console's secret at the provider. It excludes `client_secret`.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["/run/secrets/console-oidc"]))]
    pub client_secret_file: Option<PathBuf>,
    /// The address under which browsers reach the console, without a path: `https`, or `http` on this machine only. The
    /// provider must allow this address followed by `/oidc/callback`.
    #[schemars(extend("examples" = ["https://crossfoot.example"]))]
    pub redirect: String,
    /// What the console asks the provider for; `openid` must be among it.
    #[serde(default = "scopes")]
    #[schemars(extend("default" = ["openid", "profile", "email"], "examples" = [["openid", "profile", "groups"]]))]
    pub scopes: Vec<String>,
    /// The claim of the ID token that becomes the operator's name in the evidence log. Where it is missing, `email` is
    /// used if the provider verified it, else `sub`. Choose one that people cannot change and that no two of them
    /// share.
    #[serde(default = "name_claim")]
    #[schemars(extend("default" = "preferred_username", "examples" = ["email"]))]
    pub name_claim: String,
    /// The claim of the ID token that is looked up in `roles`: a text or a list of texts. Dots lead into tables.
    #[serde(default = "roles_claim")]
    #[schemars(extend("default" = "groups", "examples" = ["realm_access.roles"]))]
    pub roles_claim: String,
    /// The role of those whose claim has a value: `viewer`, `auditor`, `operator` or `approver`. Of several the last in
    /// this order applies. Operators without a value in this table are refused.
    #[schemars(extend(
        "additionalProperties" = { "type": "string", "enum": ["viewer", "auditor", "operator", "approver"] },
        "examples" = [{ "ledger-ops": "operator", "ledger-control": "approver" }]
    ))]
    pub roles: BTreeMap<String, String>,
    /// For `https`: a PEM file of the only certificate authorities to trust for the provider. Neither the system's nor
    /// those of `tls.ca_file` are then trusted.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["/etc/crossfoot/ca.pem"]))]
    pub ca_file: Option<PathBuf>,
}

/// A proxy before the console signs operators in, and names them in a header. It must remove the header from what
/// clients send, and pass the header `Host` on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxySettings {
    /// The header with the operator's name. A request with this header from an address that is not in `from` is
    /// refused.
    #[schemars(extend("examples" = ["X-Forwarded-User"]))]
    pub user_header: String,
    /// The header with the operator's groups, with commas between them. It needs `roles`.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["X-Forwarded-Groups"]))]
    pub groups_header: Option<String>,
    /// The role of those who are in a group: `viewer`, `auditor`, `operator` or `approver`. Of several the last in this
    /// order applies. Operators without a group in this table are refused.
    #[serde(default)]
    #[schemars(extend(
        "additionalProperties" = { "type": "string", "enum": ["viewer", "auditor", "operator", "approver"] },
        "examples" = [{ "ledger-ops": "operator", "ledger-control": "approver" }]
    ))]
    pub roles: BTreeMap<String, String>,
    /// The role of everyone that the proxy lets through. It excludes `groups_header` and `roles`.
    #[serde(default)]
    #[schemars(with = "String", extend(
        "enum" = ["viewer", "auditor", "operator", "approver"], "examples" = ["viewer"]
    ))]
    pub role: Option<String>,
    /// The addresses of the proxy: IP addresses, or networks such as `10.0.3.0/24`. If this machine's own address is
    /// among them, `secret_header` is needed: every program on it could name an operator otherwise.
    #[schemars(extend("examples" = [["10.0.3.7", "fd00:3::/64"]]))]
    pub from: Vec<String>,
    /// The header in which the proxy proves that it is the proxy. It needs `secret_file`.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["X-Proxy-Secret"]))]
    pub secret_header: Option<String>,
    /// A file with the value of `secret_header`: one line of 16 characters or more.
    #[serde(default)]
    #[schemars(with = "String", extend("examples" = ["/run/secrets/console-proxy"]))]
    pub secret_file: Option<PathBuf>,
}

/// The shortest secret of a proxy, in characters.
const SECRET_CHARS_MIN: usize = 16;

fn scopes() -> Vec<String> {
    ["openid", "profile", "email"].map(str::to_owned).to_vec()
}

fn name_claim() -> String {
    "preferred_username".to_owned()
}

fn roles_claim() -> String {
    "groups".to_owned()
}

impl ConsoleSettings {
    /// Checks what needs no file.
    pub(crate) fn checked(&self) -> Result<(), SettingsError> {
        if let Some(oidc) = &self.oidc {
            oidc.checked()?;
        }
        self.proxy.as_ref().map_or(Ok(()), ProxySettings::checked)
    }
}

impl OidcSettings {
    /// The console's secret at the provider.
    ///
    /// # Errors
    /// [`SettingsError`] when there is none, there are two, or the file cannot be read.
    pub fn secret(&self) -> Result<Secret, SettingsError> {
        let name = "console.oidc.client_secret";
        match (&self.client_secret, &self.client_secret_file) {
            (Some(secret), None) if !secret.reveal().is_empty() => Ok(secret.clone()),
            (Some(_), None) => Err(SettingsError(format!("{name} is empty"))),
            (None, Some(path)) => Secret::from_file(path)
                .map_err(|error| SettingsError(format!("{name}_file {}: {error}", path.display()))),
            (None, None) => {
                Err(SettingsError(format!("console.oidc has no secret; set {name}_file or {name}")))
            }
            (Some(_), Some(_)) => {
                Err(SettingsError(format!("{name} and {name}_file are both set; set only one")))
            }
        }
    }

    /// Which value of the claim gives which role.
    ///
    /// # Errors
    /// [`SettingsError`] when one is not the role of a person.
    pub fn roles(&self) -> Result<Vec<(String, OperatorRole)>, SettingsError> {
        roles("console.oidc.roles", &self.roles)
    }

    fn checked(&self) -> Result<(), SettingsError> {
        is_safe("console.oidc.issuer", &self.issuer)?;
        let redirect = is_safe("console.oidc.redirect", &self.redirect)?;
        if redirect.path() != "/" {
            return Err(SettingsError(
                "console.oidc.redirect has a path; the console is served at the root of its address".into(),
            ));
        }
        let claims = [("client_id", &self.client_id), ("name_claim", &self.name_claim)];
        for (key, value) in claims.into_iter().chain([("roles_claim", &self.roles_claim)]) {
            if value.trim().is_empty() || value.trim() != value {
                return Err(SettingsError(format!("console.oidc.{key} is empty, or has blanks around it")));
            }
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            return Err(SettingsError("console.oidc.scopes does not have `openid`; add it".into()));
        }
        if self.roles()?.is_empty() {
            return Err(SettingsError(
                "console.oidc.roles is empty, so that no one could sign in; map a value of the claim to a role"
                    .into(),
            ));
        }
        Ok(())
    }
}

/// The URL, if a password or a code is safe on the way to it. The value is not repeated in errors.
fn is_safe(name: &str, text: &str) -> Result<url::Url, SettingsError> {
    let bad = |what: &str| SettingsError(format!("invalid {name}: {what}"));
    let url = url::Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    match url.scheme() {
        _ if !is_bare => Err(bad("it has a user, a query or a fragment; remove it")),
        "https" => Ok(url),
        "http" if is_here(text) => Ok(url),
        "http" => Err(bad("`http` is allowed on this machine only; use `https`")),
        _ => Err(bad("it is not a URL with `https`")),
    }
}

fn roles(name: &str, table: &BTreeMap<String, String>) -> Result<Vec<(String, OperatorRole)>, SettingsError> {
    let of = |(value, role): (&String, &String)| Ok((value.clone(), person(name, role)?));
    table.iter().map(of).collect()
}

/// The role of a person: a scraper is none.
fn person(name: &str, role: &str) -> Result<OperatorRole, SettingsError> {
    match role.parse() {
        Ok(OperatorRole::Scraper) | Err(_) => Err(SettingsError(format!(
            "invalid {name}: `{}` is not viewer, auditor, operator or approver",
            role.escape_debug()
        ))),
        Ok(role) => Ok(role),
    }
}

impl ProxySettings {
    /// The networks of the proxy; an address is a network of its own.
    ///
    /// # Errors
    /// [`SettingsError`] naming the entry that is neither.
    pub fn networks(&self) -> Result<Vec<IpNet>, SettingsError> {
        let network = |text: &String| {
            let address = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or_else(|_| address()).map_err(|_| {
                SettingsError(format!(
                    "invalid console.proxy.from: `{}` is neither an IP address nor a network such as `10.0.3.0/24`",
                    text.escape_debug()
                ))
            })
        };
        self.from.iter().map(network).collect()
    }

    /// Which group gives which role.
    ///
    /// # Errors
    /// [`SettingsError`] when one is not the role of a person.
    pub fn roles(&self) -> Result<Vec<(String, OperatorRole)>, SettingsError> {
        roles("console.proxy.roles", &self.roles)
    }

    /// The role of everyone that the proxy lets through, if it is one for all.
    ///
    /// # Errors
    /// [`SettingsError`] when it is not the role of a person.
    pub fn role(&self) -> Result<Option<OperatorRole>, SettingsError> {
        self.role.as_deref().map(|role| person("console.proxy.role", role)).transpose()
    }

    /// The header in which the proxy proves that it is the proxy, and its value.
    ///
    /// # Errors
    /// [`SettingsError`] when the file cannot be read, or the secret is short.
    pub fn secret(&self) -> Result<Option<(String, Secret)>, SettingsError> {
        let Some((header, path)) = self.secret_header.as_ref().zip(self.secret_file.as_ref()) else {
            return Ok(None);
        };
        let bad =
            |what: String| SettingsError(format!("console.proxy.secret_file {}: {what}", path.display()));
        let secret = Secret::from_file(path).map_err(|error| bad(error.to_string()))?;
        if secret.reveal().chars().count() < SECRET_CHARS_MIN {
            return Err(bad(format!("the secret has fewer than {SECRET_CHARS_MIN} characters")));
        }
        Ok(Some((header.clone(), secret)))
    }

    fn checked(&self) -> Result<(), SettingsError> {
        let bad = |what: &str| Err(SettingsError(format!("invalid console.proxy: {what}")));
        let others = [&self.groups_header, &self.secret_header].into_iter().flatten();
        let mut headers: Vec<_> = others.chain([&self.user_header]).map(|name| name.to_lowercase()).collect();
        let is_name = |name: &String| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !headers.iter().all(is_name) {
            return bad("the name of a header has only letters, digits and `-`");
        }
        headers.sort();
        headers.dedup();
        if headers.len()
            != 1 + usize::from(self.groups_header.is_some()) + usize::from(self.secret_header.is_some())
        {
            return bad("two of its headers have the same name");
        }
        match (self.role()?, &self.groups_header, self.roles()?.is_empty()) {
            (Some(_), None, true) | (None, Some(_), false) => {}
            (Some(_), _, _) => return bad("`role` excludes `groups_header` and `roles`"),
            (None, _, _) => return bad("set `role`, or `groups_header` and `roles`"),
        }
        if self.secret_header.is_some() != self.secret_file.is_some() {
            return bad("set both `secret_header` and `secret_file`, or neither");
        }
        let networks = self.networks()?;
        if networks.is_empty() {
            return bad("`from` is empty, so that no proxy is trusted; name its address");
        }
        if self.secret_header.is_none() && networks.iter().any(is_this_machine) {
            return bad(
                "`from` includes this machine, where every program could name an operator; set `secret_header` and \
                 `secret_file`",
            );
        }
        Ok(())
    }
}

/// Whether a network has a loopback address in it, in whichever notation.
fn is_this_machine(network: &IpNet) -> bool {
    let loopback = ["127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104"];
    loopback
        .iter()
        .filter_map(|text| text.parse::<IpNet>().ok())
        .any(|own| own.contains(network) || network.contains(&own))
}

#[cfg(test)]
mod tests;
