//! How copybooks are written: columns, comments, continuation, clauses, values.

use super::super::{Figurative, Literal, Values};
use super::{Copybook, ParseOptions, fixed, free, names, table};

#[test]
fn the_fixed_format_ignores_numbers_tags_and_comments() {
    let text = concat!(
        "\u{feff}000100*A COMMENT, 01 LOOKS. LIKE CODE.\r\n",
        "000200 01  RECORD-A.                                                    CHANGE01\r\n",
        "000300/  NEW PAGE\r\n",
        "CR4711     05  FIELD-A      PIC X(5).  *> UP TO HERE                    TAG\r\n",
        "      D    05  DEBUGGING    PIC X(99).\r\n",
        "000400\r\n",
        "\r\n",
        "      * Größe: ü counts as one column\r\n",
        "           05  FIELD-B            PIC 9(05)PIC X.\r\n",
    );
    let error = fixed(text).unwrap_err();
    assert!(error.to_string().contains("`9(05)PIC`"), "{error}");
    let text = text.replace("PIC 9(05)PIC X.", "PIC 9(05).");
    assert_eq!(table(&fixed(&text).unwrap()), ["01 RECORD-A 0 10", "05 FIELD-A 0 5", "05 FIELD-B 5 5"]);
    // From column 73 on nothing is code.
    let long = format!("       01 R.{}05 X.\n           05 A PIC X.\n", " ".repeat(60));
    assert_eq!(table(&fixed(&long).unwrap()), ["01 R 0 1", "05 A 0 1"]);
}

#[test]
fn words_and_literals_are_continued_in_the_fixed_format() {
    let text = concat!(
        "       01  R.\n",
        "           05  FIELD-\n",
        "      *    A COMMENT BETWEEN\n",
        "      -        A PIC X(\n",
        "      -    12).\n",
        "           88  LONG-ONE VALUE 'IT''S SPLIT OVER TWO LINES, HERE: \n",
        "      -    'AND GOES ON'.\n",
    );
    let copybook = fixed(text).unwrap();
    assert_eq!(table(&copybook), ["01 R 0 12", "05 FIELD-A 0 12"]);
    let values = &copybook.items()[1].conditions[0].values;
    // The first part reaches to column 72.
    let first = "IT'S SPLIT OVER TWO LINES, HERE: ";
    let padded = format!("{first}{}AND GOES ON", " ".repeat(72 - 65));
    assert_eq!(*values, [Values { from: Literal::Text(padded), through: None }]);
}

#[test]
fn the_free_format_has_no_columns() {
    let text = "*> comment\n01 R.\n05 A PIC X(3). *> and one here\n\t05 B\n  PIC 9.\n05 C PIC X VALUE '*> no comment'.";
    assert_eq!(table(&free(text).unwrap()), ["01 R 0 5", "05 A 0 3", "05 B 3 1", "05 C 4 1"]);
}

#[test]
fn case_and_separators_do_not_matter() {
    let text = "01 rec. 05 Field-a, pic x(3), value spaces; 05-b pic 9.";
    assert!(free(text).is_err());
    let text = "01 rec. 05 Field-a, pic x(3), value spaces. 05 b; Picture Is 9(2); Usage Comp-3.";
    assert_eq!(table(&free(text).unwrap()), ["01 REC 0 5", "05 FIELD-A 0 3", "05 B 3 2"]);
}

#[test]
fn values_and_search_clauses_change_no_length() {
    let text = "01 R IS GLOBAL.
        05 A PIC X(4) VALUE IS 'A.B'. 05 B PIC X(4) VALUE X'C1C2'. 05 C PIC X(4) VALUE ALL '*'. 05 D PIC 9(4) VALUE ZEROES.
        05 E PIC S9(2)V9 VALUE -12.5. 05 F PIC X VALUE ALL SPACES. 05 G PIC X(4) VALUE \"say \"\"so\"\"\".
        05 T OCCURS 2 TIMES ASCENDING KEY IS K1 K2 DESCENDING K3 INDEXED BY I1, I2 PIC X.
        05 U OCCURS 3 INDEXED I3. 10 K1 PIC X. 05 H VALUE LOW-VALUES. 10 I PIC X.";
    assert_eq!(
        table(&free(text).unwrap()),
        [
            "01 R 0 30",
            "05 A 0 4",
            "05 B 4 4",
            "05 C 8 4",
            "05 D 12 4",
            "05 E 16 3",
            "05 F 19 1",
            "05 G 20 4",
            "05 T 24 1 x2",
            "05 U 26 1 x3",
            "10 K1 26 1",
            "05 H 29 1",
            "10 I 29 1",
        ]
    );
}

#[test]
fn clauses_may_come_in_any_order() {
    let text =
        "01 R. 05 A COMP-3 PIC S9(5) SYNC VALUE +1. 05 B OCCURS 2 PIC 9 BLANK WHEN ZEROS. 05 C JUST PIC X.";
    assert_eq!(table(&free(text).unwrap()), ["01 R 0 6", "05 A 0 3", "05 B 3 1 x2", "05 C 5 1"]);
}

#[test]
fn listing_controls_are_passed_over() {
    let text = "EJECT 01 R. SKIP1 05 A PIC X. SKIP3. 05 B PIC X. EJECT.";
    assert_eq!(table(&free(text).unwrap()), ["01 R 0 2", "05 A 0 1", "05 B 1 1"]);
}

#[test]
fn level_88_entries_name_values_ranges_and_constants() {
    let text = "01 R. 05 A PIC 9(3).
        88 ONE VALUE 1. 88 SOME VALUES ARE 1, 3 THRU 5, 9. 88 BELOW VALUE -1.50 THROUGH ZERO.
        05 B PIC X(2).
        88 LETTER VALUE 'A' THRU 'Z' SPACE HIGH-VALUES. 88 RAW VALUE X'0aFF'. 88 STARS VALUE ALL '*'.
        88 YES VALUE 'Y' WHEN SET TO FALSE IS 'N'. 88 NO-ONE VALUE NULL.
        05 G. 88 EMPTY-G VALUE LOW-VALUE. 10 C PIC X.";
    let copybook = free(text).unwrap();
    let conditions = |item: usize| -> Vec<(String, Vec<Values>)> {
        let all = copybook.items()[item].conditions.iter();
        all.map(|condition| (condition.name.clone(), condition.values.clone())).collect()
    };
    let one = |from| Values { from, through: None };
    let range = |from, through| Values { from, through: Some(through) };
    let number = |text: &str| Literal::Number(text.into());
    let chars = |text: &str| Literal::Text(text.into());
    let constant = Literal::Figurative;
    assert_eq!(
        conditions(1),
        [
            ("ONE".into(), vec![one(number("1"))]),
            ("SOME".into(), vec![one(number("1")), range(number("3"), number("5")), one(number("9"))]),
            ("BELOW".into(), vec![range(number("-1.50"), constant(Figurative::Zero))]),
        ]
    );
    assert_eq!(
        conditions(2),
        [
            (
                "LETTER".into(),
                vec![
                    range(chars("A"), chars("Z")),
                    one(constant(Figurative::Space)),
                    one(constant(Figurative::High))
                ]
            ),
            ("RAW".into(), vec![one(Literal::Bytes(vec![0x0A, 0xFF]))]),
            ("STARS".into(), vec![one(Literal::All("*".into()))]),
            ("YES".into(), vec![one(chars("Y"))]),
            ("NO-ONE".into(), vec![one(constant(Figurative::Null))]),
        ]
    );
    assert_eq!(conditions(3), [("EMPTY-G".into(), vec![one(constant(Figurative::Low))])]);
}

#[test]
fn level_66_entries_rename_without_adding_bytes() {
    let copybook =
        free("01 R. 05 A PIC X. 05 B PIC X. 66 BOTH RENAMES A THRU B. 66 SECOND RENAMES B OF R.").unwrap();
    let renames: Vec<_> = copybook
        .renames()
        .iter()
        .map(|of| {
            (of.name.as_str(), copybook.item(of.from).name.clone(), copybook.item(of.through).name.clone())
        })
        .collect();
    let name = |name: &str| Some(name.into());
    assert_eq!(renames, [("BOTH", name("A"), name("B")), ("SECOND", name("B"), name("B"))]);
    assert_eq!(table(&copybook), ["01 R 0 2", "05 A 0 1", "05 B 1 1"]);
}

#[test]
fn a_decimal_comma_holds_for_pictures_and_values() {
    let options = ParseOptions { decimal_comma: true, ..super::FREE };
    let copybook =
        Copybook::parse("c", "01 R. 05 A PIC ZZ9,99. 88 V VALUE 1,5. 05 B PIC 9.", options).unwrap();
    let item = &copybook.items()[1];
    assert_eq!(item.elementary.as_ref().unwrap().picture.as_ref().unwrap().scale, 2);
    assert_eq!(item.conditions[0].values[0].from, Literal::Number("1.5".into()));
}

#[test]
fn unequal_levels_below_a_group_belong_to_it() {
    // As the compiler takes it ("Level-numbers", Language Reference: an IBM extension).
    let copybook = free("01 R. 10 A. 15 B PIC X. 05 C PIC X.").unwrap();
    let parents: Vec<_> = copybook
        .items()
        .iter()
        .map(|item| item.parent.map(|id| copybook.item(id).label().to_owned()))
        .collect();
    assert_eq!(parents[1..], [Some("R".into()), Some("A".into()), Some("R".into())]);
    assert_eq!(names(&["A"]), ["A"]);
}
