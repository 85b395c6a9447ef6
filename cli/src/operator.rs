//! Identifies the operator: the operating system user, or the name that the user gave. This is not authentication.

use std::sync::OnceLock;

use coordinator::context::actor::ActorContext;
use platform::secret::words_without_secrets;

use crate::outcome::Failure;

/// The name from the command line or the environment, if any.
static NAMED: OnceLock<Option<String>> = OnceLock::new();

/// The maximum length of a command in the log.
const COMMAND_CHARS_MAX: usize = 1000;

/// The maximum length of a name.
const NAME_CHARS_MAX: usize = 100;

/// Sets the operator's name from the command line or `CROSSFOOT_OPERATOR`.
pub(crate) fn named(typed: Option<&str>) -> Result<(), Failure> {
    let variable = std::env::var("CROSSFOOT_OPERATOR").ok().filter(|name| !name.is_empty());
    let name = typed.map(str::to_owned).or(variable);
    name.as_deref().map_or(Ok(()), check)?;
    // A command has one operator, no matter how often it is set.
    let _ = NAMED.set(name);
    Ok(())
}

/// Checks that an operator can have this name.
pub(crate) fn check(name: &str) -> Result<(), Failure> {
    let is_plain = !name.chars().any(|c| c.is_control() || c == '\'' || c == '"');
    if name.trim() == name && !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && is_plain {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "invalid operator name `{}`: use 1 to {NAME_CHARS_MAX} characters, without quotes or surrounding spaces",
        name.escape_debug()
    )))
}

/// Returns the operator, and the context for the log.
pub(crate) fn acting() -> (String, ActorContext) {
    let os_user = os_user();
    let command = Some(command(std::env::args_os().map(|word| word.to_string_lossy().into_owned())));
    match NAMED.get().cloned().flatten() {
        Some(name) if name != os_user => (name, ActorContext { os_user: Some(os_user), command }),
        _ => (os_user, ActorContext { os_user: None, command }),
    }
}

/// Returns the user of this process according to the kernel, by name if the password file has it. For a directory
/// service it does not; then this is the name from the environment, with the user ID.
fn os_user() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let said =
        ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|user| !user.is_empty());
    user_of(&status, &passwd, said)
}

fn user_of(status: &str, passwd: &str, said: Option<String>) -> String {
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let Some(uid) = ids.and_then(|ids| ids.split_whitespace().next()) else {
        return said.unwrap_or_else(|| "unknown".into());
    };
    let named = passwd.lines().find_map(|line| {
        let mut parts = line.split(':');
        let (name, _, id) = (parts.next()?, parts.next()?, parts.next()?);
        (id == uid).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| match said {
        Some(said) => format!("{said}(uid {uid})"),
        None => format!("uid {uid}"),
    })
}

/// Returns the command as typed, without passwords.
fn command(args: impl Iterator<Item = String>) -> String {
    let words: Vec<String> =
        words_without_secrets(std::iter::once("crossfoot".to_owned()).chain(args.skip(1)))
            .map(|word| {
                let is_plain =
                    !word.is_empty() && word.chars().all(|c| !c.is_whitespace() && !"'\"\\$`".contains(c));
                if is_plain { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
            })
            .collect();
    let text = words.join(" ");
    match text.char_indices().nth(COMMAND_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_believed_before_the_environment() {
        let status = "Name:\tcrossfoot\nUid:\t1000\t1000\t1000\t1000\n";
        let passwd = "root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000:Anna:/home/anna:/bin/sh\n";
        let said = || Some("root".to_owned());
        assert_eq!(user_of(status, passwd, said()), "anna");
        assert_eq!(user_of(status, "", said()), "root(uid 1000)");
        assert_eq!(user_of(status, "", None), "uid 1000");
        assert_eq!(user_of("", passwd, said()), "root");
        assert_eq!(user_of("", passwd, None), "unknown");
    }

    #[test]
    fn the_command_is_kept_without_passwords() {
        let typed = [
            "/usr/bin/crossfoot",
            "approve",
            "last",
            "--store",
            "postgres://a:secret@h/d",
            "--reason",
            "it's 5 $ off",
        ];
        assert_eq!(
            command(typed.into_iter().map(str::to_owned)),
            "crossfoot approve last --store postgres://***@h/d --reason 'it'\\''s 5 $ off'"
        );
        let long = command(["x".to_owned(), "y".repeat(5000)].into_iter());
        assert_eq!(long.chars().count(), COMMAND_CHARS_MAX + 1);
    }
}
