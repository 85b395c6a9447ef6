//! The catalogue itself, by group: CNT counts, AMT amounts, CON content, STR structure, HND hands, BUS the bus, LED the ledger, SRC the
//! source, DCL what is declared, PRM promotion, LOG the log.

use super::{Catch, Defect, Located, Strikes};
use crate::invariants::Invariant as Inv;

macro_rules! defects {
    ($($id:literal $strikes:ident, $what:literal, $invariant:ident, [$($kind:ident $($words:literal)?),+], $located:ident;)*) => {
        &[$(Defect {
            id: $id,
            strikes: Strikes::$strikes,
            what: $what,
            invariant: Inv::$invariant,
            caught_by: &[$(defects!(@ $kind $($words)?)),+],
            located: Located::$located,
        }),*]
    };
    (@ check $words:literal) => { Catch::Check($words) };
    (@ refused $words:literal) => { Catch::Refused($words) };
    (@ prevented) => { Catch::Prevented };
    (@ withstood) => { Catch::Withstood };
}

/// Every defect that the drill strikes.
pub const CATALOGUE: &[Defect] = defects! {
    // Counts.
    "CNT-01" Staging, "a record is lost from staging", StagedOnce, [check "staging rows"], Record;
    "CNT-02" Staging, "a record is duplicated in staging", StagedOnce, [check "staging rows"], Record;
    "CNT-03" Staging, "a record is lost and another duplicated in its place: the count is right", FingerprintsEqual, [check "fingerprint, source to staging"], Record;
    "CNT-04" Staging, "a whole chunk is lost from staging", StagedOnce, [check "staging rows"], Record;
    "CNT-05" Staging, "a chunk is written twice, the second time under another number", StagedOnce, [check "rows outside any chunk"], Record;
    "CNT-06" Staging, "a record is moved to another chunk", StagedOnce, [check "chunks as committed"], Record;
    "CNT-07" Staging, "a row of another run is mixed into this one", StagedOnce, [check "staging rows"], Record;
    "CNT-08" Staging, "a row of this run is assigned to another run", StagedOnce, [check "staging rows"], Record;
    "CNT-09" Staging, "two records are duplicated, so that the pairs cancel out", StagedOnce, [check "staging rows"], Record;
    "CNT-10" Staging, "two records swap places", FingerprintsEqual, [check "fingerprint, source to staging"], Record;
    "CNT-11" Fleet, "a row is lost between processor and writer, but the counts are not", StagedOnce, [check "staging rows", refused "set aside"], Part;
    "CNT-12" Fleet, "a processor loses a record, and its counts, sums and digest are consistent without it", RecordsAccounted, [check "records decoded"], Run;
    "CNT-13" Staging, "a reject is lost", RecordsAccounted, [check "rejects kept"], Record;
    "CNT-14" Staging, "a rejected record appears in staging anyway", StagedOnce, [check "staging rows"], Record;

    // Amounts.
    "AMT-01" Staging, "one amount is off by its smallest unit", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-02" Staging, "the sign of an amount is flipped", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-03" Staging, "two digits of an amount are transposed", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-04" Staging, "two errors cancel out in the total", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "AMT-05" Staging, "an amount's decimal point is shifted by one place", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-06" Staging, "one cent in a total of more than ten billion", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-07" Staging, "an amount is rounded at its 29th digit", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-08" Staging, "zero becomes negative zero", FingerprintsEqual, [check "fingerprint, source to staging", prevented], Field;
    "AMT-09" Staging, "an amount becomes NULL", AmountsEqual, [check "sum of *, source to staging"], Field;
    "AMT-10" Staging, "an amount gets another scale: 1.50 becomes 1.500", FingerprintsEqual, [check "fingerprint, source to staging", prevented], Field;
    "AMT-11" Staging, "the amounts of two records are swapped", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "AMT-12" Staging, "an amount is converted to a float and back", AmountsEqual, [check "sum of *, source to staging"], Field;

    // Content.
    "CON-01" Staging, "NULL becomes empty text", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-02" Staging, "empty text becomes NULL", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-03" Staging, "NULL becomes the text 'null'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-04" Staging, "a space is added at the end of a text", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-05" Staging, "a character moves from one field to the next: '12', '3' becomes '1', '23'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-06" Staging, "a separator moves between fields: 'a|b', 'c' becomes 'a', 'b|c'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-07" Staging, "a composed character becomes a decomposed one: the text looks the same", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-08" Staging, "text is decoded in the wrong encoding: 'é' becomes 'Ã©'", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-09" Staging, "the case of a letter changes", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-10" Staging, "the last character of a text is cut off", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-11" Staging, "a space becomes a no-break space", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-12" Staging, "a date is shifted by a day, as a time zone does", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-13" Staging, "a timestamp is shifted by an hour", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-14" Staging, "a timestamp is truncated to seconds", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-15" Staging, "a boolean is inverted", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-16" Staging, "an integer is off by one", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-17" Staging, "one bit of a bytes field is flipped", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-18" Staging, "the texts of two records are swapped", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-19" Staging, "leading zeros of a text are dropped", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "CON-20" Staging, "the bytes of a reject are altered", StagedOnce, [check "chunks as committed"], Record;
    "CON-21" Staging, "a value becomes NULL", FingerprintsEqual, [check "fingerprint, source to staging"], Field;

    // Structure.
    "STR-01" Tables, "the columns of final are in another order", FinalBalances, [withstood], Run;
    "STR-02" Tables, "a column of final is made narrower before the run", FinalBalances, [refused "does not match the job"], Run;
    "STR-03" Tables, "a column of final is made narrower between staging and promotion", FinalBalances, [refused "does not match the job"], Run;
    "STR-04" Tables, "a trigger drops a row on its way into staging", StagedOnce, [check "staging rows", refused "set aside"], Part;
    "STR-05" Tables, "a trigger alters a value on its way into staging", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "STR-06" Tables, "a trigger drops a row on its way into final", FinalBalances, [check "final rows"], Record;
    "STR-07" Tables, "a trigger alters a value on its way into final", FingerprintsEqual, [check "fingerprint, staging to final"], Field;
    "STR-08" Tables, "final is recreated with a clause or a rule that silently drops rows", FinalBalances, [check "final rows", refused "ON CONFLICT"], Run;
    "STR-09" Tables, "a constraint of final rejects a row", FinalBalances, [check "rows taken by final"], Run;
    "STR-10" Tables, "a trigger on final writes a row elsewhere", FinalBalances, [check "rows changed by the promotion"], Run;

    // Hands.
    "HND-01" Fleet, "a writer reports one record more than it wrote", WorkersAgree, [check "writers agree"], Part;
    "HND-02" Fleet, "a writer reports one record less than it wrote", WorkersAgree, [check "writers agree"], Part;
    "HND-03" Fleet, "a processor reports one record more than it decoded", WorkersAgree, [check "processors agree"], Part;
    "HND-04" Staging, "a row is assigned to another worker", WorkersAgree, [check "writers agree"], Record;
    "HND-05" Staging, "two workers swap a row each: their counts are right", WorkersAgree, [check "chunks as committed"], Record;
    "HND-06" Fleet, "a worker's counts are lost on the bus", WorkersAgree, [check "writers agree"], Part;
    "HND-07" Fleet, "every message, counts too, is delivered twice", StagedOnce, [withstood], Run;
    "HND-08" Fleet, "counts come under another worker's number", WorkersAgree, [check "writers agree"], Part;
    "HND-09" Fleet, "a value is altered between processor and writer", FingerprintsEqual, [check "fingerprint, source to staging"], Field;
    "HND-10" Fleet, "a processor decodes a value wrongly, and its counts, sums and digest are consistent with it", DeclaredMet, [check "declared fingerprint"], Run;
    "HND-11" Fleet, "the same in a run without declared totals, before an operator approves it", FingerprintsEqual, [check "fingerprint, source decoded again", check "chunks decoded twice"], Part;
    "HND-12" Fleet, "a chunk's bytes are altered on the way to the processor", BytesProcessed, [refused "set aside"], Part;
    "HND-13" Fleet, "a chunk arrives shorter than it was split", BytesProcessed, [refused "set aside"], Part;
    "HND-14" Fleet, "the same in a run whose chunks are all decoded twice", FingerprintsEqual, [check "chunks decoded twice"], Part;

    // The bus: every right on the broker, none in the store.
    "BUS-01" Bus, "a chunk is altered on its queue without changing its length, and its checksums are adjusted", BytesProcessed, [withstood], Run;
    "BUS-02" Bus, "a batch is altered on its queue: an amount and its sum", StagedOnce, [withstood], Run;
    "BUS-03" Bus, "a forged chunk overtakes the genuine one", BytesProcessed, [withstood], Run;
    "BUS-04" Bus, "a forged batch overtakes the genuine one", StagedOnce, [withstood], Run;
    "BUS-05" Bus, "a writer's counts are forged before the chunk is committed", WorkersAgree, [withstood], Run;
    "BUS-06" Bus, "a processor's counts are forged", WorkersAgree, [withstood], Run;
    "BUS-07" Bus, "a chunk's failure is forged", ChunksTileSource, [withstood], Run;
    "BUS-08" Bus, "hundreds of failures are forged, for every chunk in flight", ChunksTileSource, [withstood], Run;
    "BUS-09" Bus, "a range to read back is forged with a smaller end", FingerprintsEqual, [withstood], Run;
    "BUS-10" Bus, "a range of a run that does not exist", StagedOnce, [withstood], Run;
    "BUS-11" Bus, "a chunk with an impossibly large number", StagedOnce, [withstood], Run;
    "BUS-12" Bus, "every message of an earlier run is sent again", StagedOnce, [withstood], Run;
    "BUS-13" Bus, "a message of another store arrives in these queues", StagedOnce, [withstood], Run;
    "BUS-14" Bus, "a chunk is altered and sealed with a key that is no longer valid", BytesProcessed, [withstood], Run;
    "BUS-15" Bus, "a chunk is altered and arrives without a seal", BytesProcessed, [withstood], Run;
    "BUS-16" Bus, "a worker's counts are removed from the bus", WorkersAgree, [withstood], Run;
    "BUS-17" Bus, "a chunk is removed from its queue", StagedOnce, [withstood], Run;
    "BUS-18" Bus, "a batch is removed from its queue", StagedOnce, [withstood], Run;
    "BUS-19" Bus, "garbage arrives in every queue", StagedOnce, [withstood], Run;
    "BUS-20" Bus, "a genuine message is moved to another queue", StagedOnce, [withstood], Run;

    // The ledger.
    "LED-01" Ledger, "a chunk's entry is deleted, and its rows with it", ChunksTileSource, [check "chunks tile the source"], Run;
    "LED-02" Ledger, "a chunk's offset is altered: a gap and an overlap", ChunksTileSource, [check "chunks tile the source"], Run;
    "LED-03" Ledger, "the ledger's sums are altered to match a damaged staging", AmountsEqual, [check "chunks, source decoded again"], Record;
    "LED-04" Ledger, "the ledger assigns a chunk to another writer", WorkersAgree, [check "chunks as committed"], Record;
    "LED-05" Ledger, "a chunk's number of accepted records is altered", RecordsAccounted, [check "records accepted or rejected"], Part;
    "LED-06" Ledger, "the job's text is altered in the store", PermitFirst, [refused "was altered"], Run;
    "LED-07" Ledger, "a breach is deleted, so that a held record would be promoted", RecordsAccounted, [check "breaches kept"], Run;
    "LED-08" Ledger, "a breach is moved to another record: the number is right", RecordsAccounted, [check "breaches, source decoded again"], Run;

    // The source.
    "SRC-01" Source, "a byte of the source changes between opening and promotion", SourceUnchanged, [check "source unchanged during the run"], Run;
    "SRC-02" Source, "the source is empty", RecordsAccounted, [check "the source holds records"], Run;
    "SRC-03" Source, "a record cannot be decoded, and the job allows no rejects", RecordsAccounted, [check "rejects within the limit"], Run;

    // What is declared.
    "DCL-01" Source, "the sender declares one record too many", DeclaredMet, [check "declared records"], Run;
    "DCL-02" Source, "the sender's total is off by the smallest unit", DeclaredMet, [check "declared sum of *"], Run;
    "DCL-03" Source, "another day's file: not the bytes that were declared", DeclaredMet, [check "declared SHA-256"], Run;
    "DCL-04" Source, "the same file again", FinalBalances, [refused "loaded the same bytes"], Run;
    "DCL-05" Source, "the last records are missing, but the end is plausible", DeclaredMet, [check "declared records"], Run;
    "DCL-06" Source, "two records of the file are swapped: every total is right", DeclaredMet, [check "declared fingerprint"], Run;
    "DCL-07" Source, "the file ends in the middle of a record", DeclaredMet, [check "declared bytes", refused "record"], Run;
    "DCL-08" Source, "the trailer's count is off by one", DeclaredMet, [check "control *trailer: *"], Record;
    "DCL-09" Source, "the trailer's total is off by a cent", DeclaredMet, [check "control *trailer: *"], Record;
    "DCL-10" Source, "the trailer's hash total is wrong", DeclaredMet, [check "control *trailer: *"], Record;
    "DCL-11" Source, "the header names another business day", DeclaredMet, [check "control *header: * as expected"], Record;
    "DCL-12" Source, "a file is missing: the sequence number has a gap", DeclaredMet, [check "control *header: * in sequence"], Record;
    "DCL-13" Source, "the trailer is missing", DeclaredMet, [check "control *trailer"], Run;
    "DCL-14" Source, "two columns of the file are swapped", DeclaredMet, [refused "header row"], Run;

    // Promotion.
    "PRM-01" Final, "a row is missing in final", FinalBalances, [check "final rows"], Record;
    "PRM-02" Final, "a value is changed in final", FingerprintsEqual, [check "fingerprint, staging to final"], Field;
    "PRM-03" Final, "two values are swapped in final: the total is right", FingerprintsEqual, [check "fingerprint, staging to final"], Field;
    "PRM-04" Final, "a row of a failed run is in final", FinalBalances, [check "*key is not yet in final"], Record;
    "PRM-05" Final, "an operator approves a run that did not reconcile", PermitFirst, [refused "approve"], Run;
    "PRM-06" Final, "the ledger is altered to say that a failed run awaits approval", PermitFirst, [check "staging rows"], Record;
    "PRM-07" Final, "promotion is interrupted half-way, and the run is resumed", FinalBalances, [withstood], Run;
    "PRM-08" Final, "promotion is committed but the reply is lost, and the run is resumed", FinalBalances, [withstood], Run;
    "PRM-09" Final, "an upsert hits the row of another key", FinalBalances, [check "rows changed by the promotion"], Run;
    "PRM-10" Final, "an earlier run's row is changed as a side effect", FinalBalances, [check "rows changed by the promotion"], Run;
    "PRM-11" Final, "staging is damaged after verification, before promotion", FingerprintsEqual, [check "fingerprint, staging to final"], Field;

    // The log, and what is exported from it.
    "LOG-01" Evidence, "an event is removed", LogChained, [refused "events were removed"], Part;
    "LOG-02" Evidence, "two events are swapped", LogChained, [refused "event"], Part;
    "LOG-03" Evidence, "an event is rewritten", LogChained, [refused "was altered"], Part;
    "LOG-04" Evidence, "an event is rewritten together with its hash", LogChained, [refused "does not follow"], Part;
    "LOG-05" Evidence, "the last events are cut off", LogChained, [refused "the end was cut off"], Part;
    "LOG-06" Evidence, "an event is rewritten, and all later hashes are recomputed", LogChained, [refused "the log was rewritten"], Part;
    "LOG-07" Evidence, "an event is updated with SQL", LogChained, [prevented], Part;
    "LOG-08" Evidence, "an event is deleted with SQL", LogChained, [prevented], Part;
    "LOG-09" Evidence, "the report in a signed pack is altered", LogChained, [refused "report.json"], Part;
    "LOG-10" Evidence, "a chunk's totals in a signed pack are altered", LogChained, [refused "chunks.jsonl"], Part;
    "LOG-11" Evidence, "an event in a signed pack is altered", LogChained, [refused "log.jsonl"], Part;
    "LOG-12" Evidence, "the end of a signed pack is cut off", LogChained, [refused "archive"], Part;
    "LOG-13" Evidence, "a pack is signed by someone else", LogChained, [refused "manifest.sig"], Part;
};
