//! `crossfoot setup`: roles with least privilege for the processes of a fleet, on the database and on the broker.

use std::sync::Arc;

use broker::rabbitmq::Permissions;
use domain::process_role::ProcessRole;
use domain::table::TableName;
use job::Job;
use postgres::{PostgresStore, Roles};
use settings::Settings;
use store::Identity as _;

use super::context::read_job;
use crate::args::{Global, Setup};
use crate::outcome::{Done, Failure};
use crate::output::{print, print_json, remark};
use crate::printed::SetUp;
use crate::wiring;

/// The schema of a new ledger, unless the settings name another.
const LEDGER_SCHEMA: &str = "crossfoot";

/// Runs `crossfoot setup`: prints the SQL and the broker's permissions, and with `--apply` runs the SQL.
pub(crate) async fn setup(global: &Global, args: &Setup) -> Result<Done, Failure> {
    let settings = wiring::settings(global, None)?;
    let jobs: Vec<Arc<Job>> = args.jobs.iter().map(|path| read_job(path)).collect::<Result<_, _>>()?;
    TableName::parse(&args.tables_schema).map_err(|error| {
        Failure::usage(format!("invalid --tables-schema `{}`: {error}", args.tables_schema.escape_debug()))
    })?;
    let ledger = settings.store.schema.as_deref().unwrap_or(LEDGER_SCHEMA);
    let roles = Roles::new(&args.role_prefix, ledger, &args.tables_schema)
        .map_err(|error| Failure::usage(error.to_string()))?;
    if args.apply {
        apply(&settings, &roles, &jobs).await?;
    }
    let made = SetUp {
        roles: ProcessRole::ALL.iter().map(|role| roles.name(*role)).collect(),
        sql: roles.script(&jobs),
        rabbitmq: permissions(&settings, &args.role_prefix),
        applied: args.apply,
    };
    if global.json {
        print_json(&made)?;
    } else {
        print(&text(&made))?;
    }
    if args.apply {
        remark("applied the SQL; the permissions on RabbitMQ are yours to run (above)");
    }
    Ok(Done::Well)
}

async fn apply(settings: &Settings, roles: &Roles, jobs: &[Arc<Job>]) -> Result<(), Failure> {
    if !wiring::is_postgres(settings) {
        return Err(Failure::usage(
            "the store is an SQLite file, which has no roles; pass `--store postgres://ADMIN@HOST/DATABASE`",
        ));
    }
    let of_store = wiring::postgres_settings(settings);
    // Makes the ledger if it is missing, and what belongs to the store and no process may make but a coordinator.
    let store = PostgresStore::open(&of_store).await?.with_masking_key(settings.masking.key()?);
    store.identity().await?;
    store.message_keys().await?;
    store.masking_key().await?;
    roles.apply(&of_store, jobs).await.map_err(|error| Failure::usage(error.to_string()))
}

/// The lines for the broker. A user's password is asked for by `rabbitmqctl` itself.
fn permissions(settings: &Settings, prefix: &str) -> Vec<String> {
    let rabbit = wiring::rabbit_settings(settings);
    let vhost = rabbit.vhost().unwrap_or_else(|| "/".into());
    let shell = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let mut lines = Vec::new();
    for role in ProcessRole::ALL {
        let Some(may) = Permissions::of(*role, &settings.broker.prefix) else { continue };
        let user = format!("{prefix}_{}", role.name());
        lines.push(format!(
            "rabbitmqctl --quiet list_users | grep -q '^{user}\\b' || rabbitmqctl add_user {user}"
        ));
        lines.push(format!(
            "rabbitmqctl set_permissions -p {} {user} {} {} {}",
            shell(&vhost),
            shell(&may.configure),
            shell(&may.write),
            shell(&may.read)
        ));
    }
    lines
}

fn text(made: &SetUp) -> String {
    let users: String = made
        .roles
        .iter()
        .map(|role| {
            format!(
                "--   CREATE ROLE NAME LOGIN IN ROLE {role}; ALTER ROLE NAME SET role = '{role}'; \\password NAME\n"
            )
        })
        .collect();
    format!(
        "-- Roles with least privilege for the processes of a fleet (docs/roles.md). Run this as a superuser, in\n\
         -- the store's database, whose ledger must be there; `crossfoot setup --apply` makes it too. It can be\n\
         -- run again: after an upgrade, and when a job gets tables that are there already.\n--\n\
         -- Then make a user for each process. It works as its role, so that its peers may use what it makes:\n\
         {users}\n{}\n\
         -- RabbitMQ: run these lines in a shell. `add_user` asks for a password.\n{}\n",
        made.sql,
        made.rabbitmq.iter().map(|line| format!("--   {line}")).collect::<Vec<_>>().join("\n")
    )
}
