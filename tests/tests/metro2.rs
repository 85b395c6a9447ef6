//! Files as lenders send them to credit bureaus (Metro 2), written here field by field from the format's description.

#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use domain::check::Stage;
use format::codepage::CodePage;
use tests::examples::{proved, replaced};

/// An account as it is reported: status, balance, past due, and whether birth date and social security number are known.
type Account = (&'static str, u64, u64, bool);

const ACCOUNTS: [Account; 5] = [
    ("11", 1_200, 0, true),
    ("71", 999_999_999, 35, true),
    ("DA", 0, 0, false),
    ("11", 7, 0, true),
    ("97", 15, 15, false),
];

/// What the trailer counts, in its order, as far as it is held against anything.
fn counted(status: &str) -> u64 {
    ACCOUNTS.iter().filter(|account| account.0 == status).count() as u64
}

const STATUSES: [&str; 22] = [
    "DA", "05", "11", "13", "61", "62", "63", "64", "65", "71", "78", "80", "82", "83", "84", "88", "89",
    "93", "94", "95", "96", "97",
];

/// The trailer's numbers, from the number of base segments to that of telephones; `None` is reserved room.
fn trailer() -> Vec<Option<u64>> {
    let known = ACCOUNTS.iter().filter(|account| account.3).count() as u64;
    let mut numbers = vec![Some(ACCOUNTS.len() as u64), None, Some(counted("DF")), Some(0), Some(0), Some(0)];
    numbers.extend(STATUSES.iter().map(|status| Some(counted(status))));
    numbers.extend([0; 7].map(Some));
    numbers.extend([known, known, 0, 0].map(Some));
    numbers.extend([known, known, 0, 0].map(Some));
    numbers.push(Some(0));
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn metro_2_accounts_are_counted_as_their_trailer_says() {
    let date = "01312026";
    let header = format!("HEADER{:37}{date}{date}{:16}{:40}{:307}", "", "00000000".repeat(2), "A bank", "");
    let mut records = vec![header];
    for (at, (status, balance, past_due, is_known)) in ACCOUNTS.iter().enumerate() {
        let (number, born) = if *is_known { ("123456789", "02291980") } else { ("000000000", "00000000") };
        let account = format!(
            "1{}0{:20}  {at:30}I00{date}{:09}{:09}LOC {:09}{:09}{status}0{:24}    {balance:09}{past_due:09}{:09}\
             {date}{:08}{:08}{date}F{:17}{:25}{:20}{:20} {number}{born}{:010}1  US{:32}{:32}{:20}NY{:9}YO",
            "01312026235959",
            "BANK-1",
            5000,
            6000,
            100,
            50,
            "B",
            0,
            0,
            0,
            "",
            "Doe",
            "Jane",
            "",
            5_551_234_u64,
            "1 Main Street",
            "",
            "Town",
            "12345"
        );
        // Joint accounts have a second consumer appended.
        records.push(account + &if at == 1 { format!("J1{:98}", " DOE") } else { String::new() });
    }
    let numbers = trailer();
    let numbers = numbers.iter().map(|number| number.map_or(" ".repeat(9), |number| format!("{number:09}")));
    records.push(format!("TRAILER{}{:19}", numbers.collect::<String>(), ""));
    let lengths: Vec<_> = records.iter().map(|record| record.len() + 4).collect();
    assert_eq!(lengths, [426, 426, 526, 426, 426, 426, 426]);
    let text: String = records.iter().map(|record| format!("{:04}{record}", record.len() + 4)).collect();
    let damaged = replaced(text.as_bytes(), b"123456789", b"000000000");
    let (bench, ended) = proved("metro2/metro2.toml", str::to_owned, text.as_bytes(), &damaged).await;
    assert_eq!(bench.number("SELECT sum(current_balance) FROM metro2_account"), 1_000_001_221);
    assert_eq!(bench.number("SELECT sum(length(appended)) FROM metro2_account"), 100);
    assert_eq!(ended.level(Stage::Final).0, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_metro_2_accounts_are_counted_as_their_trailer_says() {
    let page = CodePage::by_name("cp037").unwrap();
    let text = |out: &mut Vec<u8>, text: &str| page.encode_into(text, out).unwrap();
    // Unsigned packed decimals: the digits, and a sign nibble.
    let packed = |out: &mut Vec<u8>, digits: usize, number: u64| {
        let width = digits / 2 * 2 + 1;
        out.extend(domain::hex::decode(&format!("{number:0width$}f")).unwrap());
    };
    let date = 1_312_026;
    let mut header = Vec::new();
    text(&mut header, &format!("HEADER{:37}0131202601312026{}{:40}{:247}", "", "0".repeat(16), "A bank", ""));
    let mut records = vec![header];
    for (at, (status, balance, past_due, is_known)) in ACCOUNTS.iter().enumerate() {
        let (number, born) = if *is_known { (123_456_789, 2_291_980) } else { (0, 0) };
        let mut record = Vec::new();
        text(&mut record, "1");
        packed(&mut record, 14, 1_312_026_235_959);
        text(&mut record, &format!("0{:20}  {at:30}I00", "BANK-1"));
        for (digits, number) in [(8, date), (9, 5000), (9, 6000)] {
            packed(&mut record, digits, number);
        }
        text(&mut record, "LOC ");
        packed(&mut record, 9, 100);
        packed(&mut record, 9, 50);
        text(&mut record, &format!("{status}0{:24}    ", "B"));
        for (digits, number) in [(9, *balance), (9, *past_due), (9, 0), (8, date), (8, 0), (8, 0), (8, date)]
        {
            packed(&mut record, digits, number);
        }
        text(&mut record, &format!("F{:17}{:25}{:20}{:20} ", "", "Doe", "Jane", ""));
        for (digits, number) in [(9, number), (8, born), (10, 5_551_234)] {
            packed(&mut record, digits, number);
        }
        text(&mut record, &format!("1  US{:32}{:32}{:20}NY{:9}YO", "1 Main Street", "", "Town", "12345"));
        records.push(record);
    }
    let mut last = Vec::new();
    text(&mut last, "TRAILER");
    for number in trailer() {
        match number {
            Some(number) => packed(&mut last, 9, number),
            None => text(&mut last, "     "),
        }
    }
    let room = 362 - last.len();
    text(&mut last, &" ".repeat(room));
    records.push(last);
    let mut bytes = Vec::new();
    for record in &records {
        assert_eq!(record.len(), 362);
        bytes.extend([1, 110, 0, 0]);
        bytes.extend(record);
    }
    let number = domain::hex::decode("123456789f").unwrap();
    let damaged = replaced(&bytes, &number, &domain::hex::decode("000000000f").unwrap());
    let (bench, _) = proved("metro2/metro2-packed.toml", str::to_owned, &bytes, &damaged).await;
    assert_eq!(bench.number("SELECT sum(current_balance) FROM metro2_account"), 1_000_001_221);
    assert_eq!(bench.number("SELECT count(*) FROM metro2_account WHERE born_on = '1980-02-29'"), 3);
}
