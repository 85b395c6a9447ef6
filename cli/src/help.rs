//! `--help`: commands in groups, global options apart from a command's own, and an example for each command.

use clap::{Command, CommandFactory};

use crate::args::Args;

/// The commands in groups, each with an example.
const GROUPS: [(&str, &[(&str, &str)]); 5] = [
    (
        "Load",
        &[
            ("init", "crossfoot init --sample postings.csv -o postings.toml"),
            ("schema", "crossfoot schema job -o job.schema.json"),
            ("check", "crossfoot check postings.toml --source postings.csv"),
            ("run", "crossfoot run postings.toml --source postings.csv"),
            ("submit", "crossfoot submit postings.toml --source /data/postings.csv --wait --patience 600"),
            (
                "watch",
                "crossfoot watch /data/in --job postings.toml --match *.csv --done /data/done --failed /data/failed",
            ),
            ("demo", "crossfoot demo --records 10000 --inject"),
        ],
    ),
    (
        "Inspect",
        &[
            ("runs", "crossfoot runs --limit 5"),
            ("show", "crossfoot show last"),
            ("report", "crossfoot report last --format html -o report.html"),
            ("explain", "crossfoot explain last --limit 20"),
            ("rejects", "crossfoot rejects last --edit rejects.csv"),
            ("workers", "crossfoot workers last"),
            ("trends", "crossfoot trends postings"),
            ("top", "crossfoot top --store postgres://db.example/ledger"),
            ("fleet", "crossfoot fleet --store postgres://crossfoot@db.example/ledger"),
            ("doctor", "crossfoot doctor --store postgres://crossfoot@db.example/ledger"),
        ],
    ),
    (
        "Operate",
        &[
            ("resume", "crossfoot resume last --source /archive/postings.csv"),
            (
                "resend",
                "crossfoot resend 01a21d31 --from rejects.csv --reason 'amounts corrected by the sender'",
            ),
            ("redrive", "crossfoot redrive 01a21d31 --wait --reason 'the worker was updated'"),
            ("dead-letters", "crossfoot dead-letters list"),
            ("approve", "crossfoot approve 01a21d31 --reason 'totals agree with the sender'"),
            ("cancel", "crossfoot cancel --last --job postings --reason 'wrong file'"),
            ("pause", "crossfoot pause 01a21d31 --reason 'the database is being backed up'"),
            ("window", "crossfoot window 01a21d31 --chunks 8"),
            ("drain", "crossfoot drain --host loader-3 --wait 120"),
            ("back-out", "crossfoot back-out 01a21d31 --reason 'the file of the day before'"),
            ("retention", "crossfoot retention --staging 90d"),
            ("purge", "crossfoot purge --last --job postings --yes"),
        ],
    ),
    (
        "Prove",
        &[
            (
                "reconcile",
                "crossfoot reconcile postings.toml --source postings.csv --target postgres://etl@db.example/bank",
            ),
            ("attest", "crossfoot attest last --source /archive/postings.csv"),
            ("fingerprint", "crossfoot fingerprint postings.toml --source postings.csv"),
            ("audit", "crossfoot audit export last --key ops.key -o last.pack.tar"),
            ("prove", "crossfoot prove last --record 1483 -o record.proof"),
            ("drill", "crossfoot drill postings.toml --source small.csv"),
        ],
    ),
    (
        "Serve",
        &[
            ("console", "crossfoot console --store postgres://db.example/ledger --listen 127.0.0.1:8787"),
            (
                "coordinator",
                "crossfoot coordinator --broker amqp://mq.example --store postgres://db.example/ledger",
            ),
            (
                "worker",
                "crossfoot worker --role processor,writer --broker amqp://mq.example --store \
                 postgres://db.example/ledger",
            ),
            ("token", "crossfoot token add --name anna --role viewer,approver --days 30"),
            ("setup", "crossfoot setup --apply --store postgres://admin@db.example/ledger"),
            ("completions", "crossfoot completions bash"),
            ("man", "crossfoot man target/man"),
            ("rotate-key", "crossfoot rotate-key --store postgres://db.example/ledger"),
        ],
    ),
];

/// Builds the command line with its help.
pub(crate) fn command() -> Command {
    let mut command = Args::command();
    let listed = listed(&command);
    for (name, example) in GROUPS.iter().flat_map(|(_, commands)| commands.iter()) {
        command = command.mut_subcommand(name, |one| one.after_help(format!("Example:\n  {example}")));
    }
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{listed}\nGlobal options:\n{{options}}"
    ))
}

/// Lists the commands in their groups, one line each.
fn listed(command: &Command) -> String {
    let all = GROUPS.iter().flat_map(|(_, commands)| commands.iter());
    let width = all.map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for (group, commands) in GROUPS {
        out.push_str(&format!("{group}:\n"));
        for (name, _) in commands {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map_or_else(String::new, ToString::to_string);
            out.push_str(&format!("  {name:width$}  {about}\n"));
        }
        out.push('\n');
    }
    out.push_str(&format!("  {:width$}  Print this message or the help of a command\n", "help"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_a_group_and_every_example_parses() {
        let command = Args::command();
        let listed: Vec<_> = GROUPS.iter().flat_map(|(_, commands)| commands.iter()).collect();
        for one in command.get_subcommands() {
            let found = listed.iter().filter(|(name, _)| *name == one.get_name()).count();
            assert_eq!(found, 1, "{}", one.get_name());
        }
        for (name, example) in listed {
            // Quotes belong to the shell; a quoted part is one word.
            let words = example.split('\'').enumerate().flat_map(|(at, part)| match at % 2 {
                0 => part.split_whitespace().collect::<Vec<_>>(),
                _ => vec![part],
            });
            let parsed =
                command.clone().try_get_matches_from(words).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(parsed.subcommand_name(), Some(*name));
        }
    }

    #[test]
    fn global_options_have_a_heading_of_their_own() {
        let mut whole = super::command();
        whole.build();
        let run = whole.find_subcommand("run").unwrap();
        let help = run.clone().render_help().to_string();
        let (own, global) = help.split_once("Global options:").unwrap_or_else(|| panic!("{help}"));
        assert!(own.contains("--again") && !own.contains("--store"), "{help}");
        assert!(global.contains("--store") && help.contains("Example:"), "{help}");
        let whole = super::command().render_help().to_string();
        for says in ["Load:", "Inspect:", "Operate:", "Prove:", "Serve:", "  run ", "--store"] {
            assert!(whole.contains(says), "{whole}");
        }
    }
}
