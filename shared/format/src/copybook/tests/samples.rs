//! The copybooks of `examples/mainframe`: lengths and offsets as their files have them.

use std::path::Path;

use super::super::Copybook;
use super::super::plan::{Extent, Plan, PlanOptions};
use super::{ParseOptions, columns, names};

fn example(name: &str) -> Copybook {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/mainframe").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Copybook::parse(name, &text, ParseOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn plan(name: &str, views: &[&str]) -> Plan {
    let options = PlanOptions { views: names(views), ..PlanOptions::default() };
    example(name).plan(&options).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn each_example_has_the_length_of_its_records() {
    #[rustfmt::skip]
    let table = [
        // copybook        views                 columns  min  max taken
        ("dalytran.cpy",  &[][..],                    13, 350, 350, 350),
        ("carddata.cpy",  &[],                         6, 150, 150, 150),
        ("cardxref.cpy",  &[],                         3,  50,  50,  50),
        ("custdata.cpy",  &[],                        18, 500, 500, 500),
        ("trancatg.cpy",  &[],                         3,  60,  60,  60),
        ("client.cpy",    &[],                         6, 500, 500, 500),
        ("client.cpy",    &["CLIENT-ADDRESS"],         4, 500, 500, 500),
        ("client.cpy",    &["CLIENT-HEADER"],          3, 500, 500, 500),
        ("cobvbfm2.cpy",  &[],                        23,  36, 306,  36),
        ("transdata.cpy", &[],                         6,  45,  45,  45),
        ("companies.cpy", &[],                         6,  64,  64,  64),
        ("companies.cpy", &["TAXPAYER-NUM"],           6,  64,  64,  60),
        ("companies.cpy", &["CONTACTS"],               4,  64,  64,  60),
    ];
    for (name, views, count, min, max, taken) in table {
        let plan = plan(name, views);
        let found = (plan.fields.len(), plan.length_min, plan.length_max, plan.taken_min);
        assert_eq!(found, (count, min, max, taken), "{name} {views:?}");
    }
}

#[test]
fn daily_transactions_lie_as_their_file_has_them() {
    assert_eq!(
        columns(&plan("dalytran.cpy", &[])),
        [
            "id 0 16",
            "type_cd 16 2",
            "cat_cd 18 4",
            "source 22 10",
            "desc 32 100",
            "amt 132 11",
            "merchant_id 143 9",
            "merchant_name 152 50",
            "merchant_city 202 50",
            "merchant_zip 252 10",
            "card_num 262 16",
            "orig_ts 278 26",
            "proc_ts 304 26",
        ]
    );
}

#[test]
fn each_view_of_a_client_is_a_record_type() {
    let key = ["client_id 0 4", "client_type 4 2"];
    let views: [(&str, &[&str]); 3] = [
        (
            "CLIENT-PERSON",
            &["client_name 6 30", "client_bdate 36 10", "client_ed_lvl 46 10", "client_income 56 5"],
        ),
        ("client-address", &["addr_number 6 4", "addr_street 10 40"]),
        ("CLIENT-HEADER", &["record_count 6 4"]),
    ];
    for (view, expected) in views {
        assert_eq!(columns(&plan("client.cpy", &[view])), [&key[..], expected].concat(), "{view}");
    }
    let person = plan("client.cpy", &[]);
    let income = &person.fields[5];
    assert_eq!((income.digits, income.scale, income.signed), (9, 2, false));
    let type_names: Vec<_> =
        person.fields[1].conditions.iter().map(|condition| condition.name.as_str()).collect();
    assert_eq!(type_names, ["IS-HEADER", "IS-PERSON", "IS-ADDRESS"]);
}

#[test]
fn companies_and_contacts_share_their_bytes() {
    assert_eq!(
        columns(&plan("companies.cpy", &["TAXPAYER-NUM"])),
        [
            "segment_id 0 5",
            "company_id 5 10",
            "company_name 15 15",
            "address 30 25",
            "taxpayer_type 55 1",
            "taxpayer_num 56 4"
        ]
    );
    assert_eq!(
        columns(&plan("companies.cpy", &["CONTACTS"])),
        ["segment_id 0 5", "company_id 5 10", "phone_number 15 17", "contact_person 32 28"]
    );
}

#[test]
fn transfers_have_a_binary_amount_with_a_scale() {
    let plan = plan("transdata.cpy", &[]);
    let amount = plan.fields.last().unwrap();
    assert_eq!(
        (amount.offset.base, amount.length, amount.digits, amount.scale, amount.signed),
        (37, 8, 11, 2, true)
    );
}

#[test]
fn the_records_of_varying_length_end_where_their_file_says() {
    let Some(bytes) = peer_file("client/COBVBFM2.ebcdic") else { return };
    let plan = plan("cobvbfm2.cpy", &[]);
    let (mut rest, mut records, mut extent) = (&bytes[..], 0, Extent::default());
    while let [high, low, 0, 0, ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let record = &rest[4..length];
        plan.extent(&mut extent, |count, offset| {
            let field = &plan.counts[count];
            // Three packed digits and a sign.
            let [tens, ones] = record[offset..offset + field.length] else { return Err(()) };
            Ok(i128::from(tens >> 4) * 100 + i128::from(tens & 15) * 10 + i128::from(ones >> 4))
        })
        .unwrap();
        assert_eq!(extent.offset(plan.end), record.len());
        rest = &rest[length..];
        records += 1;
    }
    assert_eq!((records, rest.len()), (20, 0));
}

/// A file of the peers' data, or None, said aloud, where it is not there.
fn peer_file(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("CROSSFOOT_PEER_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        std::path::PathBuf::from,
    );
    let found = std::fs::read(folder.join(name)).ok();
    if found.is_none() {
        println!("skipped: {name} is not in {}", folder.display());
    }
    found
}
