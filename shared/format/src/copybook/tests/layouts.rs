//! Where items lie: redefinitions, tables, slack bytes.

use super::{free, table};

fn lies(text: &str, expected: &[&str]) {
    let copybook = free(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(table(&copybook), expected, "{text}");
}

#[test]
fn items_follow_one_another() {
    lies(
        "01 R. 05 A PIC X(3). 05 G. 10 B PIC 9(4) COMP. 10 FILLER PIC X. 10 PIC X(2). 05 C PIC S9(5) COMP-3.",
        &["01 R 0 11", "05 A 0 3", "05 G 3 5", "10 B 3 2", "10 - 5 1", "10 - 6 2", "05 C 8 3"],
    );
}

#[test]
fn a_usage_and_a_sign_hold_for_all_of_a_group() {
    lies(
        "01 R. 05 G COMP-3. 10 A PIC 9(5). 10 H. 15 B PIC S9(7). 05 S SIGN LEADING SEPARATE. 10 C PIC S9. 10 D PIC 9.",
        &["01 R 0 10", "05 G 0 7", "10 A 0 3", "10 H 3 4", "15 B 3 4", "05 S 7 3", "10 C 7 2", "10 D 9 1"],
    );
}

#[test]
fn redefinitions_share_bytes_at_any_level_and_in_chains() {
    lies(
        "01 R. 05 A PIC X(8). 05 B REDEFINES A. 10 C PIC X(4). 10 D REDEFINES C PIC 9(4). 10 E REDEFINES D PIC 9(3).
         05 F REDEFINES A PIC 9(8). 05 G REDEFINES B PIC X. 05 Z PIC X.",
        &[
            "01 R 0 9", "05 A 0 8", "05 B 0 4", "10 C 0 4", "10 D 0 4", "10 E 0 3", "05 F 0 8", "05 G 0 1", "05 Z 8 1",
        ],
    );
    lies("01 A PIC X(2). 01 B REDEFINES A. 05 C PIC X(9).", &["01 A 0 2", "01 B 0 9", "05 C 0 9"]);
}

#[test]
fn a_redefinition_without_a_name_is_one_too() {
    lies(
        "01 R. 05 A PIC X(4). 05 REDEFINES A. 10 B PIC 99.",
        &["01 R 0 4", "05 A 0 4", "05 - 0 2", "10 B 0 2"],
    );
}

#[test]
fn tables_take_their_greatest_length() {
    lies(
        "01 R. 05 N PIC 99. 05 T OCCURS 3 TIMES. 10 A PIC X(2). 10 B PIC 9 OCCURS 4 TIMES. 05 V OCCURS 0 TO 5 DEPENDING ON N
         PIC X(10). 05 Z PIC X.",
        &["01 R 0 71", "05 N 0 2", "05 T 2 6 x3", "10 A 2 2", "10 B 4 1 x4", "05 V 20 10 x5", "05 Z 70 1"],
    );
}

#[test]
fn several_records_begin_at_nought_each() {
    lies(
        "01 A. 05 X PIC X(3). 77 K PIC 9(4) COMP. 01 B. 05 Y PIC X(4).",
        &["01 A 0 3", "05 X 0 3", "77 K 0 2", "01 B 0 4", "05 Y 0 4"],
    );
}

#[test]
fn items_without_a_record_make_one_up() {
    lies(
        "05 A PIC X. 05 G. 10 B PIC XX. 05 C PIC X.",
        &["00 - 0 4", "05 A 0 1", "05 G 1 2", "10 B 1 2", "05 C 3 1"],
    );
}

// The three examples of "Slack bytes within records" in the Language Reference.

#[test]
fn slack_bytes_stand_before_a_synchronized_item() {
    lies(
        "01 FIELD-A. 05 FIELD-B PIC X(5). 05 FIELD-C. 10 FIELD-D PIC XX. 10 FIELD-E COMPUTATIONAL PIC S9(6) SYNC.",
        &["01 FIELD-A 0 12", "05 FIELD-B 0 5", "05 FIELD-C 5 7", "10 FIELD-D 5 2", "10 FIELD-E 8 4"],
    );
}

#[test]
fn slack_bytes_stand_before_a_group_that_begins_with_a_synchronized_item() {
    lies(
        "01 FIELD-L. 05 FIELD-M PIC X(5). 05 FIELD-N PIC XX. 05 FIELD-O. 10 FIELD-P COMPUTATIONAL PIC S9(6) SYNC.",
        &["01 FIELD-L 0 12", "05 FIELD-M 0 5", "05 FIELD-N 5 2", "05 FIELD-O 8 4", "10 FIELD-P 8 4"],
    );
}

#[test]
fn slack_bytes_end_each_occurrence_of_a_group_with_synchronized_items() {
    lies(
        "01 WORK-RECORD. 05 WORK-CODE PIC X. 05 COMP-TABLE OCCURS 10 TIMES. 10 COMP-TYPE PIC X.
         10 COMP-PAY PIC S9(4)V99 COMP SYNC. 10 COMP-HRS PIC S9(3) COMP SYNC. 10 COMP-NAME PIC X(5). 05 AFTER PIC X.",
        &[
            "01 WORK-RECORD 0 162", "05 WORK-CODE 0 1", "05 COMP-TABLE 1 16 x10", "10 COMP-TYPE 1 1", "10 COMP-PAY 4 4",
            "10 COMP-HRS 8 2", "10 COMP-NAME 10 5", "05 AFTER 161 1",
        ],
    );
}

#[test]
fn boundaries_follow_usage_and_length() {
    #[rustfmt::skip]
    let table = [
        ("PIC S9(4) COMP SYNC",              2),
        ("PIC S9(5) COMP SYNCHRONIZED",      4),
        ("PIC S9(18) COMP SYNC RIGHT",       4),
        ("PIC 9(4) COMP-5 SYNC LEFT",        2),
        ("COMP-1 SYNC",                      4),
        ("COMP-2 SYNC",                      8),
        ("INDEX SYNC",                       4),
        ("POINTER SYNC",                     4),
        ("PIC S9(5) COMP-3 SYNC",            1),
        ("PIC X(4) SYNC",                    1),
        ("PIC S9(5) COMP",                   1),
        ("COMP-2",                           1),
    ];
    for (clauses, offset) in table {
        let copybook = free(&format!("01 R. 05 A PIC X. 05 B {clauses}.")).unwrap();
        assert_eq!(copybook.items()[2].offset, offset, "{clauses}");
    }
}

#[test]
fn a_synchronized_record_aligns_all_its_items() {
    lies(
        "01 A SYNCHRONIZED. 02 B PIC X DISPLAY. 02 C PIC S9(9) BINARY.",
        &["01 A 0 8", "02 B 0 1", "02 C 4 4"],
    );
}
