//! The workers' share, ready to be written down.

use domain::counts::{Role, WorkerShare};

use crate::report::format::{self, count, megabytes, per_mille, plural, rate, seconds, visible};

pub(super) struct Workers {
    pub(super) role: &'static str,
    pub(super) taken: &'static str,
    pub(super) tabled: &'static str,
    pub(super) workers: Vec<Worker>,
    pub(super) total: [String; 7],
    pub(super) agree: bool,
}

pub(super) struct Worker {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) host: String,
    pub(super) counts: [String; 4],
    pub(super) share: String,
    pub(super) bar_per_mille: u16,
    pub(super) work: [String; 3],
    pub(super) agrees: bool,
    pub(super) sides: String,
}

pub(super) fn workers(workers: &[WorkerShare]) -> Vec<Workers> {
    let of_role = |role: Role| {
        let of_role: Vec<_> = workers.iter().filter(|worker| worker.role == role).collect();
        let sum = |value: fn(&WorkerShare) -> u64| {
            of_role.iter().fold(0_u64, |sum, worker| sum.saturating_add(value(worker)))
        };
        let records = sum(|worker| worker.ledger.records);
        (!of_role.is_empty()).then(|| Workers {
            role: role.name(),
            taken: if role == Role::Processor { "Accepted" } else { "Written" },
            tabled: if role == Role::Processor { "rejects" } else { "rows" },
            total: [
                count(sum(|worker| worker.ledger.chunks)),
                count(records),
                count(sum(|worker| worker.ledger.accepted)),
                count(sum(|worker| worker.ledger.rejected)),
                format::share(records, records),
                megabytes(sum(|worker| worker.bytes)),
                seconds(sum(|worker| worker.busy_us)),
            ],
            agree: of_role.iter().all(|worker| worker.agrees()),
            workers: of_role.iter().map(|share| worker(share, records)).collect(),
        })
    };
    [Role::Processor, Role::Writer].into_iter().filter_map(of_role).collect()
}

fn worker(share: &WorkerShare, all: u64) -> Worker {
    let (reported, ledger) = (&share.reported, &share.ledger);
    let of_all = per_mille(ledger.records, all);
    let mut sides = format!(
        "{} / {} / {} of {}",
        count(reported.records),
        count(ledger.records),
        count(share.table),
        count(share.table_expected())
    );
    if share.unreported_chunks > 0 {
        sides.push_str(&format!("; the report of {} was lost", plural(share.unreported_chunks, "chunk")));
    }
    Worker {
        id: share.worker_id.to_string(),
        name: visible(&share.name),
        host: visible(&share.host),
        counts: [ledger.chunks, ledger.records, ledger.accepted, ledger.rejected].map(count),
        share: format::share(ledger.records, all),
        bar_per_mille: of_all,
        work: [megabytes(share.bytes), seconds(share.busy_us), rate(reported.records, share.busy_us)],
        agrees: share.agrees(),
        sides,
    }
}
