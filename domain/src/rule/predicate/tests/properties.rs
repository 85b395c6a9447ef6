//! What holds of all predicates, whatever the values.

use proptest::prelude::*;

use super::*;
use crate::amount::Amount;

/// A small number, so that values meet often, or NULL.
fn number() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![1 => Just(None), 4 => (-3_i64..4).prop_map(Some)]
}

fn boolean() -> impl Strategy<Value = Option<bool>> {
    prop_oneof![Just(None), any::<bool>().prop_map(Some)]
}

/// `qty`, `id`, `active` and `locked` as given, `amt` between two whole numbers.
fn with(
    qty: Option<i64>,
    id: Option<i64>,
    active: Option<bool>,
    locked: Option<bool>,
) -> Vec<Value<'static>> {
    let mut values = vec![Value::Null; layout().fields.len()];
    values[0] = id.map_or(Value::Null, Value::Integer);
    values[1] = qty.map_or(Value::Null, Value::Integer);
    values[2] = Value::Decimal(Amount::new(150, 2).unwrap());
    values[11] = active.map_or(Value::Null, Value::Boolean);
    values[12] = locked.map_or(Value::Null, Value::Boolean);
    values
}

/// Something that may stand in a predicate.
fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "qty",
        "amt",
        "name",
        "active",
        "'a'",
        "1",
        "2.5",
        "NULL",
        "(",
        ")",
        ",",
        "=",
        "<",
        "+",
        "-",
        "%",
        "||",
        "NOT",
        "AND",
        "OR",
        "IN (",
        "IS",
        "BETWEEN",
        "LIKE",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "abs(",
        "trim(",
        "coalesce(",
    ])
}

fn truth(text: &str, values: &[Value<'_>]) -> Truth {
    Predicate::parse(text, &layout())
        .and_then(|predicate| predicate.evaluate(values))
        .unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn shown(number: Option<i64>) -> String {
    number.map_or("NULL".into(), |number| number.to_string())
}

/// The plainest matcher there is, to hold the real one against.
fn matches(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|taken| matches(rest, &text[taken..])),
        Some(('_', rest)) => !text.is_empty() && matches(rest, &text[1..]),
        Some((char, rest)) => text.first() == Some(char) && matches(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn de_morgan_holds_under_three_valued_logic(a in boolean(), b in boolean()) {
        let values = with(None, None, a, b);
        prop_assert_eq!(
            truth("NOT (active AND locked)", &values),
            truth("NOT active OR NOT locked", &values)
        );
        prop_assert_eq!(
            truth("NOT (active OR locked)", &values),
            truth("NOT active AND NOT locked", &values)
        );
        prop_assert_eq!(truth("NOT NOT active", &values), truth("active", &values));
        prop_assert_eq!(truth("active AND locked", &values), truth("locked AND active", &values));
        prop_assert_eq!(truth("active OR locked", &values), truth("locked OR active", &values));
    }

    #[test]
    fn between_equals_two_comparisons(x in number(), low in number(), high in number()) {
        let values = with(x, None, None, None);
        let (low, high) = (shown(low), shown(high));
        let two = truth(&format!("qty >= {low} AND qty <= {high}"), &values);
        prop_assert_eq!(truth(&format!("qty BETWEEN {low} AND {high}"), &values), two);
        prop_assert_eq!(truth(&format!("qty NOT BETWEEN {low} AND {high}"), &values), !two);
    }

    #[test]
    fn in_equals_an_or_of_equalities(
        x in number(), y in number(), items in prop::collection::vec(number(), 1..40), computed in any::<bool>(),
    ) {
        let values = with(x, y, None, None);
        let mut items: Vec<String> = items.into_iter().map(shown).collect();
        items.push(if computed { "id + 0" } else { "id" }.into());
        let ors = items.iter().map(|item| format!("qty = {item}")).collect::<Vec<_>>().join(" OR ");
        let list = items.join(", ");
        let or = truth(&ors, &values);
        prop_assert_eq!(truth(&format!("qty IN ({list})"), &values), or);
        prop_assert_eq!(truth(&format!("qty NOT IN ({list})"), &values), !or);
    }

    #[test]
    fn comparisons_and_their_opposites_agree(x in number(), y in number()) {
        let values = with(x, y, None, None);
        for (one, opposite) in [("=", "<>"), ("<", ">="), (">", "<=")] {
            prop_assert_eq!(
                truth(&format!("qty {one} id"), &values),
                !truth(&format!("qty {opposite} id"), &values)
            );
        }
        prop_assert_eq!(truth("qty < id", &values), truth("id > qty", &values));
        let spelled_out = "(qty = id AND qty IS NOT NULL AND id IS NOT NULL) OR (qty IS NULL AND id IS NULL)";
        let null_safe = truth(spelled_out, &values);
        let same = truth("qty IS NOT DISTINCT FROM id", &values);
        prop_assert_eq!(same == Truth::True, null_safe == Truth::True);
        prop_assert_eq!(truth("qty IS DISTINCT FROM id", &values), !same);
    }

    #[test]
    fn coalesce_and_nullif_are_what_case_says(x in number(), y in number()) {
        let values = with(x, y, None, None);
        let spelled_out = "CASE WHEN qty IS NOT NULL THEN qty ELSE id END";
        prop_assert_eq!(
            truth(&format!("coalesce(qty, id) IS NOT DISTINCT FROM {spelled_out}"), &values),
            Truth::True
        );
        prop_assert_eq!(
            truth("nullif(qty, id) IS NOT DISTINCT FROM CASE WHEN qty = id THEN NULL ELSE qty END", &values),
            Truth::True
        );
    }

    #[test]
    fn sums_are_exact_at_any_scale(a in any::<i64>(), b in any::<i64>(), sa in 0_u8..10, sb in 0_u8..10) {
        let (a, b) = (Amount::new(a.into(), sa).unwrap(), Amount::new(b.into(), sb).unwrap());
        let sum = a.checked_add(b).unwrap();
        let values = with(None, None, None, None);
        prop_assert_eq!(truth(&format!("{a} + {b} = {sum}"), &values), Truth::True);
        prop_assert_eq!(truth(&format!("{sum} - {b} = {a}"), &values), Truth::True);
        prop_assert_eq!(truth(&format!("{a} < {b}"), &values), Truth::from(a < b));
    }

    #[test]
    fn like_agrees_with_the_plainest_matcher(pattern in "[abü%_]{0,6}", text in "[abü]{0,8}") {
        let values = with(None, None, None, None);
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(
            truth(&format!("'{text}' LIKE '{pattern}'"), &values),
            Truth::from(matches(&chars(&pattern), &chars(&text)))
        );
    }

    #[test]
    fn left_and_the_rest_make_the_whole(text in "[a-cäß😀 ]{0,6}", at in 0_i64..8) {
        let values = with(Some(at), None, None, None);
        prop_assert_eq!(
            truth(&format!("left('{text}', qty) || substring('{text}', qty + 1) = '{text}'"), &values),
            Truth::True
        );
        prop_assert_eq!(
            truth(&format!("length(right('{text}', qty)) = least(qty, length('{text}'))"), &values),
            Truth::True
        );
    }

    #[test]
    fn any_text_is_taken_or_refused_but_never_panics(words in prop::collection::vec(word(), 1..16)) {
        let text = words.join(" ");
        let values = with(Some(1), None, None, None);
        if let Ok(predicate) = Predicate::parse(&text, &layout()) {
            let _ = predicate.evaluate(&values);
        }
    }
}
