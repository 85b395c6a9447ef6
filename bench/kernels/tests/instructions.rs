//! Each kernel once: its work is done for every record. `instructions --kernel NAME`: that one alone, once to warm up
//! and once to be counted (`bench/instructions`); `instructions --names`: their names.

#![allow(missing_docs, clippy::print_stdout, reason = "a program")]

use kernels::{Kernel, measured};

fn run(kernel: Kernel) -> Result<(), String> {
    let named = |error| format!("{}: {error}", kernel.name);
    let mut work = kernel.prepare().map_err(named)?;
    measured(&mut work).map_err(named)
}

/// What is made once, and memory that is asked for the first time, is not of the kernel.
fn counted(kernel: Kernel) -> Result<(), String> {
    let mut work = kernel.prepare()?;
    work()?;
    measured(&mut work)
}

fn main() -> Result<(), String> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--kernel", name] => counted(Kernel::by_name(name).ok_or_else(|| format!("no kernel {name}"))?),
        ["--names"] => {
            Kernel::ALL.iter().for_each(|kernel| println!("{}", kernel.name));
            Ok(())
        }
        // Whatever else `cargo test` says is meant for its own harness.
        _ => Kernel::ALL.into_iter().try_for_each(run),
    }
}
