//! Values changed in staging: amounts and content.

use domain::amount::Amount;
use domain::layout::Layout;
use domain::value::FieldType;
use jiff::ToSpan as _;

use crate::scene::{Scene, Stop, Strike, Target, Victim};
use crate::sql::{Dialect, quoted, text};
use crate::survey::{Owned, Sample};

/// A field of a record that gets another content.
struct Change {
    place: usize,
    record_no: u64,
    field: usize,
    literal: String,
}

/// Strikes an amount or a content.
pub(super) async fn strike(id: &str, scene: &Scene<'_>) -> Strike {
    if id == "CON-20" {
        return reject_altered(scene).await;
    }
    let (changes, told) =
        changes(id, scene).ok_or(Stop::NotHere("no field of the source holds what it strikes"))?;
    let layout = |change: &Change| &scene.stand.job.records[change.place].layout;
    let field = scene.field().await?;
    let run_id = field.stage().await?;
    let mut is_changed = false;
    let mut victims = Vec::new();
    for change in &changes {
        let (layout, at) = (layout(change), Scene::is_record(run_id, change.record_no));
        let (table, column) = (quoted(&layout.staging), quoted(&layout.fields[change.field].name));
        let stored = format!("SELECT {} FROM {table} WHERE {at}", scene.dialect().shown(&column));
        let before = field.shadow.hand.text(&stored).await?;
        let sql = format!("UPDATE {table} SET {column} = {} WHERE {at}", change.literal);
        if let Err(error) = field.shadow.hand.execute(&sql).await {
            return field.prevented(format!("the column takes no such value: {error}"), told).await;
        }
        is_changed |= field.shadow.hand.text(&stored).await? != before;
        let name = layout.fields[change.field].name.clone();
        victims.push(Victim { record_no: change.record_no, field: Some(name) });
    }
    if !is_changed {
        return field
            .prevented("the column's type has no such value: it stores what was there".into(), told)
            .await;
    }
    let ended = field.approve(run_id).await;
    field.over(Some(run_id), ended, Target { victims, part: None, told }, 0).await
}

fn name(layout: &Layout, at: usize) -> &str {
    &layout.fields[at].name
}

/// The same field of one sample, changed.
fn one(
    scene: &Scene<'_>,
    what: &str,
    new: impl Fn(&Layout, usize, &Owned) -> Option<String>,
) -> Option<(Vec<Change>, String)> {
    let (sample, field, literal) = scene.find(|_, layout, at, value| new(layout, at, value))?;
    let told = format!("record {}, {}: {what}", sample.record_no, name(scene.layout(sample), field));
    let change = Change { place: sample.place, record_no: sample.record_no, field, literal };
    Some((vec![change], told))
}

/// The number in an amount field, and the scale that the column has.
fn number(layout: &Layout, at: usize, value: &Owned) -> Option<(Amount, u8, u8)> {
    if !layout.amounts.contains(&at) {
        return None;
    }
    match (value, layout.fields[at].ty) {
        (Owned::Decimal(amount), FieldType::Decimal { precision, scale }) => {
            Some((*amount, precision, scale))
        }
        (Owned::Integer(integer), _) => Some((Amount::from(*integer), 18, 0)),
        _ => None,
    }
}

/// `mantissa` at `scale` as a literal, if it fits and differs from `old`.
fn other(dialect: Dialect, old: Amount, mantissa: Option<i128>, precision: u8, scale: u8) -> Option<String> {
    let new = Amount::new(mantissa?, scale).ok().filter(|new| *new != old && new.digits() <= precision)?;
    Some(match (dialect, scale) {
        // An integer's column.
        (_, 0) if precision == 18 => new.to_string(),
        (Dialect::Sqlite, _) => format!("'{new}'"),
        (Dialect::Postgres, _) => new.to_string(),
    })
}

fn amount(
    scene: &Scene<'_>,
    what: &str,
    new: impl Fn(i128, u8) -> Option<i128>,
) -> Option<(Vec<Change>, String)> {
    let dialect = scene.dialect();
    one(scene, what, |layout, at, value| {
        let (old, precision, scale) = number(layout, at, value)?;
        other(dialect, old, new(old.mantissa(), scale), precision, scale)
    })
}

fn texts(
    scene: &Scene<'_>,
    what: &str,
    new: impl Fn(&str) -> Option<String>,
) -> Option<(Vec<Change>, String)> {
    one(scene, what, |_, _, value| match value {
        Owned::Text(old) => new(old).filter(|new| new != old).map(|new| text(&new)),
        _ => None,
    })
}

/// The value itself replaced by another of its kind.
fn value(
    scene: &Scene<'_>,
    what: &str,
    new: impl Fn(&Layout, usize, &Owned) -> Option<Owned>,
) -> Option<(Vec<Change>, String)> {
    let dialect = scene.dialect();
    one(scene, what, |layout, at, old| {
        let new = new(layout, at, old).filter(|new| new != old)?;
        Some(dialect.literal(&new.value()))
    })
}

fn changes(id: &str, scene: &Scene<'_>) -> Option<(Vec<Change>, String)> {
    let dialect = scene.dialect();
    match id {
        "AMT-01" => amount(scene, "one unit of its last digit is added", |old, _| old.checked_add(1)),
        "AMT-02" => amount(scene, "its sign is flipped", |old, _| (old != 0).then(|| -old)),
        "AMT-03" => amount(scene, "two digits are transposed", |old, _| transposed(old)),
        "AMT-04" => cancelling(scene),
        "AMT-05" => amount(scene, "its point is shifted", |old, _| {
            old.checked_mul(10).filter(|_| old.unsigned_abs() < 10_u128.pow(12)).or(Some(old / 10))
        }),
        "AMT-06" => cent_in_ten_billion(scene),
        "AMT-07" => amount(scene, "it is rounded at its 29th digit", |old, _| {
            let digits = u32::try_from(old.unsigned_abs().to_string().len()).ok()?;
            let unit = 10_i128.checked_pow(digits.checked_sub(28).filter(|beyond| *beyond > 0)?)?;
            Some((old + unit / 2 * old.signum()) / unit * unit)
        }),
        "AMT-08" => one(scene, "zero becomes negative zero", |layout, at, value| {
            let (old, _, scale) = number(layout, at, value)?;
            (old.is_zero() && scale > 0).then(|| format!("'-{}'", Amount::zero(scale)))
        }),
        "AMT-09" => one(scene, "it becomes NULL", |layout, at, value| {
            number(layout, at, value).filter(|(old, ..)| !old.is_zero()).map(|_| "NULL".to_owned())
        }),
        "AMT-10" => one(scene, "it gets one more digit behind the point, a zero", |layout, at, value| {
            let (old, _, scale) = number(layout, at, value)?;
            (scale > 0 && !old.is_zero()).then(|| format!("'{old}0'"))
        }),
        "AMT-11" => exchanged(scene, "the amounts are exchanged", |layout, at| layout.amounts.contains(&at)),
        "AMT-12" => amount(scene, "it went through a double-precision float", |old, _| {
            // What a comparison tool does with it; the exact value is known, so that the harm shows.
            #[allow(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                reason = "the defect itself"
            )]
            let through = old as f64 as i128;
            Some(through)
        }),
        "CON-01" => value(scene, "NULL becomes empty text", |layout, at, old| {
            let is_text = matches!(layout.fields[at].ty, FieldType::Text { .. });
            (is_text && *old == Owned::Null).then(|| Owned::Text(String::new()))
        }),
        "CON-02" => value(scene, "empty text becomes NULL", |_, _, old| {
            (*old == Owned::Text(String::new())).then_some(Owned::Null)
        }),
        "CON-03" => value(scene, "NULL becomes the text null", |layout, at, old| {
            let is_text = matches!(layout.fields[at].ty, FieldType::Text { .. });
            (is_text && *old == Owned::Null).then(|| Owned::Text("null".into()))
        }),
        "CON-04" => texts(scene, "a blank is added", |old| (!old.is_empty()).then(|| format!("{old} "))),
        "CON-05" => moved(scene, "a character moves to the next field", |first, second| {
            let last = first.chars().next_back().filter(|_| first.chars().count() > 1)?;
            Some((first[..first.len() - last.len_utf8()].into(), format!("{last}{second}")))
        }),
        "CON-06" => moved(scene, "a separator moves to the next field", |first, second| {
            let (head, tail) = first.rsplit_once('|')?;
            Some((head.into(), format!("{tail}|{second}")))
        }),
        "CON-07" => texts(scene, "a composed character is decomposed", decomposed),
        "CON-08" => texts(scene, "its bytes are read as Latin-1", |old| {
            (!old.is_ascii()).then(|| old.bytes().map(char::from).collect())
        }),
        "CON-09" => texts(scene, "the case of a letter changes", |old| {
            let at = old.char_indices().find(|(_, c)| c.is_ascii_alphabetic())?.0;
            let mut bytes = old.as_bytes().to_vec();
            bytes[at] ^= 0x20;
            String::from_utf8(bytes).ok()
        }),
        "CON-10" => texts(scene, "its last character is cut off", |old| {
            old.char_indices().next_back().map(|(at, _)| old[..at].to_owned())
        }),
        "CON-11" => texts(scene, "a blank becomes a no-break space", |old| {
            old.contains(' ').then(|| old.replacen(' ', "\u{a0}", 1))
        }),
        "CON-12" => value(scene, "a day is added", |_, _, old| match old {
            Owned::Date(date) => date.checked_add(1.day()).ok().map(Owned::Date),
            _ => None,
        }),
        "CON-13" => value(scene, "an hour is added", |_, _, old| match old {
            Owned::Timestamp(at) => at.checked_add(1.hour()).ok().map(Owned::Timestamp),
            _ => None,
        }),
        "CON-14" => value(scene, "its fraction of a second is dropped", |_, _, old| match old {
            Owned::Timestamp(at) => at.with().subsec_nanosecond(0).build().ok().map(Owned::Timestamp),
            _ => None,
        }),
        "CON-15" => value(scene, "it is inverted", |_, _, old| match old {
            Owned::Boolean(truth) => Some(Owned::Boolean(!truth)),
            _ => None,
        }),
        "CON-16" => value(scene, "one is added", |_, _, old| match old {
            Owned::Integer(integer) => integer.checked_add(1).map(Owned::Integer),
            _ => None,
        }),
        "CON-17" => value(scene, "a bit is flipped", |_, _, old| match old {
            Owned::Bytes(bytes) if !bytes.is_empty() => {
                let mut bytes = bytes.clone();
                bytes[0] ^= 1;
                Some(Owned::Bytes(bytes))
            }
            _ => None,
        }),
        "CON-18" => exchanged(scene, "the texts are exchanged", |layout, at| {
            matches!(layout.fields[at].ty, FieldType::Text { .. }) && layout.hashed.contains(&at)
        }),
        "CON-19" => texts(scene, "leading zeros are dropped", |old| {
            old.starts_with('0').then(|| old.trim_start_matches('0').to_owned())
        }),
        "CON-21" => one(scene, "it becomes NULL", |layout, at, old| {
            (*old != Owned::Null && !layout.amounts.contains(&at) && !layout.key.contains(&at)).then(|| {
                let null = Owned::Null;
                dialect.literal(&null.value())
            })
        }),
        _ => None,
    }
}

/// The mantissa with two different neighbouring digits exchanged, the last such pair.
fn transposed(mantissa: i128) -> Option<i128> {
    let mut digits = mantissa.unsigned_abs().to_string().into_bytes();
    let at = digits.windows(2).rposition(|pair| pair[0] != pair[1] && pair[1] != b'0')?;
    digits.swap(at, at + 1);
    let swapped: i128 = std::str::from_utf8(&digits).ok()?.parse().ok()?;
    Some(swapped * mantissa.signum())
}

/// A unit more here and a unit less there.
fn cancelling(scene: &Scene<'_>) -> Option<(Vec<Change>, String)> {
    let dialect = scene.dialect();
    let (one, other_one, field) = same_field(scene, |layout, at| layout.amounts.contains(&at))?;
    let layout = scene.layout(one);
    let change = |sample: &Sample, by: i128| {
        let (old, precision, scale) = number(layout, field, &sample.values[field])?;
        let literal = other(dialect, old, old.mantissa().checked_add(by), precision, scale)?;
        Some(Change { place: sample.place, record_no: sample.record_no, field, literal })
    };
    let told = format!(
        "records {} and {}, {}: a unit more and a unit less",
        one.record_no,
        other_one.record_no,
        name(layout, field)
    );
    Some((vec![change(one, 1)?, change(other_one, -1)?], told))
}

/// Two samples of one type with different values, not NULL, in a field for which `wanted` holds.
fn same_field<'a>(
    scene: &'a Scene<'_>,
    wanted: impl Fn(&Layout, usize) -> bool,
) -> Option<(&'a Sample, &'a Sample, usize)> {
    scene
        .stand
        .job
        .layouts()
        .flat_map(|layout| (0..layout.fields.len()).map(move |at| (layout, at)))
        .find_map(|(layout, at)| {
            if !wanted(layout, at) {
                return None;
            }
            let (one, other) = scene.pair(|one, other| {
                one.place == layout.among.place
                    && one.values[at] != other.values[at]
                    && one.values[at] != Owned::Null
                    && other.values[at] != Owned::Null
            })?;
            Some((one, other, at))
        })
}

/// The values of a field of two records are exchanged.
fn exchanged(
    scene: &Scene<'_>,
    what: &str,
    wanted: impl Fn(&Layout, usize) -> bool,
) -> Option<(Vec<Change>, String)> {
    let dialect = scene.dialect();
    let (one, other, field) = same_field(scene, wanted)?;
    let change = |of: &Sample, from: &Sample| Change {
        place: of.place,
        record_no: of.record_no,
        field,
        literal: dialect.literal(&from.values[field].value()),
    };
    let told = format!(
        "records {} and {}, {}: {what}",
        one.record_no,
        other.record_no,
        name(scene.layout(one), field)
    );
    Some((vec![change(one, other), change(other, one)], told))
}

/// Two text fields side by side in one record.
fn moved(
    scene: &Scene<'_>,
    what: &str,
    new: impl Fn(&str, &str) -> Option<(String, String)>,
) -> Option<(Vec<Change>, String)> {
    let (sample, field, (first, second)) = scene.find(|sample, layout, at, value| {
        let next = sample.values.get(at + 1).filter(|_| layout.hashed.contains(&(at + 1)))?;
        match (value, next) {
            (Owned::Text(first), Owned::Text(second)) => new(first, second),
            _ => None,
        }
    })?;
    let change = |field: usize, new: &str| Change {
        place: sample.place,
        record_no: sample.record_no,
        field,
        literal: text(new),
    };
    let layout = scene.layout(sample);
    let told = format!(
        "record {}, {} and {}: {what}",
        sample.record_no,
        name(layout, field),
        name(layout, field + 1)
    );
    Some((vec![change(field, &first), change(field + 1, &second)], told))
}

/// One amount among those that come to more than ten billion is off by a cent.
fn cent_in_ten_billion(scene: &Scene<'_>) -> Option<(Vec<Change>, String)> {
    let dialect = scene.dialect();
    let (job, declared) = (&scene.stand.job, &scene.stand.survey.declared);
    let ten_billion = Amount::from(10_000_000_000_i64);
    let is_large = |layout: &Layout, at: usize| {
        let field = name(layout, at);
        let full = if job.has_types() { format!("{}.{field}", layout.record) } else { field.to_owned() };
        declared.amounts.get(&full).is_some_and(|sum| sum.abs() > ten_billion)
    };
    one(scene, "one cent is added", |layout, at, value| {
        let (old, precision, scale) = number(layout, at, value).filter(|_| is_large(layout, at))?;
        let cent = 10_i128.checked_pow(u32::from(scale.checked_sub(2)?))?;
        other(dialect, old, old.mantissa().checked_add(cent), precision, scale)
    })
}

/// The first composed letter as letter and mark.
fn decomposed(old: &str) -> Option<String> {
    const MARKS: [(&str, &str, char); 5] = [
        ("áéíóúÁÉÍÓÚ", "aeiouAEIOU", '\u{301}'),
        ("àèìòùÀÈÌÒÙ", "aeiouAEIOU", '\u{300}'),
        ("äëïöüÄËÏÖÜ", "aeiouAEIOU", '\u{308}'),
        ("âêîôûÂÊÎÔÛ", "aeiouAEIOU", '\u{302}'),
        ("ãñõÃÑÕ", "anoANO", '\u{303}'),
    ];
    let (at, composed, letter, mark) = old.char_indices().find_map(|(at, c)| {
        MARKS.iter().find_map(|(composed, plain, mark)| {
            let place = composed.chars().position(|one| one == c)?;
            Some((at, c, plain.chars().nth(place)?, *mark))
        })
    })?;
    Some(format!("{}{letter}{mark}{}", &old[..at], &old[at + composed.len_utf8()..]))
}

/// A reject's kept bytes are not the source's any more.
async fn reject_altered(scene: &Scene<'_>) -> Strike {
    let reject = *scene.stand.survey.rejects.first().ok_or(Stop::NotHere("the source has no rejects"))?;
    let field = scene.field().await?;
    let run_id = field.stage().await?;
    let more = match scene.dialect() {
        Dialect::Sqlite => "CAST(raw || x'20' AS BLOB)",
        Dialect::Postgres => "raw || '\\x20'::bytea",
    };
    let sql = format!("UPDATE crossfoot_reject SET raw = {more} WHERE {}", Scene::is_record(run_id, reject));
    field.damage(&sql).await?;
    let ended = field.approve(run_id).await;
    let target = Target::records(format!("reject {reject}: a byte is added"), [reject]);
    field.over(Some(run_id), ended, target, 0).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_transposed_and_letters_decomposed_so_that_something_changes() {
        for (old, new) in
            [(1234, Some(1243)), (-1200, Some(-2100)), (1111, None), (0, None), (10, None), (105, Some(150))]
        {
            assert_eq!(transposed(old), new, "{old}");
        }
        assert_eq!(decomposed("Zürich").as_deref(), Some("Zu\u{308}rich"));
        assert_eq!(decomposed("plain"), None);
    }
}
