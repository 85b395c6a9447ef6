//! The tables of loads that other programs made: `[[target]]`.

use std::ops::Range;

use domain::comparison::{Equality, EqualitySet, ExtraRows};
use platform::secret::seems_to_hold_a_secret;
use toml::Spanned;

use super::{Checked, fault, fault_advised, tables};
use crate::RecordType;
use crate::file::TargetSection;
use crate::target::{Relation, TargetTable};

/// The tables that the job's records are compared with, and where they are, if the job says so.
pub(super) fn targets(
    sections: &[TargetSection],
    records: &[RecordType],
) -> Checked<(Vec<TargetTable>, Option<String>)> {
    if sections.is_empty() {
        return Ok((TargetTable::of_details(records), None));
    }
    let (mut all, mut url): (Vec<TargetTable>, Option<String>) = (Vec::new(), None);
    for section in sections {
        let table = target(section, records)?;
        if all.iter().any(|other| other.record == table.record) {
            let name = &records[table.record].layout.record;
            return fault(span_of(section), format!("record type `{name}` has two targets"));
        }
        all.push(table);
        if let Some(given) = &section.url {
            let text = given.get_ref();
            if url.as_ref().is_some_and(|other| other != text) {
                return fault(given.span(), "all targets of a job are in one database");
            }
            let user = text
                .split_once("://")
                .and_then(|(_, rest)| rest.split_once('@'))
                .map_or("", |(user, _)| user);
            let is_odbc_secret = text.starts_with("odbc:") && seems_to_hold_a_secret(text);
            if user.contains(':') || text.contains("password=") || is_odbc_secret {
                let message = "a password does not belong into a job file, which is kept with each run";
                return fault_advised(given.span(), message, "pass `--target-password-file FILE`");
            }
            url = Some(text.clone());
        }
    }
    all.sort_by_key(|table| table.record);
    Ok((all, url))
}

/// A place in the section: that of its first key.
fn span_of(section: &TargetSection) -> Range<usize> {
    let texts =
        [&section.record, &section.url, &section.table, &section.query, &section.filter, &section.extra];
    let mut spans: Vec<_> = texts.into_iter().flatten().map(Spanned::span).collect();
    spans.extend(section.key.as_ref().map(Spanned::span));
    spans.extend(section.equal.first().map(Spanned::span));
    spans.extend(section.leave_out.first().map(Spanned::span));
    spans.into_iter().min_by_key(|span| span.start).unwrap_or_default()
}

fn target(section: &TargetSection, records: &[RecordType]) -> Checked<TargetTable> {
    let place = match (&section.record, records) {
        (Some(name), _) => {
            let at = records.iter().position(|record| record.layout.record == *name.get_ref());
            at.map_or_else(
                || fault(name.span(), format!("there is no record type `{}`", name.get_ref())),
                Ok,
            )?
        }
        (None, [_]) => 0,
        (None, _) => {
            let message = "a job with several record types must say which one a target holds";
            return fault_advised(span_of(section), message, "add `record = \"NAME\"`");
        }
    };
    let mut of = TargetTable::of_final(place, &records[place]);
    if let Some(relation) = relation(section.table.as_ref(), section.query.as_ref())? {
        of.from.relation = relation.clone();
        of.relation = relation;
    }
    if let Some(relation) = relation(section.from_table.as_ref(), section.from_query.as_ref())? {
        of.from.relation = relation;
    }
    of.filter = section.filter.as_ref().map(sql).transpose()?;
    of.from.filter = section.from_filter.as_ref().map(sql).transpose()?;
    of.plan.extra = match section.extra.as_ref().map(|word| (word.get_ref().as_str(), word.span())) {
        None => ExtraRows::Refused,
        Some((word, span)) => match ExtraRows::ALL.iter().find(|one| one.name() == word) {
            Some(one) => *one,
            None => return fault(span, format!("invalid extra `{word}`: expected refused or allowed")),
        },
    };
    if let Some(key) = &section.key {
        let places =
            key.get_ref().iter().map(|name| field(&of, name, &key.span())).collect::<Checked<Vec<_>>>()?;
        of.plan.fields.iter_mut().for_each(|field| field.is_key = places.contains(&field.at));
    }
    for (name, column) in &section.columns {
        let at = field(&of, name, &column.span())?;
        of.columns[at] = tables::column(column)?;
    }
    for (name, column) in &section.from_columns {
        let at = field(&of, name, &column.span())?;
        of.from.columns[at] = tables::column(column)?;
    }
    equalities(section, &mut of)?;
    leave_out(section, &mut of)?;
    Ok(of)
}

fn relation(table: Option<&Spanned<String>>, query: Option<&Spanned<String>>) -> Checked<Option<Relation>> {
    match (table, query) {
        (Some(_), Some(query)) => fault(query.span(), "rows are of a table or of a query, not of both"),
        (Some(name), None) => Ok(Some(Relation::Table(tables::referenced(name.get_ref(), name.span())?))),
        (None, Some(query)) => Ok(Some(Relation::Query(sql(query)?))),
        (None, None) => Ok(None),
    }
}

fn leave_out(section: &TargetSection, of: &mut TargetTable) -> Checked<()> {
    let mut left_out = Vec::new();
    for name in &section.leave_out {
        let at = field(of, name.get_ref(), &name.span())?;
        if of.plan.fields[at].is_key {
            let message = format!("`{}` is a part of the key and cannot be left out", name.get_ref());
            return fault_advised(name.span(), message, "name another `key`");
        }
        left_out.push(at);
    }
    let kept: Vec<_> = (0..of.plan.fields.len()).filter(|at| !left_out.contains(at)).collect();
    if kept.is_empty() {
        return fault(span_of(section), "no field is left to compare");
    }
    let only = |columns: &[String]| kept.iter().map(|at| columns[*at].clone()).collect();
    (of.columns, of.from.columns) = (only(&of.columns), only(&of.from.columns));
    of.plan.fields = kept.iter().map(|at| of.plan.fields[*at]).collect();
    Ok(())
}

fn sql(text: &Spanned<String>) -> Checked<String> {
    let plain = text.get_ref().trim().trim_end_matches(';').trim_end();
    if plain.is_empty() {
        return fault(text.span(), "an empty text is no SQL");
    }
    Ok(plain.to_owned())
}

/// The field called `name`. Until fields are left out, its place is the same among the compared ones.
fn field(of: &TargetTable, name: &str, span: &Range<usize>) -> Checked<usize> {
    match of.plan.layout.index_of(name).filter(|at| *at < of.plan.fields.len()) {
        Some(at) => Ok(at),
        None => fault(span.clone(), format!("record type `{}` has no field `{name}`", of.plan.layout.record)),
    }
}

fn equality(word: &str, span: &Range<usize>) -> Checked<Equality> {
    let Some(one) = Equality::ALL.iter().find(|one| one.name() == word) else {
        let words: Vec<_> = Equality::ALL.iter().map(|one| one.name()).collect();
        return fault(span.clone(), format!("invalid equality `{word}`: expected {}", words.join(", ")));
    };
    Ok(*one)
}

fn equalities(section: &TargetSection, of: &mut TargetTable) -> Checked<()> {
    let layout = of.plan.layout.clone();
    for word in &section.equal {
        let one = equality(word.get_ref(), &word.span())?;
        let mut concerned = 0;
        for field in &mut of.plan.fields {
            if one.concerns(&layout.fields[field.at].ty) {
                field.equal = field.equal.with(one);
                concerned += 1;
            }
        }
        if concerned == 0 {
            return fault(word.span(), format!("no field has a type that `{}` concerns", one.name()));
        }
    }
    for (name, words) in &section.equal_for {
        let at = field(of, name, &words.span())?;
        for word in words.get_ref() {
            let one = equality(word, &words.span())?;
            let ty = &layout.fields[at].ty;
            if !one.concerns(ty) {
                return fault(
                    words.span(),
                    format!("`{}` does not concern `{name}`, which is {ty}", one.name()),
                );
            }
            of.plan.fields[at].equal = of.plan.fields[at].equal.with(one);
        }
    }
    // Whether a decimal is near to a float is seen only once both are at hand, and a key is what brings them together.
    let is_keyless = !of.plan.has_key();
    let floats = EqualitySet::NONE.with(Equality::NearestFloat);
    for field in of.plan.fields.iter().filter(|field| field.is_key || is_keyless) {
        if field.equal.iter().any(|one| floats.has(one)) {
            let name = &layout.fields[field.at].name;
            let spans = section.equal_for.get(name).map(Spanned::span).into_iter();
            let span = spans.chain(section.equal.iter().map(Spanned::span)).next().unwrap_or_default();
            let message = format!(
                "`nearest-float` cannot be used for `{name}`, by which records and rows are brought together"
            );
            return fault_advised(
                span,
                message,
                "declare it with `equal_for` for other fields, or name another `key`",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Job;

    const JOB: &str = "[job]\nname = \"j\"\n[source]\nformat = \"delimited\"\n[[record]]\nname = \"r\"\nstaging = \"s\"\n\
        final = \"bank.f\"\nkey = [\"id\"]\n[[record.field]]\nname = \"id\"\ntype = \"integer\"\n[[record.field]]\n\
        name = \"account\"\ntype = \"text(9)\"\n[[record.field]]\nname = \"amount\"\ntype = \"decimal(9,2)\"\n";

    fn parse(target: &str) -> Result<TargetTable, String> {
        let job = Job::parse("j.toml", &format!("{JOB}{target}")).map_err(|error| error.to_string())?;
        Ok(job.targets[0].clone())
    }

    #[test]
    fn without_a_target_final_is_compared() {
        let of = parse("").unwrap();
        assert_eq!((of.shown().as_str(), of.columns.join(" ").as_str()), ("bank.f", "id account amount"));
        assert!(of.plan.has_key() && of.filter.is_none() && of.plan.extra == ExtraRows::Refused);
    }

    #[test]
    fn a_target_says_where_its_rows_are_and_what_is_equal() {
        let of = parse(
            "[[target]]\ntable = \"warehouse.ledger\"\nfilter = \"batch = 7;\"\ncolumns = { account = \"ACCT NO\" }\n\
             key = [\"account\"]\nequal = [\"trailing-blanks\", \"scale\"]\nequal_for = { amount = [\"nearest-float\"] }\n\
             leave_out = [\"id\"]\nextra = \"allowed\"\n",
        )
        .unwrap();
        assert_eq!((of.shown().as_str(), of.filter.as_deref()), ("warehouse.ledger", Some("batch = 7")));
        assert_eq!(of.columns, ["ACCT NO", "amount"]);
        let fields: Vec<_> =
            of.plan.fields.iter().map(|field| (field.at, field.is_key, field.equal.to_string())).collect();
        assert_eq!(fields, [(1, true, "trailing-blanks".into()), (2, false, "scale, nearest-float".into())]);
        assert_eq!((of.plan.extra, of.plan.left_out().collect::<Vec<_>>()), (ExtraRows::Allowed, vec!["id"]));
    }

    #[test]
    fn one_target_may_be_a_table_and_its_source_another_database() {
        let of = parse(
            "[target]\nurl = \"postgres://auditor@h/d\"\ntable = \"t\"\nfrom_columns = { id = \"ID\" }\n",
        )
        .unwrap();
        assert_eq!((of.shown(), of.from.relation.shown()), ("t".into(), "t".into()));
        assert_eq!(of.from.columns, ["ID", "account", "amount"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (target, says) in [
            ("record = \"x\"", "no record type `x`"),
            ("table = \"a.b.c\"", "invalid table name"),
            ("table = \"a\"\nquery = \"SELECT 1\"", "not of both"),
            ("query = \" ; \"", "no SQL"),
            ("key = [\"x\"]", "no field `x`"),
            ("columns = { x = \"y\" }", "no field `x`"),
            ("leave_out = [\"id\"]", "part of the key"),
            ("equal = [\"rounding\"]", "invalid equality `rounding`"),
            ("equal = [\"midnight\"]", "no field has a type"),
            ("equal_for = { account = [\"scale\"] }", "does not concern `account`"),
            ("key = []\nequal = [\"nearest-float\"]", "cannot be used for `id`"),
            ("extra = \"maybe\"", "invalid extra"),
            ("tolerance = 0.01", "unknown field"),
        ] {
            let refused = parse(&format!("[[target]]\n{target}\n")).unwrap_err();
            assert!(refused.contains(says), "{says}: {refused}");
        }
        assert!(parse("[[target]]\n[[target]]\n").unwrap_err().contains("two targets"));
        for url in
            ["postgres://u:secret@h/d", "postgres://h/d?password=secret", "odbc:DSN=bank;UID=u;PWD=secret"]
        {
            let refused = parse(&format!("[target]\nurl = \"{url}\"")).unwrap_err();
            assert!(refused.contains("does not belong into a job file"), "{refused}");
        }
    }
}
