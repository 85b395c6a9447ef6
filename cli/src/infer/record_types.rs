//! What tells the record types of a copybook apart, as far as its names say so: values of level 88 belong to the record
//! type whose name has a word in common with theirs, and a trailer's counts and sums are offered as controls.

use format::copybook::{Category, Condition, Literal};

use super::write::quoted;

/// Words of names that say nothing about which record type is meant.
const EMPTY_WORDS: [&str; 14] = [
    "is", "rec", "record", "records", "data", "area", "type", "layout", "entry", "info", "of", "the", "row",
    "view",
];

/// A record type's name and fields, as far as they decide here.
pub(super) struct RecordType<'a> {
    /// The record type's name in the job file.
    pub(super) name: &'a str,
    /// Column, category and scale of each field.
    pub(super) fields: Vec<(&'a str, Category, i16)>,
}

/// For each record type the values that identify it, as a job file writes them, if names assign to each record type
/// exactly one condition, and no condition to two. Half an assignment would be a guess.
pub(super) fn values_by_type(names: &[&str], conditions: &[Condition], numeric: bool) -> Option<Vec<String>> {
    let mut chosen = Vec::new();
    for name in names {
        let mut fitting = (0..conditions.len()).filter(|at| has_word_in_common(name, &conditions[*at].name));
        chosen.push(fitting.next().filter(|_| fitting.next().is_none()));
    }
    let is_taken = |at: usize| chosen.contains(&Some(at));
    let mut left = (0..conditions.len()).filter(|at| !is_taken(*at));
    let (last, is_only) = (left.next(), left.next().is_none());
    // What is left over belongs to the one record type that is left over.
    if is_only && chosen.iter().filter(|at| at.is_none()).count() == 1 && conditions.len() == names.len() {
        chosen.iter_mut().filter(|at| at.is_none()).for_each(|at| *at = last);
    }
    let chosen: Vec<usize> = chosen.into_iter().collect::<Option<_>>()?;
    let mut distinct = chosen.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() != names.len() {
        return None;
    }
    chosen.into_iter().map(|at| values(&conditions[at], numeric)).collect()
}

fn words(name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(['-', '_']).filter(|word| word.len() > 1 && !EMPTY_WORDS.contains(word));
    words.map(str::to_owned).collect()
}

fn has_word_in_common(record: &str, condition: &str) -> bool {
    let condition = words(condition);
    words(record).iter().any(|word| condition.contains(word))
}

/// The values as a list of a job file; `None` for ranges and figurative constants, which it cannot list.
fn values(condition: &Condition, numeric: bool) -> Option<String> {
    let one = |values: &format::copybook::Values| match (&values.from, &values.through) {
        (Literal::Number(number), None) if numeric => Some(number.clone()),
        (Literal::Number(text) | Literal::Text(text), None) if !numeric => Some(quoted(text)),
        _ => None,
    };
    let values: Vec<_> = condition.values.iter().map(one).collect::<Option<_>>()?;
    Some(format!("[{}]", values.join(", ")))
}

/// Words of a header's name.
const HEADERS: [&str; 4] = ["header", "hdr", "head", "hd"];

/// Words of a trailer's name.
const TRAILERS: [&str; 6] = ["trailer", "trl", "trlr", "footer", "ftr", "tr"];

/// The role and position of each record type where nothing but the place in the file can tell them: one header at most,
/// one trailer at most, and one other, by their names. `None`: names do not say so.
pub(super) fn positions(names: &[&str]) -> Option<Vec<Option<(&'static str, &'static str)>>> {
    let is = |name: &str, any: &[&str]| words(name).iter().any(|word| any.contains(&word.as_str()));
    let told = names.iter().map(|name| match (is(name, &HEADERS), is(name, &TRAILERS)) {
        (true, false) => Some(("header", "first")),
        (false, true) => Some(("trailer", "last")),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    let count = |of: Option<(&str, &str)>| told.iter().filter(|one| **one == of).count();
    let is_clear = count(None) == 1
        && count(Some(("header", "first"))) <= 1
        && count(Some(("trailer", "last"))) <= 1
        && names.len() > 1;
    is_clear.then_some(told)
}

/// Controls that a header or trailer seems to declare, as comments: which totals they are of is for a person to say.
pub(super) fn controls(types: &[RecordType<'_>]) -> String {
    const SAID: &str =
        "\n# Totals that the source declares of itself, for example in a trailer: uncomment what holds.\n";
    let is_frame = |name: &str| {
        words(name).iter().any(|own| HEADERS.contains(&own.as_str()) || TRAILERS.contains(&own.as_str()))
    };
    let (frames, others): (Vec<_>, Vec<_>) = types.iter().partition(|of| is_frame(of.name));
    let [detail] = others.as_slice() else { return format!("{SAID}{EXAMPLE}") };
    let mut out = String::new();
    for frame in frames {
        let totals: Vec<_> = frame.fields.iter().filter_map(|field| total(field, detail)).collect();
        if !totals.is_empty() {
            out.push_str(&format!("# [[control]]\n# record = \"{}\"\n{}", frame.name, totals.concat()));
        }
    }
    if out.is_empty() { format!("{SAID}{EXAMPLE}") } else { format!("{SAID}{out}") }
}

const EXAMPLE: &str = "# [declared]\n# records = { from = \"trailer\", field = \"record_count\" }\n";

/// A count where the name says so, a sum where the detail has one field of the same scale with a word in common.
fn total((column, category, scale): &(&str, Category, i16), detail: &RecordType<'_>) -> Option<String> {
    if *category != Category::Numeric {
        return None;
    }
    let own = words(column);
    let is_count =
        ["count", "cnt", "records", "number", "num"].iter().any(|word| own.iter().any(|own| own == word));
    let of = match is_count && *scale == 0 {
        true => format!("count = \"{}\"", detail.name),
        false if *scale > 0 => {
            let amounts = detail
                .fields
                .iter()
                .filter(|(_, category, of)| *category == Category::Numeric && of == scale);
            let mut named = amounts.clone().filter(|(name, ..)| has_word_in_common(name, column));
            let only = if amounts.clone().count() == 1 { amounts.clone().next() } else { named.next() };
            format!("sum = \"{}.{}\"", detail.name, only?.0)
        }
        false => return None,
    };
    Some(format!("# [[control.total]]\n# field = \"{column}\"\n# {of}\n"))
}

#[cfg(test)]
mod tests {
    use format::copybook::Values;

    use super::*;

    fn condition(name: &str, value: &str) -> Condition {
        let from = Literal::Text(value.into());
        Condition { name: name.into(), values: vec![Values { from, through: None }] }
    }

    #[test]
    fn names_assign_values_to_record_types_or_nothing_is_assigned() {
        let (detail, trailer) = (condition("IS-DETAIL", "D"), condition("IS-TRAILER", "T"));
        let both = [detail.clone(), trailer.clone()];
        let list =
            |values: &[&str]| Some(values.iter().map(|value| format!("[\"{value}\"]")).collect::<Vec<_>>());
        assert_eq!(values_by_type(&["detail_rec", "trailer_rec"], &both, false), list(&["D", "T"]));
        assert_eq!(values_by_type(&["trailer", "client"], &both, false), list(&["T", "D"]), "what is left");
        assert_eq!(values_by_type(&["client", "address"], &both, false), None, "two are left");
        assert_eq!(values_by_type(&["detail_a", "detail_b"], &both, false), None, "one is of two");
        assert_eq!(
            values_by_type(&["detail", "trailer"], std::slice::from_ref(&detail), false),
            None,
            "one is missing"
        );
        let three = [detail, trailer, condition("IS-OTHER", "X")];
        assert_eq!(
            values_by_type(&["detail", "trailer"], &three, false),
            list(&["D", "T"]),
            "others stay unassigned"
        );
        assert_eq!(values_by_type(&["detail", "trailer"], &both, true), None, "a text is no number");
    }

    #[test]
    fn a_place_tells_a_header_and_a_trailer_if_one_other_is_left() {
        let (header, trailer) = (Some(("header", "first")), Some(("trailer", "last")));
        assert_eq!(positions(&["hdr", "dtl", "trl"]), Some(vec![header, None, trailer]));
        assert_eq!(positions(&["payment", "file_trailer"]), Some(vec![None, trailer]));
        for unclear in
            [&["hdr", "dtl_a", "dtl_b"][..], &["file_hdr", "batch_hdr", "dtl"], &["hdr", "trl"], &["a"]]
        {
            assert_eq!(positions(unclear), None, "{unclear:?}");
        }
    }

    #[test]
    fn a_trailers_count_and_sum_are_offered() {
        let numeric = |name, scale| (name, Category::Numeric, scale);
        let types = [
            RecordType { name: "detail_rec", fields: vec![numeric("client_no", 0), numeric("balance", 2)] },
            RecordType {
                name: "trailer_rec",
                fields: vec![numeric("trl_count", 0), numeric("trl_balance", 2)],
            },
        ];
        let shown = controls(&types);
        for line in
            ["# record = \"trailer_rec\"", "# count = \"detail_rec\"", "# sum = \"detail_rec.balance\""]
        {
            assert!(shown.contains(line), "{shown}");
        }
        assert!(controls(&types[..1]).contains("[declared]"));
    }
}
