//! The sum over groups of values that repeat within one field.

use domain::amount::Amount;
use domain::constraint::ReasonCode;
use domain::value::Value;

use super::fault::Fault;
use super::spec::{Extra, GroupSum};
use super::text::Reader;

/// Sums one value of each group in `text`. Every group must be whole: groups that are not are read against each
/// other's values, and no sum of them means anything.
pub(super) fn sum(
    groups: &GroupSum,
    text: &[u8],
    separator: u8,
    reader: &Reader,
) -> Result<Value<'static>, Fault> {
    let mut values = text.split(|byte| *byte == separator);
    let mut sum = Amount::zero(0);
    let mut count = 0_usize;
    let not_whole = |count: usize| {
        Fault::new(
            ReasonCode::FieldCount,
            format!("group {} of the repeated values is incomplete", count + 1),
        )
    };
    // No text at all is no group, and not a group of one empty value.
    while let Some(first) = values.next().filter(|_| !text.is_empty()) {
        let mut last = first;
        for at in 0..groups.group {
            let value = if at == 0 { first } else { values.next().ok_or_else(|| not_whole(count))? };
            last = value;
            if at == groups.amount && !value.is_empty() {
                let amount = reader.read(value)?;
                let amount = amount.as_amount().unwrap_or(Amount::zero(0));
                sum = sum
                    .checked_add(amount)
                    .map_err(|error| Fault::new(ReasonCode::TooLong, error.to_string()))?;
            }
        }
        let variant = groups.extra.iter().find(|(variant, _)| variant.as_bytes() == last);
        let further = match variant.map(|(_, extra)| *extra) {
            None => 0,
            Some(Extra::Values(further)) => further,
            Some(Extra::Times(times)) => {
                let written = values.next().ok_or_else(|| not_whole(count))?;
                let n = std::str::from_utf8(written).ok().and_then(|text| text.parse::<usize>().ok());
                let further = n.and_then(|n| n.checked_mul(times)).filter(|n| *n <= text.len());
                further.ok_or_else(|| not_whole(count))?
            }
        };
        for _ in 0..further {
            values.next().ok_or_else(|| not_whole(count))?;
        }
        count += 1;
    }
    // The sum is held to the field's own type, as if it had been written.
    reader.fits(sum)
}
