//! The fuzz targets' short run: every seed, and a few thousand cases that random damage makes of them, each bounded in
//! time and memory. In a binary of its own, whose allocator counts.
//!
//! A failure names its case: `CROSSFOOT_FUZZ_CASE=NUMBER cargo test -p tests --test fuzz NAME` runs it again.
//! `CROSSFOOT_FUZZ_TIMES=N` tries N times as many as the usual few seconds allow; `fuzz/README.md` says how to go on.
#![allow(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise too")]
#![allow(clippy::print_stdout, reason = "what the cases came to, for whoever asks with --nocapture")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use format::copybook::plan::PlanOptions;
use format::copybook::{Copybook, ParseOptions, ReferenceFormat};
use peak_alloc::PeakAlloc;
use tests::fuzz::{self, Mutations};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One case takes milliseconds; this is what a loop that feeds on itself would reach even on a busy machine.
const CASE_TIME_MAX: Duration = Duration::from_secs(10);

/// What is counted is the process's memory, so that the targets take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Memory that a case may take beyond what was there before: so much, and so much for each of its bytes.
struct Bound {
    bytes: usize,
    for_each: usize,
}

fn run(name: &str, body: fn(&[u8]), cases: u64, bound: &Bound) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mutations = Mutations::of(name);
    // What is made once for all cases is made before any is measured.
    mutations.seeds().for_each(|(_, seed)| body(seed));
    let mut most = (0, String::new());
    let mut slowest = (Duration::ZERO, String::new());
    let mut measured = |what: String, data: &[u8]| {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let started = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| body(data)));
        let (took, used) = (started.elapsed(), MEMORY.peak_usage().saturating_sub(before));
        assert!(done.is_ok(), "{name}, {what}");
        assert!(took < CASE_TIME_MAX, "{name}, {what}: {took:?}");
        let max = bound.bytes + bound.for_each * data.len();
        assert!(used <= max, "{name}, {what}: {used} bytes of memory for {}, {max} may be", data.len());
        most = most.clone().max((used, what.clone()));
        slowest = slowest.clone().max((took, what));
    };
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    if let Some(case) = number("CROSSFOOT_FUZZ_CASE") {
        let data = mutations.case(case);
        println!("{}", String::from_utf8_lossy(&data).escape_debug());
        return measured(format!("case {case}"), &data);
    }
    mutations.seeds().for_each(|(seed, data)| measured(format!("seed {seed}"), data));
    for case in 0..cases * number("CROSSFOOT_FUZZ_TIMES").unwrap_or(1) {
        measured(format!("case {case}"), &mutations.case(case));
    }
    println!("{name}: at most {} bytes ({}), {:?} ({})", most.0, most.1, slowest.0, slowest.1);
}

#[test]
fn any_text_is_a_copybook_laid_out_within_its_record_or_refused_with_a_place() {
    run("copybook", fuzz::copybook, 3_000, &Bound { bytes: 4 << 20, for_each: 400 });
}

#[test]
fn any_bytes_are_tiled_by_records_or_an_error_says_where_they_are_not() {
    run("framing", fuzz::framing, 20_000, &Bound { bytes: 64 << 10, for_each: 200 });
}

#[test]
fn any_record_is_decoded_to_values_of_its_types_or_kept_as_a_reject() {
    run("decoder", fuzz::decoder, 4_000, &Bound { bytes: 1 << 20, for_each: 400 });
}

/// A seed that is refused at the door leads no mutation past it. Those that were found to be wrong are named so.
#[test]
fn seeds_are_what_they_are_meant_to_be() {
    for (name, text) in Mutations::of("copybook").seeds().filter(|(name, _)| !name.starts_with("found-")) {
        let text = String::from_utf8(text.to_vec()).unwrap();
        let format = if name == "free.cpy" { ReferenceFormat::Free } else { ReferenceFormat::Fixed };
        let read = Copybook::parse(name, &text, ParseOptions { format, ..ParseOptions::default() });
        let copybook = read.unwrap_or_else(|error| panic!("{error}"));
        let record = copybook.item(copybook.records()[0]).name.as_deref().map(str::to_owned);
        let plan = copybook.plan(&PlanOptions { record, ..PlanOptions::default() });
        plan.unwrap_or_else(|error| panic!("{error}"));
    }
    for (name, data) in Mutations::of("decoder").seeds().filter(|(name, _)| !name.starts_with("found-")) {
        assert_eq!(fuzz::is_accepted(data), Ok(()), "{name}");
    }
}
