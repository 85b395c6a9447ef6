//! The catalogue itself, by group: CNT counts, AMT amounts, CON content, DEC decoding, STR structure, HND hands, BUS
//! the bus, LED the ledger, SRC the source, DCL what is declared, PRM promotion, LOG the log, LOD loads by
//! another program.

use domain::invariants::Invariant;
use serde::Serialize;

use super::model::{Catch, Group, Located, Strikes};

/// One defect of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Defect {
    /// The defect's number: its group and a number within it.
    pub id: DefectId,
    /// Where along the flow the defect strikes.
    pub strikes: Strikes,
    /// What the defect does, in a sentence.
    pub what: &'static str,
    /// The invariant that it breaks.
    pub invariant: Invariant,
    /// What must catch the defect: one of these.
    pub caught_by: &'static [Catch],
    /// How closely it must be located, when a check catches it.
    pub located: Located,
}

macro_rules! catalogue {
    ($($group:ident {
        $($number:literal $id:ident $strikes:ident, $what:literal, $invariant:ident,
            [$($kind:ident $($words:literal)?),+], $located:ident;)*
    })*) => {
        /// The number of a defect. Each has its strike: see `strikes::strike`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum DefectId {
            $($(
                #[doc = concat!($number, ": ", $what, ".")]
                #[serde(rename = $number)]
                $id,
            )*)*
        }

        impl DefectId {
            /// The number as it is printed: a group and a number within it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$id => $number,)*)*
                }
            }

            /// The group it is of.
            #[must_use]
            pub const fn group(self) -> Group {
                match self {
                    $($(Self::$id => Group::$group,)*)*
                }
            }
        }

        /// Every defect that the drill strikes.
        pub const CATALOGUE: &[Defect] = &[$($(Defect {
            id: DefectId::$id,
            strikes: Strikes::$strikes,
            what: $what,
            invariant: Invariant::$invariant,
            caught_by: &[$(catalogue!(@ $kind $($words)?)),+],
            located: Located::$located,
        },)*)*];
    };
    (@ check $words:literal) => { Catch::Check($words) };
    (@ refused $words:literal) => { Catch::Refused($words) };
    (@ prevented) => { Catch::Prevented };
    (@ withstood) => { Catch::Withstood };
}

impl std::fmt::Display for DefectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

catalogue! {
// Counts.
Counts {
    "CNT-01" Cnt01 Staging, "a record is lost from staging", StagedOnce, [check "staging rows"], Record;
    "CNT-02" Cnt02 Staging, "a record is duplicated in staging", StagedOnce, [check "staging rows"], Record;
    "CNT-03" Cnt03 Staging, "a record is lost and another duplicated in its place: the count is right", FingerprintsEqual, [check "fingerprint, source to staging"], Record;
    "CNT-04" Cnt04 Staging, "a whole chunk is lost from staging", StagedOnce, [check "staging rows"], Record;
    "CNT-05" Cnt05 Staging, "a chunk is written twice, the second time under another number", StagedOnce, [check "rows outside any chunk"], Record;
    "CNT-06" Cnt06 Staging, "a record is moved to another chunk", StagedOnce, [check "chunks as committed"], Record;
    "CNT-07" Cnt07 Staging, "a row of another run is mixed into this one", StagedOnce, [check "staging rows"], Record;
    "CNT-08" Cnt08 Staging, "a row of this run is assigned to another run", StagedOnce, [check "staging rows"], Record;
    "CNT-09" Cnt09 Staging, "two records are duplicated, so that the pairs cancel out", StagedOnce, [check "staging rows"], Record;
    "CNT-10" Cnt10 Staging, "two records swap places", FingerprintsEqual, [check "fingerprint, source to staging"], Record;
    "CNT-11" Cnt11 Fleet, "a row is lost between processor and writer, but the counts are not", StagedOnce, [check "staging rows", refused "set aside"], Part;
    "CNT-12" Cnt12 Fleet, "a processor loses a record, and its counts, sums and digest are consistent without it", RecordsAccounted, [check "records decoded"], Run;
    "CNT-13" Cnt13 Staging, "a reject is lost", RecordsAccounted, [check "rejects kept"], Record;
    "CNT-14" Cnt14 Staging, "a rejected record appears in staging anyway", StagedOnce, [check "staging rows"], Record;
}

// Amounts.
Amounts {
    "AMT-01" Amt01 Staging, "one amount is off by its smallest unit", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-02" Amt02 Staging, "the sign of an amount is flipped", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-03" Amt03 Staging, "two digits of an amount are transposed", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-04" Amt04 Staging, "two errors cancel out in the total", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "AMT-05" Amt05 Staging, "an amount's decimal point is shifted by one place", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-06" Amt06 Staging, "one cent in a total of more than ten billion", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-07" Amt07 Staging, "an amount is rounded at its 29th digit", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-08" Amt08 Staging, "zero becomes negative zero", FingerprintsEqual, [check "fingerprint, source to staging", prevented], Field;
    "AMT-09" Amt09 Staging, "an amount becomes NULL", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-10" Amt10 Staging, "an amount gets another scale: 1.50 becomes 1.500", FingerprintsEqual, [check "fingerprint, source to staging", prevented], Field;
    "AMT-11" Amt11 Staging, "the amounts of two records are swapped", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "AMT-12" Amt12 Staging, "an amount is converted to a float and back", AmountsEqual, [check "sum of *, source to staging"], Field;
}

// Content.
Content {
    "CON-01" Con01 Staging, "NULL becomes empty text", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-02" Con02 Staging, "empty text becomes NULL", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-03" Con03 Staging, "NULL becomes the text 'null'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-04" Con04 Staging, "a space is added at the end of a text", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-05" Con05 Staging, "a character moves from one field to the next: '12', '3' becomes '1', '23'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-06" Con06 Staging, "a separator moves between fields: 'a|b', 'c' becomes 'a', 'b|c'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-07" Con07 Staging, "a composed character becomes a decomposed one: the text looks the same", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-08" Con08 Staging, "text is decoded in the wrong encoding: 'é' becomes 'Ã©'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-09" Con09 Staging, "the case of a letter changes", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-10" Con10 Staging, "the last character of a text is cut off", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-11" Con11 Staging, "a space becomes a no-break space", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-12" Con12 Staging, "a date is shifted by a day, as a time zone does", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-13" Con13 Staging, "a timestamp is shifted by an hour", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-14" Con14 Staging, "a timestamp is truncated to seconds", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-15" Con15 Staging, "a boolean is inverted", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-16" Con16 Staging, "an integer is off by one", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-17" Con17 Staging, "one bit of a bytes field is flipped", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-18" Con18 Staging, "the texts of two records are swapped", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-19" Con19 Staging, "leading zeros of a text are dropped", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-20" Con20 Staging, "the bytes of a reject are altered", StagedOnce, [check "chunks as committed"], Record;
    "CON-21" Con21 Staging, "a value becomes NULL", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
}

// Decoding: the same defect in every process.
Decoding {
    "DEC-01" Dec01 Decoder, "the decimal point of amounts is ignored", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-02" Dec02 Decoder, "the sign of negative amounts is dropped", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-03" Dec03 Decoder, "amounts pass through a floating-point number", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-04" Dec04 Decoder, "the last digit of amounts is dropped", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-05" Dec05 Decoder, "NULL becomes empty text", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-06" Dec06 Decoder, "empty text becomes NULL", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-07" Dec07 Decoder, "an amount becomes NULL", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-08" Dec08 Decoder, "day and month are swapped", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-09" Dec09 Decoder, "dates are in the century before", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-10" Dec10 Decoder, "leading zeros of a text are dropped", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-11" Dec11 Decoder, "a blank of the padding is left in a text", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-12" Dec12 Decoder, "the last character of a text is dropped", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-13" Dec13 Decoder, "small letters become capitals", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-14" Dec14 Decoder, "letters beyond ASCII become question marks", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-15" Dec15 Decoder, "the quotes around a text are kept as its content", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-16" Dec16 Decoder, "a separator in a text is dropped", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-17" Dec17 Decoder, "true and false are swapped", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-18" Dec18 Decoder, "the fraction of a second is dropped", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-19" Dec19 Decoder, "timestamps are shifted by an hour, as by a time zone", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-20" Dec20 Decoder, "integers are one too high", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-21" Dec21 Decoder, "the last byte of a binary value is dropped", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-22" Dec22 Decoder, "two fields of one type are swapped", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-23" Dec23 Decoder, "a field keeps the value of the record before", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-24" Dec24 Decoder, "the byte order of binary numbers is swapped", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-25" Dec25 Decoder, "text is read in another code page", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-26" Dec26 Decoder, "the last occurrence of a table is not read", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-27" Dec27 Decoder, "the decimal places of a picture are one too few", RoundTrip, [check "rejects within the limit"], Run;
    "DEC-28" Dec28 Decoder, "a byte of a field is counted twice", BytesAccounted, [check "every byte accounted for"], Part;
    "DEC-29" Dec29 Decoder, "a field's last byte is not counted", BytesAccounted, [check "every byte accounted for"], Part;
    "DEC-30" Dec30 Decoder, "of a record, nothing is counted", BytesAccounted, [check "every byte accounted for"], Part;
    "DEC-31" Dec31 Decoder, "FILLER is not counted", BytesAccounted, [check "every byte accounted for"], Part;
}

// Structure.
Structure {
    "STR-01" Str01 Tables, "the columns of final are in another order", FinalBalances, [withstood], Run;
    "STR-02" Str02 Tables, "a column of final is made narrower before the run", FinalBalances, [refused "does not match the job"], Run;
    "STR-03" Str03 Tables, "a column of final is made narrower between staging and promotion", FinalBalances, [refused "does not match the job"], Run;
    "STR-04" Str04 Tables, "a trigger drops a row on its way into staging", StagedOnce, [check "staging rows", refused "set aside"], Part;
    "STR-05" Str05 Tables, "a trigger alters a value on its way into staging", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "STR-06" Str06 Tables, "a trigger drops a row on its way into final", FinalBalances, [check "final rows"], Record;
    "STR-07" Str07 Tables, "a trigger alters a value on its way into final", FingerprintsEqual, [check "fingerprint, staging to final"], Field;
    "STR-08" Str08 Tables, "final is recreated with a clause or a rule that silently drops rows", FinalBalances, [check "final rows", refused "ON CONFLICT", refused "rewrites what is inserted"], Run;
    "STR-09" Str09 Tables, "a constraint of final rejects a row", FinalBalances, [check "rows taken by final"], Run;
    "STR-10" Str10 Tables, "a trigger on final writes a row elsewhere", FinalBalances, [check "rows changed by the promotion"], Run;
}

// Hands.
Hands {
    "HND-01" Hnd01 Fleet, "a writer reports one record more than it wrote", WorkersAgree, [check "writers agree"], Part;
    "HND-02" Hnd02 Fleet, "a writer reports one record less than it wrote", WorkersAgree, [check "writers agree"], Part;
    "HND-03" Hnd03 Fleet, "a processor reports one record more than it decoded", WorkersAgree, [check "processors agree"], Part;
    "HND-04" Hnd04 Staging, "a row is assigned to another worker", WorkersAgree, [check "writers agree"], Record;
    "HND-05" Hnd05 Staging, "two workers swap a row each: their counts are right", WorkersAgree, [check "chunks as committed"], Record;
    "HND-06" Hnd06 Fleet, "a worker's counts are lost on the bus", WorkersAgree, [check "writers agree"], Part;
    "HND-07" Hnd07 Fleet, "every message, counts too, is delivered twice", StagedOnce, [withstood], Run;
    "HND-08" Hnd08 Fleet, "counts come under another worker's number", WorkersAgree, [check "writers agree"], Part;
    "HND-09" Hnd09 Fleet, "a value is altered between processor and writer", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "HND-10" Hnd10 Fleet, "a processor decodes a value wrongly, and its counts, sums and digest are consistent with it", DeclaredMet, [check "declared fingerprint"], Run;
    "HND-11" Hnd11 Fleet, "the same in a run without declared totals, before an operator approves it", FingerprintsEqual, [check "fingerprint, source decoded again", check "chunks decoded twice"], Part;
    "HND-12" Hnd12 Fleet, "a chunk's bytes are altered on the way to the processor", BytesProcessed, [refused "set aside"], Part;
    "HND-13" Hnd13 Fleet, "a chunk arrives shorter than it was split", BytesProcessed, [refused "set aside"], Part;
    "HND-14" Hnd14 Fleet, "the same in a run whose chunks are all decoded twice", FingerprintsEqual, [check "chunks decoded twice"], Part;
}

// The bus: every right on the broker, none in the store.
Bus {
    "BUS-01" Bus01 Bus, "a chunk is altered on its queue without changing its length, and its checksums are adjusted", BytesProcessed, [withstood], Run;
    "BUS-02" Bus02 Bus, "a batch is altered on its queue: an amount and its sum", StagedOnce, [withstood], Run;
    "BUS-03" Bus03 Bus, "a forged chunk overtakes the genuine one", BytesProcessed, [withstood], Run;
    "BUS-04" Bus04 Bus, "a forged batch overtakes the genuine one", StagedOnce, [withstood], Run;
    "BUS-05" Bus05 Bus, "a writer's counts are forged before the chunk is committed", WorkersAgree, [withstood], Run;
    "BUS-06" Bus06 Bus, "a processor's counts are forged", WorkersAgree, [withstood], Run;
    "BUS-07" Bus07 Bus, "a chunk's failure is forged", ChunksTileSource, [withstood], Run;
    "BUS-08" Bus08 Bus, "hundreds of failures are forged, for every chunk in flight", ChunksTileSource, [withstood], Run;
    "BUS-09" Bus09 Bus, "a range to read back is forged with a smaller end", FingerprintsEqual, [withstood], Run;
    "BUS-10" Bus10 Bus, "a range of a run that does not exist", StagedOnce, [withstood], Run;
    "BUS-11" Bus11 Bus, "a chunk with an impossibly large number", StagedOnce, [withstood], Run;
    "BUS-12" Bus12 Bus, "every message of an earlier run is sent again", StagedOnce, [withstood], Run;
    "BUS-13" Bus13 Bus, "a message of another store arrives in these queues", StagedOnce, [withstood], Run;
    "BUS-14" Bus14 Bus, "a chunk is altered and sealed with a key that is no longer valid", BytesProcessed, [withstood], Run;
    "BUS-15" Bus15 Bus, "a chunk is altered and arrives without a seal", BytesProcessed, [withstood], Run;
    "BUS-16" Bus16 Bus, "a worker's counts are removed from the bus", WorkersAgree, [withstood], Run;
    "BUS-17" Bus17 Bus, "a chunk is removed from its queue", StagedOnce, [withstood], Run;
    "BUS-18" Bus18 Bus, "a batch is removed from its queue", StagedOnce, [withstood], Run;
    "BUS-19" Bus19 Bus, "garbage arrives in every queue", StagedOnce, [withstood], Run;
    "BUS-20" Bus20 Bus, "a genuine message is moved to another queue", StagedOnce, [withstood], Run;
}

// The ledger.
Ledger {
    "LED-01" Led01 Ledger, "a chunk's entry is deleted, and its rows with it", ChunksTileSource, [check "chunks tile the source"], Run;
    "LED-02" Led02 Ledger, "a chunk's offset is altered: a gap and an overlap", ChunksTileSource, [check "chunks tile the source"], Run;
    "LED-03" Led03 Ledger, "the ledger's sums are altered to match a damaged staging", AmountsEqual, [check "chunks, source decoded again"], Record;
    "LED-04" Led04 Ledger, "the ledger assigns a chunk to another writer", WorkersAgree, [check "chunks as committed"], Record;
    "LED-05" Led05 Ledger, "a chunk's number of accepted records is altered", RecordsAccounted, [check "records accepted or rejected"], Part;
    "LED-06" Led06 Ledger, "the job's text is altered in the store", PermitFirst, [refused "was altered"], Run;
    "LED-07" Led07 Ledger, "a breach is deleted, so that a held record would be promoted", RecordsAccounted, [check "breaches kept"], Run;
    "LED-08" Led08 Ledger, "a breach is moved to another record: the number is right", RecordsAccounted, [check "breaches, source decoded again"], Run;
}

// The source.
Source {
    "SRC-01" Src01 Source, "a byte of the source changes between opening and promotion", SourceUnchanged, [check "source unchanged during the run"], Run;
    "SRC-02" Src02 Source, "the source is empty", RecordsAccounted, [check "the source holds records"], Run;
    "SRC-03" Src03 Source, "a record cannot be decoded, and the job allows no rejects", RecordsAccounted, [check "rejects within the limit"], Run;
}

// What is declared.
Declared {
    "DCL-01" Dcl01 Source, "the sender declares one record too many", DeclaredMet, [check "declared records"], Run;
    "DCL-02" Dcl02 Source, "the sender's total is off by the smallest unit", DeclaredMet, [check "declared sum of *"], Run;
    "DCL-03" Dcl03 Source, "another day's file: not the bytes that were declared", DeclaredMet, [check "declared SHA-256"], Run;
    "DCL-04" Dcl04 Source, "the same file again", FinalBalances, [refused "loaded the same bytes"], Run;
    "DCL-05" Dcl05 Source, "the last records are missing, but the end is plausible", DeclaredMet, [check "declared records"], Run;
    "DCL-06" Dcl06 Source, "two records of the file are swapped: every total is right", DeclaredMet, [check "declared fingerprint"], Run;
    "DCL-07" Dcl07 Source, "the file ends in the middle of a record", DeclaredMet, [check "declared bytes", refused "record"], Run;
    "DCL-08" Dcl08 Source, "the trailer's count is off by one", DeclaredMet, [check "control *trailer: *"], Record;
    "DCL-09" Dcl09 Source, "the trailer's total is off by a cent", DeclaredMet, [check "control *trailer: *"], Record;
    "DCL-10" Dcl10 Source, "the trailer's hash total is wrong", DeclaredMet, [check "control *trailer: *"], Record;
    "DCL-11" Dcl11 Source, "the header names another business day", DeclaredMet, [check "control *header: * as expected"], Record;
    "DCL-12" Dcl12 Source, "a file is missing: the sequence number has a gap", DeclaredMet, [check "control *header: * in sequence"], Record;
    "DCL-13" Dcl13 Source, "the trailer is missing", DeclaredMet, [check "control *trailer"], Run;
    "DCL-14" Dcl14 Source, "two columns of the file are swapped, and their names with them", DeclaredMet, [withstood, refused "header row"], Run;
}

// Promotion.
Promotion {
    "PRM-01" Prm01 Final, "a row is missing in final", FinalBalances, [check "final rows"], Record;
    "PRM-02" Prm02 Final, "a value is changed in final", FingerprintsEqual, [check "fingerprint, staging to final"], Field;
    "PRM-03" Prm03 Final, "two values are swapped in final: the total is right", FingerprintsEqual, [check "fingerprint, staging to final"], Field;
    "PRM-04" Prm04 Final, "a row of a failed run is in final", FinalBalances, [check "*key is not yet in final"], Record;
    "PRM-05" Prm05 Final, "an operator approves a run that did not reconcile", PermitFirst, [refused "approve"], Run;
    "PRM-06" Prm06 Final, "the ledger is altered to say that a failed run awaits approval", PermitFirst, [check "staging rows"], Record;
    "PRM-07" Prm07 Final, "promotion is interrupted half-way, and the run is resumed", FinalBalances, [withstood], Run;
    "PRM-08" Prm08 Final, "promotion is committed but the reply is lost, and the run is resumed", FinalBalances, [withstood], Run;
    "PRM-09" Prm09 Final, "an upsert hits the row of another key", FinalBalances, [check "rows changed by the promotion"], Run;
    "PRM-10" Prm10 Final, "an earlier run's row is changed as a side effect", FinalBalances, [check "rows changed by the promotion"], Run;
    "PRM-11" Prm11 Final, "staging is damaged after verification, before promotion", FingerprintsEqual, [check "fingerprint, staging to final"], Field;
}

// The log, and what is exported from it.
Log {
    "LOG-01" Log01 Evidence, "an event is removed", LogChained, [refused "events were removed"], Part;
    "LOG-02" Log02 Evidence, "two events are swapped", LogChained, [refused "event"], Part;
    "LOG-03" Log03 Evidence, "an event is rewritten", LogChained, [refused "was altered"], Part;
    "LOG-04" Log04 Evidence, "an event is rewritten together with its hash", LogChained, [refused "does not follow"], Part;
    "LOG-05" Log05 Evidence, "the last events are cut off", LogChained, [refused "the end was cut off"], Part;
    "LOG-06" Log06 Evidence, "an event is rewritten, and all later hashes are recomputed", LogChained, [refused "the log was rewritten"], Part;
    "LOG-07" Log07 Evidence, "an event is updated with SQL", LogChained, [prevented], Part;
    "LOG-08" Log08 Evidence, "an event is deleted with SQL", LogChained, [prevented], Part;
    "LOG-09" Log09 Evidence, "the report in a signed pack is altered", LogChained, [refused "report.json"], Part;
    "LOG-10" Log10 Evidence, "a chunk's totals in a signed pack are altered", LogChained, [refused "chunks.jsonl"], Part;
    "LOG-11" Log11 Evidence, "an event in a signed pack is altered", LogChained, [refused "log.jsonl"], Part;
    "LOG-12" Log12 Evidence, "the end of a signed pack is cut off", LogChained, [refused "archive"], Part;
    "LOG-13" Log13 Evidence, "a pack is signed by someone else", LogChained, [refused "manifest.sig"], Part;
}

// A load that another program made, compared with its source.
Load {
    "LOD-01" Lod01 Target, "a row is lost", LoadEqual, [check "*records without a row"], Record;
    "LOD-02" Lod02 Target, "a row is there twice", LoadEqual, [check "*rows doubled"], Record;
    "LOD-03" Lod03 Target, "a row is lost and another is there twice: the number is right", LoadEqual, [check "*records without a row"], Record;
    "LOD-04" Lod04 Target, "the last rows are missing", LoadEqual, [check "*records without a row"], Record;
    "LOD-05" Lod05 Target, "the table is empty", LoadEqual, [check "*records without a row"], Record;
    "LOD-06" Lod06 Target, "every row is there twice: the file was loaded again", LoadEqual, [check "*rows doubled"], Record;
    "LOD-07" Lod07 Target, "a row is there that no record has", LoadEqual, [check "*rows of no record"], Record;
    "LOD-08" Lod08 Target, "a row has another key", LoadEqual, [check "*records without a row"], Record;
    "LOD-09" Lod09 Target, "the key of a row is NULL", LoadEqual, [check "*records without a row"], Record;
    "LOD-10" Lod10 Target, "a second row has the key of a record, and another value", LoadEqual, [check "*rows doubled"], Record;
    "LOD-11" Lod11 Target, "the keys of two rows are swapped: every total is right", LoadEqual, [check "*records that differ"], Record;
    "LOD-12" Lod12 Target, "a filter hides a row", LoadEqual, [check "*records without a row"], Record;
    "LOD-13" Lod13 Target, "a record is in the source twice, and in the target as well", LoadEqual, [check "*key is unique in the source"], Record;
    "LOD-14" Lod14 Target, "a record is in the source twice, and in the target once", LoadEqual, [check "*records without a row"], Record;
    "LOD-15" Lod15 Target, "one amount is off by its smallest unit", LoadEqual, [check "*records that differ"], Field;
    "LOD-16" Lod16 Target, "the sign of an amount is flipped", LoadEqual, [check "*records that differ"], Field;
    "LOD-17" Lod17 Target, "two digits of an amount are transposed", LoadEqual, [check "*records that differ"], Field;
    "LOD-18" Lod18 Target, "two errors cancel out in the total", LoadEqual, [check "*records that differ"], Field;
    "LOD-19" Lod19 Target, "an amount's decimal point is shifted by one place", LoadEqual, [check "*records that differ"], Field;
    "LOD-20" Lod20 Target, "one cent in a total of more than ten billion", LoadEqual, [check "*records that differ"], Field;
    "LOD-21" Lod21 Target, "an amount is rounded at its 29th digit", LoadEqual, [check "*records that differ"], Field;
    "LOD-22" Lod22 Target, "zero becomes negative zero", LoadEqual, [check "*records that differ", prevented], Field;
    "LOD-23" Lod23 Target, "an amount becomes NULL", LoadEqual, [check "*records that differ"], Field;
    "LOD-24" Lod24 Target, "an amount gets another scale: 1.50 becomes 1.500", LoadEqual, [check "*records that differ", prevented], Field;
    "LOD-25" Lod25 Target, "the amounts of two records are swapped", LoadEqual, [check "*records that differ"], Field;
    "LOD-26" Lod26 Target, "an amount is converted to a float and back", LoadEqual, [check "*records that differ"], Field;
    "LOD-27" Lod27 Target, "the column of an amount is a float", LoadEqual, [check "*records that differ"], Field;
    "LOD-28" Lod28 Target, "NULL becomes empty text", LoadEqual, [check "*records that differ"], Field;
    "LOD-29" Lod29 Target, "empty text becomes NULL", LoadEqual, [check "*records that differ"], Field;
    "LOD-30" Lod30 Target, "NULL becomes the text 'null'", LoadEqual, [check "*records that differ"], Field;
    "LOD-31" Lod31 Target, "a space is added at the end of a text", LoadEqual, [check "*records that differ"], Field;
    "LOD-32" Lod32 Target, "a character moves from one field to the next: '12', '3' becomes '1', '23'", LoadEqual, [check "*records that differ"], Field;
    "LOD-33" Lod33 Target, "a separator moves between fields: 'a|b', 'c' becomes 'a', 'b|c'", LoadEqual, [check "*records that differ"], Field;
    "LOD-34" Lod34 Target, "a composed character becomes a decomposed one: the text looks the same", LoadEqual, [check "*records that differ"], Field;
    "LOD-35" Lod35 Target, "text is decoded in the wrong encoding: 'é' becomes 'Ã©'", LoadEqual, [check "*records that differ"], Field;
    "LOD-36" Lod36 Target, "the case of a letter changes", LoadEqual, [check "*records that differ"], Field;
    "LOD-37" Lod37 Target, "the last character of a text is cut off", LoadEqual, [check "*records that differ"], Field;
    "LOD-38" Lod38 Target, "a space becomes a no-break space", LoadEqual, [check "*records that differ"], Field;
    "LOD-39" Lod39 Target, "a date is shifted by a day, as a time zone does", LoadEqual, [check "*records that differ"], Field;
    "LOD-40" Lod40 Target, "a timestamp is shifted by an hour", LoadEqual, [check "*records that differ"], Field;
    "LOD-41" Lod41 Target, "a timestamp is truncated to seconds", LoadEqual, [check "*records that differ"], Field;
    "LOD-42" Lod42 Target, "a boolean is inverted", LoadEqual, [check "*records that differ"], Field;
    "LOD-43" Lod43 Target, "an integer is off by one", LoadEqual, [check "*records that differ"], Field;
    "LOD-44" Lod44 Target, "one bit of a bytes field is flipped", LoadEqual, [check "*records that differ"], Field;
    "LOD-45" Lod45 Target, "the texts of two records are swapped", LoadEqual, [check "*records that differ"], Field;
    "LOD-46" Lod46 Target, "leading zeros of a text are dropped", LoadEqual, [check "*records that differ"], Field;
    "LOD-47" Lod47 Target, "a value becomes NULL", LoadEqual, [check "*records that differ"], Field;
    "LOD-48" Lod48 Target, "two columns are swapped", LoadEqual, [check "*records that differ"], Field;
    "LOD-49" Lod49 Target, "one amount is off by its smallest unit, and every equality is declared", LoadEqual, [check "*records that differ"], Field;
    "LOD-50" Lod50 Target, "two errors cancel out in the total, and every equality is declared", LoadEqual, [check "*records that differ"], Field;
    "LOD-51" Lod51 Target, "the last character of a text is cut off, and every equality is declared", LoadEqual, [check "*records that differ"], Field;
    "LOD-52" Lod52 Target, "a date is shifted by a day, and every equality is declared", LoadEqual, [check "*records that differ"], Field;
    "LOD-53" Lod53 Target, "a timestamp is shifted by an hour, and every equality is declared", LoadEqual, [check "*records that differ"], Field;
    "LOD-54" Lod54 Target, "a value becomes NULL, and every equality is declared", LoadEqual, [check "*records that differ"], Field;
}
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_catalogue_has_at_least_sixty_defects_each_with_a_number_of_its_own_and_a_catch() {
        assert!(CATALOGUE.len() >= 60, "{}", CATALOGUE.len());
        let ids: HashSet<_> = CATALOGUE.iter().map(|defect| defect.id.as_str()).collect();
        assert_eq!(ids.len(), CATALOGUE.len());
        assert!(CATALOGUE.iter().all(|defect| !defect.caught_by.is_empty() && !defect.what.is_empty()));
        let is_sorted = |pair: &[Defect]| {
            let (one, next) = (pair[0].id, pair[1].id);
            one.group() != next.group() || one.as_str() < next.as_str()
        };
        assert!(CATALOGUE.windows(2).all(is_sorted), "within a group, by number");
        for id in CATALOGUE.iter().map(|defect| defect.id) {
            let number =
                id.as_str().strip_prefix(id.group().prefix()).and_then(|rest| rest.strip_prefix('-'));
            assert!(number.is_some_and(|number| number.len() == 2), "{id} is of its group");
        }
        for stage in [
            Strikes::Source,
            Strikes::Fleet,
            Strikes::Staging,
            Strikes::Ledger,
            Strikes::Tables,
            Strikes::Final,
            Strikes::Evidence,
            Strikes::Target,
        ] {
            assert!(CATALOGUE.iter().any(|defect| defect.strikes == stage), "{}", stage.name());
        }
    }
}
