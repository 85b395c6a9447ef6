//! Reports for a person to look at: prints each as text, in colour and as wide as `COLUMNS` says, and writes each as a
//! page to the temporary directory. `cargo run -p coordinator --example report-pages`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an example stops at the first surprise, and prints"
)]

use coordinator::report::html::html;
use coordinator::report::text::{Style, text};

#[path = "../src/report/tests/fixture.rs"]
mod fixture;

fn main() {
    let width = std::env::var("COLUMNS").ok().and_then(|width| width.parse().ok()).unwrap_or(100);
    let reports = [
        ("reconciled", fixture::reconciled()),
        ("failed", fixture::failed()),
        ("held", fixture::held()),
        ("hostile", fixture::hostile()),
    ];
    for (name, report) in reports {
        let page = std::env::temp_dir().join(format!("crossfoot-report-{name}.html"));
        std::fs::write(&page, html(&report).unwrap()).unwrap();
        println!(
            "{}\n\n{}\n\n",
            text(&report, Style { colour: true, ..Style::plain(width) }),
            page.display()
        );
    }
}
