//! Whether staging survives a crash of the database server.

use domain::layout::Durability;
use domain::rule::{OnBreach, Rule};

use super::{Checked, fault, fault_advised};
use crate::RecordType;
use crate::file::StagingSection;

/// Reads `[staging] durability`. What stays in staging, or goes on from there as it is, must survive what final
/// survives.
pub(super) fn durability(
    section: &StagingSection,
    records: &[RecordType],
    rules: &[Rule],
) -> Checked<Durability> {
    let Some(spanned) = &section.durability else { return Ok(Durability::Logged) };
    match spanned.get_ref().as_str() {
        "logged" => return Ok(Durability::Logged),
        "redrive" => {}
        other => {
            return fault(
                spanned.span(),
                format!("invalid durability `{other}`: expected logged or redrive"),
            );
        }
    }
    if let Some(record) = records.iter().find(|record| record.layout.is_attached()) {
        return fault_advised(
            spanned.span(),
            format!(
                "the staged rows of record {} become part of final, which must survive a crash of the server",
                record.layout.record
            ),
            "remove `durability`, or `promotion = \"attach\"`",
        );
    }
    if let Some(rule) = rules.iter().find(|rule| rule.on_breach == OnBreach::Hold) {
        return fault_advised(
            spanned.span(),
            format!(
                "the records that rule {} holds are in staging and nowhere else, so that staging must survive a \
                 crash of the server",
                rule.name
            ),
            "remove `durability`, or `on_breach = \"hold\"`",
        );
    }
    Ok(Durability::Redrive)
}

#[cfg(test)]
mod tests {
    use domain::layout::Durability;

    use crate::Job;

    fn parse(staging: &str, of_record: &str) -> Result<Durability, String> {
        let text = format!(
            "[job]\nname = \"j\"\n[source]\nformat = \"delimited\"\n{staging}\n[[record]]\nname = \"r\"\n{of_record}\n\
             [[record.field]]\nname = \"id\"\ntype = \"integer\"\n"
        );
        Job::parse("j.toml", &text).map(|job| job.durability).map_err(|error| error.to_string())
    }

    #[test]
    fn staging_is_logged_unless_the_job_says_otherwise() {
        assert_eq!(parse("", ""), Ok(Durability::Logged));
        assert_eq!(parse("[staging]", ""), Ok(Durability::Logged));
        assert_eq!(parse("[staging]\ndurability = \"logged\"", ""), Ok(Durability::Logged));
        assert_eq!(parse("[staging]\ndurability = \"redrive\"", ""), Ok(Durability::Redrive));
    }

    #[test]
    fn what_becomes_final_must_survive_a_crash() {
        let held = "[[rule]]\nname = \"r1\"\nrecord = \"r\"\nholds = \"id > 0\"\non_breach = \"hold\"\n";
        for (staging, of_record, says) in [
            (&*format!("durability = \"redrive\"\n{held}"), "", "the records that rule r1 holds"),
            ("durability = \"none\"", "", "expected logged or redrive"),
            ("durability = \"redrive\"", "promotion = \"attach\"", "become part of final"),
            ("durable = true", "", "unknown field `durable`"),
        ] {
            let refused = parse(&format!("[staging]\n{staging}"), of_record).unwrap_err();
            assert!(refused.contains(says), "{says}: {refused}");
        }
    }
}
