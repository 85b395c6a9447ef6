//! Who signs operators in to the console, as the settings say: an identity provider, a proxy.

use console::access::SignIn;
use console::access::oidc::{Oidc, OidcConfig};
use console::access::proxy::{Proxy, ProxyConfig};
use settings::{OidcSettings, ProxySettings, Settings};

use crate::outcome::Failure;

/// Reads the secrets, and makes what signs operators in besides the store's tokens.
pub(crate) fn of(settings: &Settings) -> Result<SignIn, Failure> {
    Ok(SignIn {
        oidc: settings.console.oidc.as_ref().map(|of| oidc(settings, of)).transpose()?,
        proxy: settings.console.proxy.as_ref().map(proxy).transpose()?,
    })
}

/// What the user who starts the console must know about it.
pub(crate) fn said(settings: &Settings) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(oidc) = &settings.console.oidc {
        said.push(format!("operators sign in at {}, or with a token", oidc.issuer));
    }
    if settings.console.proxy.is_some() {
        said.push("operators are signed in by the proxy of `[console.proxy]`, or with a token".to_owned());
    }
    said
}

fn oidc(settings: &Settings, of: &OidcSettings) -> Result<Oidc, Failure> {
    let config = OidcConfig {
        issuer: of.issuer.clone(),
        client_id: of.client_id.clone(),
        client_secret: of.secret()?,
        redirect: of.redirect.clone(),
        scopes: of.scopes.clone(),
        name_claim: of.name_claim.clone(),
        roles_claim: of.roles_claim.clone(),
        roles: of.roles()?.into_iter().collect(),
        only_ca_file: of.ca_file.clone(),
        ca_file: settings.tls.ca_file.clone(),
    };
    Oidc::new(config).map_err(|error| Failure::usage(format!("invalid console.oidc: {error}")))
}

fn proxy(of: &ProxySettings) -> Result<Proxy, Failure> {
    let config = ProxyConfig {
        user_header: of.user_header.clone(),
        groups_header: of.groups_header.clone(),
        roles: of.roles()?.into_iter().collect(),
        role: of.role()?,
        from: of.networks()?,
        secret: of.secret()?,
    };
    Proxy::new(config).map_err(|error| Failure::usage(format!("invalid console.proxy: {error}")))
}
