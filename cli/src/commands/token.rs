//! `token`: who may sign in to the console.

use console::access::secret;
use coordinator::ops::tokens::{NewToken, tokens};
use coordinator::report::text::table::{Column, Grid};
use domain::visible::visible;

use super::context::open_store;
use crate::args::{AddToken, Global, Token};
use crate::operator;
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, remark, style, tell, tell_json};
use crate::printed::{MadeToken, RevokedToken};
use crate::wiring;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Runs `crossfoot token`: makes, lists or revokes tokens for the console.
pub(crate) async fn token(global: &Global, args: &Token) -> Result<Done, Failure> {
    match args {
        Token::Add(add) => self::add(global, add).await,
        Token::List => list(global).await,
        Token::Revoke { id } => revoke(global, id).await,
    }
}

async fn add(global: &Global, args: &AddToken) -> Result<Done, Failure> {
    operator::check(&args.name)?;
    let (settings, store) = open_store(global).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let made = secret::token().map_err(Failure::unfinished)?;
    let token = NewToken {
        token_id: made.token_id,
        name: args.name.clone(),
        roles: args.role.iter().copied().collect(),
        sha256: made.sha256,
        expires_at_ms: coordinator.clock.now_ms() + i64::from(args.days) * DAY_MS,
    };
    let listed = coordinator.add_token(&token).await?;
    let instead = format!("revoke the token that was not shown: crossfoot token revoke {}", listed.token_id);
    if global.json {
        tell_json(&MadeToken { token: made.token, listed }, &instead);
        return Ok(Done::Well);
    }
    remark(&format!(
        "token {} of {} ({}), valid for {} days; it is not shown again:",
        listed.token_id,
        visible(&listed.name),
        listed.roles.join(", "),
        args.days
    ));
    tell(&made.token, &instead);
    Ok(Done::Well)
}

async fn list(global: &Global) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    let all = tokens(&*store, coordinator.clock.now_ms()).await?;
    if global.json {
        print_json(&all)?;
        return Ok(Done::Well);
    }
    if all.is_empty() {
        print(&format!("no tokens in {}; make one with `crossfoot token add`", store.url()))?;
        return Ok(Done::Well);
    }
    let mut table = Grid::new(vec![
        Column::left("token"),
        Column::left("operator").shrinks_to(8),
        Column::left("roles").shrinks_to(8),
        Column::left("valid until (UTC)"),
        Column::left("made by").drops(1),
    ]);
    for token in &all {
        let until = match (&token.revoked_at, &token.expires_at) {
            (Some(at), _) => format!("revoked {}", day(at)),
            (None, Some(at)) if token.valid => day(at),
            (None, Some(at)) => format!("expired {}", day(at)),
            (None, None) => "revoked".to_owned(),
        };
        table.row(vec![
            token.token_id.clone(),
            visible(&token.name),
            token.roles.join(", "),
            until,
            visible(&token.made_by),
        ]);
    }
    print(&table.render(style()))?;
    Ok(Done::Well)
}

fn day(at: &str) -> String {
    at.chars().take(10).collect()
}

async fn revoke(global: &Global, id: &str) -> Result<Done, Failure> {
    let (settings, store) = open_store(global).await?;
    let (coordinator, _watcher) = wiring::coordinator_without_broker(&settings, &store);
    if !coordinator.revoke_token(id).await? {
        return Err(Failure::usage(format!("no token `{id}` is in use in {}", store.url()))
            .advise("list them with `crossfoot token list`"));
    }
    let told = format!("revoked token {id}");
    if global.json {
        tell_json(&RevokedToken { token_id: id.to_owned() }, &told);
    } else {
        tell(&told, &told);
    }
    Ok(Done::Well)
}
