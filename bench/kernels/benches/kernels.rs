//! The time of each kernel: `cargo bench -p kernels`, and with a part of a name those whose names have it.

#![allow(missing_docs, reason = "a program")]

use criterion::{Criterion, Throughput};
use kernels::{Kernel, RECORDS, measured};

fn main() -> Result<(), String> {
    let mut criterion = Criterion::default().configure_from_args();
    for kernel in Kernel::ALL {
        let mut work = kernel.prepare()?;
        measured(&mut work).map_err(|error| format!("{}: {error}", kernel.name))?;
        let mut group = criterion.benchmark_group(kernel.name);
        group.throughput(Throughput::Elements(RECORDS));
        group.bench_function(kernel.what, |bencher| bencher.iter(|| measured(&mut work)));
        group.finish();
    }
    criterion.final_summary();
    Ok(())
}
