use super::*;
use proptest::prelude::*;

fn amount(text: &str) -> Amount {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn amounts_print_as_they_were_written() {
    //       written                                      printed
    let table = [
        ("0", "0"),
        ("0.00", "0.00"),
        ("-0.00", "0.00"),
        ("+1.50", "1.50"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("007", "7"),
        ("104801.54", "104801.54"),
        ("-123.45", "-123.45"),
        ("0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001"),
        ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ("-9999999999999999999.9999999999999999999", "-9999999999999999999.9999999999999999999"),
        ("1000000000000000000.0000000000000000000", "1000000000000000000.0000000000000000000"),
        ("18446744073709551616", "18446744073709551616"),
        ("100000000000000000000000000000000000.00", "100000000000000000000000000000000000.00"),
    ];
    for (written, printed) in table {
        assert_eq!(amount(written).to_string(), printed, "{written}");
    }
}

#[test]
fn what_is_not_an_exact_amount_is_refused() {
    use AmountError::{NotANumber, TooManyDigits};
    let table = [
        ("", NotANumber),
        ("-", NotANumber),
        (".", NotANumber),
        ("1.2.3", NotANumber),
        ("1,000", NotANumber),
        (" 1", NotANumber),
        ("1e3", NotANumber),
        ("--1", NotANumber),
        ("12x", NotANumber),
        ("1234567890123456789012345678901234567890x", NotANumber),
        ("100000000000000000000000000000000000000", TooManyDigits),
        // 2^128 + 1 and a digit more: what wraps around must not come out as a small amount.
        ("340282366920938463463374607431768211457", TooManyDigits),
        ("3402823669209384634633746074317682114570000000000", TooManyDigits),
        ("1234567890123456789012345678901234567890", TooManyDigits),
        // More than an i128 holds, after any digit: 2 to the 128th, and one more.
        ("340282366920938463463374607431768211457", TooManyDigits),
        ("99999999999999999999999999999999999999999", TooManyDigits),
        ("0.000000000000000000000000000000000000001", TooManyDigits),
    ];
    for (text, error) in table {
        assert_eq!(Amount::from_str(text), Err(error), "{text}");
    }
}

#[test]
fn sums_are_exact_where_floats_and_28_digit_decimals_are_not() {
    assert_eq!(amount("0.1").checked_add(amount("0.2")), Ok(amount("0.3")));
    let large = amount("12345678901234567890123456789.01");
    assert_eq!(large.checked_add(amount("0.01")).unwrap().to_string(), "12345678901234567890123456789.02");
    let most = amount("99999999999999999999999999999999999999");
    assert_eq!(most.checked_add(amount("1")), Err(AmountError::TooManyDigits));
    assert_eq!(most.checked_sub(amount("1")).unwrap().to_string(), "99999999999999999999999999999999999998");
}

#[test]
fn rescaling_never_rounds() {
    assert_eq!(amount("1.50").rescale(1).unwrap().to_string(), "1.5");
    assert_eq!(amount("1.5").rescale(4).unwrap().to_string(), "1.5000");
    assert_eq!(amount("1.55").rescale(1), Err(AmountError::WouldRound { scale: 1 }));
    assert_eq!(amount("1").rescale(38), Err(AmountError::TooManyDigits));
}

#[test]
fn order_is_numeric_across_scales_even_where_scaling_overflows() {
    assert_eq!(amount("1.0"), amount("1.00"));
    assert!(
        amount("99999999999999999999999999999999999999") > amount("0.00000000000000000000000000000000000001")
    );
    assert!(amount("-99999999999999999999999999999999999999") < amount("-0.5"));
    assert!(amount("-1") < amount("-0.99"));
}

proptest! {
    #[test]
    fn any_digits_are_an_amount_exactly_when_there_are_at_most_38(digits in "[1-9][0-9]{0,60}") {
        let parsed = Amount::from_str(&digits);
        if digits.len() <= 38 {
            prop_assert_eq!(parsed.unwrap().to_string(), digits);
        } else {
            prop_assert_eq!(parsed, Err(AmountError::TooManyDigits));
        }
    }

    #[test]
    fn any_amount_prints_and_reads_back(mantissa in -MANTISSA_MAX..=MANTISSA_MAX, scale in 0_u8..=38) {
        let one = Amount::new(mantissa, scale).unwrap();
        let back = amount(&one.to_string());
        prop_assert_eq!(back.mantissa(), mantissa);
        prop_assert_eq!(back.scale(), scale);
    }

    #[test]
    fn sums_agree_with_rust_decimal_where_that_one_is_exact(a in -10_i64.pow(15)..10_i64.pow(15), b in -10_i64.pow(15)..10_i64.pow(15), sa in 0_u8..6, sb in 0_u8..6) {
        let ours = Amount::new(a.into(), sa).unwrap().checked_add(Amount::new(b.into(), sb).unwrap()).unwrap();
        let theirs = rust_decimal::Decimal::new(a, sa.into()) + rust_decimal::Decimal::new(b, sb.into());
        prop_assert_eq!(ours.mantissa(), theirs.mantissa());
    }

    #[test]
    fn order_agrees_with_subtraction(a in -10_i128.pow(30)..10_i128.pow(30), b in -10_i128.pow(30)..10_i128.pow(30), sa in 0_u8..6, sb in 0_u8..6) {
        let (a, b) = (Amount::new(a, sa).unwrap(), Amount::new(b, sb).unwrap());
        prop_assert_eq!(a.cmp(&b), a.checked_sub(b).unwrap().mantissa().cmp(&0));
    }
}
