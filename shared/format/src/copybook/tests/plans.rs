//! Records as columns.

use super::super::limits::FIELDS_MAX;
use super::super::plan::extent::ExtentError;
use super::super::plan::{Extent, Following, Plan, PlanOptions};
use super::{columns, free, names, plan};

fn refused(text: &str, options: &PlanOptions) -> String {
    free(text).unwrap().plan(options).unwrap_err().to_string()
}

#[test]
fn tables_become_numbered_columns() {
    let plan = plan("01 R. 05 T OCCURS 2. 10 A PIC X(3). 10 B PIC 9 OCCURS 2. 10 FILLER PIC X. 05 C PIC X.")
        .unwrap();
    assert_eq!(
        columns(&plan),
        ["a_1 0 3", "b_1_1 3 1", "b_1_2 4 1", "a_2 6 3", "b_2_1 9 1", "b_2_2 10 1", "c 12 1"]
    );
    assert_eq!(plan.fields[5].path, "R.T.B(2,2)");
    assert_eq!(plan.fields[5].occurrences, [2, 2]);
}

#[test]
fn names_that_clash_are_qualified_by_their_groups() {
    #[rustfmt::skip]
    let table: [(&str, &[&str]); 6] = [
        ("01 R. 05 S. 10 ADDR PIC X. 05 B. 10 ADDR PIC X.", &["s_addr", "b_addr"]),
        ("01 R. 05 ADDR PIC X. 05 B. 10 ADDR PIC X.",       &["r_addr", "b_addr"]),
        ("01 R. 05 A. 10 G. 15 X PIC X. 05 B. 10 G. 15 X PIC X.", &["a_g_x", "b_g_x"]),
        ("01 R. 05 A-1 PIC X. 05 G. 10 A PIC X OCCURS 2.",  &["r_a_1", "g_a_1", "g_a_2"]),
        ("01 R. 05 1ST-NAME PIC X. 05 Some_Name PIC X.",    &["_1st_name", "some_name"]),
        ("01 R. 05 FILLER. 10 A PIC X. 05 G. 10 A PIC X.",  &["r_a", "g_a"]),
    ];
    for (text, expected) in table {
        let found: Vec<_> = plan(text).unwrap().fields.into_iter().map(|field| field.column).collect();
        assert_eq!(found, expected, "{text}");
    }
    let options = PlanOptions { reserved: names(&["run_id"]), ..PlanOptions::default() };
    let plan = free("01 REC. 05 RUN-ID PIC X.").unwrap().plan(&options).unwrap();
    assert_eq!(plan.fields[0].column, "rec_run_id");
}

#[test]
fn names_that_cannot_be_told_apart_or_are_too_long_are_refused() {
    let same = "01 R. 05 A PIC X. 05 A PIC X.";
    assert!(
        refused(same, &PlanOptions::default())
            .contains("line 1, column 22: the column name of `A` is already used or reserved")
    );
    let long = format!("01 R. 05 {} PIC X OCCURS 2.", "A".repeat(62));
    assert!(refused(&long, &PlanOptions::default()).contains("is longer than 63 characters"));
}

#[test]
fn views_are_chosen_by_name() {
    let text = "01 R. 05 K PIC X. 05 A. 10 A1 PIC X(4). 10 A2 PIC X(4). 10 A3 REDEFINES A2 PIC 9(3). 05 B REDEFINES A. 10 B1 PIC X(2).";
    let taken = |views: &[&str]| {
        let options = PlanOptions { views: names(views), ..PlanOptions::default() };
        free(text).unwrap().plan(&options).map(|plan| columns(&plan)).map_err(|error| error.message)
    };
    assert_eq!(taken(&[]).unwrap(), ["k 0 1", "a1 1 4", "a2 5 4"]);
    assert_eq!(taken(&["A", "A3"]).unwrap(), ["k 0 1", "a1 1 4", "a3 5 3"]);
    assert_eq!(taken(&["b"]).unwrap(), ["k 0 1", "b1 1 2"]);
    assert_eq!(taken(&["B", "A3"]).unwrap_err(), "the view `A3` is inside another view that is not selected");
    assert_eq!(taken(&["A", "B"]).unwrap_err(), "`A` and `B` are views of the same area; select only one");
    assert_eq!(taken(&["K"]).unwrap_err(), "no view of an area in the record is called `K`");
    let twice = "01 R. 05 G. 10 A PIC X. 10 V REDEFINES A PIC X. 05 H. 10 A PIC X. 10 V REDEFINES A PIC X.";
    let options = PlanOptions { views: names(&["V"]), ..PlanOptions::default() };
    assert!(refused(twice, &options).contains("2 views of an area in the record are called `V`"));
}

#[test]
fn the_record_is_the_only_one_or_is_named() {
    let text = "77 K PIC 9. 01 A. 05 X PIC X. 01 B REDEFINES A. 05 Y PIC X(9).";
    let of = |record: &str| PlanOptions { record: Some(record.into()), ..PlanOptions::default() };
    assert_eq!(columns(&free(text).unwrap().plan(&of("b")).unwrap()), ["y 0 9"]);
    assert_eq!(columns(&free(text).unwrap().plan(&of("K")).unwrap()), ["k 0 1"]);
    assert!(
        refused(text, &PlanOptions::default())
            .contains("the copybook has 2 records; choose one of `K`, `A`, `B`")
    );
    assert!(refused(text, &of("C")).contains("there is no record `C`; it has `K`, `A`, `B`"));
    assert!(refused("01 A PIC X. 01 A PIC X.", &of("A")).contains("two records are called `A`"));
    assert_eq!(columns(&plan("77 K PIC 9. 01 A. 05 X PIC X.").unwrap()), ["x 0 1"]);
}

#[test]
fn what_no_decoder_reads_is_refused_unless_left_out() {
    #[rustfmt::skip]
    let table = [
        ("PIC N(4)",           "`A` is national (UTF-16) data"),
        ("PIC 9(4) NATIONAL",  "`A` is national (UTF-16) data"),
        ("PIC G(4) DISPLAY-1", "`A` is double-byte data"),
        ("PIC N(4) DISPLAY-1", "`A` is national (UTF-16) data"),
        ("INDEX",              "`A` is a table index"),
        ("POINTER",            "`A` is an address"),
    ];
    for (clauses, message) in table {
        let text = format!("01 R. 05 A {clauses}. 05 B PIC X.");
        let said = refused(&text, &PlanOptions::default());
        assert!(said.contains(message) && said.contains("add it to the items to omit"), "{said}");
        let options = PlanOptions { leave_out: names(&["a"]), ..PlanOptions::default() };
        assert_eq!(free(&text).unwrap().plan(&options).unwrap().fields.len(), 1);
    }
    let options = PlanOptions { leave_out: names(&["C"]), ..PlanOptions::default() };
    assert!(refused("01 R. 05 A PIC X.", &options).contains("cannot omit `C`: the record has no such item"));
    assert!(
        refused("01 R. 05 PIC X.", &PlanOptions::default())
            .contains("no item of the record can become a column")
    );
    let many = format!("01 R. 05 A PIC X OCCURS {}.", FIELDS_MAX + 1);
    assert!(
        refused(&many, &PlanOptions::default())
            .contains("would be column 1601, which exceeds the limit of a table")
    );
}

/// Where each column is, `-` for one that is not there, and the record's length.
fn placed(plan: &Plan, record: &[u8]) -> Result<(Vec<String>, usize), ExtentError<()>> {
    let mut extent = Extent::default();
    plan.extent(&mut extent, |count, offset| {
        let digits = record.get(offset..offset + plan.counts[count].length).ok_or(())?;
        std::str::from_utf8(digits).map_err(|_| ())?.parse().map_err(|_| ())
    })?;
    let place = |field: &super::super::plan::Field| {
        let there = extent.holds(field.within);
        format!(
            "{} {}",
            field.column,
            if there { extent.offset(field.offset).to_string() } else { "-".into() }
        )
    };
    Ok((plan.fields.iter().map(place).collect(), extent.offset(plan.end)))
}

const MID_RECORD: &str = "01 R. 05 N PIC 9. 05 T OCCURS 1 TO 3 DEPENDING ON N. 10 A PIC X(2). 05 Z PIC X(4).";

#[test]
fn a_table_of_varying_length_moves_what_follows() {
    let plan = plan(MID_RECORD).unwrap();
    assert_eq!(columns(&plan), ["n 0 1", "a_1 1 2", "a_2 3 2", "a_3 5 2", "z 1~1 4"]);
    assert_eq!((plan.length_min, plan.length_max, plan.taken_min), (7, 11, 7));
    let (found, length) = placed(&plan, b"2aabbzzzz").unwrap();
    assert_eq!((found, length), (names(&["n 0", "a_1 1", "a_2 3", "a_3 -", "z 5"]), 9));
    assert_eq!(placed(&plan, b"0zzzz"), Err(ExtentError::OutOfBounds { table: 0, count: 0 }));
    assert_eq!(placed(&plan, b"4zzzz"), Err(ExtentError::OutOfBounds { table: 0, count: 4 }));
    assert_eq!(placed(&plan, b"?zzzz"), Err(ExtentError::Unread { table: 0, error: () }));
}

#[test]
fn what_follows_may_stay_where_it_is() {
    let options = PlanOptions { following: Following::Stay, ..PlanOptions::default() };
    let plan = free(MID_RECORD).unwrap().plan(&options).unwrap();
    assert_eq!(columns(&plan), ["n 0 1", "a_1 1 2", "a_2 3 2", "a_3 5 2", "z 7 4"]);
    assert_eq!((plan.length_min, plan.length_max), (11, 11));
    let (found, length) = placed(&plan, b"2aabb..zzzz").unwrap();
    assert_eq!((found, length), (names(&["n 0", "a_1 1", "a_2 3", "a_3 -", "z 7"]), 11));
}

#[test]
fn tables_may_vary_inside_tables_that_vary() {
    let text = "01 R. 05 N PIC 9. 05 T OCCURS 0 TO 2 DEPENDING ON N. 10 M PIC 9. 10 U OCCURS 0 TO 2 DEPENDING ON M OF T.
        15 A PIC X(3). 10 B PIC X. 05 K PIC 9. 05 V PIC X OCCURS 1 TO 2 DEPENDING ON K. 05 Z PIC X.";
    let plan = plan(text).unwrap();
    assert_eq!(
        columns(&plan),
        [
            "n 0 1",
            "m_1 1 1",
            "a_1_1 2 3",
            "a_1_2 5 3",
            "b_1 2~1 1",
            "m_2 3~1 1",
            "a_2_1 4~1 3",
            "a_2_2 7~1 3",
            "b_2 4~2 1",
            "k 1~3 1",
            "v_1 2~3 1",
            "v_2 3~3 1",
            "z 2~4 1",
        ]
    );
    // 2 occurrences: the first with 1 inside, the second with 2.
    let (found, length) = placed(&plan, b"21aaab2cccdddb1vz").unwrap();
    assert_eq!(
        found,
        [
            "n 0", "m_1 1", "a_1_1 2", "a_1_2 -", "b_1 5", "m_2 6", "a_2_1 7", "a_2_2 10", "b_2 13", "k 14",
            "v_1 15", "v_2 -", "z 16",
        ]
    );
    assert_eq!(length, 17);
    // None: what is inside is not read, nor the counts in it.
    let (found, length) = placed(&plan, b"02vvz").unwrap();
    assert_eq!(found[9..], ["k 1", "v_1 2", "v_2 3", "z 4"]);
    assert_eq!((length, plan.length_min, plan.length_max), (5, 4, 21));
}

#[test]
fn a_count_may_be_left_out_or_in_a_view_that_is_not_taken() {
    let options = PlanOptions { leave_out: names(&["N"]), ..PlanOptions::default() };
    let hidden = free(MID_RECORD).unwrap().plan(&options).unwrap();
    assert_eq!(
        (hidden.fields[0].column.as_str(), hidden.counts[0].column.as_str(), hidden.counts.len()),
        ("a_1", "", 1)
    );
    let text = "01 R. 05 C PIC X(2). 05 D REDEFINES C. 10 FILLER PIC X. 10 N PIC 9. 05 A PIC X OCCURS 0 TO 3 DEPENDING N.";
    let other = plan(text).unwrap();
    assert_eq!(columns(&other), ["c 0 2", "a_1 2 1", "a_2 3 1", "a_3 4 1"]);
    assert_eq!(placed(&other, b"x2aa").unwrap().1, 4);
}

#[test]
fn fields_carry_what_a_decoder_needs() {
    let plan = plan(
        "01 R. 05 A PIC S9(5)V99 SIGN LEADING SEPARATE. 88 NONE VALUE 0. 05 B PIC ZZ9.9- BLANK WHEN ZERO.
         05 C PIC X(3) JUSTIFIED. 05 D PIC 9(3)PP COMP-3. 05 E COMP-2.",
    )
    .unwrap();
    let told: Vec<_> = plan
        .fields
        .iter()
        .map(|field| {
            let sign = field
                .sign
                .map_or("-", |sign| if sign.leading && sign.separate { "leading separate" } else { "other" });
            format!(
                "{} {:?} {:?} {} {} {} {sign} {} {} {:?} {}",
                field.column,
                field.category,
                field.usage,
                field.digits,
                field.scale,
                field.signed,
                field.blank_when_zero,
                field.justified,
                field.picture.as_deref(),
                field.conditions.len()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "a Numeric Display 7 2 true leading separate false false Some(\"S9(5)V99\") 1",
            "b NumericEdited Display 4 1 true - true false Some(\"ZZ9.9-\") 0",
            "c Alphanumeric Display 0 0 false - false true Some(\"X(3)\") 0",
            "d Numeric Packed 3 -2 false - false false Some(\"9(3)PP\") 0",
            "e FloatingPoint Double 0 0 true - false false None 0",
        ]
    );
}
