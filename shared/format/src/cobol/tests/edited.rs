//! Edited numbers, read back as they were printed by a compiler.

use std::sync::Arc;

use domain::value::{FieldType, Value};

use super::super::{EditedForm, FieldDecoder, FieldSpec, Fills, Kind};
use crate::codepage::CodePage;
use crate::copybook::{Copybook, ParseOptions, plan};

fn item(picture: &str) -> plan::Field {
    let text = format!("       01  R.\n           05  A  PIC {picture}.\n");
    let copybook = Copybook::parse("test.cpy", &text, ParseOptions::default()).unwrap();
    copybook.plan(&plan::PlanOptions::default()).unwrap().fields.remove(0)
}

fn decoder(picture: &str, page: &'static CodePage) -> FieldDecoder {
    FieldDecoder::new(&spec(picture, page)).unwrap()
}

/// A field of an edited picture, as a decimal number.
pub(crate) fn spec(picture: &str, page: &'static CodePage) -> FieldSpec {
    let item = item(picture);
    let form = EditedForm {
        edits: Arc::clone(&item.edits),
        picture: picture.into(),
        digits: item.digits,
        scale: i8::try_from(item.scale).unwrap(),
        fills: Fills::default(),
        blank_when_zero: item.blank_when_zero,
    };
    let scale = u8::try_from(item.scale.max(0)).unwrap();
    let column = FieldType::Decimal { precision: 30, scale };
    FieldSpec { kind: Kind::Edited(form), bytes: item.length, page, column }
}

fn read(decoder: &FieldDecoder, page: &CodePage, printed: &str) -> Option<String> {
    let (mut bytes, mut out) = (Vec::new(), Vec::new());
    page.encode_into(printed, &mut bytes).unwrap();
    let value = decoder.decode(&bytes, &mut out).ok()?;
    match value.value(&out) {
        Some(Value::Decimal(amount)) => Some(amount.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_compiler_printed_is_read_back_as_the_number_that_it_was() {
    let mut lines = 0;
    for line in include_str!("edited.txt").lines().filter(|line| !line.starts_with('#')) {
        let [picture, number, printed, ""] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        for page in ["ascii", "037"].map(|name| CodePage::by_name(name).unwrap()) {
            let decoder = decoder(picture, page);
            assert_eq!(read(&decoder, page, printed).as_deref(), Some(number), "{picture} {printed:?}");
        }
        lines += 1;
    }
    assert!(lines > 490);
}

/// No character of a printed number can be exchanged for another and be read as the same number; but zero has many
/// signs, and a suppressed zero may be printed.
#[test]
fn one_changed_character_is_another_number_or_a_reject() {
    let page = CodePage::by_name("ascii").unwrap();
    for line in include_str!("edited.txt").lines().filter(|line| !line.starts_with('#')) {
        let [picture, number, printed, ""] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let decoder = decoder(picture, page);
        for at in 0..printed.len() {
            for other in " 0123456789+-*.,/$CRDBX".chars().filter(|c| !printed[at..].starts_with(*c)) {
                let changed = format!("{}{other}{}", &printed[..at], &printed[at + 1..]);
                let read = read(&decoder, page, &changed);
                let is_zero = !number.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
                let is_filled = printed[at..].starts_with([' ', '*']) && other == '0';
                assert!(
                    read.as_deref() != Some(number) || is_zero || is_filled,
                    "{picture} {printed:?} {changed:?}"
                );
            }
        }
    }
}

#[test]
fn what_a_picture_does_not_print_is_a_reject() {
    let page = CodePage::by_name("ascii").unwrap();
    for (picture, printed) in [
        ("+9(3)V99", "0012345"),
        ("+9(3)V99", " 12345"),
        ("+9(3)V99", "+123.5"),
        ("ZZ9.99", " 1 .00"),
        ("ZZ9.99", "1 2.00"),
        ("ZZ9.99", "123,00"),
        ("Z,ZZ9.99-", "1.234.00 "),
        ("Z,ZZ9.99-", "   12.00+"),
        ("Z,ZZ9.99-", "12 34.00 "),
        ("$$,$$9.99", "   123.00"),
        ("++9.99", "  1.00"),
        ("ZZ9.99CR", "  1.00DB"),
        ("ZZ9.99CR", "  1.00C "),
    ] {
        assert_eq!(read(&decoder(picture, page), page, printed), None, "{picture} {printed:?}");
    }
}
