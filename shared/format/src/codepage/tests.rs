//! The tables against other programs' tables, and what must hold for every page.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::{CodePage, Undecodable, Unencodable};

fn page(name: &str) -> &'static CodePage {
    CodePage::by_name(name).unwrap_or_else(|| panic!("no page {name}"))
}

fn decode(page: &CodePage, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    page.decode_into(bytes, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn all_bytes() -> Vec<u8> {
    (0..=255).collect()
}

/// What `program` makes of `input`, or nothing, said aloud, when it is not installed.
fn ask(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let started = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = started else {
        // Past the test runner, which keeps what passing tests print to itself.
        drop(std::io::stderr().write_all(format!("SKIPPED: {program} is not installed\n").as_bytes()));
        return None;
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?} failed");
    Some(output.stdout)
}

/// Where `theirs` differs from the page: byte, our character, their character.
fn differences(page: &CodePage, theirs: &str) -> Vec<(u8, char, char)> {
    let ours = decode(page, &all_bytes());
    assert_eq!(theirs.chars().count(), 256, "{page:?}");
    let both = ours.chars().zip(theirs.chars()).enumerate();
    both.filter(|(_, (a, b))| a != b).map(|(byte, (a, b))| (byte as u8, a, b)).collect()
}

/// The differences that are known, and decided in the documentation of the module.
type Known = &'static [(u16, &'static [(u8, char, char)])];

fn check(page: &CodePage, theirs: Option<Vec<u8>>, known: Known) {
    let Some(theirs) = theirs else { return };
    let expected = known.iter().find(|(ccsid, _)| *ccsid == page.ccsid()).map_or(&[][..], |(_, known)| known);
    assert_eq!(differences(page, &String::from_utf8(theirs).unwrap()), expected, "{page:?}");
}

fn ebcdic_pages() -> impl Iterator<Item = &'static CodePage> {
    CodePage::all().filter(|page| page.is_ebcdic())
}

#[test]
fn pages_are_those_of_iconv_but_for_the_documented_bytes() {
    let known: Known = &[
        (278, &[(0x71, '\\', 'É'), (0xE0, 'É', '\\')]),
        (285, &[(0xA1, '¯', '\u{203E}')]),
        (870, &[(0xB0, '˙', '·')]),
        (871, &[(0x4A, 'Þ', 'þ'), (0xC0, 'þ', 'Þ')]),
        (1026, &[(0x9D, '¸', '\u{2DB}'), (0xBC, '¯', '\u{2014}')]),
    ];
    for page in ebcdic_pages() {
        let name = format!("IBM{:03}", page.ccsid());
        check(page, ask("iconv", &["-f", &name, "-t", "UTF-8"], &all_bytes()), known);
    }
}

#[test]
fn pages_are_those_of_icu_but_for_the_documented_byte() {
    let known: Known = &[(1026, &[(0x9A, 'ª', '₺')])];
    for page in ebcdic_pages() {
        let name = format!("ibm-{}", page.ccsid());
        check(page, ask("uconv", &["-f", &name, "-t", "UTF-8"], &all_bytes()), known);
    }
}

#[test]
fn pages_are_those_of_python_but_for_the_documented_byte() {
    let known: Known = &[(273, &[(0xBC, '¯', '\u{203E}')])];
    for ccsid in ["037", "273", "500", "1026", "1140"] {
        let program =
            format!("import sys; sys.stdout.buffer.write(bytes(range(256)).decode('cp{ccsid}').encode())");
        check(page(ccsid), ask("python3", &["-c", &program], &[]), known);
    }
}

#[test]
fn every_byte_of_an_ebcdic_page_is_a_character_of_its_own() {
    for page in ebcdic_pages() {
        let chars: BTreeSet<char> = decode(page, &all_bytes()).chars().collect();
        assert_eq!(chars.len(), 256, "{page:?}");
    }
    assert_eq!(
        decode(page("latin1"), &all_bytes()),
        all_bytes().iter().map(|b| char::from(*b)).collect::<String>()
    );
}

/// A field is looked through for low-values before it is decoded, and no text column can hold a NUL.
#[test]
fn a_nul_comes_of_no_byte_but_zero() {
    for page in CodePage::all() {
        for byte in 1..=255_u8 {
            let mut out = Vec::new();
            let _ = page.decode_into(&[byte], &mut out);
            assert!(!out.contains(&0), "{page:?} {byte:#04x}");
        }
    }
}

#[test]
fn what_numbers_are_written_with_is_the_same_in_every_ebcdic_page() {
    for page in ebcdic_pages() {
        let mut bytes = Vec::new();
        page.encode_into("0123456789+- .,", &mut bytes).unwrap();
        assert_eq!(domain::hex::encode(&bytes), "f0f1f2f3f4f5f6f7f8f94e60404b6b", "{page:?}");
        assert_eq!(decode(page, &[0x00, 0x15, 0x25, page.space()]), "\0\u{85}\n ");
    }
}

#[test]
fn characters_are_where_the_manuals_have_them() {
    // page, bytes, text
    let table: &[(&str, &[u8], &str)] = &[
        ("037", &[0xC8, 0x85, 0x93, 0x93, 0x96, 0x6B, 0x40, 0xBA, 0x4A, 0xBB, 0x5A, 0x9F], "Hello, [¢]!¤"),
        ("1140", &[0x9F, 0x5B], "€$"),
        ("273", &[0x4A, 0xE0, 0x5A, 0xC0, 0x6A, 0xD0, 0xA1, 0xB5, 0x7C], "ÄÖÜäöüß@§"),
        ("1141", &[0x9F, 0x43, 0xDC], "€{}"),
        ("277", &[0x7B, 0x7C, 0x5B, 0xC0, 0x6A, 0xD0], "ÆØÅæøå"),
        ("1142", &[0x5A], "€"),
        ("278", &[0x7B, 0x7C, 0x5B, 0x71, 0xE0], "ÄÖÅ\\É"),
        ("1143", &[0x5A, 0x71, 0xE0], "€\\É"),
        ("280", &[0x44, 0xC0, 0xD0, 0x5A], "{àèé"),
        ("284", &[0x7B, 0x69, 0x4A, 0x6A], "Ñ#[ñ"),
        ("285", &[0x5B, 0x4A, 0xB1, 0xA1], "£$[¯"),
        ("297", &[0x7C, 0xC0, 0xD0, 0xE0, 0x7B], "àéèç£"),
        ("500", &[0x4A, 0x5A, 0x4F, 0x5F, 0xBB], "[]!^|"),
        ("1148", &[0x9F], "€"),
        ("1047", &[0xAD, 0xBD, 0x5F, 0xB0, 0xBA, 0xBB], "[]^¬Ý¨"),
        ("870", &[0xB0], "˙"),
        ("1149", &[0x9F], "€"),
        ("latin1", &[0x41, 0xE9, 0xFF], "Aéÿ"),
    ];
    for (name, bytes, text) in table {
        assert_eq!(decode(page(name), bytes), *text, "{name}");
    }
}

#[test]
fn a_page_is_found_by_any_of_its_names() {
    for name in [
        "cp037",
        "037",
        "37",
        "IBM037",
        "ibm-37",
        "IBM-037",
        "CP37",
        "ccsid 37",
        "CCSID-00037",
        "EBCDIC-CP-US",
    ] {
        assert_eq!(page(name).name(), "cp037", "{name}");
    }
    for (name, found) in [
        ("IBM01140", "cp1140"),
        ("IBM-1047", "cp1047"),
        ("1026", "cp1026"),
        ("ASCII", "ascii"),
        ("US-ASCII", "ascii"),
        ("ISO-8859-1", "latin1"),
        ("ISO_8859-1", "latin1"),
        ("Latin-1", "latin1"),
        ("cp819", "latin1"),
    ] {
        assert_eq!(page(name).name(), found, "{name}");
    }
    for name in ["", "cp", "cp38", "ebcdic", "IBM", "utf-8", "cp0x25", "-37e", "99999999999"] {
        assert!(CodePage::by_name(name).is_none(), "{name}");
    }
}

#[test]
fn what_a_page_lacks_is_an_error_that_says_where() {
    let mut out = Vec::new();
    let text = b"abcdefghijklmnopqrst\xC4x";
    assert_eq!(page("ascii").decode_into(text, &mut out), Err(Undecodable { index: 20, byte: 0xC4 }));
    assert_eq!(out, b"abcdefghijklmnopqrst");
    assert_eq!(page("037").encode_into("1 €", &mut out), Err(Unencodable('€')));
}

proptest! {
    #[test]
    fn any_bytes_come_back_from_any_page(at in 0_usize..25, bytes: Vec<u8>) {
        let page = CodePage::all().nth(at).unwrap();
        let bytes: Vec<u8> =
            if page.name() == "ascii" { bytes.iter().map(|byte| byte & 0x7F).collect() } else { bytes };
        let mut back = Vec::new();
        page.encode_into(&decode(page, &bytes), &mut back).unwrap();
        prop_assert_eq!(back, bytes);
    }
}
