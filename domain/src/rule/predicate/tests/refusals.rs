//! What is refused when a predicate is parsed, and what the message says.

use super::*;

#[test]
fn what_is_not_understood_is_refused_with_a_reason() {
    let table = [
        // predicate                              fragments of the message
        ("", "empty"),
        ("  -- only a remark", "empty"),
        ("amt >", "found the end"),
        ("amt = 1 amt = 2", "unexpected amt"),
        ("amt = 1, amt = 2", "must be a single expression"),
        ("amt = 1;", "must be a single expression"),
        ("(amt = 1", "invalid syntax"),
        ("amt = 'x", "invalid syntax"),
        ("amt", "amt (decimal(11,2)) is not a condition"),
        ("1 + 1", "1 + 1 (integer) is not a condition"),
        ("amt = 1 AND name", "name (text(40)) is not a condition"),
        ("NOT name", "name (text(40)) is not a condition"),
        ("amount = 1", "transaction has no field amount; it has id, qty, amt"),
        ("naem = 'x'", "no field naem; similar names: name"),
        ("type = 'x'", "similar names: type_cd"),
        ("acct_id = 'x'", "similar names: \"ACCT-ID\""),
        ("name = \"Ann\"", "write text in single quotes"),
        ("other.amt = 1", "other.amt is not a field of transaction"),
        ("amt = '1'", "cannot compare amt (decimal(11,2)) with '1' (text): write the number without quotes"),
        ("type_cd = 1", "cannot compare type_cd (text(2)) with 1 (integer): write '1'"),
        ("opened = '2020-01-31'", "write DATE '2020-01-31'"),
        ("'2020-01-31' < opened", "write DATE '2020-01-31'"),
        ("posted > '2020-01-31 12:00:00'", "write TIMESTAMP '2020-01-31 12:00:00'"),
        ("opened BETWEEN '2020-01-01' AND '2020-01-31'", "write DATE '2020-01-01'"),
        ("opened IN (DATE '2020-01-01', '2020-01-02')", "write DATE '2020-01-02'"),
        ("active = 'true'", "write TRUE or FALSE"),
        ("active = 1", "cannot compare active (boolean) with 1 (integer)"),
        ("opened = 20200131", "cannot compare opened (date)"),
        ("raw = 'x'", "cannot compare raw (bytes) with 'x' (text)"),
        ("name IS DISTINCT FROM 1", "cannot compare name (text(40)) with 1"),
        ("NULL IN (1, 'a')", "cannot compare 'a' (text) with the integer before it"),
        ("amt = 1e3", "the exponent in 1e3"),
        ("amt = 1000000000000000000000000000000000000000", "more than 38 digits"),
        ("amt = 1_000", "unexpected"),
        ("opened = DATE '2020-02-30'", "'2020-02-30' is not a date"),
        ("opened = DATE '2020-2-3'", "is not a date"),
        ("posted = TIMESTAMP '2020-01-31'", "is not a timestamp"),
        ("posted = TIMESTAMP '2020-01-31 12:00:00.1234567'", "at most six fractional digits"),
        ("posted = TIMESTAMP '2020-01-31 24:00:00'", "is not a timestamp"),
        ("posted = TIMESTAMP WITH TIME ZONE '2020-01-31 12:00:00'", "is not an instant"),
        ("posted = TIMESTAMPTZ '2020-01-31 12:00:00Z'", "timestamptz"),
        ("amt / 2 = 1", "division is not supported in rules"),
        ("amt ^ 2 = 1", "the operator ^ is not supported in rules"),
        ("name ~ 'x'", "the operator ~ is not supported in rules"),
        ("amt == 1", "write ="),
        ("name + 'x' = 'y'", "join text with ||"),
        ("name * 2 = 4", "cannot multiply name (text(40)) with 2 (integer)"),
        ("amt || 'x' = 'y'", "|| takes text, not amt"),
        ("opened + 1 > closed", "the only date arithmetic is date - date"),
        ("posted - posted = 0", "the only date arithmetic is date - date"),
        ("opened - posted = 0", "the only date arithmetic is date - date"),
        ("-name = 'x'", "cannot have a sign"),
        ("amt LIKE '1%'", "LIKE takes text, not amt"),
        ("name LIKE 'a!b' ESCAPE '!'", "escape character"),
        ("name LIKE 'a!' ESCAPE '!'", "escape character"),
        ("name LIKE 'a' ESCAPE 'xy'", "ESCAPE takes one character"),
        ("name ILIKE 'a%'", "write lower(x) LIKE"),
        ("name SIMILAR TO 'a%'", "regular expressions"),
        ("amt IN (SELECT 1)", "subqueries are not supported in rules"),
        ("amt = (SELECT max(amt) FROM t)", "subqueries are not supported in rules"),
        ("EXISTS (SELECT 1)", "subqueries are not supported in rules"),
        ("SELECT 1", "subqueries are not supported in rules"),
        ("amt = ANY(qty)", "ANY and ALL"),
        ("(amt, qty) = (1, 2)", "row values"),
        ("sum(amt) > 0", "the aggregate sum is not supported in rules"),
        ("count(*) > 0", "the aggregate count"),
        ("row_number() OVER (ORDER BY amt) = 1", "the window function row_number"),
        ("sum(amt) FILTER (WHERE amt > 0) > 0", "the aggregate sum"),
        ("frobnicate(amt) > 0", "the function frobnicate is not supported in rules; known are abs"),
        ("public.abs(amt) > 0", "the function public.abs is not supported in rules"),
        ("round(amt) > 0", "round is not supported in rules: its result is not exact"),
        ("floor(amt) > 0", "ceil and floor are not supported in rules"),
        ("opened < current_date", "the same result on every run"),
        ("opened < now()", "the same result on every run"),
        ("current_user = 'x'", "no field current_user"),
        ("trim(BOTH FROM name) = 'a'", "invalid syntax"),
        ("concat(name, 'x') = 'y'", "use ||"),
        ("abs(name) > 0", "abs takes a number, not name (text(40))"),
        ("abs(amt, 2) > 0", "abs takes 1 argument, not 2"),
        ("abs(DISTINCT amt) > 0", "this form of abs"),
        ("abs(*) > 0", "abs accepts neither * nor"),
        ("abs(x => 1) > 0", "abs accepts neither * nor"),
        ("length(amt) > 0", "length takes text, not amt"),
        ("char_length(raw) > 0", "char_length takes text, not raw (bytes)"),
        ("substring(name, 1.5) = 'a'", "substring takes integer, not 1.5 (decimal)"),
        ("substring(name) = 'a'", "substring needs a start"),
        ("left(name) = 'a'", "left takes 2 arguments, not 1"),
        ("trim(BOTH 'xy' FROM name) = 'a'", "one character"),
        ("ltrim(name, '') = 'a'", "one character"),
        ("coalesce() = 1", "coalesce takes at least 1"),
        ("coalesce(amt, name) = 1", "cannot compare amt (decimal(11,2)) with name (text(40))"),
        ("coalesce(amt, '0') = 1", "write the number without quotes"),
        ("nullif(amt, name) = 1", "cannot compare"),
        ("position('x', name) = 1", "position(what IN text)"),
        ("extract(year FROM name) = 1", "a date or timestamp, not name"),
        ("extract(hour FROM opened) = 1", "a timestamp, not opened (date)"),
        ("extract(week FROM opened) = 1", "known are year, month"),
        ("CAST(amt AS INTEGER) = 1", "CAST of amt (decimal(11,2)) to INTEGER is not supported in rules"),
        ("CAST(name AS DECIMAL(5,2)) = 1", "CAST of name (text(40))"),
        ("CAST(qty AS DECIMAL(50,2)) = 1", "is too small"),
        ("name::date = opened", "only an integer to DECIMAL"),
        ("TRY_CAST(qty AS DECIMAL) = 1", "this conversion is not supported in rules"),
        ("opened + INTERVAL '1' DAY > closed", "intervals are not supported in rules"),
        ("name COLLATE \"C\" = 'a'", "COLLATE is not supported in rules"),
        ("CASE WHEN qty > 0 THEN 1 ELSE 'a' END = 1", "CASE gives integer in one branch and 'a' (text)"),
        ("CASE WHEN qty THEN 1 END = 1", "qty (integer) is not a condition"),
        ("CASE qty WHEN 'a' THEN 1 END = 1", "cannot compare qty (integer) with 'a'"),
        ("amt = ?", "placeholder"),
        ("amt = $1", "placeholder"),
        ("name = N'x'", "write '...' for text"),
        ("name = X'00'", "hexadecimal"),
        ("ARRAY[1] = 1", "arrays are not supported in rules"),
        ("name[1] = 'x'", "arrays are not supported in rules"),
        ("qty IN UNNEST(qty)", "arrays are not supported in rules"),
        ("amt = 1 < 2", "cannot compare amt = 1"),
    ];
    for (text, fragment) in table {
        match Predicate::parse(text, &layout()) {
            Ok(_) => panic!("{text} is taken"),
            Err(e) => assert!(e.message.contains(fragment), "{text}: {e}"),
        }
    }
}

#[test]
fn refusals_say_where() {
    let table = [
        // predicate                          line  column
        ("amount = 1", (1, 1)),
        ("amt = 1 AND\n  naem = 'x'", (2, 3)),
        ("amt = 1 AND (qty = 2 OR frob(amt) = 1)", (1, 25)),
        ("qty = 1 AND opened = '2020-01-01'", (1, 13)),
        ("qty = 1 amt = 2", (1, 9)),
        ("qty = = 2", (1, 7)),
        ("qty = 1 AND\nname = 'x", (2, 8)),
        ("qty >", (1, 6)),
        ("qty = 1 AND amt = 1e3", (1, 19)),
        ("name = 'ü' AND amt = ?", (1, 22)),
    ];
    for (text, place) in table {
        let e = Predicate::parse(text, &layout()).unwrap_err();
        assert_eq!((e.line, e.column), (Some(place.0), Some(place.1)), "{text}: {e}");
    }
}

#[test]
fn a_name_that_fits_two_fields_must_be_quoted() {
    let mut layout = layout();
    layout.fields[0].name = "Qty".into();
    layout.fields[1].name = "QTY".into();
    let e = Predicate::parse("qty = 1", &layout).unwrap_err();
    assert!(e.message.contains("could be Qty or QTY"), "{e}");
    assert_eq!(Predicate::parse("\"QTY\" = 1", &layout).unwrap().fields(), [1]);
}

/// Runs on a thread with the stack that a worker's threads have.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn depth_is_refused_before_the_stack_ends() {
    on_a_small_stack(|| {
        let layout = layout();
        let nested = |open: &str, inner: &str, close: &str, times: usize| {
            format!("{}{inner}{}", open.repeat(times), close.repeat(times))
        };
        for text in [
            nested("(", "qty = 1", ")", 10_000),
            nested("NOT ", "qty = 1", "", 1_900),
            nested("NOT (", "qty = 1", ")", 1_900),
            format!("{} = 1", nested("- ", "qty", "", 1_900)),
            format!("{} = 1", nested("abs(", "qty", ")", 1_900)),
            format!("{} = 1", nested("abs(", "qty", "", 1_900)),
            format!("{} = 1", nested("trim(", "name", "", 40)),
            format!("{} = 1", nested("case when (", "name", "", 45)),
            format!("{} = 1", nested("not (", "name =", "", 45)),
            format!("{} = 1", nested("position(", "name", "", 40)),
            format!("{} = 1", nested("coalesce(trim(", "name", "", 20)),
            format!("qty{} = 1", " + qty".repeat(900)),
            format!("qty{} = 1", " + qty".repeat(100_000)),
            format!("active{}", " IS NULL".repeat(900)),
            format!("active{}", " IS NULL".repeat(900) + " ("),
            format!("active{}", " = active".repeat(900)),
            format!("qty = 1{} AND", " AND qty = 1".repeat(600)),
            nested("qty in ((", "qty =", "", 20),
            nested("array((", "qty =", "", 20),
            nested("{fn abs(", "qty =", "", 20),
            nested("decimal(coalesce(", "qty =", "", 20),
            nested("case qty when ", "qty =", "", 20),
            format!("abs(x => qty{}) = 1", " + qty".repeat(900)),
            format!("qty + name{} = 1", " + qty".repeat(900)),
            nested("ARRAY<", "x", ">", 900),
            nested("TABLE(a ", "int", ")", 900),
            "x".repeat(2 << 20),
        ] {
            let e = Predicate::parse(&text, &layout).unwrap_err();
            assert!(!e.message.is_empty() && e.message.len() < 400, "{e}");
        }
    });
}

#[test]
fn what_is_within_the_bounds_is_evaluated_on_a_small_stack() {
    on_a_small_stack(|| {
        let layout = layout();
        let values = record(&layout, "qty=1; name=a; active=true");
        for text in [
            format!("qty = 1{}", " AND qty = 1".repeat(600)),
            format!("qty = 2{} OR qty = 1", " OR qty = 2 AND qty = 1".repeat(300)),
            format!("{}qty = 1{}", "(".repeat(40), ")".repeat(40)),
            format!("qty{} = 91", " + qty".repeat(90)),
            format!("length(name{}) = 901", " || name".repeat(900)),
            format!("active{}", " = active".repeat(90)),
        ] {
            let predicate = Predicate::parse(&text, &layout).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(predicate.clone().evaluate(&values), Ok(Truth::True));
        }
    });
}
