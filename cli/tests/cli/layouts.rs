//! Copybooks in the styles that people have them: `init` with a sample, then a run without an edit.

use super::desk::Desk;

/// Characters in EBCDIC (cp037).
fn e(text: &str) -> Vec<u8> {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0' + 0xF0,
        b'A'..=b'I' => byte - b'A' + 0xC1,
        b'J'..=b'R' => byte - b'J' + 0xD1,
        b'S'..=b'Z' => byte - b'S' + 0xE2,
        b'a'..=b'i' => byte - b'a' + 0x81,
        b'j'..=b'r' => byte - b'j' + 0x91,
        b's'..=b'z' => byte - b's' + 0xA2,
        b'.' => 0x4B,
        b',' => 0x6B,
        b'+' => 0x4E,
        b'-' => 0x60,
        b'/' => 0x61,
        _ => 0x40,
    };
    text.bytes().map(byte).collect()
}

/// A packed number of this many digits; `sign` is C, D or F.
fn p(number: u64, digits: usize, sign: char) -> Vec<u8> {
    let hex = format!("{number:0width$}{sign}", width = digits + (1 - digits % 2));
    hex.as_bytes()
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

fn h(number: i16) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn w(number: i32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// Each record after a descriptor word that counts itself.
fn rdw(records: &[Vec<u8>]) -> Vec<u8> {
    let with = |record: &Vec<u8>| {
        [&u16::try_from(record.len() + 4).unwrap().to_be_bytes()[..], &[0, 0], record].concat()
    };
    records.iter().flat_map(with).collect()
}

/// In columns 1-6 and 73-80 numbers and a name, as a library's members have them.
fn in_columns(lines: &[&str]) -> String {
    let line = |(at, line): (usize, &&str)| format!("{:06}{line:<66}PAYREC01\n", at * 100);
    lines.iter().enumerate().map(line).collect()
}

/// What `init` and a run are to make of a layout.
enum Comes {
    /// Every record is loaded: this many.
    Loads(u64),
    /// `init` refuses the copybook, and says this.
    Refused(&'static str),
}
use Comes::{Loads, Refused};

struct Layout {
    name: &'static str,
    copybook: String,
    source: Vec<u8>,
    comes: Comes,
}

fn of(name: &'static str, copybook: &str, parts: &[Vec<u8>], comes: Comes) -> Layout {
    Layout { name, copybook: copybook.into(), source: parts.concat(), comes }
}

fn written() -> Vec<Layout> {
    vec![
        of(
            "numbered-columns",
            &in_columns(&[
                " 01  PAY-RECORD.",
                "     05  PAY-ID     PIC 9(6).",
                "*    A COMMENT, AND ANOTHER 05 PIC",
                "     05  PAY-AMT    PIC S9(7)V99 COMP-3.",
            ]),
            &[e("000001"), p(1050, 9, 'C'), e("000002"), p(250, 9, 'D')],
            Loads(2),
        ),
        of(
            "tabs",
            "\t01\tT-REC.\n\t05\tT-ID\tPIC\tX(4).\n\t05\tT-N\tPIC\t9(3).\n",
            &[e("AB01007AB02008")],
            Loads(2),
        ),
        of("control-z", "       01  Z-REC.\n           05  Z-ID PIC X(3).\n\u{1a}", &[e("abcdef")], Loads(2)),
        of(
            "windows-lines",
            "       01  Z-REC.\r\n           05  Z-ID PIC X(3).\r\n           05  Z-N PIC 9.\r\n",
            &[e("abc1def2")],
            Loads(2),
        ),
        of(
            "directives",
            "       EJECT\n       01  D-REC.\n           SKIP1\n           05  D-ID PIC X(4).\n      /   PAGE\n      \
             D    05  D-DBG PIC X(4).\n           05  D-TX PIC X(6)\n      -        .\n           SKIP2\n",
            &[e("AB01hello AB02world ")],
            Loads(2),
        ),
        of(
            "free-with-comments",
            "*> see https://example.org/a?b=c*>d for the layout\n01 FREE-REC. *> the record\n  05 FR-ID pic 9(4).\n  \
             05 fr-text pic x(8). *> \"quoted, 'and' http://x.example\n",
            &[e("0001hello   0002world   ")],
            Loads(2),
        ),
        of(
            "values-and-renames",
            "       77  WS-X PIC 9.\n       01  V-REC.\n           05  V-A PIC X(3) VALUE SPACES.\n           05  V-B PIC \
             9(3) VALUE ZERO.\n           05  V-C PIC X(2) VALUE 'A.'.\n           66  V-R RENAMES V-A THRU V-B.\n",
            &[e("abc123A.def456B,")],
            Loads(2),
        ),
        of(
            "no-01",
            "           05  N-ID  PIC X(4).\n           05  N-AMT PIC S9(5)V99 COMP-3.\n",
            &[e("AB01"), p(100, 7, 'C'), e("AB02"), p(50, 7, 'D')],
            Loads(2),
        ),
        of(
            "filler-record",
            "       01  FILLER.\n           05  FILLER  PIC X(10).\n       01  FR-REC.\n           05  FR-ID   PIC X(4).\n\
             \x20          05  FILLER  PIC X(6).\n",
            &[e("AB01      AB02      ")],
            Loads(2),
        ),
        of(
            "ascii-lines",
            "       01  A-REC.\n           05  A-ID  PIC 9(4).\n           05  A-NM  PIC X(6).\n           05  A-AMT PIC \
             S9(5)V99.\n",
            &[b"0001NAME01000010{\r\n0002NAME02000020}\r\n".to_vec()],
            Loads(2),
        ),
        of(
            "ascii-fixed",
            "       01  A-REC.\n           05  A-ID  PIC 9(4).\n           05  A-NM  PIC X(6).\n           05  A-B   PIC \
             S9(4) COMP.\n",
            &[b"0001NAME01".to_vec(), h(7), b"0002NAME02".to_vec(), h(-7)],
            Loads(2),
        ),
        of(
            "national",
            "       01  NA-REC.\n           05  NA-ID PIC X(2).\n           05  NA-N  PIC N(4).\n",
            &[e("01")],
            Refused("national (UTF-16) data"),
        ),
        of(
            "placeholder",
            "       01  :TAG:-REC.\n           05  :TAG:-ID  PIC X(4).\n",
            &[e("AB01")],
            Refused("a placeholder for COPY ... REPLACING"),
        ),
    ]
}

fn numbers() -> Vec<Layout> {
    let field = |name: &str, clause: &str| format!("           05  {name:<8} {clause}.\n");
    let record = |fields: &[(&str, &str)]| {
        let fields: Vec<_> = fields.iter().map(|(name, clause)| field(name, clause)).collect();
        format!("       01  THE-REC.\n{}", fields.concat())
    };
    vec![
        of(
            "computational-spellings",
            &record(&[
                ("C1", "PIC S9(4)  USAGE COMPUTATIONAL"),
                ("C2", "PIC S9(9)  COMPUTATIONAL-4"),
                ("C3", "PIC S9(5)V99 COMPUTATIONAL-3"),
                ("C4", "PIC S9(7) USAGE IS PACKED-DECIMAL"),
                ("C5", "PIC S9(4) BINARY"),
                ("C6", "PIC S9(9) COMPUTATIONAL-5"),
            ]),
            &[
                h(1),
                w(-1000),
                p(7, 7, 'C'),
                p(1, 7, 'D'),
                h(-1),
                w(1),
                h(2),
                w(5),
                p(9, 7, 'C'),
                p(2, 7, 'C'),
                h(3),
                w(4),
            ],
            Loads(2),
        ),
        of(
            "floats",
            &record(&[("F-ID", "PIC X(2)"), ("F1", "COMPUTATIONAL-1"), ("F2", "COMP-2")]),
            &[e("01"), vec![0x41, 0x10, 0, 0], vec![0x41, 0x18, 0, 0, 0, 0, 0, 0]],
            Loads(1),
        ),
        of(
            "unsigned-packed",
            &record(&[("C6-ID", "PIC X(2)"), ("C6-N", "PIC 9(4) COMP-6")]),
            &[e("01"), vec![0x12, 0x34], e("02"), vec![0, 7]],
            Loads(2),
        ),
        of(
            "computational-0",
            &record(&[("C0-ID", "PIC X(2)"), ("C0-N", "PIC S9(4) COMPUTATIONAL-0")]),
            &[e("01"), h(17)],
            Refused("depends on the compiler"),
        ),
        of(
            "wide-binary",
            &record(&[("B-ID", "PIC 9(3)"), ("B-BIG", "PIC S9(31) BINARY")]),
            &[e("001"), vec![0; 16]],
            Refused("holds at most 18 digits here"),
        ),
        of(
            "wide-packed",
            &record(&[("B-ID", "PIC 9(3)"), ("B-BIG", "PIC S9(29)V99 COMP-3")]),
            &[e("001"), p(12_345_678_901_234_567_890, 31, 'D')],
            Loads(1),
        ),
        of(
            "separate-signs",
            &record(&[
                ("S-A", "PIC S9(3) SIGN IS LEADING SEPARATE"),
                ("S-B", "PIC S9(3)V9 SIGN TRAILING SEPARATE CHARACTER"),
                ("S-C", "PIC S9(3) SIGN LEADING"),
                ("S-D", "PIC S9(3)"),
            ]),
            &[e("+0010025-"), vec![0xC0, 0xF0, 0xF7], vec![0xF0, 0xF0, 0xD9]],
            Loads(1),
        ),
        of(
            "edited",
            &record(&[("E-ID", "PIC 9(2)"), ("E-AMT", "PIC ZZ,ZZ9.99-"), ("E-DT", "PIC 99/99/9999")]),
            &[e("01 1,234.50 01/31/2024"), e("02     1.00-02/28/2024")],
            Loads(2),
        ),
        of(
            "scaled",
            &record(&[("P-ID", "PIC X(2)"), ("P-A", "PIC S9(3)PPP COMP-3"), ("P-B", "PIC VPP99")]),
            &[e("01"), p(12, 3, 'C'), e("34")],
            Loads(1),
        ),
        of(
            "synchronized",
            &record(&[("SY-A", "PIC X"), ("SY-B", "PIC S9(9) COMP SYNC"), ("SY-C", "PIC X(4)")]),
            &[e("A"), vec![0; 3], w(7), e("wxyz")],
            Loads(1),
        ),
        of(
            "group-usage",
            "       01  GU-REC.\n         03  GU-ID PIC X(2).\n         03  GU-AMTS USAGE COMP-3.\n           07  GU-A PIC \
             S9(5).\n           07  GU-B PIC S9(3)V99.\n         03  FILLER PIC X.\n",
            &[e("01"), p(5, 5, 'C'), p(100, 5, 'D'), e(" ")],
            Loads(1),
        ),
        of(
            "keys-dates-conditions",
            "       01  DK-REC.\n           05  DK-KEY.\n               10  DK-CO   PIC X(2).\n               10  DK-ACCT PIC \
             9(8).\n           05  DK-DATE-BIN PIC S9(8) COMP.\n           05  DK-STATUS   PIC X.\n               88  DK-OPEN \
             VALUE 'O' 'P'.\n               88  DK-SHUT VALUE 'A' THRU 'C'.\n           05  DK-RATE PIC 9V9(6) COMP-3.\n",
            &[e("DE00000001"), w(20_240_131), e("O"), p(1_250_000, 7, 'F')],
            Loads(1),
        ),
    ]
}

fn shapes() -> Vec<Layout> {
    let item = |number: u64| [e("QX"), p(number, 3, 'C')].concat();
    let with_items = |count: u64| {
        let items: Vec<_> = (1..=count).map(item).collect();
        [e(&format!("{count:04}")), p(count, 2, 'F'), items.concat()].concat()
    };
    let table = "       01  O-REC.\n           05  O-ID   PIC 9(4).\n           05  O-CNT  PIC 9(2) COMP-3.\n           05  O-ITEM \
                 OCCURS 1 TO 9 TIMES\n                  DEPENDING ON O-CNT.\n               10  O-CODE PIC X(2).\n               \
                 10  O-QTY  PIC S9(3) COMP-3.\n";
    let counted: Vec<Vec<u8>> = (1..=8).map(with_items).collect();
    let simple =
        "       01  BD-REC.\n           05  BD-ID  PIC 9(4).\n           05  BD-AMT PIC S9(5)V99 COMP-3.\n";
    let records: Vec<Vec<u8>> =
        (1..=9).map(|at| [e(&format!("{at:04}")), p(at * 100, 7, 'C')].concat()).collect();
    let blocks: Vec<Vec<u8>> = records.chunks(4).map(rdw).collect();
    let typed = "       01  HEADER-REC.\n           05  REC-TYPE   PIC X.\n               88  IS-HEADER   VALUE 'H'.\n               \
                 88  IS-DETAIL   VALUE 'D'.\n               88  IS-TRAILER  VALUE 'T'.\n           05  H-DATE     PIC 9(8).\n\
                 \x20          05  FILLER     PIC X(11).\n       01  DETAIL-REC.\n           05  REC-TYPE   PIC X.\n           05  \
                 D-ID       PIC 9(6).\n           05  D-AMT      PIC S9(9)V99 COMP-3.\n           05  FILLER     PIC X(7).\n       \
                 01  TRAILER-REC.\n           05  REC-TYPE   PIC X.\n           05  T-COUNT    PIC 9(7).\n           05  T-AMOUNT   \
                 PIC S9(11)V99 COMP-3.\n           05  FILLER     PIC X(5).\n";
    let detail = |id: &str, cents, sign| [e(id), p(cents, 11, sign), e("       ")].concat();
    let placed = "       01  HDR.\n           05  H-DATE   PIC 9(8).\n           05  H-NAME   PIC X(4).\n       01  DTL.\n           05  \
                  D-ACCT   PIC X(8).\n           05  D-AMT    PIC S9(5)V99 COMP-3.\n       01  TRL.\n           05  T-COUNT  PIC \
                  9(7).\n           05  T-SUM    PIC 9(5).\n";
    vec![
        of(
            "redefines-longer",
            "       01  R.\n           05  KIND  PIC X.\n           05  A     PIC X(3).\n           05  B REDEFINES A PIC X(5).\n",
            &[e("1abc  2xyz  ")],
            Loads(2),
        ),
        of(
            "occurs",
            "       01  OC-REC.\n           05  OC-ID PIC X(2).\n           05  OC-MON OCCURS 12 TIMES INDEXED BY IX-M\n               \
             ASCENDING KEY IS OC-AMT.\n               10  OC-AMT PIC S9(5)V99 COMP-3.\n           05  OC-G OCCURS 2.\n               \
             10 OC-C PIC X OCCURS 3.\n",
            &[e("01"), p(12_345, 7, 'C').repeat(12), e("abcdef")],
            Loads(1),
        ),
        of("occurs-depending", table, &[rdw(&counted)], Loads(8)),
        of("occurs-depending-unseparated", table, &counted, Loads(8)),
        of("blocks", simple, &[rdw(&blocks)], Loads(9)),
        of(
            "varchar",
            "       01  DCLT.\n           10 COL1  PIC X(2).\n           10 COL8.\n              49 COL8-LEN  PIC S9(4) USAGE COMP.\n\
             \x20             49 COL8-TEXT PIC X(10).\n",
            &[e("01"), h(5), e("HELLO     "), e("02"), h(0), e("          ")],
            Loads(2),
        ),
        of(
            "types-by-conditions",
            typed,
            &[
                e("H20240131           "),
                detail("D000001", 1000, 'C'),
                detail("D000002", 250, 'D'),
                [e("T0000002"), p(750, 13, 'C'), e("     ")].concat(),
            ],
            Loads(4),
        ),
        of(
            "types-by-position",
            placed,
            &[
                e("20240131ADDA"),
                e("ACCT0001"),
                p(1000, 7, 'C'),
                e("ACCT0002"),
                p(25, 7, 'D'),
                e("000000200975"),
            ],
            Loads(4),
        ),
    ]
}

/// At least 25 of the layouts load, each with all its records; what is refused says why.
fn each(layouts: Vec<Layout>) -> usize {
    let mut loaded = 0;
    for Layout { name, copybook, source, comes } in layouts {
        let desk = Desk::new();
        desk.put("c.cpy", copybook);
        desk.put("s.dat", source);
        let mut line = vec!["init", "--copybook", "c.cpy", "--sample", "s.dat", "-o", "c.toml"];
        if name.starts_with("free") {
            line.push("--free");
        }
        let made = desk.run(&line);
        match comes {
            Loads(records) => {
                made.exits(0);
                let of = format!("{records} record");
                desk.run(&["run", "c.toml", "--source", "s.dat"]).exits(0).prints(&["RECONCILED", &of]);
                loaded += 1;
            }
            Refused(why) => {
                made.exits(2).says(&[why, "line "]);
            }
        }
    }
    loaded
}

#[test]
fn copybooks_as_they_are_written_load_without_an_edit() {
    assert_eq!(each(written()), 11);
}

#[test]
fn numbers_in_every_spelling_load_without_an_edit() {
    assert_eq!(each(numbers()), 10);
}

/// A copybook of placeholders, and one that copies others out of folders: named on the command line, and in the job
/// file.
#[test]
fn copybooks_with_copy_and_placeholders_load_without_an_edit() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("lib")).unwrap();
    desk.put(
        "lib/inner.cpy",
        "           05  :P:-ID  PIC X(4).\n           05  :P:-AMT PIC S9(5)V99 COMP-3.\n",
    );
    desk.put("beside.CPY", "           05  CP-END PIC X(2).\n");
    desk.put(
        "c.cpy",
        "       01  CP-REC.\n           COPY INNER REPLACING ==:P:== BY ==CP==.\n           COPY BESIDE.\n",
    );
    desk.put("s.dat", [e("AB01"), p(100, 7, 'C'), e("zz")].concat());
    desk.run(&["init", "--copybook", "c.cpy"]).exits(2).says(&["line 2", "`INNER`", "--copy-folder"]);
    let line = ["init", "--copybook", "c.cpy", "--copy-folder", "lib", "--sample", "s.dat", "-o", "c.toml"];
    desk.run(&line).exits(0);
    desk.run(&["run", "c.toml", "--source", "s.dat"]).exits(0).prints(&["RECONCILED", "cp_amt", "1.00"]);
    // What is copied is of the job: its digest changes with it.
    desk.put(
        "lib/inner.cpy",
        "           05  :P:-ID  PIC X(3).\n           05  :P:-AMT PIC S9(6)V99 COMP-3.\n",
    );
    desk.run(&["run", "c.toml", "--source", "s.dat", "--again"]).exits(1);
    std::fs::remove_file(desk.path("lib/inner.cpy")).unwrap();
    desk.run(&["check", "c.toml"]).exits(2).says(&["`INNER`", "copybook_folders"]);

    desk.put("t.cpy", "       01  :TAG:-REC.\n           05  :TAG:-ID  PIC X(4).\n           05  :TAG:-AMT PIC S9(5)V99 COMP-3.\n");
    desk.put("t.dat", [e("AB01"), p(100, 7, 'C')].concat());
    desk.run(&["init", "--copybook", "t.cpy"]).exits(2).says(&["--replacing :TAG:="]);
    let line =
        ["init", "--copybook", "t.cpy", "--replacing", ":TAG:=CUST", "--sample", "t.dat", "-o", "t.toml"];
    desk.run(&line).exits(0);
    desk.run(&["run", "t.toml", "--source", "t.dat"]).exits(0).prints(&["RECONCILED", "cust_amt"]);
    desk.run(&["init", "--copybook", "t.cpy", "--replacing", "TAG"]).exits(2).says(&["expected OLD=NEW"]);
}

#[test]
fn tables_views_types_and_blocks_load_without_an_edit() {
    assert_eq!(each(shapes()), 8);
}
