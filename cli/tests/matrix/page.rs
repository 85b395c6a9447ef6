//! The page that says what was tried, and what came of it: `docs/faults.md`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::Tried;

/// What stands before and after the table is written by hand, and stays.
const BEGIN: &str = "<!-- The table: made by the test, see above. -->";
const END: &str = "<!-- The end of the table. -->";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/faults.md")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Replaces the table.
pub(crate) fn write(tried: &[Tried], took: Duration) {
    let mut rows: BTreeMap<(&str, &str), Vec<&Tried>> = BTreeMap::new();
    for one in tried {
        rows.entry((one.kind, &one.place)).or_default().push(one);
    }
    let mut table = format!(
        "{BEGIN}\n\n{} pairs, {} runs, {:.0} minutes.\n\n| fault | place | tried | outcome | next step after | verdict after |\n|---|---|---|---|---|---|\n",
        rows.len(),
        tried.len(),
        took.as_secs_f64() / 60.0,
    );
    for ((kind, place), tries) in rows {
        let of = |time: fn(&super::Outcome) -> Duration| {
            let worst = tries.iter().filter_map(|one| one.outcome.as_ref().ok()).map(time).max();
            worst.map_or_else(|| "-".into(), seconds)
        };
        let failed = tries.iter().filter(|one| one.outcome.is_err()).count();
        let good = tries.iter().find_map(|one| one.outcome.as_ref().ok()).map_or("", |one| one.verdict);
        let verdict = if failed > 0 { format!("**failed {failed} times**") } else { good.to_owned() };
        let (recovered, ended) = (of(|one| one.recovered), of(|one| one.ended));
        table.push_str(&format!(
            "| {kind} | {place} | {} | {verdict} | {recovered} | {ended} |\n",
            tries.len()
        ));
    }
    table.push_str(&format!("\n{END}"));
    let text = std::fs::read_to_string(path()).unwrap_or_else(|_| format!("{BEGIN}\n{END}\n"));
    let (before, rest) = text.split_once(BEGIN).expect("the page says where its table begins");
    let (_, after) = rest.split_once(END).expect("the page says where its table ends");
    std::fs::write(path(), format!("{before}{table}{after}")).unwrap();
}
