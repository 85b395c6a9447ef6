//! The catalogue itself, by group: CNT counts, AMT amounts, CON content, STR structure, HND hands, BUS the bus, LED
//! the ledger, SRC the source, DCL what is declared, PRM promotion, LOG the log.

use domain::invariants::Invariant;
use serde::Serialize;

use super::model::{Catch, Group, Located, Strikes};

/// One defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Defect {
    /// Its number.
    pub id: DefectId,
    /// Where it strikes.
    pub strikes: Strikes,
    /// What happens.
    pub what: &'static str,
    /// The invariant that it breaks.
    pub invariant: Invariant,
    /// What must come of it: one of these.
    pub caught_by: &'static [Catch],
    /// How closely it must be located, when a check catches it.
    pub located: Located,
}

macro_rules! catalogue {
    ($($group:ident {
        $($id:ident = $number:literal $strikes:ident, $what:literal, $invariant:ident, [$($kind:ident $($words:literal)?),+], $located:ident;)*
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
    Cnt01 = "CNT-01" Staging, "a record is lost from staging", StagedOnce, [check "staging rows"], Record;
    Cnt02 = "CNT-02" Staging, "a record is doubled in staging", StagedOnce, [check "staging rows"], Record;
    Cnt03 = "CNT-03" Staging, "a record is lost and another doubled in its place: the count is right", FingerprintsEqual, [check "fingerprint, source to staging"], Record;
    Cnt04 = "CNT-04" Staging, "a whole chunk is lost from staging", StagedOnce, [check "staging rows"], Record;
    Cnt05 = "CNT-05" Staging, "a chunk is written twice, the second time under another number", StagedOnce, [check "rows outside any chunk"], Record;
    Cnt06 = "CNT-06" Staging, "a record is moved to another chunk", StagedOnce, [check "chunks as committed"], Record;
    Cnt07 = "CNT-07" Staging, "a row of another run is mixed into this one", StagedOnce, [check "staging rows"], Record;
    Cnt08 = "CNT-08" Staging, "a row of this run is booked on another", StagedOnce, [check "staging rows"], Record;
    Cnt09 = "CNT-09" Staging, "two records are doubled each, so that pairs cancel out", StagedOnce, [check "staging rows"], Record;
    Cnt10 = "CNT-10" Staging, "two records exchange their places", FingerprintsEqual, [check "fingerprint, source to staging"], Record;
    Cnt11 = "CNT-11" Fleet, "a row is lost between processor and writer, the counts are not", StagedOnce, [check "staging rows", refused "set aside"], Part;
    Cnt12 = "CNT-12" Fleet, "a processor loses a record, and counts, sums and digest agree without it", RecordsAccounted, [check "records decoded"], Run;
    Cnt13 = "CNT-13" Staging, "a reject is lost", RecordsAccounted, [check "rejects kept"], Record;
    Cnt14 = "CNT-14" Staging, "a rejected record appears in staging all the same", StagedOnce, [check "staging rows"], Record;
}

// Amounts.
Amounts {
    Amt01 = "AMT-01" Staging, "one amount is off by its smallest unit", AmountsEqual, [check "sum of *, source to staging"], Field;
    Amt02 = "AMT-02" Staging, "the sign of an amount is flipped", AmountsEqual, [check "sum of *, source to staging"], Field;
    Amt03 = "AMT-03" Staging, "two digits of an amount are transposed", AmountsEqual, [check "sum of *, source to staging"], Field;
    Amt04 = "AMT-04" Staging, "two errors cancel out in the total", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Amt05 = "AMT-05" Staging, "an amount's decimal point is shifted by one place", AmountsEqual, [check "sum of *, source to staging"], Field;
    Amt06 = "AMT-06" Staging, "one cent in a total of more than ten billion", AmountsEqual, [check "sum of *, source to staging"], Field;
    Amt07 = "AMT-07" Staging, "an amount is rounded at its 29th digit", AmountsEqual, [check "sum of *, source to staging"], Field;
    Amt08 = "AMT-08" Staging, "zero becomes negative zero", FingerprintsEqual, [check "fingerprint, source to staging", prevented], Field;
    Amt09 = "AMT-09" Staging, "an amount becomes NULL", AmountsEqual, [check "sum of *, source to staging"], Field;
    Amt10 = "AMT-10" Staging, "an amount gets another scale: 1.50 becomes 1.500", FingerprintsEqual, [check "fingerprint, source to staging", prevented], Field;
    Amt11 = "AMT-11" Staging, "the amounts of two records are exchanged", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Amt12 = "AMT-12" Staging, "an amount went through a float", AmountsEqual, [check "sum of *, source to staging"], Field;
}

// Content.
Content {
    Con01 = "CON-01" Staging, "NULL becomes empty text", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con02 = "CON-02" Staging, "empty text becomes NULL", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con03 = "CON-03" Staging, "NULL becomes the text 'null'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con04 = "CON-04" Staging, "a blank is added at a text's end", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con05 = "CON-05" Staging, "a character moves from one field to the next: '12', '3' becomes '1', '23'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con06 = "CON-06" Staging, "a separator moves between fields: 'a|b', 'c' becomes 'a', 'b|c'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con07 = "CON-07" Staging, "a composed character becomes a decomposed one: the text looks the same", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con08 = "CON-08" Staging, "text is decoded in the wrong encoding: 'é' becomes 'Ã©'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con09 = "CON-09" Staging, "the case of a letter changes", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con10 = "CON-10" Staging, "the last character of a text is cut off", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con11 = "CON-11" Staging, "a blank becomes a no-break space", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con12 = "CON-12" Staging, "a date is shifted by a day, as a time zone does", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con13 = "CON-13" Staging, "a timestamp is shifted by an hour", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con14 = "CON-14" Staging, "a timestamp is truncated to seconds", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con15 = "CON-15" Staging, "a boolean is inverted", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con16 = "CON-16" Staging, "an integer is off by one", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con17 = "CON-17" Staging, "one bit of a field of bytes is flipped", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con18 = "CON-18" Staging, "the texts of two records are exchanged", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con19 = "CON-19" Staging, "leading zeros of a text are dropped", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Con20 = "CON-20" Staging, "the bytes of a reject are altered", StagedOnce, [check "chunks as committed"], Record;
    Con21 = "CON-21" Staging, "a value becomes NULL", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
}

// Structure.
Structure {
    Str01 = "STR-01" Tables, "the columns of final stand in another order", FinalBalances, [withstood], Run;
    Str02 = "STR-02" Tables, "a column of final is made narrower before the run", FinalBalances, [refused "is not as the job needs it"], Run;
    Str03 = "STR-03" Tables, "a column of final is made narrower between staging and promotion", FinalBalances, [refused "is not as the job needs it"], Run;
    Str04 = "STR-04" Tables, "a trigger drops a row on its way into staging", StagedOnce, [check "staging rows", refused "set aside"], Part;
    Str05 = "STR-05" Tables, "a trigger alters a value on its way into staging", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Str06 = "STR-06" Tables, "a trigger drops a row on its way into final", FinalBalances, [check "final rows"], Record;
    Str07 = "STR-07" Tables, "a trigger alters a value on its way into final", FingerprintsEqual, [check "fingerprint, staging to final"], Field;
    Str08 = "STR-08" Tables, "final is made anew with a clause or a rule that drops rows silently", FinalBalances, [check "final rows", refused "ON CONFLICT"], Run;
    Str09 = "STR-09" Tables, "a constraint of final refuses a row", FinalBalances, [check "rows taken by final"], Run;
    Str10 = "STR-10" Tables, "a trigger on final writes a row elsewhere", FinalBalances, [check "rows changed by the promotion"], Run;
}

// Hands.
Hands {
    Hnd01 = "HND-01" Fleet, "a writer reports one record more than it wrote", WorkersAgree, [check "writers agree"], Part;
    Hnd02 = "HND-02" Fleet, "a writer reports one record less than it wrote", WorkersAgree, [check "writers agree"], Part;
    Hnd03 = "HND-03" Fleet, "a processor reports one record more than it decoded", WorkersAgree, [check "processors agree"], Part;
    Hnd04 = "HND-04" Staging, "a row is booked on another worker", WorkersAgree, [check "writers agree"], Record;
    Hnd05 = "HND-05" Staging, "two workers exchange a row each: their counts are right", WorkersAgree, [check "chunks as committed"], Record;
    Hnd06 = "HND-06" Fleet, "a worker's counts are lost on the bus", WorkersAgree, [check "writers agree"], Part;
    Hnd07 = "HND-07" Fleet, "every message, counts too, is delivered twice", StagedOnce, [withstood], Run;
    Hnd08 = "HND-08" Fleet, "counts come under another worker's number", WorkersAgree, [check "writers agree"], Part;
    Hnd09 = "HND-09" Fleet, "a value is altered between processor and writer", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    Hnd10 = "HND-10" Fleet, "a processor decodes a value wrongly, and its counts, sums and digest agree with that", DeclaredMet, [check "declared fingerprint"], Run;
    Hnd11 = "HND-11" Fleet, "the same in a run without declared totals, before an operator approves it", FingerprintsEqual, [check "fingerprint, source decoded again", check "chunks decoded twice"], Part;
    Hnd12 = "HND-12" Fleet, "a chunk's bytes are altered on the way to the processor", BytesProcessed, [refused "set aside"], Part;
    Hnd13 = "HND-13" Fleet, "a chunk comes shorter than it was split", BytesProcessed, [refused "set aside"], Part;
    Hnd14 = "HND-14" Fleet, "the same in a run of which every chunk is decoded twice", FingerprintsEqual, [check "chunks decoded twice"], Part;
}

// The bus: every right on the broker, none in the store.
Bus {
    Bus01 = "BUS-01" Bus, "a chunk is altered on its queue at equal length, its checksums made to fit", BytesProcessed, [withstood], Run;
    Bus02 = "BUS-02" Bus, "a batch is altered on its queue: an amount and its sum", StagedOnce, [withstood], Run;
    Bus03 = "BUS-03" Bus, "a forged chunk overtakes the genuine one", BytesProcessed, [withstood], Run;
    Bus04 = "BUS-04" Bus, "a forged batch overtakes the genuine one", StagedOnce, [withstood], Run;
    Bus05 = "BUS-05" Bus, "a writer's counts are made up before the chunk is committed", WorkersAgree, [withstood], Run;
    Bus06 = "BUS-06" Bus, "a processor's counts are made up", WorkersAgree, [withstood], Run;
    Bus07 = "BUS-07" Bus, "a chunk's failure is made up", ChunksTileSource, [withstood], Run;
    Bus08 = "BUS-08" Bus, "hundreds of failures are made up, for every chunk on its way", ChunksTileSource, [withstood], Run;
    Bus09 = "BUS-09" Bus, "a range to read back is made up with a shorter end", FingerprintsEqual, [withstood], Run;
    Bus10 = "BUS-10" Bus, "a range of a run that does not exist", StagedOnce, [withstood], Run;
    Bus11 = "BUS-11" Bus, "a chunk with a number that no source reaches", StagedOnce, [withstood], Run;
    Bus12 = "BUS-12" Bus, "every message of an earlier run is sent again", StagedOnce, [withstood], Run;
    Bus13 = "BUS-13" Bus, "a message of another store comes to these queues", StagedOnce, [withstood], Run;
    Bus14 = "BUS-14" Bus, "a chunk is altered and sealed with a key that is not valid any more", BytesProcessed, [withstood], Run;
    Bus15 = "BUS-15" Bus, "a chunk is altered and comes without a seal", BytesProcessed, [withstood], Run;
    Bus16 = "BUS-16" Bus, "a worker's counts are taken off the bus", WorkersAgree, [withstood], Run;
    Bus17 = "BUS-17" Bus, "a chunk is taken off its queue", StagedOnce, [withstood], Run;
    Bus18 = "BUS-18" Bus, "a batch is taken off its queue", StagedOnce, [withstood], Run;
    Bus19 = "BUS-19" Bus, "garbage comes to every queue", StagedOnce, [withstood], Run;
    Bus20 = "BUS-20" Bus, "a genuine message is moved to another queue", StagedOnce, [withstood], Run;
}

// The ledger.
Ledger {
    Led01 = "LED-01" Ledger, "a chunk's entry is deleted, and its rows with it", ChunksTileSource, [check "chunks tile the source"], Run;
    Led02 = "LED-02" Ledger, "a chunk's offset is altered: a gap and an overlap", ChunksTileSource, [check "chunks tile the source"], Run;
    Led03 = "LED-03" Ledger, "the ledger's sums are altered to fit a damaged staging", AmountsEqual, [check "chunks, source decoded again"], Record;
    Led04 = "LED-04" Ledger, "the ledger books a chunk on another writer", WorkersAgree, [check "chunks as committed"], Record;
    Led05 = "LED-05" Ledger, "a chunk's number of accepted records is altered", RecordsAccounted, [check "records accepted or rejected"], Part;
    Led06 = "LED-06" Ledger, "the job's text is altered in the store", PermitFirst, [refused "was altered"], Run;
    Led07 = "LED-07" Ledger, "a breach is deleted, so that a held record would be promoted", RecordsAccounted, [check "breaches kept"], Run;
    Led08 = "LED-08" Ledger, "a breach is put on another record: the number is right", RecordsAccounted, [check "breaches, source decoded again"], Run;
}

// The source.
Source {
    Src01 = "SRC-01" Source, "a byte of the source changes between opening and promotion", SourceUnchanged, [check "source unchanged during the run"], Run;
    Src02 = "SRC-02" Source, "the source is empty", RecordsAccounted, [check "the source holds records"], Run;
    Src03 = "SRC-03" Source, "a record cannot be decoded, and the job allows none such", RecordsAccounted, [check "rejects within the limit"], Run;
}

// What is declared.
Declared {
    Dcl01 = "DCL-01" Source, "the sender declares one record more than came", DeclaredMet, [check "declared records"], Run;
    Dcl02 = "DCL-02" Source, "the sender's total is off by the smallest unit", DeclaredMet, [check "declared sum of *"], Run;
    Dcl03 = "DCL-03" Source, "another day's file: not the bytes that were declared", DeclaredMet, [check "declared SHA-256"], Run;
    Dcl04 = "DCL-04" Source, "the same file again", FinalBalances, [refused "loaded the very same bytes"], Run;
    Dcl05 = "DCL-05" Source, "the last records are missing, the end is plausible", DeclaredMet, [check "declared records"], Run;
    Dcl06 = "DCL-06" Source, "two records of the file are exchanged: every total is right", DeclaredMet, [check "declared fingerprint"], Run;
    Dcl07 = "DCL-07" Source, "the file ends in the middle of a record", DeclaredMet, [check "declared bytes", refused "record"], Run;
    Dcl08 = "DCL-08" Source, "the trailer's count is off by one", DeclaredMet, [check "control *trailer: *"], Record;
    Dcl09 = "DCL-09" Source, "the trailer's total is off by a cent", DeclaredMet, [check "control *trailer: *"], Record;
    Dcl10 = "DCL-10" Source, "the trailer's hash total is wrong", DeclaredMet, [check "control *trailer: *"], Record;
    Dcl11 = "DCL-11" Source, "the header names another business day", DeclaredMet, [check "control *header: * as expected"], Record;
    Dcl12 = "DCL-12" Source, "a file is missing: the sequence number does not follow", DeclaredMet, [check "control *header: * in sequence"], Record;
    Dcl13 = "DCL-13" Source, "the trailer is missing", DeclaredMet, [check "control *trailer"], Run;
    Dcl14 = "DCL-14" Source, "two columns of the file are exchanged", DeclaredMet, [refused "header row"], Run;
}

// Promotion.
Promotion {
    Prm01 = "PRM-01" Final, "a row is missing in final", FinalBalances, [check "final rows"], Record;
    Prm02 = "PRM-02" Final, "a value is changed in final", FingerprintsEqual, [check "fingerprint, staging to final"], Field;
    Prm03 = "PRM-03" Final, "two values are exchanged in final: the total is right", FingerprintsEqual, [check "fingerprint, staging to final"], Field;
    Prm04 = "PRM-04" Final, "a row of a run that failed stands in final", FinalBalances, [check "*key is not yet in final"], Record;
    Prm05 = "PRM-05" Final, "an operator approves a run that was not reconciled", PermitFirst, [refused "approve"], Run;
    Prm06 = "PRM-06" Final, "the ledger is made to say that a failed run awaits approval", PermitFirst, [check "staging rows"], Record;
    Prm07 = "PRM-07" Final, "promotion is cut off half-way, and the run is resumed", FinalBalances, [withstood], Run;
    Prm08 = "PRM-08" Final, "promotion is committed and the answer is lost, and the run is resumed", FinalBalances, [withstood], Run;
    Prm09 = "PRM-09" Final, "an upsert hits the row of another key", FinalBalances, [check "rows changed by the promotion"], Run;
    Prm10 = "PRM-10" Final, "an earlier run's row is changed in passing", FinalBalances, [check "rows changed by the promotion"], Run;
    Prm11 = "PRM-11" Final, "staging is damaged after it was proven, before it is promoted", FingerprintsEqual, [check "fingerprint, staging to final"], Field;
}

// The log, and what is exported from it.
Log {
    Log01 = "LOG-01" Evidence, "an event is removed", LogChained, [refused "events were removed"], Part;
    Log02 = "LOG-02" Evidence, "two events are exchanged", LogChained, [refused "event"], Part;
    Log03 = "LOG-03" Evidence, "an event is rewritten", LogChained, [refused "was altered"], Part;
    Log04 = "LOG-04" Evidence, "an event is rewritten, and its hash with it", LogChained, [refused "does not follow"], Part;
    Log05 = "LOG-05" Evidence, "the last events are cut off", LogChained, [refused "the end was cut off"], Part;
    Log06 = "LOG-06" Evidence, "an event is rewritten, and all that follow are chained anew", LogChained, [refused "the log was rewritten"], Part;
    Log07 = "LOG-07" Evidence, "an event is updated with SQL", LogChained, [prevented], Part;
    Log08 = "LOG-08" Evidence, "an event is deleted with SQL", LogChained, [prevented], Part;
    Log09 = "LOG-09" Evidence, "the report in a signed pack is altered", LogChained, [refused "report.json"], Part;
    Log10 = "LOG-10" Evidence, "a chunk's totals in a signed pack are altered", LogChained, [refused "chunks.jsonl"], Part;
    Log11 = "LOG-11" Evidence, "an event in a signed pack is altered", LogChained, [refused "log.jsonl"], Part;
    Log12 = "LOG-12" Evidence, "the end of a signed pack is cut off", LogChained, [refused "archive"], Part;
    Log13 = "LOG-13" Evidence, "a pack is signed by somebody else", LogChained, [refused "manifest.sig"], Part;
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
        ] {
            assert!(CATALOGUE.iter().any(|defect| defect.strikes == stage), "{}", stage.name());
        }
    }
}
