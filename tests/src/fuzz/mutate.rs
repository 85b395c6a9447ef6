//! Seeds, and what random damage makes of them: every case follows from its number.

use std::path::Path;

use fastrand::Rng;

/// What the formats are written in: the words of copybooks, and bytes that mean something in records.
const TOKENS: [&[u8]; 62] = [
    b" OCCURS 3 TIMES ",
    b" OCCURS 1 TO 99999 TIMES DEPENDING ON ",
    b" OCCURS 999999999 TIMES ",
    b" REDEFINES ",
    b" PIC X(999999999)",
    b" PIC S9(38)V9(38)",
    b" PIC VPP99",
    b" PIC 9(0)",
    b" PIC ZZ9,99-",
    b" COMP-3",
    b" COMP",
    b" COMP-1",
    b" USAGE NATIONAL",
    b" SYNC",
    b" BLANK WHEN ZERO",
    b" JUSTIFIED RIGHT",
    b" SIGN LEADING SEPARATE",
    b" VALUE ZERO",
    b" VALUES 1 THRU 9",
    b" 88 A VALUE 'X'",
    b" 66 R RENAMES ",
    b" 77 ALONE PIC X.",
    b" 01 ",
    b" 05 ",
    b" 49 ",
    b" FILLER ",
    b".\n",
    b"\n           ",
    b"'",
    b"\"",
    b"(",
    b")",
    b"*>",
    b"\n      *",
    b"\n      -    '",
    b"\t",
    b"\xC3\xA4",
    b",",
    b"88,",
    b"\n",
    b"\r\n",
    b"\x15",
    b"\x25",
    b"\x00",
    b"\x00\x04",
    b"\x00\x08\x00\x00",
    b"\x00\x0C\x00\x00\x00\x08\x00\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x7F\xFF",
    b"\x80\x00\x00\x10",
    b"\xFF",
    b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
    b"\x40",
    b"\x40\x40\x40\x40\x40\x40\x40\x40",
    b"\x0C",
    b"\x1C",
    b"\x9D",
    b"\xF0",
    b"\xF9\xF9\xF9\xF9\xF9\xF9\xF9\xF9",
    b"\xD0",
    b"\xC1",
    b"\xE9",
];

/// No case is longer.
const CASE_BYTES_MAX: usize = 1 << 14;

/// The seeds of one target.
#[derive(Debug)]
pub struct Mutations {
    seeds: Vec<(String, Vec<u8>)>,
}

impl Mutations {
    /// The seeds in `fuzz/seeds/NAME`, by name; for copybooks the examples' as well.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn of(target: &str) -> Self {
        let mut folders = vec![format!("fuzz/seeds/{target}")];
        if target == "copybook" {
            folders.push("examples/mainframe".to_owned());
        }
        let entries = folders.iter().flat_map(|folder| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        });
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| target != "copybook" || path.extension().is_some_and(|of| of == "cpy"));
        paths.sort();
        assert!(!paths.is_empty(), "{target} has no seeds");
        let seeds = paths.iter().map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())
        });
        Self { seeds: seeds.collect() }
    }

    /// Each seed, with its name.
    pub fn seeds(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.seeds.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// The case of this number: a seed with one to eight damages.
    #[must_use]
    pub fn case(&self, number: u64) -> Vec<u8> {
        let mut dice = Rng::with_seed(number);
        let mut bytes = dice.choice(&self.seeds).unwrap().1.clone();
        for _ in 0..=dice.usize(..8) {
            let at = dice.usize(..=bytes.len());
            let end = (at + 1 + dice.usize(..40)).min(bytes.len());
            let at = at.min(end);
            match dice.usize(..9) {
                0 if at < bytes.len() => bytes[at] ^= 1 << dice.usize(..8),
                1 if at < bytes.len() => bytes[at] = dice.u8(..),
                2 => drop(bytes.drain(at..end)),
                // The same again, where it is or as often as a table may be nested.
                3 => {
                    let piece = bytes[at..end].repeat(1 + dice.usize(..60));
                    drop(bytes.splice(at..at, piece));
                }
                4 => bytes.truncate(at),
                5 => {
                    let word = *dice.choice(&TOKENS).unwrap();
                    let end = (at + word.len()).min(bytes.len());
                    drop(bytes.splice(at..end, word.iter().copied()));
                }
                // A part of another seed.
                6 => {
                    let other = &dice.choice(&self.seeds).unwrap().1;
                    let from = dice.usize(..=other.len());
                    let to = (from + dice.usize(..200)).min(other.len());
                    drop(bytes.splice(at..end, other[from..to].iter().copied()));
                }
                _ => drop(bytes.splice(at..at, dice.choice(&TOKENS).unwrap().iter().copied())),
            }
            bytes.truncate(CASE_BYTES_MAX);
        }
        bytes
    }
}
