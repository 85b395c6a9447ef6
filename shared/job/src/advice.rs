//! Which keys of the job file would change the verdict on a record.

use domain::constraint::ReasonCode;
use format::spec::Form;

/// The keys of the job file that decide whether a record of this form is rejected for this reason, as
/// `docs/job-file.md` lists them. Empty when no key would change the verdict.
#[must_use]
pub const fn keys_for(code: ReasonCode, form: &Form) -> &'static [&'static str] {
    match (code, form) {
        (ReasonCode::FieldCount, Form::Delimited(_)) => &["record.missing", "source.separator"],
        (ReasonCode::FieldCount, Form::Fixed(_)) => {
            &["record.padding", "source.record_bytes", "source.short_lines"]
        }
        (ReasonCode::FieldCount, Form::Copybook(_)) => &["record.padding", "source.record_bytes"],
        (ReasonCode::Quoting, Form::Delimited(_)) => &["source.quote", "source.escape"],
        (ReasonCode::Quoting, _) => &[],
        (ReasonCode::Encoding, Form::Copybook(_)) => &["source.encoding", "source.cobol"],
        (ReasonCode::Encoding, _) => &["source.encoding"],
        (ReasonCode::Type, Form::Delimited(_)) => &["record.field.type", "source.null", "source.trim"],
        (ReasonCode::Type, Form::Fixed(_)) => &["record.field.type", "source.trim"],
        (ReasonCode::Type, Form::Copybook(_)) => &["record.field.type", "source.cobol"],
        (ReasonCode::TooLong, _) => &["record.field.type"],
        (ReasonCode::Required, _) => &["record.field.required"],
        (ReasonCode::Range, _) => &["record.field.min", "record.field.max"],
        (ReasonCode::NotAllowed, _) => {
            &["record.field.allowed", "record.field.lookup", "record.field.null_indicator"]
        }
        (ReasonCode::Pattern, _) => &["record.field.pattern"],
        (ReasonCode::Length, _) => &["record.field.length"],
        (ReasonCode::RecordType, _) => &["source.encoding", "record.when", "record.parent"],
        (ReasonCode::Parent, Form::Copybook(_)) => &["record.rows"],
        (ReasonCode::Parent, _) => &[],
        // No key makes it right: decoder or encoder is wrong. To go without the proof would only hide that.
        (ReasonCode::RoundTrip, _) => &[],
        (ReasonCode::Padding, Form::Delimited(_)) => &[],
        (ReasonCode::Padding, Form::Fixed(_)) => &["record.padding"],
        (ReasonCode::Padding, Form::Copybook(_)) => &["record.padding", "source.cobol"],
    }
}

/// The same, as a remark after a reason; empty where there are no keys.
#[must_use]
pub fn remark_for(code: ReasonCode, form: &Form) -> String {
    match keys_for(code, form) {
        [] => String::new(),
        keys => {
            let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
            format!(" (job file: {})", keys.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Job;

    #[test]
    fn every_key_that_is_named_is_a_key_of_the_job_file() {
        let schema = serde_json::to_value(crate::schema()).unwrap();
        let record =
            "[[record]]\nname = \"r\"\nstaging = \"s\"\nfinal = \"f\"\n[[record.field]]\nname = \"a\"\n";
        let delimited =
            format!("[job]\nname = \"j\"\n[source]\nformat = \"delimited\"\n{record}type = \"integer\"\n");
        let fixed = delimited.replace("\"delimited\"", "\"fixed\"") + "start = 1\nwidth = 1\n";
        let copybook = delimited.replace("\"delimited\"", "\"copybook\"\ncopybook = \"c\"")
            + "[copybooks]\nc = '''\n       01  R.\n           05  A  PIC 9.\n'''\n";
        for text in [delimited, fixed, copybook] {
            let job = Job::parse("job.toml", &text).unwrap();
            for code in ReasonCode::ALL {
                for key in keys_for(*code, &job.format.form) {
                    let (table, name) = key.rsplit_once('.').unwrap();
                    let definition = match table {
                        "source" => "SourceSection",
                        "record" => "RecordSection",
                        _ => "FieldSection",
                    };
                    let found = &schema["$defs"][definition]["properties"][name];
                    assert!(found.is_object(), "{key}");
                }
                let remark = remark_for(*code, &job.format.form);
                assert!(remark.is_empty() || remark.starts_with(" (job file: `"), "{remark}");
            }
        }
    }
}
