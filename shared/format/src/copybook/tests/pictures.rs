//! Pictures, and what they say.

use super::super::Category;
use super::super::picture::{Symbols, picture_of};
use super::free;

const SYMBOLS: Symbols = Symbols { currency: '$', decimal_comma: false };

#[test]
fn pictures_say_category_digits_scale_sign_and_positions() {
    use Category::{
        Alphabetic as A, Alphanumeric as X, AlphanumericEdited as XE, Dbcs as G, National as N, Numeric as D,
        NumericEdited as E,
    };
    #[rustfmt::skip]
    let table: &[(&str, Category, u8, i16, bool, usize)] = &[
        // picture            category digits scale signed positions
        ("X",                    X,  0,  0, false,  1),
        ("XXX",                  X,  0,  0, false,  3),
        ("X(10)",                X,  0,  0, false, 10),
        ("X(00010)",             X,  0,  0, false, 10),
        ("X(2)X(3)",             X,  0,  0, false,  5),
        ("A",                    A,  0,  0, false,  1),
        ("A(30)",                A,  0,  0, false, 30),
        ("A(2)9(3)",             X,  0,  0, false,  5),
        ("9X",                   X,  0,  0, false,  2),
        ("XA9",                  X,  0,  0, false,  3),
        ("X(3)BX(3)",            XE, 0,  0, false,  7),
        ("AAABAA",               XE, 0,  0, false,  6),
        ("XX/XX/XX",             XE, 0,  0, false,  8),
        ("X0X",                  XE, 0,  0, false,  3),
        ("N",                    N,  0,  0, false,  1),
        ("N(8)",                 N,  0,  0, false,  8),
        ("NN/NN",                N,  0,  0, false,  5),
        ("G(4)",                 G,  0,  0, false,  4),
        ("GBG",                  G,  0,  0, false,  3),
        ("9",                    D,  1,  0, false,  1),
        ("99",                   D,  2,  0, false,  2),
        ("9(18)",                D, 18,  0, false, 18),
        ("9(31)",                D, 31,  0, false, 31),
        ("9(38)",                D, 38,  0, false, 38),
        ("S9",                   D,  1,  0, true,   1),
        ("S9(9)V99",             D, 11,  2, true,  11),
        ("S9(09)V9(02)",         D, 11,  2, true,  11),
        ("9(5)V",                D,  5,  0, false,  5),
        ("V9",                   D,  1,  1, false,  1),
        ("SV9(4)",               D,  4,  4, true,   4),
        ("9V9",                  D,  2,  1, false,  2),
        ("99V9(3)",              D,  5,  3, false,  5),
        ("9P",                   D,  1, -1, false,  1),
        ("99PPP",                D,  2, -3, false,  2),
        ("9(3)P(3)",             D,  3, -3, false,  3),
        ("S9(3)P(2)V",           D,  3, -2, true,   3),
        ("P9",                   D,  1,  2, false,  1),
        ("PPP99",                D,  2,  5, false,  2),
        ("VPPP99",               D,  2,  5, false,  2),
        ("SVP(4)9(4)",           D,  4,  8, true,   4),
        ("SP9",                  D,  1,  2, true,   1),
        ("Z",                    E,  1,  0, false,  1),
        ("ZZ9",                  E,  3,  0, false,  3),
        ("Z(5)9",                E,  6,  0, false,  6),
        ("ZZZ,ZZ9.99",           E,  8,  2, false, 10),
        ("Z,ZZZ,ZZZ.ZZ",         E,  9,  2, false, 12),
        ("ZZ9V99",               E,  5,  2, false,  5),
        ("ZZ.ZZ",                E,  4,  2, false,  5),
        (".99",                  E,  2,  2, false,  3),
        ("9.9",                  E,  2,  1, false,  3),
        ("9(3).9(2)",            E,  5,  2, false,  6),
        ("9,999",                E,  4,  0, false,  5),
        ("99/99/9999",           E,  8,  0, false, 10),
        ("9999B99B99",           E,  8,  0, false, 10),
        ("9(3)00",               E,  3,  0, false,  5),
        ("099",                  E,  2,  0, false,  3),
        ("***9",                 E,  4,  0, false,  4),
        ("**,**9.99",            E,  7,  2, false,  9),
        ("**.**",                E,  4,  2, false,  5),
        ("+9(3)",                E,  3,  0, true,   4),
        ("-9(3)",                E,  3,  0, true,   4),
        ("9(3)+",                E,  3,  0, true,   4),
        ("9(3)-",                E,  3,  0, true,   4),
        ("ZZ9-",                 E,  3,  0, true,   4),
        ("ZZ9.99-",              E,  5,  2, true,   7),
        ("+ZZ9.99",              E,  5,  2, true,   7),
        ("ZZ9CR",                E,  3,  0, true,   5),
        ("9(5).99DB",            E,  7,  2, true,  10),
        ("$9(3)",                E,  3,  0, false,  4),
        ("$ZZ9.99",              E,  5,  2, false,  7),
        ("$**9.99",              E,  5,  2, false,  7),
        ("-$ZZ9",                E,  3,  0, true,   5),
        ("$ZZ9CR",               E,  3,  0, true,   6),
        ("$ZZ9-",                E,  3,  0, true,   5),
        ("--9",                  E,  2,  0, true,   3),
        ("++++9.99",             E,  6,  2, true,   8),
        ("-(5)9",                E,  5,  0, true,   6),
        ("---,--9.99",           E,  7,  2, true,  10),
        ("--.--",                E,  3,  2, true,   5),
        ("$$$,$$9.99",           E,  7,  2, false, 10),
        ("$(6)9",                E,  6,  0, false,  7),
        ("$$$.$$",               E,  4,  2, false,  6),
        ("$$$9CR",               E,  3,  0, true,   6),
        ("+$$$9.99",             E,  5,  2, true,   8),
        ("$--9",                 E,  2,  0, true,   4),
        ("$$9-",                 E,  2,  0, true,   4),
        ("ZZ9PP",                E,  3, -2, false,  3),
        ("PPZZ",                 E,  2,  4, false,  2),
        ("ZZZBB",                E,  3,  0, false,  5),
        ("9(10)-",               E, 10,  0, true,  11),
    ];
    assert!(table.len() >= 80);
    for (text, category, digits, scale, signed, chars) in table {
        let picture = picture_of(text, SYMBOLS).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let found = (picture.category, picture.digits, picture.scale, picture.signed, picture.chars);
        assert_eq!(found, (*category, *digits, *scale, *signed, *chars), "{text}");
    }
}

#[test]
fn a_decimal_comma_and_another_currency_change_what_pictures_mean() {
    let comma = Symbols { currency: 'F', decimal_comma: true };
    #[rustfmt::skip]
    let table = [
        ("ZZZ.ZZ9,99", 8, 2, 10),
        ("9,9",        2, 1,  3),
        ("F9(3)",      3, 0,  4),
        ("FFF9,99",    5, 2,  7),
    ];
    for (text, digits, scale, chars) in table {
        let picture = picture_of(text, comma).unwrap();
        assert_eq!((picture.digits, picture.scale, picture.chars), (digits, scale, chars), "{text}");
    }
    assert!(picture_of("$9", comma).unwrap_err().message.contains("found `$`"));
}

#[test]
fn wrong_pictures_are_refused() {
    #[rustfmt::skip]
    let table = [
        ("Q",          "found `Q`, which is not a picture symbol"),
        ("9(",         "expected a count from 1 to 1048576 in parentheses"),
        ("9()",        "expected a count"),
        ("9(0)",       "expected a count"),
        ("9(5",        "expected a count"),
        ("9(5X)",      "expected a count"),
        ("9(-1)",      "expected a count"),
        ("X(1048577)", "expected a count"),
        ("X(99999999999999999999999999)", "expected a count"),
        ("X(1048576)X", "is longer than 1048576 bytes"),
        ("9(39)",      "has more than 38 digit positions"),
        ("9(20)V9(19)", "has more than 38 digit positions"),
        ("9(20)P(20)", "has more than 38 digit positions, `P` counted"),
        ("P(30)9(9)",  "has more than 38 digit positions"),
        ("S",          "is not a number"),
        ("V",          "is not a number"),
        ("PP",         "is not a number"),
        ("9S",         "`S` must occur only once, at the left end"),
        ("SS9",        "`S` must occur only once, at the left end"),
        ("9V9V9",      "is not a number"),
        ("9P9",        "is not a number"),
        ("P9P",        "is not a number"),
        ("9VP",        "is not a number"),
        ("PV9",        "is not a number"),
        ("XV9",        "mixes characters"),
        ("SX",         "mixes characters"),
        ("XZ",         "mixes characters"),
        ("NX",         "mixes characters"),
        ("N9",         "mixes double-byte characters"),
        ("G/G",        "mixes double-byte characters"),
        ("GN9",        "mixes double-byte characters"),
        ("+9.9E+99",   "external floating point is not supported"),
        ("U(5)",       "UTF-8 items are not supported"),
        ("SZZ9",       "`S` is not for edited numbers"),
        ("B",          "has no digit position"),
        ("CR",         "has no digit position"),
        ("$",          "has no digit position"),
        ("+",          "has no digit position"),
        ("9.9.9",      "more than one decimal point"),
        ("9V9.9",      "more than one decimal point"),
        ("9Z",         "must precede every `9`"),
        ("Z9Z",        "must precede every `9`"),
        ("9.Z",        "must precede every `9`"),
        ("Z.Z9",       "if a digit after the decimal point is suppressed"),
        ("Z*9",        "only one of `Z`, `*` and a floating sign"),
        ("ZZ$$9",      "only one of `Z`, `*` and a floating sign"),
        ("+9-",        "only one kind of sign"),
        ("+9CR",       "only one kind of sign"),
        ("9CRDB",      "only one kind of sign"),
        ("9CR9",       "a fixed sign or currency sign must be at an end"),
        ("9$",         "must precede every `9`"),
        ("9+9",        "must precede every `9`"),
        (".++",        "start before the decimal point"),
        ("Z$9",        "only one of"),
        ("9P.9",       "exclude each other"),
        ("ZP9",        "`P` must be consecutive and at one end"),
        ("ZPVZ",       "`P` must be consecutive and at one end"),
    ];
    for (text, expected) in table {
        let error = picture_of(text, SYMBOLS).expect_err(text);
        assert!(error.message.contains(expected), "{text}: {}", error.message);
    }
    let long = "9".repeat(257);
    assert!(picture_of(&long, SYMBOLS).unwrap_err().message.contains("longer than 256 characters"));
}

#[test]
fn bytes_follow_usage() {
    #[rustfmt::skip]
    let table = [
        // clauses                                bytes
        ("PIC X(10)",                                10),
        ("PIC 9(5)",                                  5),
        ("PIC S9(5)",                                 5),
        ("PIC S9(5) SIGN TRAILING",                   5),
        ("PIC S9(5) SIGN IS LEADING",                 5),
        ("PIC S9(5) SIGN TRAILING SEPARATE",          6),
        ("PIC S9(5) LEADING SEPARATE CHARACTER",      6),
        ("PIC S9(3)PP",                               3),
        ("PIC ZZ,ZZ9.99CR",                          11),
        ("PIC 9(1) COMP",                             2),
        ("PIC 9(4) COMP",                             2),
        ("PIC S9(4) BINARY",                          2),
        ("PIC 9(5) COMP",                             4),
        ("PIC S9(9) COMP-4",                          4),
        ("PIC S9(10) COMP",                           8),
        ("PIC S9(18) COMPUTATIONAL",                  8),
        ("PIC S9(9)V99 BINARY",                       8),
        ("PIC S9(2)V99 COMPUTATIONAL-4",              2),
        ("PIC 9(4) COMP-5",                           2),
        ("PIC 9(9) COMP-5",                           4),
        ("PIC S9(18) USAGE IS COMPUTATIONAL-5",       8),
        ("COMP-1",                                    4),
        ("USAGE COMPUTATIONAL-1",                     4),
        ("COMP-2",                                    8),
        ("PIC 9 COMP-3",                              1),
        ("PIC 99 COMP-3",                             2),
        ("PIC S999 COMP-3",                           2),
        ("PIC S9(7)V99 PACKED-DECIMAL",               5),
        ("PIC S9(18) COMPUTATIONAL-3",               10),
        ("PIC S9(31) COMP-3",                        16),
        ("PIC S9(38) COMP-3",                        20),
        ("PIC 9 COMP-6",                              1),
        ("PIC 99 COMP-6",                             1),
        ("PIC 9(5) COMP-6",                           3),
        ("PIC N(5)",                                 10),
        ("PIC N(5) NATIONAL",                        10),
        ("PIC N(5) DISPLAY-1",                       10),
        ("PIC 9(5) NATIONAL",                        10),
        ("PIC S9(5) NATIONAL SIGN LEADING SEPARATE", 12),
        ("PIC G(5)",                                 10),
        ("PIC G(5) DISPLAY-1",                       10),
        ("USAGE INDEX",                               4),
        ("POINTER",                                   4),
        ("PIC 9(5) BLANK WHEN ZERO",                  5),
        ("PIC X(5) JUSTIFIED RIGHT",                  5),
    ];
    for (clauses, bytes) in table {
        let copybook =
            free(&format!("01 R. 05 A {clauses}.")).unwrap_or_else(|error| panic!("{clauses}: {error}"));
        assert_eq!(copybook.items()[1].length, bytes, "{clauses}");
    }
}
