//! `schema`: the JSON Schemas of the job file, the settings, and what commands print with `--json`.

use crate::args::{Global, Schema as Args};
use crate::outcome::{Done, Failure};
use crate::output::{deliver, json, print, print_json};
use crate::printed::ListedSchema;
use crate::schema::{CATALOGUE, markdown};

/// Runs `crossfoot schema`: prints one schema, its reference in Markdown, or the list.
pub(crate) fn schema(global: &Global, args: &Args) -> Result<Done, Failure> {
    if args.list {
        list(global)?;
        return Ok(Done::Well);
    }
    let Some(named) = CATALOGUE.iter().find(|one| one.name == args.name) else {
        let names: Vec<_> = CATALOGUE.iter().map(|one| one.name).collect();
        return Err(Failure::usage(format!("there is no schema `{}`", args.name))
            .advise(&format!("schemas are: {}", names.join(", "))));
    };
    let schema = named.schema().map_err(|error| Failure::unfinished(error.to_string()))?;
    let document = match (args.markdown, named.name) {
        (false, _) => format!("{}\n", json(&schema)?),
        (true, "job") => markdown::reference(
            &schema,
            "The job file, key by key",
            "This page is made by `crossfoot schema job --markdown` from the types that read a job file. `crossfoot \
             schema job` prints the same as a JSON Schema, for editors ([how](json.md)). `crossfoot check JOB` reports \
             what is wrong with a job file, with the line.",
        ),
        (true, "settings") => markdown::reference(
            &schema,
            "The settings, key by key",
            "This page is made by `crossfoot schema settings --markdown` from the types that read the settings. \
             [settings.md](settings.md) says how they work together.",
        ),
        (true, _) => return Err(Failure::usage("`--markdown` is for the schemas `job` and `settings`")),
    };
    deliver(&document, args.output.as_deref())?;
    Ok(Done::Well)
}

fn list(global: &Global) -> Result<(), Failure> {
    let listed: Vec<_> =
        CATALOGUE.iter().map(|one| ListedSchema { name: one.name, id: one.id(), about: one.about }).collect();
    if global.json {
        return print_json(&listed);
    }
    let width = listed.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let lines: Vec<_> = listed.iter().map(|one| format!("{:width$}  {}", one.name, one.about)).collect();
    print(&lines.join("\n"))
}
