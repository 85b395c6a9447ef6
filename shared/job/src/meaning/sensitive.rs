//! Fields marked `sensitive`, and what would show them unmasked anyway.

use domain::footing::{FootingPlan, Wanted};
use domain::layout::Layout;
use domain::mask::Masks;
use format::spec::FieldForm;

use super::{Checked, Fault, fault_advised};
use crate::RecordType;
use crate::file::RecordSection;

/// How the job shows sensitive fields. A field that is summed over groups of another has that one's content; that
/// fields share bytes is refused anyway.
pub(super) fn masks<'a>(
    job: &str,
    types: impl Iterator<Item = (&'a RecordSection, &'a Layout, &'a [FieldForm])>,
) -> Checked<Masks> {
    let mut any = false;
    for (section, layout, forms) in types {
        any |= layout.fields.iter().any(|field| field.sensitive);
        for (index, field) in layout.fields.iter().enumerate().filter(|(_, field)| field.sensitive) {
            for (of, other) in layout.fields.iter().enumerate().filter(|(_, other)| !other.sensitive) {
                let (Some(own), Some(form)) = (forms.get(index), forms.get(of)) else { continue };
                if sums(own, of) || sums(form, index) {
                    let span = section
                        .field
                        .iter()
                        .find(|one| *one.name.get_ref() == other.name)
                        .map_or(section.name.span(), |one| one.name.span());
                    return fault_advised(
                        span,
                        format!("`{}` contains data of `{}`, which is sensitive", other.name, field.name),
                        "mark both as sensitive; otherwise one shows what the other hides",
                    );
                }
            }
        }
    }
    Ok(if any { Masks::of_job(job) } else { Masks::default() })
}

/// Whether the field is summed over the one at `of`.
fn sums(form: &FieldForm, of: usize) -> bool {
    form.sum_of.as_ref().is_some_and(|sum| sum.of == of)
}

/// A sequence number is kept in clear, for the next run to follow.
pub(super) fn numbers(plan: Option<&FootingPlan>, records: &[RecordType]) -> Checked<()> {
    for control in plan.map(FootingPlan::controls).unwrap_or_default() {
        for demand in &control.demands {
            let field = &records[control.record].layout.fields[demand.field];
            if field.sensitive && matches!(demand.wanted, Wanted::Sequence { .. }) {
                return Err(Fault {
                    span: None,
                    message: format!(
                        "control `{}`: `{}` is a sequence number that the next run compares, so it cannot be sensitive",
                        control.name, field.name
                    ),
                    advice: None,
                });
            }
        }
    }
    Ok(())
}
