//! The tables of a record type: their names, and where the fields lie in the final one.

use std::ops::Range;

use domain::layout::Field;
use domain::table::{FinalTable, RunMark, TableName, column_name};
use toml::Spanned;

use super::{Checked, fault, fault_advised};
use crate::file::RecordSection;

/// The table that a key of the job file names.
pub(super) fn table(name: &Spanned<String>) -> Checked<TableName> {
    named(name.get_ref(), name.span())
}

/// The staging table of a record type.
pub(super) fn staging(record: &RecordSection) -> Checked<TableName> {
    match &record.staging {
        Some(name) => table(name),
        None => named(&format!("stg_{}", record.name.get_ref()), record.name.span()),
    }
}

/// The place of a key that may be missing, or else of the record type's name.
pub(super) fn span(key: &Option<Spanned<String>>, record: &RecordSection) -> Range<usize> {
    key.as_ref().map_or_else(|| record.name.span(), Spanned::span)
}

/// The table that a rule looks up.
pub(super) fn referenced(name: &str, span: Range<usize>) -> Checked<TableName> {
    named(name, span)
}

fn named(text: &str, span: Range<usize>) -> Checked<TableName> {
    TableName::parse(text).or_else(|error| fault(span, format!("invalid table name `{text}`: {error}")))
}

/// The column that a key of the job file names.
pub(super) fn column(name: &Spanned<String>) -> Checked<String> {
    let text = name.get_ref();
    column_name(text).or_else(|_| {
        let rule = "a column's name has 1 to 63 bytes and no control characters";
        fault(name.span(), format!("invalid column name `{}`: {rule}", text.escape_debug()))
    })
}

/// The final table of a record type with these fields.
pub(super) fn final_table(
    record: &RecordSection,
    fields: &[Field],
    key: &[usize],
    staging: &TableName,
) -> Checked<FinalTable> {
    let mut of = FinalTable::from(match &record.final_table {
        Some(name) => table(name)?,
        None => named(record.name.get_ref(), record.name.span())?,
    });
    if of.name.is_same_as(staging) {
        return fault(span(&record.final_table, record), "staging and final are the same table");
    }
    match (&record.run_column, &record.run_table) {
        (None, None) => {}
        (Some(_), Some(table)) => {
            return fault_advised(
                table.span(),
                "the run's id is kept in a column or in a table of its own, not in both",
                "remove `run_column` or `run_table`",
            );
        }
        (Some(name), None) => of.run = RunMark::Column(column(name)?),
        (None, Some(name)) if key.is_empty() => {
            return fault(name.span(), "`run_table` needs a `key`: the fields that identify a row of final");
        }
        (None, Some(name)) => {
            let own = table(name)?;
            if own.is_same_as(staging) || own.is_same_as(&of.name) {
                return fault(name.span(), "the table of runs must be neither staging nor final");
            }
            of.run = RunMark::Table(own);
        }
    }
    if let Some(name) = &record.record_no_column {
        if !key.is_empty() {
            let message = "a record type with a `key` needs no record numbers in final; they go into `last_record_no` if it is there";
            return fault_advised(name.span(), message, "remove `record_no_column`");
        }
        of.record_no = column(name)?;
    }
    for section in record.field.iter() {
        let Some(name) = &section.column else { continue };
        if let Some(at) = fields.iter().position(|field| field.name == *section.name.get_ref()) {
            of.columns.insert(at, column(name)?);
        }
    }
    of.triggers = record.triggers.iter().map(column).collect::<Checked<_>>()?;
    tell_apart(record, fields, key, &of)?;
    Ok(of)
}

/// No two things that are written lie in one column.
fn tell_apart(record: &RecordSection, fields: &[Field], key: &[usize], of: &FinalTable) -> Checked<()> {
    let mut taken: Vec<(&str, String)> = Vec::new();
    if let Some(run) = of.run_column() {
        taken.push((run, "the run's id".into()));
    }
    if key.is_empty() {
        taken.push((&of.record_no, "the record's number".into()));
    }
    for (at, field) in fields.iter().enumerate() {
        let column = of.columns.get(&at).map_or(field.name.as_str(), String::as_str);
        if let Some((_, by)) = taken.iter().find(|(name, _)| name.eq_ignore_ascii_case(column)) {
            let section = record.field.iter().find(|section| *section.name.get_ref() == field.name);
            let span = section.map_or_else(
                || span(&record.final_table, record),
                |section| section.column.as_ref().map_or_else(|| section.name.span(), Spanned::span),
            );
            return fault_advised(
                span,
                format!("column `{column}` of final would hold field `{}` and {by}", field.name),
                "name another column: `column` of a field, `run_column`, `record_no_column`",
            );
        }
        taken.push((column, format!("field `{}`", field.name)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::table::{FinalTable, RunMark, TableName};

    use crate::Job;

    fn parse(of_record: &str, of_field: &str) -> Result<FinalTable, String> {
        let text = format!(
            "[job]\nname = \"j\"\n[source]\nformat = \"delimited\"\n[[record]]\nname = \"r\"\nstaging = \"stg\"\n\
             {of_record}\n[[record.field]]\nname = \"id\"\ntype = \"integer\"\n{of_field}\n\
             [[record.field]]\nname = \"account\"\ntype = \"text(9)\"\n"
        );
        let parsed = Job::parse("j.toml", &text).map_err(|error| error.to_string())?;
        Ok(parsed.records[0].layout.final_table.clone())
    }

    #[test]
    fn a_final_table_says_where_everything_lies() {
        let of_record = "final = 'bank.\"Daily Ledger\"'\nrun_column = \"load id\"\nrecord_no_column = \"line\"\n\
                         triggers = [\"audit\", \"Stamp It\"]";
        let of = parse(of_record, "column = \"ID no\"").unwrap();
        assert_eq!(of.name, TableName::parse("bank.\"Daily Ledger\"").unwrap());
        assert_eq!(of.run, RunMark::Column("load id".into()));
        assert_eq!((of.record_no.as_str(), of.triggers.len()), ("line", 2));
        assert_eq!(of.columns.into_iter().collect::<Vec<_>>(), [(0, "ID no".to_owned())]);
        let of = parse("final = \"f\"\nkey = [\"id\"]\nrun_table = \"work.runs\"", "").unwrap();
        assert_eq!(of.run_table(), Some(&TableName::parse("work.runs").unwrap()));
    }

    #[test]
    fn tables_are_called_after_the_record_type_unless_they_are_named() {
        let text = "[job]\nname = \"j\"\n[source]\nformat = \"delimited\"\n[[record]]\nname = \"posting\"\n\
                    [[record.field]]\nname = \"id\"\ntype = \"integer\"\n";
        let job = Job::parse("j.toml", text).unwrap();
        let layout = &job.records[0].layout;
        assert_eq!(
            (layout.staging.to_string(), layout.final_table.name.to_string()),
            ("stg_posting".into(), "posting".into())
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (of_record, of_field, says) in [
            ("final = \"a.b.c\"", "", "a database cannot be named"),
            ("final = \"bank.crossfoot_run\"", "", "reserved"),
            ("final = \"stg\"", "", "the same table"),
            ("final = \"f\"\nrun_table = \"runs\"", "", "needs a `key`"),
            ("final = \"f\"\nkey = [\"id\"]\nrun_table = \"stg\"", "", "neither staging nor final"),
            ("final = \"f\"\nkey = [\"id\"]\nrun_table = \"r\"\nrun_column = \"c\"", "", "not in both"),
            ("final = \"f\"\nkey = [\"id\"]\nrecord_no_column = \"n\"", "", "no record numbers"),
            ("final = \"f\"", "column = \"Account\"", "would hold field `account` and field `id`"),
            ("final = \"f\"", "column = \"last_run_id\"", "would hold field `id` and the run's id"),
            ("final = \"f\"\nrun_column = \"ACCOUNT\"", "", "would hold field `account` and the run's id"),
            ("final = \"f\"", "column = \"\"", "1 to 63 bytes"),
        ] {
            let refused = parse(of_record, of_field).unwrap_err();
            assert!(refused.contains(says), "{says}: {refused}");
        }
        // With a key no record number is stored, so that a column may be called so.
        parse("final = \"f\"\nkey = [\"id\"]", "column = \"last_record_no\"").unwrap();
    }
}
