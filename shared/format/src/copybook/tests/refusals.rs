//! What is refused, where, and in which words.

use miette::Diagnostic;

use super::super::limits::ITEMS_MAX;
use super::{fixed, free};

#[test]
fn a_refusal_names_file_line_and_column_and_shows_the_place() {
    let error = free("01 R.\n  05 Ä PIC X.\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "copybook test.cpy, line 2, column 6: found `Ä`, expected a name, FILLER, a clause or the period that ends \
         the entry; a name has letters, digits and hyphens, at least one letter, and no hyphen at either end"
    );
    assert_eq!((error.span.offset(), error.span.len()), (11, 2));
    assert!(error.source_code().is_some() && error.help().is_some() && error.labels().is_some());
    let report = format!("{:?}", miette::Report::new(error));
    assert!(report.contains("05 Ä PIC X"), "{report}");
}

#[test]
fn what_is_wrong_in_free_text_is_said_with_its_place() {
    #[rustfmt::skip]
    let table: &[(&str, usize, &str)] = &[
        // text                                            column  message
        ("",                                                    1, "the copybook has no data items"),
        ("*> nothing",                                          1, "the copybook has no data items"),
        ("01 R",                                                5, "found the end of the copybook, expected a clause or the period"),
        ("01 R. 05 A PIC X",                                   17, "found the end of the copybook"),
        ("01 R. 05 A PIC X 05 B PIC X.",                       18, "found `05`, expected a clause or the period that ends the entry; the previous entry may lack its period"),
        ("01 R. A PIC X.",                                      7, "found `A`, expected a level number"),
        ("01 R. 005 A PIC X.",                                  7, "found `005`, expected a level number"),
        ("01 R. 50 A PIC X.",                                   7, "found level 50, expected 01 to 49, 66, 77 or 88"),
        ("00 R PIC X.",                                         1, "found level 00"),
        ("78 R PIC X.",                                         1, "found level 78"),
        ("01 R. 05 A.",                                        10, "`A` has neither a picture nor items below it"),
        ("01 R.",                                               4, "`R` has neither a picture nor items below it"),
        ("01 R. 05 A PIC X. 10 B PIC X.",                      22, "found level 10 below `A`, which has the \
         picture `X` and is therefore not a group"),
        ("01 R. 05 A PIC X. 77 K PIC X. 05 C PIC X.",          34, "found level 05 without an 01 entry it could \
         belong to"),
        ("05 A PIC X. 01 R. 05 B PIC X.",                      16, "found level 01 after items without a record"),
        ("01 R. 05 -A PIC X.",                                 10, "found `-A`, expected a name"),
        ("01 R. 05 A- PIC X.",                                 10, "found `A-`, expected a name"),
        ("01 R. 05 123 PIC X.",                                10, "found `123`, expected a name"),
        ("01 R. 05 A.B PIC X.",                                10, "found `A.B`, expected a name"),
        ("01 R. 05 A PIC.",                                    15, "found a period, expected a picture"),
        ("01 R. 05 A PIC IS.",                                 18, "found a period, expected a picture"),
        ("01 R. 05 A PIC 9(5. 05 B PIC X.",                    16, "expected a count"),
        ("01 R. 05 A PIC X9Q.",                                18, "found `Q`, which is not a picture symbol"),
        ("01 R. 05 A PIC X (5).",                              18, "found `(`, expected a clause or the period"),
        ("01 R. 05 A PIC X PIC X.",                            18, "found a second PICTURE clause"),
        ("01 R. 05 A PIC 9 COMP COMP-3.",                      23, "found a second USAGE clause"),
        ("01 R. 05 A PIC 9 FOO.",                              18, "found `FOO`, expected a clause or the period"),
        ("01 R. 05 A PIC 9 USAGE FOO.",                        24, "found `FOO`, expected a clause"),
        ("01 R. 05 A PIC 9 COMP-X.",                           18, "usage `COMP-X` (a native binary whose length depends on the compiler) is not supported"),
        ("01 R. 05 A PROCEDURE-POINTER.",                      12, "usage `PROCEDURE-POINTER` (an address) is not supported"),
        ("01 R. 05 A UTF-8.",                                  12, "usage `UTF-8`"),
        ("01 R. 05 A PIC 9 DYNAMIC LENGTH.",                   18, "the clause `DYNAMIC` is not supported"),
        ("01 R. 05 A PIC 9(5) GROUP-USAGE NATIONAL.",          21, "the clause `GROUP-USAGE` is not supported"),
        ("01 R. 05 A PIC X COMP.",                             18, "`A` is COMP, which is for numbers, but its picture is `X`"),
        ("01 R. 05 A PIC ZZ9 COMP-3.",                         20, "`A` is COMP-3, which is for numbers"),
        ("01 R. 05 A PIC S9 COMP-6.",                          19, "`A` is COMP-6, which is for numbers without sign"),
        ("01 R. 05 A PIC 9(19) COMP.",                         22, "`A` is COMP, which holds at most 18 digits here"),
        ("01 R. 05 A PIC 9(38) COMP-5.",                       22, "`A` is COMP-5, which holds at most 18 digits here"),
        ("01 R. 05 A PIC X NATIONAL.",                         18, "`A` is NATIONAL, which is for `N` and numbers"),
        ("01 R. 05 A PIC X DISPLAY-1.",                        18, "`A` is DISPLAY-1, which is for `G` and `N`"),
        ("01 R. 05 A PIC N DISPLAY.",                          18, "`A` is DISPLAY, which has one byte per character"),
        ("01 R. 05 A PIC 9 COMP-1.",                           16, "`A` is COMP-1, so it cannot have a picture"),
        ("01 R. 05 A PIC 9 POINTER.",                          16, "`A` is POINTER, so it cannot have a picture"),
        ("01 R. 05 G COMP-3. 10 A PIC 9 COMP.",                31, "`A` is COMP, but its group is COMP-3"),
        ("01 R. 05 G COMP. 10 A PIC X.",                       21, "`A` is COMP, which is for numbers"),
        ("01 R. 05 A PIC 9 SIGN LEADING.",                     18, "`A` has a SIGN clause, which is for numbers of usage DISPLAY"),
        ("01 R. 05 A PIC S9 COMP SIGN LEADING.",               24, "`A` has a SIGN clause"),
        ("01 R. 05 A PIC S9 SIGN IS SEPARATE.",                27, "found `SEPARATE`, expected LEADING or TRAILING"),
        ("01 R. 05 A PIC S9 BLANK WHEN ZERO.",                 19, "`A` has BLANK WHEN ZERO"),
        ("01 R. 05 A PIC X BLANK ZERO.",                       18, "`A` has BLANK WHEN ZERO"),
        ("01 R. 05 A PIC **9 BLANK WHEN ZERO.",                20, "`A` has BLANK WHEN ZERO"),
        ("01 R. 05 A PIC 9 BLANK WHEN SPACE.",                 29, "found `SPACE`, expected ZERO"),
        ("01 R. 05 A PIC 9 JUSTIFIED.",                        18, "`A` is JUSTIFIED, which is for text"),
        ("01 R. 05 G JUSTIFIED. 10 A PIC X.",                  12, "found JUSTIFIED on the group `G`"),
        ("01 R. 05 G SYNC. 10 A PIC X.",                       12, "found SYNCHRONIZED on the group `G`"),
        ("01 R. 05 A PIC X VALUE.",                            23, "found a period, expected a value"),
        ("01 R. 05 A PIC X VALUE FOO.",                        24, "found `FOO`, expected a value"),
        ("01 R. 05 A PIC 9 VALUE 1 2.",                        26, "found `2`, expected one value; only level 88 has several"),
        ("01 R. 05 A PIC X VALUE X'0'.",                       24, "expected an even number of hexadecimal digits"),
        ("01 R. 05 A PIC X VALUE X'0G'.",                      24, "expected an even number of hexadecimal digits"),
        ("01 R. 05 A PIC N VALUE N'0G'.",                      24, "found a literal with the prefix `N`"),
        ("01 R. 05 A PIC X VALUE Q'0G'.",                      24, "found `Q` right before a quote"),
        ("01 R. 05 A PIC X VALUE 'A.",                         24, "the literal that starts here is not closed by `'`"),
        ("01 R. 05 A PIC X VALUE 'A'B.",                       27, "found `B` right after a literal"),
        ("01 R. 05 A PIC X VALUE ALL 5.",                      28, "found `5`, expected characters in quotes after ALL"),
        ("88 V VALUE 1.",                                       4, "found a level 88 entry without an item before it"),
        ("01 R. 05 A PIC X. 88 V.",                            23, "found a period, expected VALUE"),
        ("01 R. 05 A PIC X. 88 V VALUE 1 THRU.",               36, "found a period, expected a value"),
        ("01 R. 05 A PIC X. 66 B RENAMES A. 88 V VALUE 1.",    38, "under one of level 66"),
        ("66 B RENAMES A.",                                     4, "found a level 66 entry without a record before it"),
        ("01 R. 05 A PIC X. 66 B RENAMES C.",                  32, "the record has no item `C`"),
        ("01 R. 05 A PIC X. 05 B PIC X. 66 C RENAMES B THRU A.", 34, "`C` renames a range that ends before it begins"),
        // REDEFINES
        ("01 R. 05 A PIC X. 05 B REDEFINES C PIC X.",          34, "found REDEFINES `C`, expected `A`, the previous item at its level"),
        ("01 R. 05 A PIC X. 05 C PIC X. 05 B REDEFINES A PIC X.", 46, "found REDEFINES `A`, expected `C`"),
        ("01 R. 05 B REDEFINES R PIC X.",                      22, "found REDEFINES `R`, but no item at its level precedes it"),
        ("01 R. 10 A PIC X. 05 B REDEFINES A PIC X.",          34, "found level 05, expected 10, the level of `A`"),
        ("01 R. 05 A PIC X OCCURS 2. 05 B REDEFINES A PIC X.", 43, "`A` has an OCCURS clause and cannot be redefined"),
        ("01 R. 05 X PIC X. 05 A PIC X(4). 05 B REDEFINES A COMP-1 SYNC.", 37, "`B` needs a boundary of 4 bytes, and `A`, which it redefines, is at offset 1"),
        // OCCURS
        ("01 R OCCURS 2. 05 A PIC X.",                          6, "`R` is a record, which cannot have OCCURS"),
        ("01 R. 05 A PIC X OCCURS.",                           24, "found a period, expected the number of occurrences"),
        ("01 R. 05 A PIC X OCCURS 0.",                         18, "an item cannot occur 0 to 0 times"),
        ("01 R. 05 A PIC X OCCURS 2 TO 5.",                    18, "found OCCURS ... TO without DEPENDING ON"),
        ("01 R. 05 N PIC 9. 05 A PIC X OCCURS 5 TO 2 DEPENDING N.", 30, "an item cannot occur 5 to 2 times"),
        ("01 R. 05 N PIC 9. 05 A PIC X OCCURS 1 TO UNBOUNDED DEPENDING N.", 42, "UNBOUNDED is not supported"),
        ("01 R. 05 A PIC X OCCURS 9999999.",                   25, "found `9999999`, expected a number up to 1048576"),
        ("01 R. 05 A PIC X OCCURS 1 TO 5 DEPENDING ON N.",     45, "the record has no item `N`"),
        ("01 S. 05 N PIC 9. 01 R. 05 A PIC X OCCURS 1 TO 5 DEPENDING ON N.", 63, "`N` is an item of another record"),
        ("01 R. 05 A PIC X OCCURS 1 TO 5 DEPENDING ON N. 05 N PIC 9.", 45, "`N` is referenced before it is defined"),
        ("01 R. 05 N PIC A. 05 A PIC X OCCURS 1 TO 5 DEPENDING ON N.", 57, "`N` is not a whole number"),
        ("01 R. 05 N PIC 9V9. 05 A PIC X OCCURS 1 TO 5 DEPENDING ON N.", 59, "`N` is not a whole number"),
        ("01 R. 05 N OCCURS 2 PIC 9. 05 A PIC X OCCURS 1 TO 5 DEPENDING ON N.", 66, "`N` is itself part of a table"),
        ("01 R. 05 G. 10 N PIC 9. 05 H. 10 N PIC 9. 05 A PIC X OCCURS 1 TO 5 DEPENDING ON N.", 81, "the record \
         has 2 items named `N`; qualify it with OF"),
        ("01 R. 05 N PIC 9. 05 A PIC X(9). 05 B REDEFINES A. 10 C PIC X OCCURS 1 TO 5 DEPENDING N.", 55, "`C` has a varying number of occurrences in `B`, which is one of several views"),
        ("01 R. 05 N PIC 9. 05 B. 10 C PIC X OCCURS 1 TO 5 DEPENDING N. 05 A REDEFINES B PIC X.", 28, "`C` has a varying number of occurrences in `B`"),
        ("01 R. 05 N PIC 9. 05 B PIC X OCCURS 1 TO 5 DEPENDING N. 05 A COMP-1 SYNC.", 60, "`A` is SYNCHRONIZED after a table of varying length"),
        ("01 R. 05 N PIC 9. 05 G OCCURS 2. 10 A COMP-1 SYNC. 10 B PIC X OCCURS 1 TO 5 DEPENDING N.", 22, "`G` is a table of varying length with SYNCHRONIZED items"),
        ("01 R. 05 A PIC X(1000) OCCURS 1049.",                10, "`A` extends beyond the record limit of \
         1048576 bytes"),
        ("01 R. 05 A OCCURS 1048576. 10 B OCCURS 1048576. 15 C PIC X(1048576).", 31, "`B` extends beyond the \
         record limit of 1048576 bytes"),
        // Text that is not for copybooks
        ("COPY OTHER.",                                         1, "found `COPY`, which is not supported in copybooks"),
        ("01 R. COPY OTHER REPLACING A BY B.",                  7, "found `COPY`"),
        ("01 R. 05 A COPY OTHER.",                             12, "found `COPY`"),
        ("EXEC SQL INCLUDE X END-EXEC.",                        1, "found `EXEC`"),
        ("DATA DIVISION.",                                      1, "found `DATA`"),
        ("WORKING-STORAGE SECTION.",                            1, "found `WORKING-STORAGE`"),
        ("FD FILE-A.",                                          1, "found `FD`"),
        ("01 :TAG:-REC. 05 A PIC X.",                           4, "found `:TAG:-REC`, a placeholder for COPY ... REPLACING"),
        ("01 ==A==. 05 A PIC X.",                               4, "found `==A==`, a placeholder"),
        (">>SOURCE FREE",                                       1, "found the compiler directive `>>SOURCE`"),
    ];
    let mut unlike = Vec::new();
    for (text, column, message) in table {
        let error = free(text).map(|copybook| super::table(&copybook)).expect_err(text);
        let said = error.to_string();
        if !said.contains(message) || (error.line, error.column) != (1, *column) {
            unlike.push(format!("{text}\n  {said}, not column {column}, {message}"));
        }
    }
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}

#[test]
fn what_is_wrong_with_the_columns_is_said_with_its_place() {
    #[rustfmt::skip]
    let table = [
        ("01  REC-A.\n",                                    7, "found `C` in column 7, expected a blank"),
        // Digits before column 7 number the line: the record is then without items.
        ("       01 R.\n  05\n",                           11, "`R` has neither a picture nor items below it"),
        ("       01 R.\nCOMP\n",                            1, "found `COMP` in columns 1 to 6"),
        ("\t01 R.\n",                                      12, "`R` has neither a picture nor items below it"),
        ("      -    X\n",                                  7, "found `-` in column 7, and no line before it"),
        ("       01 R. 88 A VALUE 'X\n      -   Y'.\n",    11, "found `Y'.`, expected `'` at the start of a \
         continued literal"),
        ("       01 R. 88 A VALUE 'X\n           Y'.\n",   25, "is not closed by `'` on its line"),
    ];
    for (text, column, message) in table {
        let error = fixed(text).expect_err(text);
        let said = error.to_string();
        assert!(said.contains(message), "{text}\n  {said}");
        assert_eq!(error.column, column, "{text}\n  {said}");
    }
    let long = format!("       01 R.{}X", " ".repeat(70));
    assert!(fixed(&long).unwrap_err().to_string().contains("found text in column 83, past the 80 columns"));
}

#[test]
fn sizes_are_bounded() {
    let many = format!("01 R. {}", "05 PIC X. ".repeat(ITEMS_MAX));
    assert!(free(&many).unwrap_err().to_string().contains("more than 10000 items"));
    let long = " ".repeat(super::super::limits::TEXT_BYTES_MAX + 1);
    assert!(free(&long).unwrap_err().to_string().contains("longer than 1048576 bytes"));
    let values = format!("01 R. 05 A PIC 9. 88 V VALUE{}.", " 1".repeat(10_001));
    assert!(free(&values).unwrap_err().to_string().contains("more than 10000 values"));
    let name = format!("01 {}.", "A".repeat(64));
    assert!(free(&name).unwrap_err().to_string().contains("is longer than 63 characters"));
    for (item, message) in [
        (format!("PIC {}", "X".repeat(257)), "is longer than 256 characters"),
        ("PIC 9(39)".into(), "more than 38 digit positions"),
        ("PIC 9(19) COMP".into(), "at most 18 digits"),
        ("PIC X(1048577)".into(), "1048576"),
    ] {
        let error = free(&format!("01 R. 05 A {item}.")).map(|copybook| format!("{:?}", copybook.items()));
        let said = error.expect_err(message).to_string();
        assert!(said.contains(message), "{said}");
    }
    let deep: String = (1..=49).map(|level| format!("{level:02} L{level}. ")).collect();
    let deep = format!("{} PIC X.", deep.trim_end_matches(". "));
    assert_eq!(free(&deep).unwrap().items().len(), 49);
}
