//! How a record type's verified rows get into its final table.

use domain::layout::{Layout, Mode, PromoteBy};
use domain::table::{RunMark, STAGING_COLUMNS};

use super::{Checked, fault, fault_advised};
use crate::file::RecordSection;

/// Reads `promotion`. A partition that is attached brings its own columns along, so that no name may be another.
pub(super) fn settle(section: &RecordSection, layout: &mut Layout) -> Checked<()> {
    let Some(spanned) = &section.promotion else { return Ok(()) };
    match spanned.get_ref().as_str() {
        "insert" => return Ok(()),
        "attach" => {}
        other => {
            return fault(spanned.span(), format!("invalid promotion `{other}`: expected insert or attach"));
        }
    }
    if layout.mode != Mode::Append {
        return fault_advised(
            spanned.span(),
            "a run's partition is attached as it is, so that no row of it can replace an earlier one",
            "remove `promotion` or `mode`",
        );
    }
    let of = &mut layout.final_table;
    let named = [
        ("run_column", section.run_column.as_ref().map(toml::Spanned::span)),
        ("run_table", section.run_table.as_ref().map(toml::Spanned::span)),
        ("record_no_column", section.record_no_column.as_ref().map(toml::Spanned::span)),
        ("triggers", section.triggers.first().map(toml::Spanned::span)),
        ("column", section.field.iter().find_map(|field| field.column.as_ref()).map(toml::Spanned::span)),
    ];
    if let Some((key, Some(span))) = named.into_iter().find(|(_, span)| span.is_some()) {
        return fault_advised(
            span,
            format!(
                "`{key}` has no meaning with `promotion = \"attach\"`: the partition has the columns of staging"
            ),
            format!("remove `{key}`, or `promotion`"),
        );
    }
    let [run, _, record_no, _] = STAGING_COLUMNS;
    of.run = RunMark::Column(run.into());
    of.record_no = record_no.into();
    layout.promote_by = PromoteBy::Attach;
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::layout::PromoteBy;

    use crate::Job;

    fn parse(of_record: &str, of_field: &str) -> Result<Job, String> {
        let text = format!(
            "[job]\nname = \"j\"\n[source]\nformat = \"delimited\"\n[[record]]\nname = \"r\"\nkey = [\"id\"]\n\
             {of_record}\n[[record.field]]\nname = \"id\"\ntype = \"integer\"\n{of_field}\n"
        );
        Job::parse("j.toml", &text).map_err(|error| error.to_string())
    }

    #[test]
    fn an_attached_partition_names_run_and_record_as_staging_does() {
        let job = parse("promotion = \"attach\"", "").unwrap();
        let layout = &job.records[0].layout;
        assert_eq!(layout.promote_by, PromoteBy::Attach);
        assert_eq!(layout.final_table.run_column(), Some("run_id"));
        assert_eq!(layout.lineage_column(), Some("record_no"));
        assert_eq!(parse("", "").unwrap().records[0].layout.promote_by, PromoteBy::Insert);
        assert_eq!(
            parse("promotion = \"insert\"", "").unwrap().records[0].layout.promote_by,
            PromoteBy::Insert
        );
    }

    #[test]
    fn what_a_partition_cannot_do_is_refused() {
        for (of_record, of_field, says) in [
            ("promotion = \"swap\"", "", "expected insert or attach"),
            ("promotion = \"attach\"\nmode = \"upsert\"", "", "replace an earlier one"),
            ("promotion = \"attach\"\nrun_column = \"x\"", "", "`run_column` has no meaning"),
            ("promotion = \"attach\"\nrun_table = \"x\"", "", "`run_table` has no meaning"),
            ("promotion = \"attach\"\ntriggers = [\"x\"]", "", "`triggers` has no meaning"),
            ("promotion = \"attach\"", "column = \"no\"", "`column` has no meaning"),
        ] {
            let refused = parse(of_record, of_field).unwrap_err();
            assert!(refused.contains(says), "{says}: {refused}");
        }
    }
}
