//! Files as banks and bureaus exchange them, written here field by field from the formats' descriptions, loaded by the job
//! files under `examples/`. What each control declares is added up here, not taken from the product.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use domain::check::Stage;
use fastrand::Rng;
use format::codepage::CodePage;
use tests::examples::{proved, replaced};

/// What an ACH control adds up.
#[derive(Default, Clone, Copy)]
struct Added {
    entries: u64,
    hash: u64,
    debits: u64,
    credits: u64,
}

impl Added {
    fn entry(&mut self, rdfi: u64, amount: u64, is_credit: bool) {
        self.entries += 1;
        self.hash += rdfi;
        if is_credit {
            self.credits += amount;
        } else {
            self.debits += amount;
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            hash: self.hash + other.hash,
            debits: self.debits + other.debits,
            credits: self.credits + other.credits,
        }
    }
}

const ACH_HEADER: &str =
    "101 076401251 0764012512601020800A094101FEDERAL RESERVE BANK   MY BANK NAME                   ";

#[tokio::test(flavor = "multi_thread")]
async fn ach_batches_of_every_kind_foot() {
    let mut rng = Rng::with_seed(9);
    let mut lines = vec![ACH_HEADER.to_owned()];
    let (mut file, mut batches) = (Added::default(), 0);
    // Class, service class, and the transaction codes of its entries: prenotes are entries of nothing.
    for (class, service, codes) in [
        ("PPD", 200, &[22, 27, 32, 37, 23, 28, 33, 38][..]),
        ("CCD", 220, &[22, 32, 42]),
        ("CTX", 225, &[27, 37]),
        ("WEB", 225, &[27, 28]),
        ("TEL", 225, &[27]),
        ("ARC", 225, &[27]),
        ("COR", 200, &[21, 26]),
        ("IAT", 220, &[22, 32]),
        // A batch in which nothing is left.
        ("PPD", 200, &[]),
    ] {
        batches += 1;
        let header = if class == "IAT" {
            format!("5{service}{:16}FV3{:15}US1       {class}TRADEPAYMT{}{}", "", "", "CADUSD", "260105   1")
        } else {
            format!("5{service}{:16}{:20}1234567890{class}{:10}260101260105   1", "My Company", "", "PAYROLL")
        };
        lines.push(format!("{header:79.79}07640125{batches:07}"));
        let mut batch = Added::default();
        for (at, code) in codes.iter().enumerate() {
            let prenote = matches!(code % 10, 3 | 8) || class == "COR";
            let amount = if prenote { 0 } else { rng.u64(1..9_999_999_999) };
            let rdfi = rng.u64(1_000_000..99_999_999);
            let has_addenda = matches!(class, "CTX" | "IAT" | "COR");
            let count = if class == "IAT" { "0007" } else { "1234" };
            let trace = format!("07640125{:07}", at + 1);
            lines.push(format!(
                "6{code}{rdfi:08}5{count:17}{amount:010}{:39}{}{trace}",
                "ID 7           Jane Doe",
                u8::from(has_addenda)
            ));
            batch.entry(rdfi, amount, (1..=4).contains(&(code % 10)));
            for addenda in 0..if class == "IAT" { 7 } else { u32::from(has_addenda) } {
                let kind = match class {
                    "IAT" => 10 + addenda,
                    "COR" => 98,
                    _ => 5,
                };
                lines.push(format!("7{kind:02}{:80}{:04}{:07}", "text", 1, at + 1));
                batch.entries += 1;
            }
        }
        lines.push(format!(
            "8{service}{:06}{:010}{:012}{:012}1234567890{:25}07640125{batches:07}",
            batch.entries,
            batch.hash % 10_000_000_000,
            batch.debits,
            batch.credits,
            ""
        ));
        file = file.and(batch);
    }
    let blocks = (lines.len() + 1).div_ceil(10);
    lines.push(format!(
        "9{batches:06}{blocks:06}{:08}{:010}{:012}{:012}{:39}",
        file.entries,
        file.hash % 10_000_000_000,
        file.debits,
        file.credits,
        ""
    ));
    assert!(lines.iter().all(|line| line.chars().count() == 94), "{lines:#?}");
    let padded: Vec<_> =
        lines.iter().cloned().chain(vec!["9".repeat(94); blocks * 10 - lines.len()]).collect();
    // Full blocks; no lines of nines; ragged lines of another system.
    let forms = [
        padded.join("\n") + "\n",
        lines.join("\n"),
        lines.iter().map(|line| line.trim_end().to_owned() + "\r\n").collect(),
    ];
    for text in forms {
        let credits = format!("{:012}", file.credits);
        let other = format!("{:012}", file.credits + 1);
        let damaged = replaced(text.as_bytes(), credits.as_bytes(), other.as_bytes());
        let (bench, _) = proved("nacha/nacha.toml", str::to_owned, text.as_bytes(), &damaged).await;
        assert_eq!(bench.number("SELECT count(*) FROM nacha_batch_control"), batches);
        let sum = "SELECT sum(CAST(replace(amount, '.', '') AS INTEGER)) FROM nacha_entry
            WHERE transaction_code % 10 BETWEEN 1 AND 4";
        assert_eq!(bench.number(sum), i64::try_from(file.credits).unwrap());
        assert_eq!(bench.number("SELECT count(*) FROM nacha_entry WHERE amount = '0.00'"), 6 + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ach_accounting_advices_foot() {
    let mut lines = vec![ACH_HEADER.to_owned()];
    let header = format!("5280{:16}{:20}1234567890ADV{:10}260101260105   0", "An operator", "", "ACCOUNTING");
    lines.push(format!("{header:79.79}07640125{:07}", 1));
    let mut batch = Added::default();
    for (at, code) in (81..=88).enumerate() {
        let (amount, rdfi) = (999_999_999_999 - at as u64 * 7, 12_345_678 + at as u64);
        lines.push(format!(
            "6{code}{rdfi:08}2{:15}{amount:012}121042882{:6}{:22}{:2}{}01100001{:03}{:04}",
            "744-5678-99",
            "11131",
            "A Name",
            "",
            0,
            15,
            at + 1
        ));
        batch.entry(rdfi, amount, code % 2 == 1);
    }
    let totals = format!("{:020}{:020}", batch.debits, batch.credits);
    lines.push(format!("8280{:06}{:010}{totals}{:19}07640125{:07}", batch.entries, batch.hash, "", 1));
    lines.push(format!("9000001000002{:08}{:010}{totals}{:23}", batch.entries, batch.hash, ""));
    assert!(lines.iter().all(|line| line.len() == 94), "{lines:#?}");
    let text = lines.join("\n");
    let damaged = replaced(text.as_bytes(), b"999999999950", b"999999999951");
    let (bench, _) = proved("nacha/nacha-adv.toml", str::to_owned, text.as_bytes(), &damaged).await;
    assert_eq!(bench.number("SELECT count(*) FROM nacha_adv_entry"), 8);
}

/// A record of BAI2, cut after any of its fields.
fn bai2(rng: &mut Rng, fields: &[String], lines: &mut Vec<String>) {
    let mut line = fields[0].clone();
    for field in &fields[1..] {
        if rng.u8(..3) == 0 {
            lines.push(line + "/");
            line = format!("88,{field}");
        } else {
            line = format!("{line},{field}");
        }
    }
    lines.push(line + "/");
}

#[tokio::test(flavor = "multi_thread")]
async fn bai2_records_are_continued_anywhere() {
    let mut rng = Rng::with_seed(88);
    let texts = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut lines = Vec::new();
    bai2(&mut rng, &texts("01,SENDER,RECEIVER,260101,0800,7,80,10,2"), &mut lines);
    let (mut groups, mut in_file) = (0, 0_i64);
    for group in 0..3 {
        groups += 1;
        let first = lines.len();
        bai2(&mut rng, &texts("02,RECEIVER,BANK,1,260101,0800,USD,2"), &mut lines);
        let mut in_group = 0;
        for account in 0..4 {
            let (of_account, mut total) = (lines.len(), 0);
            let mut fields = texts(&format!("03,{group}00{account},USD"));
            for code in ["010", "015", "100"].iter().take(rng.usize(1..=3)) {
                let amount = rng.i64(-1_000_000..1_000_000);
                total += amount;
                fields.extend([(*code).to_owned(), amount.to_string(), String::new(), String::new()]);
            }
            bai2(&mut rng, &fields, &mut lines);
            for _ in 0..rng.usize(..6) {
                let amount = rng.i64(0..1_000_000);
                total += amount;
                bai2(&mut rng, &texts(&format!("16,165,{amount},Z,REF,CUSTOMER,A text")), &mut lines);
            }
            // Its own lines count too, however many they are.
            let mut closing = Vec::new();
            bai2(&mut rng, &texts(&format!("49,{total},0")), &mut closing);
            let count = lines.len() - of_account + closing.len();
            let last = closing.pop().unwrap();
            closing.push(format!("{}{count}/", last.strip_suffix("0/").unwrap()));
            lines.append(&mut closing);
            in_group += total;
        }
        lines.push(format!("98,{in_group},4,{}/", lines.len() - first + 1));
        in_file += in_group;
    }
    lines.push(format!("99,{in_file},{groups},{}/", lines.len() + 1));
    assert!(lines.iter().filter(|line| line.starts_with("88,")).count() > 40);
    let text = lines.join("\n") + "\n";
    let damaged = replaced(text.as_bytes(), b"\n16,165,", b"\n16,165,1");
    let (bench, _) = proved("bai2/bai2.toml", str::to_owned, text.as_bytes(), &damaged).await;
    assert_eq!(bench.number("SELECT sum(control_total) FROM bai2_file_trailer"), in_file);
    assert_eq!(bench.number("SELECT count(*) FROM bai2_account_trailer"), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn image_cash_letters_of_every_record_type_foot_in_both_encodings() {
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    let mut put = |text: String, image: &[u8]| {
        assert_eq!(
            text.len(),
            if text.starts_with("62") {
                100
            } else if image.is_empty() {
                80
            } else {
                117
            }
        );
        records.push((text, image.to_vec()));
    };
    put(format!("{:80}", "0103T231380104121042882202601020800NBank of A         Bank of B         USX"), &[]);
    put(
        format!("{:80}", "100123138010412104288220260102202601020800IGA1      Contact       5558675552"),
        &[],
    );
    put(format!("{:80}", format!("61{:15}X121042882{:20}{:010}", "", "0000000123", 300_000)), &[]);
    put(format!("{:100}", format!("62{:15}X121042882{:20}{:014}{:15}", "", "0000000124", 5, "1")), &[]);
    put(format!("{:80}", "20012313801041210428822026010220260102CYC1      1   01"), &[]);
    let (mut total, mut valid, mut images) = (0, 0, 0);
    for (at, amount) in [100_000_u64, 1, 9_999_999_999].into_iter().enumerate() {
        let is_valid = at != 1;
        let item = format!(
            "25{:15} 031300012{:20}{amount:010}{at:15}G1{}Y 0",
            "12345",
            "555888",
            u8::from(is_valid)
        );
        put(format!("{item:80}"), &[]);
        total += amount;
        valid += if is_valid { amount } else { 0 };
        for kind in ["26", "27", "28"] {
            put(format!("{kind}{:78}", "1121042882 20260102"), &[]);
        }
        put(format!("{:80}", "501031300012202601020000000000000000"), &[]);
        let image = [b'I', b'I', 0x2a, 0x00, 0xff, at as u8];
        let image_data = format!("{:98}0000{:05}{:03}{:07}", "5203130001220260102", 0, 0, image.len());
        put(image_data, &image);
        put(format!("54{:78}", "1112222"), &[]);
        images += 1;
    }
    put(format!("{:80}", format!("31{:9}{:20}{:010}A", "031300012", "5558881", 250)), &[]);
    total += 250;
    for kind in ["32", "33", "34", "35"] {
        put(format!("{kind}{:78}", "1121042882 20260102"), &[]);
    }
    put(format!("{:80}", format!("70{:04}{total:012}{valid:012}{images:05}", 4)), &[]);
    for kind in ["40", "41", "68", "75", "85"] {
        put(format!("{kind}{:78}", "a summary"), &[]);
    }
    put(format!("{:80}", format!("90{:06}{:08}{total:014}{images:09}{:18}20260102", 1, 4, "Bank of B")), &[]);
    let count = records.len() + 1;
    records.push((format!("{:80}", format!("99{:06}{count:08}{:08}{total:016}", 1, 4)), Vec::new()));
    let cp037 = CodePage::by_name("cp037").unwrap();
    let mut levels = Vec::new();
    for encoding in ["cp037", "latin-1"] {
        let mut bytes = Vec::new();
        for (text, image) in &records {
            let mut record = Vec::new();
            if encoding == "cp037" {
                cp037.encode_into(text, &mut record).unwrap();
            } else {
                record.extend(text.as_bytes());
            }
            record.extend(image);
            bytes.extend(u32::try_from(record.len()).unwrap().to_be_bytes());
            bytes.extend(record);
        }
        let digits = |text: &str| {
            let mut out = Vec::new();
            cp037.encode_into(text, &mut out).unwrap();
            if encoding == "cp037" { out } else { text.as_bytes().to_vec() }
        };
        let damaged = replaced(&bytes, &digits("0000000250A"), &digits("0000000251A"));
        // The job finds out which it is.
        let (bench, ended) = proved("x937/x937.toml", str::to_owned, &bytes, &damaged).await;
        assert_eq!(bench.number("SELECT count(*) FROM x937_other"), 5);
        assert_eq!(bench.number("SELECT count(*) FROM x937_credit_item"), 1);
        levels.push(ended.level(Stage::Final));
    }
    assert_eq!(levels[0].0, count as u64);
}
