//! COPY and REPLACING: what becomes of the text.

use super::super::copies::{expanded, replaced};
use super::*;

fn library(name: &str) -> Result<String, String> {
    Ok(match name {
        "INNER" => "      * AN INNER ONE\n           05  :P:-ID  PIC X(4).\n           05  :P:-AMT PIC S9(5)V99 COMP-3.\n",
        "OUTER" => "           COPY INNER REPLACING ==:P:== BY ==OU==.\n           05  LAST-ONE PIC X.\n",
        "LOOP" => "           COPY LOOP.\n",
        "LIB/FIELD" => "           05  THE-FIELD PIC X(3).\n",
        other => return Err(format!("cannot find the copybook `{other}`")),
    }
    .to_owned())
}

fn copied(text: &str) -> Result<String, String> {
    expanded(text, ReferenceFormat::Fixed, &mut library)
}

fn names(text: &str) -> Vec<String> {
    let copybook = fixed(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    copybook.items().iter().filter_map(|item| item.name.as_deref().map(str::to_owned)).collect()
}

#[test]
fn a_copied_text_takes_the_place_of_its_statement() {
    let text = "       01  CP-REC.\n           COPY INNER REPLACING ==:P:== BY ==CP==.\n           05  CP-END PIC X(2).\n";
    let whole = copied(text).unwrap();
    assert_eq!(names(&whole), ["CP-REC", "CP-ID", "CP-AMT", "CP-END"]);
    assert!(whole.contains("      *    COPY INNER REPLACING"), "the statement stays as a comment:\n{whole}");
    // Over several lines, in small letters, with a library, and one within another.
    let text = "       01  R.\n           copy\n             inner\n             replacing ==:p:== by ==X==\n                       \
                ==AMT-X== BY ==AMT==.\n           COPY FIELD OF LIB REPLACING THE-FIELD BY NEW-FIELD.\n           COPY OUTER.\n";
    let text = text.replace("inner\n", "INNER\n");
    assert_eq!(
        names(&copied(&text).unwrap()),
        ["R", "X-ID", "X-AMT", "NEW-FIELD", "OU-ID", "OU-AMT", "LAST-ONE"]
    );
    // What copies nothing stays as it is, tabs and all.
    let plain = "\t01  R.\n      * COPY NOTHING.\n\t   05 A PIC X. *> COPY NOTHING\n";
    assert_eq!(copied(plain).unwrap(), plain);
    let free = "01 R.\n copy INNER replacing ==:P:== by ==F==.\n";
    let whole =
        expanded(free, ReferenceFormat::Free, &mut |_| Ok("05 :P:-A PIC X. *> :P:\n".into())).unwrap();
    assert_eq!(whole, "01 R.\n*>  copy INNER replacing ==:P:== by ==F==.\n05 F-A PIC X. *> :P:\n");
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    for (statement, says) in [
        ("COPY NONE.", "line 2: cannot find the copybook `NONE`"),
        ("COPY LOOP.", "LOOP, line 1: `LOOP` copies itself"),
        ("COPY INNER", "line 2: the COPY statement has no period"),
        ("COPY INNER REPLACING LEADING ==A B== BY ==B==.", "`A B` is no part of a word"),
        ("COPY INNER REPLACING TRAILING ==A== BY ==B C==.", "`B C` is no part of a word"),
        ("COPY INNER REPLACING LEADING.", "expected a part of a word after LEADING"),
        ("COPY INNER REPLACING LEADING ==A== ==B==.", "expected BY after `A`"),
        ("COPY INNER REPLACING ==A== ==B==.", "expected BY after `A`"),
        ("COPY INNER REPLACING ==A== BY.", "expected what replaces `A`"),
        ("COPY INNER REPLACING ==A BY B.", "no `==` at its end"),
        ("COPY INNER REPLACING.", "replaces nothing"),
        ("COPY '../INNER'.", "is no name of a copybook"),
        ("COPY INNER PLEASE.", "expected REPLACING"),
        ("COPY.", "COPY names no copybook"),
    ] {
        let error = copied(&format!("       01  R.\n           {statement}\n")).unwrap_err();
        assert!(error.contains(says), "{statement}: {error}");
    }
}

#[test]
fn the_beginning_and_the_end_of_words_are_replaced() {
    let inner = "           05  WS-ID      PIC X(4) VALUE 'WS-A'.\n           05  ws-total-x PIC 9(5).\n\
                 \x20          05  MY-WS-KEY PIC X.\n           05  TOTAL-X PIC X.\n";
    let of = |replacing: &str| {
        let text = format!("       01  R.\n           COPY INNER REPLACING\n           {replacing}.\n");
        expanded(&text, ReferenceFormat::Fixed, &mut |_| Ok(inner.into()))
    };
    assert_eq!(
        names(&of("LEADING ==WS-== BY ==CUST-==").unwrap()),
        ["R", "CUST-ID", "CUST-TOTAL-X", "MY-WS-KEY", "TOTAL-X"]
    );
    assert_eq!(
        names(&of("LEADING WS- BY ==== TRAILING ==-X== BY ==-SUM==").unwrap()),
        ["R", "ID", "TOTAL-X", "MY-WS-KEY", "TOTAL-SUM"],
        "of a word, the first replacement that fits"
    );
    assert_eq!(
        names(&of("==MY-WS-KEY== BY ==WS-OTHER== leading ==ws-== by ==C-==").unwrap()),
        ["R", "C-ID", "C-TOTAL-X", "WS-OTHER", "TOTAL-X"],
        "what replaces is not replaced again"
    );
    assert!(of("LEADING ==WS-== BY ==C-==").unwrap().contains("'WS-A'"), "literals stay");
}

#[test]
fn words_are_replaced_whole_and_placeholders_in_words() {
    let pairs = |list: &[(&str, &str)]| -> Vec<_> {
        list.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
    };
    let of = |text: &str, list: &[(&str, &str)]| replaced(text, ReferenceFormat::Free, &pairs(list)).unwrap();
    assert_eq!(of("05 :TAG:-A PIC X(:LEN:).\n", &[(":TAG:", "T"), (":LEN:", "12")]), "05 T-A PIC X(12).\n");
    assert_eq!(
        of("05 ACCT PIC X. 05 ACCT-NO PIC X.\n", &[("acct", "KONTO")]),
        "05 KONTO PIC X. 05 ACCT-NO PIC X.\n"
    );
    assert_eq!(of("05 A PIC  X(3).\n", &[("PIC X(3)", "PIC X(9)")]), "05 A PIC X(9).\n");
    assert_eq!(
        of("05 A PIC X VALUE 'A :T: A'. *> A\n", &[("A", "B"), (":T:", "U")]),
        "05 B PIC X VALUE 'A :T: A'. *> A\n"
    );
    assert_eq!(of("A B.\n", &[("A", "B"), ("B", "A")]), "B A.\n", "all at once");
    assert_eq!(of("05 A PIC X.\n", &[("PIC X", "")]), "05 A .\n");
    // In the fixed format a line that becomes too long goes on in the next, and columns 73 to 80 are not code.
    let long = format!("       01  :T:-R.\n           05  {:<40}PIC X(4).{:>16}\n", ":T:-A", "CHANGED1");
    let long =
        replaced(&long, ReferenceFormat::Fixed, &pairs(&[(":T:", "A-VERY-LONG-NAME-OF-A-PROJECT")])).unwrap();
    assert!(long.lines().all(|line| line.len() <= 80), "{long}");
    assert_eq!(names(&long), ["A-VERY-LONG-NAME-OF-A-PROJECT-R", "A-VERY-LONG-NAME-OF-A-PROJECT-A"]);
    let error =
        replaced("05 A PIC\n X(3).\n", ReferenceFormat::Free, &pairs(&[("PIC X(3)", "PIC 9")])).unwrap_err();
    assert!(error.contains("line 2") && error.contains("divided by a line's end"), "{error}");
    let error =
        replaced("       01 A.\n", ReferenceFormat::Fixed, &pairs(&[("A", &"B".repeat(70))])).unwrap_err();
    assert!(error.contains("longer than a line"), "{error}");
}
