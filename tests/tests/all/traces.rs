//! The spans of a run: one trace, which is the run, from its coordinator to its workers.

use std::sync::{Mutex, OnceLock};

use coordinator::run::{Drive, Ending};
use domain::ids::RunId;
use platform::trace::{Exporter, Kind, Span, Value, export_to};
use tests::fleet::Bench;
use tests::jobs;
use tests::ledger::Ledger;

/// The run whose spans are kept: other tests of this process have runs, too.
static OF: OnceLock<RunId> = OnceLock::new();
static SPANS: Mutex<Vec<Span>> = Mutex::new(Vec::new());

struct Kept;

impl Exporter for Kept {
    fn take(&self, span: Span) {
        if OF.get().is_some_and(|of| span.own.is_of(*of)) {
            SPANS.lock().unwrap().push(span);
        }
    }
}

fn number(span: &Span, key: &str) -> u64 {
    let of = |(found, value): &(&str, Value)| match value {
        Value::Number(number) if *found == key => Some(*number),
        _ => None,
    };
    span.attributes.iter().find_map(of).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_a_trace_and_each_message_leads_to_the_span_it_was_sent_in() {
    let bench = Bench::new().await;
    let run_id = bench.open(&bench.request(&jobs::ledger(), &Ledger::random(5, 300).csv())).await.unwrap();
    OF.set(run_id).unwrap();
    assert!(export_to(Box::new(Kept)));
    let ended = bench.drive(run_id, &Drive::default()).await;
    assert_eq!((ended.ending, ended.report.source.chunks), (Ending::Promoted, 30));
    let spans = SPANS.lock().unwrap().clone();
    assert!(spans.iter().all(|span| !span.has_failed), "{spans:?}");
    let called = |name: &str| -> Vec<&Span> { spans.iter().filter(|span| span.name == name).collect() };
    let (root, load, settle) = (called("run")[0], called("load")[0], called("settle")[0]);
    assert_eq!((root.parent, root.kind), (None, Kind::Internal));
    assert_eq!((load.parent, settle.parent), (Some(root.own.span), Some(root.own.span)));
    let (processed, written, read_back) = (called("process"), called("write"), called("read back"));
    assert_eq!((processed.len(), written.len()), (30, 30));
    assert!(processed.iter().all(|span| span.parent == Some(load.own.span) && span.is_parent_remote));
    for span in &written {
        let parent = processed.iter().find(|one| Some(one.own.span) == span.parent).unwrap();
        assert_eq!(number(parent, "crossfoot.chunk_no"), number(span, "crossfoot.chunk_no"));
    }
    let handed_out = [Some(load.own.span), Some(settle.own.span)];
    assert!(read_back.iter().all(|span| handed_out.contains(&span.parent)), "{read_back:?}");
    for of_workers in [processed, written, read_back] {
        let records = of_workers.iter().map(|span| number(span, "crossfoot.records"));
        assert_eq!(records.sum::<u64>(), 300);
    }
}
