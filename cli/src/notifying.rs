//! Who is notified, as the settings have it. What makes no sense is refused here, before anything is loaded.

use std::sync::Arc;
use std::time::Duration;

use coordinator::context::notify::Notify;
use coordinator::context::notify::email::{MailSettings, Mailing};
use coordinator::notice::template::{TEMPLATE_BYTES_MAX, Template};
use coordinator::notice::{Shape, Told};
use platform::files::{KEY_BYTES_MAX, read_small_file, read_small_text};
use settings::{EmailSettings, NotifySettings, Settings};

use crate::outcome::Failure;

/// Creates the notifier for verdicts. `host` is the name of this host, for a mail server.
pub(crate) fn notify(settings: &Settings, host: &str) -> Result<Notify, Failure> {
    let of = &settings.notify;
    if of.webhook.as_ref().is_some_and(|url| !url.is_of(&["http://", "https://"])) {
        return Err(Failure::usage("invalid notify.webhook: the URL must start with http:// or https://"));
    }
    let told = |word: &String| {
        Told::of(word).ok_or_else(|| {
            Failure::usage(format!(
                "invalid notify.on `{word}`: expected reconciled, not-reconciled, awaiting-approval, unfinished, \
                 cancelled or missing"
            ))
        })
    };
    let secret = match &of.webhook_secret_file {
        None => None,
        Some(path) => {
            let read = read_small_file(path, KEY_BYTES_MAX).map_err(|error| {
                Failure::usage(format!("cannot read notify.webhook_secret_file {}: {error}", path.display()))
            })?;
            Some(read.trim_ascii_end().to_vec())
        }
    };
    Ok(Notify {
        webhook: of.webhook.clone(),
        secret,
        shape: shape(of)?,
        only_ca_file: of.ca_file.clone(),
        ca_file: settings.tls.ca_file.clone(),
        command: of.command.clone(),
        email: of.email.as_ref().map(|email| mailing(email, host)).transpose()?,
        on: of.on.iter().map(told).collect::<Result<_, _>>()?,
        timeout: of.timeout_seconds.map(Duration::from_secs),
    })
}

fn shape(of: &NotifySettings) -> Result<Shape, Failure> {
    match (of.format.as_deref(), &of.template_file) {
        (Some(_), Some(_)) => {
            Err(Failure::usage("notify.format and notify.template_file are both set; set only one"))
        }
        (None | Some("json"), None) => Ok(Shape::Json),
        (Some("slack"), None) => Ok(Shape::Slack),
        (Some("teams"), None) => Ok(Shape::Teams),
        (Some(other), None) => Err(Failure::usage(format!(
            "invalid notify.format `{}`: expected json, slack or teams",
            other.escape_debug()
        ))),
        (None, Some(path)) => {
            let refused = |what: String| {
                Failure::usage(format!("invalid notify.template_file {}: {what}", path.display()))
            };
            let text =
                read_small_text(path, TEMPLATE_BYTES_MAX).map_err(|error| refused(error.to_string()))?;
            let template = Template::parse(&text).map_err(|error| refused(error.to_string()))?;
            Ok(Shape::Template(Arc::new(template)))
        }
    }
}

fn mailing(of: &EmailSettings, host: &str) -> Result<Mailing, Failure> {
    let settings = MailSettings {
        server: &of.server,
        tls: of.tls.as_deref(),
        username: of.username.as_deref(),
        password: of.password()?,
        from: &of.from,
        to: &of.to,
        host,
    };
    Mailing::new(&settings).map_err(|error| Failure::usage(format!("invalid notify.email, {error}")))
}
