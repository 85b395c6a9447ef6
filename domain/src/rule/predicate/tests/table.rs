//! What predicates come out as, one line each.

use super::*;

const T: Result<Truth, &str> = Ok(Truth::True);
const F: Result<Truth, &str> = Ok(Truth::False);
const U: Result<Truth, &str> = Ok(Truth::Unknown);

const fn fails(fragment: &str) -> Result<Truth, &str> {
    Err(fragment)
}

type Line = (&'static str, &'static str, Result<Truth, &'static str>);

fn check(table: &[Line]) {
    for (text, written, expected) in table {
        match (evaluated(text, written), expected) {
            (Ok(truth), Ok(expected)) => assert_eq!(truth, *expected, "{text} on {written}"),
            (Err(e), Err(fragment)) => assert!(e.message.contains(fragment), "{text} on {written}: {e}"),
            (Err(e), Ok(_)) => panic!("{text} on {written}: {e}"),
            (Ok(truth), Err(fragment)) => panic!("{text} on {written}: {truth:?} and not {fragment}"),
        }
    }
}

#[test]
fn three_valued_logic() {
    check(&[
        // predicate                                    record                        comes out as
        ("TRUE AND TRUE", "", T),
        ("TRUE AND FALSE", "", F),
        ("TRUE AND NULL", "", U),
        ("FALSE AND NULL", "", F),
        ("NULL AND FALSE", "", F),
        ("NULL AND NULL", "", U),
        ("TRUE OR NULL", "", T),
        ("NULL OR TRUE", "", T),
        ("FALSE OR NULL", "", U),
        ("NULL OR NULL", "", U),
        ("FALSE OR FALSE", "", F),
        ("NOT NULL", "", U),
        ("NOT TRUE", "", F),
        ("NOT FALSE", "", T),
        ("NULL", "", U),
        ("active", "active=true", T),
        ("active", "active=false", F),
        ("active", "", U),
        ("NOT active", "active=false", T),
        ("active AND NOT locked", "active=true; locked=false", T),
        ("active = locked", "active=true", U),
        ("active > locked", "active=true; locked=false", T),
        ("active = (qty > 1)", "active=true; qty=2", T),
        ("qty = NULL", "qty=1", U),
        ("qty <> NULL", "qty=1", U),
        ("NULL = NULL", "", U),
        ("qty IS NULL", "", T),
        ("qty IS NULL", "qty=0", F),
        ("qty IS NOT NULL", "", F),
        ("qty IS NOT NULL", "qty=0", T),
        ("name IS NULL", "name=", F),
        ("(qty > 1) IS NULL", "", T),
        ("active IS TRUE", "", F),
        ("active IS NOT TRUE", "", T),
        ("active IS FALSE", "", F),
        ("active IS NOT FALSE", "", T),
        ("active IS UNKNOWN", "", T),
        ("active IS NOT UNKNOWN", "", F),
        ("active IS TRUE", "active=true", T),
        ("active IS NOT TRUE", "active=true", F),
        ("active IS FALSE", "active=false", T),
        ("(qty > 1) IS UNKNOWN", "", T),
        ("(qty > 1) IS UNKNOWN", "qty=1", F),
        ("qty IS DISTINCT FROM NULL", "", F),
        ("qty IS DISTINCT FROM NULL", "qty=1", T),
        ("qty IS DISTINCT FROM id", "qty=1; id=1", F),
        ("qty IS DISTINCT FROM id", "qty=1; id=2", T),
        ("qty IS NOT DISTINCT FROM id", "", T),
        ("qty IS NOT DISTINCT FROM id", "qty=1", F),
        ("qty IS NOT DISTINCT FROM 1.00", "qty=1", T),
        ("qty IN (1, 2)", "qty=2", T),
        ("qty IN (1, 2)", "qty=3", F),
        ("qty IN (1, NULL)", "qty=1", T),
        ("qty IN (1, NULL)", "qty=3", U),
        ("qty IN (1, 2)", "", U),
        ("qty NOT IN (1, 2)", "qty=3", T),
        ("qty NOT IN (1, 2)", "qty=1", F),
        ("qty NOT IN (1, NULL)", "qty=1", F),
        ("qty NOT IN (1, NULL)", "qty=3", U),
        ("qty NOT IN (1, 2)", "", U),
        ("qty NOT IN (NULL)", "qty=1", U),
        ("qty IN (1, id)", "qty=5; id=5", T),
        ("qty IN (1, id)", "qty=5", U),
        ("qty IN (1, id + 1)", "qty=5; id=4", T),
        ("amt IN (-1, 2.50)", "amt=-1.00", T),
        ("NULL IN (1, 2)", "", U),
        ("qty BETWEEN 1 AND 3", "qty=1", T),
        ("qty BETWEEN 1 AND 3", "qty=3", T),
        ("qty BETWEEN 1 AND 3", "qty=4", F),
        ("qty BETWEEN 3 AND 1", "qty=2", F),
        ("qty BETWEEN NULL AND 3", "qty=4", F),
        ("qty BETWEEN NULL AND 3", "qty=2", U),
        ("qty BETWEEN 1 AND NULL", "qty=0", F),
        ("qty BETWEEN 1 AND NULL", "qty=2", U),
        ("qty BETWEEN 1 AND 3", "", U),
        ("qty NOT BETWEEN 1 AND 3", "qty=4", T),
        ("qty NOT BETWEEN NULL AND 3", "qty=4", T),
        ("qty NOT BETWEEN NULL AND 3", "qty=2", U),
        ("NOT qty = 1 AND id = 2", "qty=2; id=2", T),
        ("qty = 1 OR qty = 2 AND id = 9", "qty=1; id=0", T),
        ("(qty = 1 OR qty = 2) AND id = 9", "qty=1; id=0", F),
        ("NOT qty IN (1)", "qty=2", T),
        ("NOT qty BETWEEN 1 AND 2", "qty=2", F),
        ("qty + 1 = 3 IS TRUE", "qty=2", T),
        ("name || 'x' = 'ax'", "name=a", T),
    ]);
}

#[test]
fn numbers_are_exact() {
    check(&[
        // predicate                                    record                        comes out as
        ("0.1 + 0.2 = 0.3", "", T),
        ("0.1 + 0.2 <> 0.3", "", F),
        ("amt = 1.5", "amt=1.50", T),
        ("amt = 1.500000000000000000001", "amt=1.50", F),
        ("amt < 1.500000000000000000001", "amt=1.50", T),
        ("qty = 3.00", "qty=3", T),
        ("amt = qty", "amt=3.00; qty=3", T),
        ("abs(amt) <= 100000", "amt=-100000.00", T),
        ("abs(amt) <= 100000", "amt=-100000.01", F),
        ("amt * 3 = 0.3", "amt=0.10", T),
        ("amt + fee = 0.3000000001", "amt=0.10; fee=0.2000000001", T),
        ("amt - fee < 0", "amt=1.00; fee=1.0000000001", T),
        ("-amt = 1.5", "amt=-1.50", T),
        ("+amt = -1.5", "amt=-1.50", T),
        ("- - qty = 2", "qty=2", T),
        ("amt > -1", "amt=0.00", T),
        ("amt>-1", "amt=0.00", T),
        ("qty*-1=-2", "qty=2", T),
        ("2 + 3 * 4 = 14", "", T),
        ("(2 + 3) * 4 = 20", "", T),
        ("10 - 2 - 3 = 5", "", T),
        ("qty % 3 = 1", "qty=7", T),
        ("qty % 3 = -1", "qty=-7", T),
        ("amt % 0.25 = 0.05", "amt=1.30", T),
        ("mod(qty, 2) = 0", "qty=4", T),
        ("amt % 0.01 = 0", "amt=1.30", T),
        ("qty % 0 = 1", "qty=7", fails("the divisor is zero")),
        ("qty % 0 = 1", "", U),
        ("amt + NULL = 1", "amt=1.00", U),
        ("sign(amt) = -1", "amt=-0.01", T),
        ("sign(amt) = 0", "amt=0.00", T),
        ("sign(amt) = 1", "amt=0.01", T),
        ("big = 99999999999999999999999999999999999999", "big=99999999999999999999999999999999999999", T),
        ("big > 99999999999999999999999999999999999998", "big=99999999999999999999999999999999999999", T),
        ("big + 1 > 0", "big=99999999999999999999999999999999999999", fails("more than 38 digits")),
        ("big * 10 > 0", "big=99999999999999999999999999999999999999", fails("* 10: more than 38 digits")),
        ("big - 1 < big", "big=99999999999999999999999999999999999999", T),
        ("big + 0.1 > 0", "big=99999999999999999999999999999999999999", fails("more than 38 digits")),
        ("fee * fee * fee * fee > 0", "fee=0.1", fails("more than 38 digits")),
        ("qty + 1 > 9223372036854775807", "qty=9223372036854775807", T),
        ("qty + 1 = 9223372036854775808", "qty=9223372036854775807", T),
        ("qty - 1 = -9223372036854775809", "qty=-9223372036854775808", T),
        ("abs(qty) = 9223372036854775808", "qty=-9223372036854775808", T),
        ("qty = -9223372036854775808", "qty=-9223372036854775808", T),
        ("qty % -1 = 0", "qty=-9223372036854775808", T),
        ("greatest(qty, amt, 2) = 3.5", "qty=1; amt=3.50", T),
        ("least(qty, amt, 2) = 1", "qty=1; amt=3.50", T),
        ("greatest(qty, amt) > 0", "qty=1", U),
        ("nullif(qty, 0) IS NULL", "qty=0", T),
        ("nullif(qty, 0) = 5", "qty=5", T),
        ("nullif(qty, id) = 5", "qty=5", T),
        ("coalesce(amt, qty, 0) = 0", "", T),
        ("coalesce(amt, qty, 0) = 7", "qty=7", T),
        ("CAST(qty AS DECIMAL(5,2)) = 7", "qty=7", T),
        ("qty::numeric = 7.0", "qty=7", T),
        ("CAST(qty AS DECIMAL(5,2)) = 7", "qty=1000", fails("1000 does not fit decimal(5,2)")),
        ("CAST(qty AS DECIMAL(4)) > 0", "", U),
        ("amt = .5", "amt=0.50", T),
        ("transaction.amt = 1", "amt=1.00", T),
        ("\"amt\" = 1 AND AMT = 1", "amt=1.00", T),
    ]);
}

#[test]
fn text_dates_and_choices() {
    check(&[
        // predicate                                    record                        comes out as
        ("type_cd IN ('01', '03')", "type_cd=03", T),
        ("type_cd = '1'", "type_cd=01", F),
        ("name = 'O''Hara'", "name=O'Hara", T),
        ("name = ''", "name=", T),
        ("name = 'a '", "name=a", F),
        ("'Z' < 'a'", "", T),
        ("name > 'z'", "name=ä", T),
        ("name < '😀'", "name=\u{ffff}", T),
        ("name LIKE 'A%'", "name=Ann", T),
        ("name LIKE 'a%'", "name=Ann", F),
        ("name LIKE '%n%n'", "name=Ann", T),
        ("name LIKE 'A_n'", "name=Ann", T),
        ("name LIKE 'J_rgen'", "name=Jürgen", T),
        ("name LIKE '_'", "name=😀", T),
        ("name LIKE ''", "name=", T),
        ("name LIKE '%'", "name=", T),
        ("name LIKE '_%'", "name=", F),
        ("name LIKE '%ab%ab'", "name=abcabab", T),
        ("name LIKE '%ab_b'", "name=aababab", T),
        ("name LIKE '100!%' ESCAPE '!'", "name=100%", T),
        ("name LIKE '100!%' ESCAPE '!'", "name=1000", F),
        ("name LIKE 'a!!b' ESCAPE '!'", "name=a!b", T),
        ("name LIKE 'a\\%'", "name=a\\b", T),
        ("name NOT LIKE 'A%'", "name=Bob", T),
        ("name NOT LIKE 'A%'", "", U),
        ("name LIKE NULL", "name=a", U),
        ("name LIKE pattern", "name=abc; pattern=a%", T),
        ("name LIKE pattern", "name=abc", U),
        ("name LIKE pattern ESCAPE '!'", "name=abc; pattern=a!b", fails("escape character")),
        ("name LIKE type_cd || '%'", "name=01x; type_cd=01", T),
        ("length(name) = 6 AND octet_length(name) = 7", "name=Jürgen", T),
        ("char_length(name) = 0 AND character_length(name) = 0", "name=", T),
        ("length(raw) = 3 AND octet_length(raw) = 3", "raw=abc", T),
        ("raw = raw", "raw=abc", T),
        ("upper(name) = 'JÜRGEN' AND lower(name) = 'jürgen'", "name=Jürgen", T),
        ("trim(name) = 'a b'", "name=  a b ", T),
        ("ltrim(name) = 'a '", "name=  a ", T),
        ("rtrim(name) = '  a'", "name=  a ", T),
        ("trim(name) = ''", "name=   ", T),
        ("trim(BOTH 'x' FROM name) = 'a'", "name=xxax", T),
        ("trim(LEADING '0' FROM name) = '7'", "name=007", T),
        ("trim(TRAILING '0' FROM name) = '7'", "name=700", T),
        ("trim(BOTH pattern FROM name) = 'a'", "name=xax; pattern=xy", fails("one character")),
        ("substring(name, 2, 3) = 'ürg'", "name=Jürgen", T),
        ("substring(name FROM 2 FOR 3) = 'ürg'", "name=Jürgen", T),
        ("substr(name, 4) = 'gen'", "name=Jürgen", T),
        ("substring(name, 0, 2) = 'J'", "name=Jürgen", T),
        ("substring(name, -5, 3) = ''", "name=Jürgen", T),
        ("substring(name, 99) = ''", "name=Jürgen", T),
        ("substring(name, 2, 99999999999999999999) = 'ürgen'", "name=Jürgen", T),
        ("substring(name, 2, -1) = ''", "name=Jürgen", fails("cannot be -1 characters")),
        ("substring(name, qty) = ''", "name=Jürgen", U),
        ("substring(upper(name), 2, 2) = 'NN'", "name=Ann", T),
        ("left(name, 2) = 'Jü' AND right(name, 2) = 'en'", "name=Jürgen", T),
        ("left(name, 99) = name AND right(name, 99) = name", "name=Jürgen", T),
        ("left(name, 0) = '' AND right(name, 0) = ''", "name=Jürgen", T),
        ("left(name, -1) = ''", "name=Jürgen", fails("-1 characters")),
        ("starts_with(name, 'Jü')", "name=Jürgen", T),
        ("starts_with(name, 'x')", "", U),
        ("position('r' IN name) = 3 AND strpos(name, 'r') = 3", "name=Jürgen", T),
        ("position('x' IN name) = 0", "name=Jürgen", T),
        ("strpos(name, '') = 1", "name=Jürgen", T),
        ("name || '-' || type_cd = 'a-01'", "name=a; type_cd=01", T),
        ("name || type_cd = 'a'", "name=a", U),
        ("\"ACCT-ID\" = '7'", "ACCT-ID=7", T),
        ("user = 'ann'", "user=ann", T),
        ("opened = DATE '2020-01-31'", "opened=2020-01-31", T),
        ("opened BETWEEN DATE '2020-02-01' AND DATE '2020-02-29'", "opened=2020-02-29", T),
        ("posted = TIMESTAMP '2020-01-31 12:00:00'", "posted=2020-01-31T12:00:00", T),
        ("posted < TIMESTAMP '2020-01-31 12:00:00.000001'", "posted=2020-01-31T12:00:00", T),
        ("posted = TIMESTAMP '2020-01-31 12:00:00.5'", "posted=2020-01-31T12:00:00.500", T),
        ("posted >= opened", "posted=2020-01-31T00:00:00; opened=2020-01-31", T),
        ("closed - opened = 29", "opened=2020-02-01; closed=2020-03-01", T),
        ("opened - closed = -29", "opened=2020-02-01; closed=2020-03-01", T),
        ("closed - opened > 3652058", "opened=0001-01-01; closed=9999-12-31", F),
        ("closed - opened <= 30", "opened=2020-02-01", U),
        ("extract(year FROM opened) * 100 + extract(month FROM opened) = 202002", "opened=2020-02-29", T),
        ("extract(day FROM posted) = 31", "posted=2020-01-31T12:00:00", T),
        (
            "extract(hour FROM posted) = 12 AND extract(minute FROM posted) = 5",
            "posted=2020-01-31T12:05:00",
            T,
        ),
        ("extract(second FROM posted) = 7.25", "posted=2020-01-31T12:05:07.25", T),
        ("extract(year FROM opened) = 2020", "", U),
        ("opened IN (DATE '2020-01-01', DATE '2020-01-02')", "opened=2020-01-02", T),
        ("CASE WHEN qty > 0 THEN amt > 0 ELSE amt <= 0 END", "qty=1; amt=1.00", T),
        ("CASE WHEN qty > 0 THEN amt > 0 ELSE amt <= 0 END", "amt=1.00", F),
        ("CASE WHEN qty > 0 THEN amt > 0 END", "qty=0; amt=1.00", U),
        ("CASE type_cd WHEN '01' THEN 1 WHEN '02' THEN 2.5 ELSE 0 END = 2.5", "type_cd=02", T),
        ("CASE type_cd WHEN NULL THEN 1 ELSE 0 END = 0", "", T),
        ("CASE WHEN qty = 0 THEN 0 ELSE 10 % qty END = 1", "qty=3", T),
        ("CASE WHEN qty = 0 THEN 0 ELSE 10 % qty END = 0", "qty=0", T),
        ("amt > 0 -- a remark\n AND qty > 0", "amt=1.00; qty=1", T),
        ("abs(amt) <= 100000 AND type_cd IN ('01', '03')", "amt=50.00; type_cd=01", T),
    ]);
}

#[test]
fn what_is_not_needed_is_not_evaluated() {
    check(&[
        // predicate                                    record                        comes out as
        ("qty <> 0 AND 10 % qty = 1", "qty=0", F),
        ("10 % qty = 1 AND qty <> 0", "qty=0", fails("the divisor is zero")),
        ("qty = 0 OR 10 % qty = 1", "qty=0", T),
        ("NULL AND 10 % qty = 1", "qty=0", fails("the divisor is zero")),
        ("5 IN (5, 10 % qty)", "qty=0", T),
        ("5 IN (10 % qty, 5)", "qty=0", fails("the divisor is zero")),
        ("5 BETWEEN 6 AND 10 % qty", "qty=0", F),
        ("coalesce(id, 10 % qty) = 1", "qty=0; id=1", T),
    ]);
}

#[test]
fn evaluation_errors_say_where() {
    let e = evaluated("id > 0\n AND qty % 0 = 1", "id=1; qty=7").unwrap_err();
    assert_eq!((e.line, e.column), (Some(2), Some(6)));
    assert_eq!(e.to_string(), "7 % 0: the divisor is zero");
}

#[test]
fn values_of_another_layout_are_an_error() {
    let predicate = Predicate::parse("qty = 1 OR name IN ('a')", &layout()).unwrap();
    assert!(predicate.evaluate(&[]).unwrap_err().message.contains("0 values"));
    let mut values = record(&layout(), "qty=2");
    values[6] = Value::Integer(1);
    assert!(predicate.evaluate(&values).unwrap_err().message.contains("does not have the type"));
}

#[test]
fn long_lists_are_searched_as_short_ones_are_walked() {
    let list = |from: i32, to: i32| (from..to).map(|i| format!("{i}.50")).collect::<Vec<_>>().join(", ");
    let amounts = format!("amt IN ({})", list(-50_000, 50_000));
    let layout = layout();
    let predicate = Predicate::parse(&amounts, &layout).unwrap();
    for (written, expected) in
        [("amt=-7.50", Truth::True), ("amt=49999.50", Truth::True), ("amt=7.51", Truth::False)]
    {
        assert_eq!(predicate.evaluate(&record(&layout, written)), Ok(expected), "{written}");
    }
    let list = list(0, 100);
    check_truth(&format!("amt IN (NULL, {list}, qty)"), "amt=1.51; qty=1", Truth::Unknown);
    check_truth(&format!("amt NOT IN ({list})"), "amt=1.50", Truth::False);
    check_truth(&format!("amt IN ({list}, qty)"), "amt=7.00; qty=7", Truth::True);
    check_truth(&format!("amt IN ({list}, qty)"), "", Truth::Unknown);
}

fn check_truth(text: &str, written: &str, expected: Truth) {
    assert_eq!(evaluated(text, written), Ok(expected), "{written}");
}
