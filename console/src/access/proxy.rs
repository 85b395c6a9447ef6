//! A proxy that signs operators in, and names them in a header. Only the proxy is believed: by its address, and by a
//! secret where the address does not tell it from others.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::role::OperatorRole;
use ipnet::IpNet;
use monitor::guard::equal;
use platform::secret::Secret;

use super::known::{Known, Mapping, name};
use crate::problem::Problem;

/// How a proxy names operators, and how it is told from others.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// The header with the operator's name.
    pub user_header: String,
    /// The header with the operator's groups, with commas between them.
    pub groups_header: Option<String>,
    /// Which group gives which role.
    pub roles: Mapping,
    /// The role of everyone, if groups do not matter.
    pub role: Option<OperatorRole>,
    /// The addresses of the proxy.
    pub from: Vec<IpNet>,
    /// The header in which the proxy proves that it is the proxy, and its value.
    pub secret: Option<(String, Secret)>,
}

/// A proxy that signs operators in.
#[derive(Debug)]
pub struct Proxy {
    user: HeaderName,
    groups: Option<HeaderName>,
    roles: Mapping,
    role: Option<OperatorRole>,
    from: Vec<IpNet>,
    secret: Option<(HeaderName, Secret)>,
}

/// Why nobody is known by the proxy's headers.
#[derive(Debug)]
pub(super) struct Unproven {
    /// What the request is answered with.
    pub(super) problem: Problem,
    /// Whether it counts as a failure to sign in.
    pub(super) counts: bool,
}

impl Proxy {
    /// The proxy as it is configured.
    ///
    /// # Errors
    /// In words, when a header cannot have its name.
    pub fn new(config: ProxyConfig) -> Result<Self, String> {
        let header = |text: &str| {
            text.parse::<HeaderName>().map_err(|error| format!("no header can be named `{text}`: {error}"))
        };
        let secret =
            config.secret.map(|(name, value)| Ok::<_, String>((header(&name)?, value))).transpose()?;
        Ok(Self {
            user: header(&config.user_header)?,
            groups: config.groups_header.as_deref().map(header).transpose()?,
            roles: config.roles,
            role: config.role,
            from: config.from,
            secret,
        })
    }

    /// Who the proxy says makes the request; `None` if it says nothing.
    pub(super) fn who(&self, peer: IpAddr, headers: &HeaderMap) -> Result<Option<Known>, Unproven> {
        let peer = peer.to_canonical();
        let refuse = |problem| Err(Unproven { problem, counts: false });
        if !self.is_the_proxy(peer) {
            return match self.names().find(|name| headers.contains_key(*name)) {
                None => Ok(None),
                // Whatever else the request has: whoever sends this header from elsewhere wants to be someone else.
                Some(name) => refuse(Problem::unknown(format!(
                    "the header `{name}` is believed only of the proxy, and the request comes from {peer}"
                ))
                .advise("open the console at the proxy's address; for the proxy itself, add its address to `from` of `[console.proxy]`")),
            };
        }
        if !headers.contains_key(&self.user) {
            return Ok(None);
        }
        if let Some((name, value)) = &self.secret {
            let is_right =
                one(headers, name).ok().flatten().is_some_and(|given| equal(given, value.reveal()));
            if !is_right {
                let problem =
                    Problem::unknown(format!("the header `{name}` does not have the proxy's secret"))
                        .advise("let the proxy set it to the text in `secret_file` of `[console.proxy]`");
                return Err(Unproven { problem, counts: true });
            }
        }
        self.known(peer, headers).map(Some).or_else(refuse)
    }

    fn known(&self, peer: IpAddr, headers: &HeaderMap) -> Result<Known, Problem> {
        let who = one(headers, &self.user)?.unwrap_or_default();
        let name = name(who).map_err(|error| {
            Problem::unknown(format!("the header `{}`: {error}", self.user))
                .advise("see what the proxy sends")
        })?;
        let groups = match &self.groups {
            Some(groups) => one(headers, groups)?.unwrap_or_default(),
            None => "",
        };
        let of_groups = || self.roles.highest(groups.split(',').map(str::trim));
        let Some(role) = self.role.or_else(of_groups) else {
            return Err(Problem::forbidden(format!("no group of {name} gives a role in this console"))
                .advise("ask for a group that `roles` of `[console.proxy]` has"));
        };
        Ok(Known { name, role, by: format!("proxy: {peer}") })
    }

    fn is_the_proxy(&self, peer: IpAddr) -> bool {
        self.from.iter().any(|network| network.contains(&peer))
    }

    fn names(&self) -> impl Iterator<Item = &HeaderName> {
        let secret = self.secret.as_ref().map(|(name, _)| name);
        [Some(&self.user), self.groups.as_ref(), secret].into_iter().flatten()
    }
}

/// The value of a header that is there once; a proxy that adds to what a client sent would let the client choose.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut all = headers.get_all(name).iter();
    let first = all.next();
    if all.next().is_some() {
        return Err(Problem::wrong(format!("the header `{name}` is there more than once"))
            .advise("let the proxy remove it from what clients send, and set it once"));
    }
    let text = |value: &'a HeaderValue| {
        std::str::from_utf8(value.as_bytes())
            .ok()
            .filter(|text| !text.chars().any(char::is_control))
            .ok_or_else(|| Problem::wrong(format!("the header `{name}` is not plain text")))
    };
    first.map(text).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(secret: Option<&str>) -> Proxy {
        Proxy::new(ProxyConfig {
            user_header: "X-Forwarded-User".into(),
            groups_header: Some("X-Forwarded-Groups".into()),
            roles: [("ops".to_owned(), OperatorRole::Operator)].into_iter().collect(),
            role: None,
            from: vec!["10.0.3.0/24".parse().unwrap()],
            secret: secret.map(|secret| ("X-Proxy-Secret".to_owned(), secret.into())),
        })
        .unwrap()
    }

    fn ask(proxy: &Proxy, peer: &str, all: &[(&'static str, &str)]) -> Result<Option<String>, (u16, bool)> {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        match proxy.who(peer.parse().unwrap(), &headers) {
            Ok(known) => Ok(known.map(|known| format!("{} {} {}", known.name, known.role.name(), known.by))),
            Err(Unproven { problem, counts }) => Err((problem.status, counts)),
        }
    }

    const USER: (&str, &str) = ("x-forwarded-user", "alice");
    const OPS: (&str, &str) = ("x-forwarded-groups", "staff, ops");

    #[test]
    fn only_the_proxy_names_operators() {
        let (proxy, alice) = (proxy(None), Ok(Some("alice operator proxy: 10.0.3.7".to_owned())));
        for (peer, headers, answer) in [
            ("10.0.3.7", &[USER, OPS][..], alice.clone()),
            ("::ffff:10.0.3.7", &[USER, OPS], alice),
            ("10.0.3.7", &[], Ok(None)),
            ("10.0.3.7", &[OPS], Ok(None)),
            ("10.0.3.7", &[USER], Err((403, false))),
            ("10.0.3.7", &[USER, ("x-forwarded-groups", "Ops")], Err((403, false))),
            ("10.0.3.7", &[USER, OPS, USER], Err((400, false))),
            ("10.0.3.7", &[USER, OPS, OPS], Err((400, false))),
            ("10.0.3.7", &[("x-forwarded-user", ""), OPS], Err((401, false))),
            ("10.0.3.7", &[("x-forwarded-user", "a\tb"), OPS], Err((400, false))),
            ("10.0.3.7", &[("x-forwarded-user", "a\u{85}b"), OPS], Err((400, false))),
            ("10.0.3.7", &[("x-forwarded-user", "a\u{202e}b"), OPS], Err((401, false))),
            ("10.0.4.7", &[USER, OPS], Err((401, false))),
            ("10.0.4.7", &[OPS], Err((401, false))),
            ("10.0.4.7", &[], Ok(None)),
            ("127.0.0.1", &[USER, OPS], Err((401, false))),
        ] {
            assert_eq!(ask(&proxy, peer, headers), answer, "{peer} {headers:?}");
        }
    }

    #[test]
    fn a_secret_is_asked_for_where_there_is_one() {
        let proxy = proxy(Some("sesame sesame sesame"));
        let with = |secret: &str| ask(&proxy, "10.0.3.7", &[USER, OPS, ("x-proxy-secret", secret)]);
        assert!(with("sesame sesame sesame").is_ok());
        for wrong in ["", "sesame", "sesame sesame sesamf"] {
            assert_eq!(with(wrong), Err((401, true)), "{wrong}");
        }
        assert_eq!(ask(&proxy, "10.0.3.7", &[USER, OPS]), Err((401, true)));
        let twice = ("x-proxy-secret", "sesame sesame sesame");
        assert_eq!(ask(&proxy, "10.0.3.7", &[USER, OPS, twice, twice]), Err((401, true)));
        assert_eq!(ask(&proxy, "10.9.9.9", &[twice]), Err((401, false)));
        assert_eq!(ask(&proxy, "10.0.3.7", &[]), Ok(None), "a program's token passes the proxy");
    }
}
