//! The job as a drill runs it, in tables that Crossfoot makes: no name in it leads to a table of the user's.

use std::collections::BTreeMap;

use domain::rule::Condition;
use domain::table::{FinalTable, TableName};
use toml::Value;

use crate::{Job, JobError};

/// The keys of a record type that say how its final table differs from one that Crossfoot makes.
const OF_OWN_TABLES: [&str; 4] = ["run_column", "run_table", "record_no_column", "triggers"];

/// A job that runs in a shadow.
#[derive(Debug)]
pub struct ShadowJob {
    /// The job, whose tables have no schemas and the columns that Crossfoot gives them.
    pub job: Job,
    /// The tables that were renamed: the name in the shadow, and the real one.
    pub renamed: BTreeMap<TableName, TableName>,
}

impl ShadowJob {
    /// The real table that the shadow calls by this name.
    #[must_use]
    pub fn real<'a>(&'a self, table: &'a TableName) -> &'a TableName {
        self.renamed.get(table).unwrap_or(table)
    }
}

impl Job {
    /// The job as a drill runs it: nobody has to approve, and its tables are made as Crossfoot makes them.
    ///
    /// # Errors
    /// [`JobError`], which would be a mistake of ours.
    pub fn in_shadow(&self) -> Result<ShadowJob, JobError> {
        let job = self.unattended()?;
        let as_made = |of: &FinalTable| {
            *of == FinalTable::from(of.name.clone()) && of.name == TableName::from(of.name.name())
        };
        let is_plain = |name: &TableName| TableName::parse(name.name()).is_ok() && name.schema().is_none();
        let mut names: Vec<&TableName> = Vec::new();
        for layout in job.layouts() {
            names.extend([&layout.staging, &layout.final_table.name]);
        }
        names.extend(job.rules.iter().filter_map(|rule| match &rule.condition {
            Condition::References { table, .. } => Some(table),
            _ => None,
        }));
        if names.iter().all(|name| is_plain(name)) && job.layouts().all(|layout| as_made(&layout.final_table))
        {
            return Ok(ShadowJob { job, renamed: BTreeMap::new() });
        }
        let mut new_names: BTreeMap<TableName, String> = BTreeMap::new();
        for name in names.into_iter().filter(|name| !is_plain(name)) {
            let next = new_names.len() + 1;
            let letters = name.name().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(24);
            let new = format!("shadow_{next}_{}", letters.collect::<String>());
            new_names.entry(name.clone()).or_insert(new);
        }
        let text = rewritten(&job.text, &new_names).map_err(|message| JobError {
            file: self.name.clone(),
            place: None,
            message,
            advice: None,
        })?;
        let renamed =
            new_names.into_iter().map(|(real, new)| (TableName::from(new.as_str()), real)).collect();
        Ok(ShadowJob { job: Self::parse(&self.name, &text)?, renamed })
    }
}

/// The job's text with its tables renamed, and without what it says of their columns.
fn rewritten(text: &str, new_names: &BTreeMap<TableName, String>) -> Result<String, String> {
    let mut text: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let rename = |value: Option<&mut Value>| {
        let Some(Value::String(name)) = value else { return };
        if let Some(new) = TableName::parse(name).ok().and_then(|name| new_names.get(&name)) {
            *name = new.clone();
        }
    };
    for record in tables(text.get_mut("record")) {
        for key in OF_OWN_TABLES {
            record.remove(key);
        }
        // A table that the job does not name is called after the record type.
        let name = record.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        rename(Some(record.entry("staging").or_insert_with(|| format!("stg_{name}").into())));
        rename(Some(record.entry("final").or_insert_with(|| name.into())));
        for field in tables(record.get_mut("field")) {
            field.remove("column");
        }
    }
    for rule in tables(text.get_mut("rule")) {
        if let Some(Value::Table(references)) = rule.get_mut("references") {
            rename(references.get_mut("table"));
        }
    }
    toml::to_string(&text).map_err(|error| error.to_string())
}

fn tables(value: Option<&mut Value>) -> impl Iterator<Item = &mut toml::Table> {
    let all = match value {
        Some(Value::Array(all)) => all.iter_mut(),
        _ => [].iter_mut(),
    };
    all.filter_map(|one| match one {
        Value::Table(table) => Some(table),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "[job]\nname = \"j\"\n[source]\nformat = \"delimited\"\n[[record]]\nname = \"r\"\nkey = [\"id\"]\n\
                       staging = \"work.stg\"\nfinal = \"bank.\\\"Daily Ledger\\\"\"\nrun_table = \"work.runs\"\n\
                       triggers = [\"audit\"]\n[[record.field]]\nname = \"id\"\ntype = \"integer\"\ncolumn = \"ID no\"\n\
                       [[rule]]\nname = \"known\"\n\
                       references = { fields = [\"id\"], table = \"bank.ids\", columns = [\"id\"] }\n";

    #[test]
    fn no_name_of_a_shadow_leads_out_of_it() {
        let job = Job::parse("j.toml", OWN).unwrap();
        let shadow = job.in_shadow().unwrap();
        let layout = &shadow.job.records[0].layout;
        assert_eq!(layout.final_table, FinalTable::from("shadow_2_DailyLedger"));
        assert_eq!(layout.staging, TableName::from("shadow_1_stg"));
        let Condition::References { table, .. } = &shadow.job.rules[0].condition else { panic!() };
        assert_eq!(shadow.real(table), &TableName::parse("bank.ids").unwrap());
        assert_eq!(layout.digest(), job.records[0].layout.digest(), "the records are the same");
    }

    #[test]
    fn a_job_of_plain_tables_is_drilled_as_it_is() {
        let plain = OWN.replace("work.stg", "stg").replace("bank.\\\"Daily Ledger\\\"", "ledger");
        let plain: String = plain
            .replace("bank.ids", "ids")
            .lines()
            .filter(|line| !["run_table", "triggers", "column "].iter().any(|key| line.starts_with(key)))
            .map(|line| format!("{line}\n"))
            .collect();
        let job = Job::parse("j.toml", &plain).unwrap();
        assert_eq!(job.in_shadow().unwrap().job.digest, job.digest);
    }
}
