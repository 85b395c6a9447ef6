use domain::counts::Role;
use domain::hex;
use domain::ids::WorkerId;
use proptest::prelude::*;

use super::*;
use crate::{
    Breach, ChunkBytes, ChunkCounts, FoundChunk, FoundTotals, Reject, RejectReason, RuleCounts, WireAmount,
    WireShares, Work, WorkerReport,
};

fn chunk() -> Chunk {
    Chunk { run_id: [1; 16], chunk_no: 3, recount: true, bytes: b"00001;12.50\n".to_vec().into() }
}

fn batch() -> Batch {
    Batch {
        run_id: [1; 16],
        chunk_no: 3,
        sha256: [4; 32],
        first_record_no: 300,
        processor: 7,
        bytes_in: 1000,
        records_in: 3,
        accepted: 2,
        by_type: vec![2],
        sums: vec![WireAmount(-1250, 2)],
        rejected_sums: vec![WireAmount(i128::MAX, 38)],
        tree: vec![9, 9],
        rows: vec![vec![8]],
        rejects: vec![Reject {
            record_no: 301,
            offset: 12,
            raw: b"x".to_vec(),
            reasons: vec![
                RejectReason {
                    field: Some("amount".into()),
                    code: "not_a_number".into(),
                    detail: "x".into(),
                },
                RejectReason { field: None, code: "a".into(), detail: "b".into() },
            ],
        }],
        rules: vec![RuleCounts { examined: 3, breached: 1 }],
        footing: vec![5, 6],
        breaches: vec![Breach { record_no: 301, rule: 0 }],
        shares: crate::bytes::sample(),
    }
}

/// A report of worker 7.
fn report(work: Work) -> WorkerReport {
    WorkerReport { run_id: [1; 16], chunk_no: 3, worker: WorkerId(7), work }
}

const COUNTS: ChunkCounts = ChunkCounts { records: 3, accepted: 2, rejected: 1, bytes: 1000, busy_us: 251 };

fn range() -> Range {
    Range { run_id: [1; 16], pass: 4, first: 512, end: 1024 }
}

fn range_found() -> RangeFound {
    let totals = FoundTotals { by_type: vec![2], sums: vec![WireAmount(-1250, 2)], tree: vec![9, 9] };
    RangeFound {
        chunks: vec![FoundChunk {
            chunk_no: 512,
            promoted: Some(FoundTotals { by_type: vec![1], ..totals.clone() }),
            totals,
            rejects: 1,
            is_irregular: true,
        }],
        stray_rows: 3,
        stray_sums: vec![WireAmount(i128::MAX, 38)],
        failure: Some("no".into()),
    }
}

#[test]
fn impossible_counts_of_what_was_read_back_are_refused() {
    let mut found = range_found();
    found.chunks[0].totals.by_type[0] = u64::MAX;
    assert!(decode::<RangeFound>(&encode(&found).unwrap()).is_err());
}

/// `body` in an envelope that is right for it: what a hostile or broken peer can send.
fn sealed(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"CXFT\x09".to_vec();
    bytes.push(kind);
    bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    let sum = crc32fast::hash(&[&bytes, body].concat());
    bytes.extend(sum.to_be_bytes());
    bytes.extend(body);
    bytes
}

#[test]
fn the_bytes_of_each_message_are_those_of_version_9() {
    // A change here is a new version of the format: give it a number and a line in the table of `wire`.
    let golden = |bytes: Bytes| hex::encode(&bytes);
    assert_eq!(
        golden(encode(&chunk()).unwrap()),
        "43584654090100000020b643f124010101010101010101010101010101010301000c30303030313b31322e35300a"
    );
    assert_eq!(
        golden(encode(&batch()).unwrap()),
        "435846540902000000ac3cab4f780101010101010101010101010101010103040404040404040404040404040404040404\
         0404040404040404040404040404fb2c0107fbe8030302010201fbc3090201fefeffffffffffffffffffffffffffffff26\
         02090901010801fb2d010c0178020106616d6f756e740c6e6f745f615f6e756d6265720178000161016201030102050601\
         fb2d01000100fb84035a000000000000000000000a0000010101fb2c0102fb2b01010100020005"
    );
}

#[test]
fn the_bytes_of_reports_are_those_of_version_9() {
    let head = "0101010101010101010101010101010103";
    let failed = |role| Work::Failed { role, reason: "no".into() };
    for (work, body) in [
        (Work::Processed(COUNTS), "000707030201fbe803fbfb0000"),
        (Work::Written { processor: WorkerId(6), counts: COUNTS }, "010706030201fbe803fbfb0000"),
        (failed(Role::Processor), "000707000000000001026e6f"),
        (failed(Role::Writer), "010707000000000001026e6f"),
        (Work::ReadBack { records: 3, busy_us: 251 }, "02070703030000fbfb0000"),
    ] {
        let (report, body) = (report(work), format!("{head}{body}"));
        let bytes = encode(&report).unwrap();
        assert_eq!(hex::encode(&bytes[ENVELOPE_BYTES..]), body);
        assert_eq!(bytes, sealed(WorkerReport::KIND, &hex::decode(&body).unwrap()));
        assert_eq!(decode::<WorkerReport>(&bytes).unwrap(), report);
    }
    // Whatever counts stand beside a failure, it is one.
    let bytes =
        "4358465409030000002122b4547b0101010101010101010101010101010103010706030201fbe803fbfb0001026e6f";
    assert_eq!(decode::<WorkerReport>(&hex::decode(bytes).unwrap()).unwrap(), report(failed(Role::Writer)));
    let body = hex::decode(&format!("{head}030707030201fbe803fbfb0000")).unwrap();
    let error = decode::<WorkerReport>(&sealed(WorkerReport::KIND, &body)).unwrap_err();
    assert_eq!(error.to_string(), "the message is implausible: unknown role 3");
}

#[test]
fn the_bytes_of_ranges_are_those_of_version_9() {
    let golden = |bytes: Bytes| hex::encode(&bytes);
    assert_eq!(
        golden(encode(&range()).unwrap()),
        "435846540904000000172139cca60101010101010101010101010101010104fb0002fb0004"
    );
    assert_eq!(
        golden(encode(&range_found()).unwrap()),
        "43584654090500000033f5f5c1a001fb0002010201fbc3090202090901010101fbc3090202090901010301fefeffffffff\
         ffffffffffffffffffffff2601026e6f"
    );
    assert_eq!(decode::<Range>(&encode(&range()).unwrap()).unwrap(), range());
    assert_eq!(decode::<RangeFound>(&encode(&range_found()).unwrap()).unwrap(), range_found());
}

#[test]
fn a_range_that_was_damaged_in_any_bit_or_cut_anywhere_is_refused() {
    for bytes in [encode(&range()).unwrap(), encode(&range_found()).unwrap()] {
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                decode::<Range>(&flipped).is_err() && decode::<RangeFound>(&flipped).is_err(),
                "bit {bit}"
            );
        }
        for length in 0..bytes.len() {
            assert!(decode::<Range>(&bytes[..length]).is_err(), "{length}");
            assert!(decode::<RangeFound>(&bytes[..length]).is_err(), "{length}");
        }
    }
}

fn large_batch() -> Batch {
    Batch { rows: vec![b"00001;12.50;posting fee\n".repeat(200)], ..batch() }
}

#[test]
fn a_large_body_is_compressed_on_request_and_comes_back() {
    let plain = encode(&large_batch()).unwrap();
    let compressed = encode_compressed(&large_batch(), BodyCompression::Lz4).unwrap();
    assert!(compressed.len() * 5 < plain.len(), "{} of {} bytes", compressed.len(), plain.len());
    assert_eq!((plain[4], compressed[4]), (9, 10));
    assert_eq!(decode::<Batch>(&compressed).unwrap(), large_batch());
    assert_eq!(
        encode_compressed(&batch(), BodyCompression::Lz4).unwrap(),
        encode(&batch()).unwrap(),
        "small ones are not"
    );
    let noise: Vec<u8> =
        (0..100_000_u32).flat_map(|n| crc32fast::hash(&n.to_be_bytes()).to_be_bytes()).collect();
    let noise = Chunk { bytes: noise.into(), ..chunk() };
    assert_eq!(
        encode_compressed(&noise, BodyCompression::Lz4).unwrap()[4],
        9,
        "what does not become smaller is not"
    );
}

#[test]
fn a_compressed_message_that_was_damaged_is_refused() {
    let bytes = encode_compressed(&large_batch(), BodyCompression::Lz4).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode::<Batch>(&flipped).is_err(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(decode::<Batch>(&bytes[..length]).is_err(), "{length}");
    }
    // In a right envelope: a length that lies, and a block that is none.
    let sealed_compressed = |body: &[u8]| {
        let mut bytes = sealed(Batch::KIND, body);
        bytes[4] = 2;
        bytes
    };
    for body in [&b""[..], b"\x00\x00", b"\xff\xff\xff\xffabc", b"\x00\x00\x01\x00abc", b"\x00\x00\x00\x00"] {
        assert!(decode::<Batch>(&sealed_compressed(body)).is_err(), "{body:?}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = encode(&batch()).unwrap();
    for length in 0..bytes.len() {
        let error = decode::<Batch>(&bytes[..length]).unwrap_err();
        if length < ENVELOPE_BYTES {
            assert!(matches!(error, CodecError::TooShort { .. }), "{length}: {error}");
        } else {
            assert!(matches!(error, CodecError::LengthMismatch { .. }), "{length}: {error}");
        }
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = encode(&batch()).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = decode::<Batch>(&flipped).unwrap_err();
        let named = match bit / 8 {
            0..4 => matches!(error, CodecError::ForeignMagic { .. }),
            4 => matches!(error, CodecError::UnknownVersion { .. }),
            5 => matches!(error, CodecError::OtherKind { .. }),
            6..10 => matches!(error, CodecError::LengthMismatch { .. }),
            _ => matches!(error, CodecError::ChecksumMismatch { .. }),
        };
        assert!(named, "bit {bit}: {error}");
    }
}

#[test]
fn what_follows_a_message_is_refused() {
    let mut bytes = encode(&chunk()).unwrap().to_vec();
    bytes.push(0);
    assert!(matches!(decode::<Chunk>(&bytes), Err(CodecError::LengthMismatch { .. })));

    let mut body = encode(&chunk()).unwrap()[ENVELOPE_BYTES..].to_vec();
    body.push(0);
    let error = decode::<Chunk>(&sealed(Chunk::KIND, &body)).unwrap_err();
    assert_eq!(error.to_string(), "the body of the message is malformed: 1 bytes are left over");
}

#[test]
fn a_message_of_another_kind_is_refused_by_name() {
    let error = decode::<Batch>(&encode(&chunk()).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "a message of kind 1 instead of 2");
}

#[test]
fn a_hostile_length_prefix_is_refused_without_memory() {
    // The tail of a chunk, with `bytes` said to have 2^64 - 1, then 2^40, then 1 GiB of them.
    let empty = encode(&Chunk { bytes: Vec::new().into(), ..chunk() }).unwrap();
    let head = &empty[ENVELOPE_BYTES..empty.len() - 1];
    for length in [u64::MAX, 1 << 40, 1 << 30] {
        let mut body = head.to_vec();
        body.push(253);
        body.extend(length.to_le_bytes());
        assert!(matches!(decode::<Chunk>(&sealed(1, &body)), Err(CodecError::Malformed(_))), "{length}");
    }
    // The same for a list of rejects, whose elements are larger than their bytes.
    let none = Batch {
        rejects: Vec::new(),
        rules: Vec::new(),
        footing: Vec::new(),
        breaches: Vec::new(),
        shares: WireShares::default(),
        ..batch()
    };
    let whole = encode(&none).unwrap();
    let mut body = whole[ENVELOPE_BYTES..whole.len() - 15].to_vec();
    body.push(252);
    body.extend(40_000_000_u32.to_le_bytes());
    let error = decode::<Batch>(&sealed(2, &body)).unwrap_err();
    assert!(error.to_string().contains("LimitExceeded"), "{error}");
}

#[test]
fn a_message_above_the_limit_is_refused_on_both_sides() {
    let large = Chunk { bytes: vec![0; MESSAGE_BYTES_MAX].into(), ..chunk() };
    assert!(matches!(encode(&large), Err(CodecError::TooLarge { .. })));
    assert!(matches!(decode::<Chunk>(&vec![0; MESSAGE_BYTES_MAX + 1]), Err(CodecError::TooLarge { .. })));
}

#[test]
fn whatever_can_be_encoded_can_be_decoded() {
    // The elements that take most memory for their bytes, at the upper end of each step of the limit.
    let empty = || RejectReason { field: None, code: String::new(), detail: String::new() };
    for reasons in [10, 21_000, 349_000, 400_000] {
        let reject = Reject { record_no: 0, offset: 0, raw: Vec::new(), reasons: vec![empty(); reasons] };
        let full = Batch { rejects: vec![reject], ..batch() };
        assert_eq!(decode::<Batch>(&encode(&full).unwrap()).unwrap(), full);
    }
    for elements in [32_000, 523_000] {
        let full = Batch { breaches: vec![Breach { record_no: 0, rule: 0 }; elements], ..batch() };
        assert_eq!(decode::<Batch>(&encode(&full).unwrap()).unwrap(), full);
        let full = Batch { sums: vec![WireAmount(0, 0); elements], ..batch() };
        assert_eq!(decode::<Batch>(&encode(&full).unwrap()).unwrap(), full);
    }
}

fn bytes_up_to(length: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..length)
}

fn any_chunk() -> impl Strategy<Value = Chunk> {
    let bytes = prop_oneof![bytes_up_to(300).prop_map(ChunkBytes::Inline), Just(ChunkBytes::ByReference)];
    (any::<[u8; 16]>(), any_number(), any::<bool>(), bytes)
        .prop_map(|(run_id, chunk_no, recount, bytes)| Chunk { run_id, chunk_no, recount, bytes })
}

/// A number that a source may reach.
fn any_number() -> impl Strategy<Value = u64> {
    0..=i64::MAX as u64
}

fn any_reject() -> impl Strategy<Value = Reject> {
    let reason = (any::<Option<String>>(), any::<String>(), any::<String>())
        .prop_map(|(field, code, detail)| RejectReason { field, code, detail });
    (any_number(), any_number(), bytes_up_to(40), proptest::collection::vec(reason, 0..3))
        .prop_map(|(record_no, offset, raw, reasons)| Reject { record_no, offset, raw, reasons })
}

fn any_batch() -> impl Strategy<Value = Batch> {
    let sums = || proptest::collection::vec((any::<i128>(), any::<u8>()), 0..4);
    let bytes = || bytes_up_to(100);
    let rejects = proptest::collection::vec(any_reject(), 0..4);
    let rule =
        (any::<u64>(), any::<u64>()).prop_map(|(examined, breached)| RuleCounts { examined, breached });
    let rules = proptest::collection::vec(rule, 0..100);
    let breach = (any_number(), any::<u32>()).prop_map(|(record_no, rule)| Breach { record_no, rule });
    let breaches = proptest::collection::vec(breach, 0..4);
    (
        proptest::array::uniform5(any_number()),
        any::<u32>(),
        sums(),
        sums(),
        bytes(),
        bytes(),
        rejects,
        rules,
        breaches,
    )
        .prop_map(|(numbers, processor, sums, rejected_sums, tree, rows, rejects, rules, breaches)| {
            let [chunk_no, first_record_no, bytes_in, records_in, accepted] = numbers;
            let amounts = |sums: Vec<(i128, u8)>| sums.into_iter().map(|(m, s)| WireAmount(m, s)).collect();
            Batch {
                chunk_no,
                first_record_no,
                processor,
                bytes_in,
                records_in,
                accepted,
                sums: amounts(sums),
                rejected_sums: amounts(rejected_sums),
                tree,
                by_type: vec![accepted, records_in],
                rows: vec![rows, Vec::new()],
                rejects,
                rules,
                breaches,
                ..batch()
            }
        })
}

fn any_report() -> impl Strategy<Value = WorkerReport> {
    let counts = || {
        proptest::array::uniform5(any_number()).prop_map(|[records, accepted, rejected, bytes, busy_us]| {
            ChunkCounts { records, accepted, rejected, bytes, busy_us }
        })
    };
    let role = any::<bool>().prop_map(|writes| if writes { Role::Writer } else { Role::Processor });
    let work = prop_oneof![
        counts().prop_map(Work::Processed),
        (any::<u32>(), counts())
            .prop_map(|(processor, counts)| Work::Written { processor: WorkerId(processor), counts }),
        (role, any::<String>()).prop_map(|(role, reason)| Work::Failed { role, reason }),
        (any_number(), any_number()).prop_map(|(records, busy_us)| Work::ReadBack { records, busy_us }),
    ];
    (any::<[u8; 16]>(), any_number(), any::<u32>(), work).prop_map(|(run_id, chunk_no, worker, work)| {
        WorkerReport { run_id, chunk_no, worker: WorkerId(worker), work }
    })
}

proptest! {
    #[test]
    fn a_chunk_goes_there_and_back(chunk in any_chunk()) {
        prop_assert_eq!(decode::<Chunk>(&encode(&chunk).unwrap()).unwrap(), chunk);
    }

    #[test]
    fn a_batch_goes_there_and_back(batch in any_batch()) {
        prop_assert_eq!(decode::<Batch>(&encode(&batch).unwrap()).unwrap(), batch);
    }

    #[test]
    fn a_compressed_batch_goes_there_and_back(batch in any_batch()) {
        let compressed = encode_compressed(&batch, BodyCompression::Lz4).unwrap();
        prop_assert_eq!(decode::<Batch>(&compressed).unwrap(), batch);
    }

    #[test]
    fn a_report_goes_there_and_back(report in any_report()) {
        prop_assert_eq!(decode::<WorkerReport>(&encode(&report).unwrap()).unwrap(), report);
    }

    #[test]
    fn a_damaged_chunk_is_refused(chunk in any_chunk(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let bytes = encode(&chunk).unwrap();
        let at = at.index(bytes.len());
        prop_assert!(decode::<Chunk>(&bytes[..at]).is_err());
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << bit;
        prop_assert!(decode::<Chunk>(&flipped).is_err());
    }

    #[test]
    fn any_bytes_in_a_right_envelope_never_panic(kind in 1..=5_u8, body in bytes_up_to(400)) {
        let bytes = sealed(kind, &body);
        match kind {
            1 => drop(decode::<Chunk>(&bytes)),
            2 => drop(decode::<Batch>(&bytes)),
            4 => drop(decode::<Range>(&bytes)),
            5 => drop(decode::<RangeFound>(&bytes)),
            _ => drop(decode::<WorkerReport>(&bytes)),
        }
    }
}
