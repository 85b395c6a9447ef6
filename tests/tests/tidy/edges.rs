//! Which package may use which, and which modules of a package use each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use regex::Regex;

use crate::tree::{Tree, root};

/// For each package, the packages of the workspace that it may use. ARCHITECTURE.md draws this.
const ALLOWED: [(&str, &[&str]); 26] = [
    ("domain", &[]),
    ("shared/fault", &[]),
    ("shared/platform", &["domain"]),
    ("shared/format", &["domain"]),
    ("shared/source", &["domain", "platform"]),
    ("shared/job", &["domain", "platform", "format", "source"]),
    ("shared/wire", &["domain", "job"]),
    ("shared/broker", &["domain", "fault", "platform"]),
    ("shared/store", &["domain", "fault", "platform", "job", "wire"]),
    ("shared/sqlite", &["domain", "platform", "job", "wire", "store"]),
    ("shared/postgres", &["domain", "fault", "platform", "job", "wire", "store"]),
    ("shared/mysql", &["domain", "platform", "store"]),
    ("shared/odbc", &["domain", "platform", "store"]),
    ("shared/lake", &["domain", "store"]),
    ("shared/monitor", &["domain", "platform"]),
    ("shared/conformance", &["domain", "job", "wire", "store"]),
    ("shared/post", &["domain", "fault", "platform", "wire", "broker", "store"]),
    ("shared/settings", &["domain", "platform", "wire"]),
    (
        "coordinator",
        &["domain", "fault", "platform", "source", "format", "job", "wire", "broker", "store", "post"],
    ),
    (
        "worker",
        &["domain", "fault", "platform", "source", "format", "job", "wire", "broker", "store", "post"],
    ),
    (
        "drill",
        &[
            "domain",
            "platform",
            "source",
            "format",
            "job",
            "wire",
            "broker",
            "store",
            "post",
            "sqlite",
            "postgres",
            "settings",
            "coordinator",
            "worker",
            "compare",
        ],
    ),
    (
        "compare",
        &[
            "domain",
            "fault",
            "platform",
            "source",
            "format",
            "job",
            "wire",
            "broker",
            "store",
            "post",
            "coordinator",
            "worker",
        ],
    ),
    ("console", &["domain", "platform", "monitor", "format", "job", "store", "coordinator"]),
    (
        "cli",
        &[
            "domain",
            "fault",
            "platform",
            "source",
            "format",
            "job",
            "wire",
            "broker",
            "store",
            "post",
            "sqlite",
            "postgres",
            "mysql",
            "odbc",
            "lake",
            "monitor",
            "settings",
            "coordinator",
            "worker",
            "drill",
            "compare",
            "console",
        ],
    ),
    // Only measured: no other package may use it. Its `store` is itself.
    ("bench/kernels", &["domain", "format", "job", "wire"]),
    // Only tests are in it: no other package may use it.
    (
        "simulation",
        &[
            "domain",
            "platform",
            "source",
            "job",
            "wire",
            "broker",
            "post",
            "store",
            "sqlite",
            "coordinator",
            "worker",
        ],
    ),
];

/// What a package that only turns bytes into records must never pull in.
const HEAVY: [&str; 7] = ["tokio", "async-std", "sqlx", "rusqlite", "libsqlite3-sys", "lapin", "axum"];

/// `PACKAGE uses OTHER`, for each edge that is not allowed. What only tests use is not looked at.
pub(crate) fn foreign(tree: &Tree) -> Vec<String> {
    let names: Vec<_> = ALLOWED.iter().map(|(path, _)| path.rsplit('/').next().unwrap()).collect();
    let mut broken = Vec::new();
    for (package, manifest) in tree.manifests.iter().filter(|(package, _)| package != "tests") {
        let Some((_, allowed)) = ALLOWED.iter().find(|(path, _)| path == package) else {
            broken.push(format!("{package} is not in the table of packages"));
            continue;
        };
        for name in dependencies(manifest) {
            if names.contains(&name.as_str()) && !allowed.contains(&name.as_str()) {
                broken.push(format!("{package} uses {name}"));
            }
        }
    }
    broken
}

/// The names of what a package is built with.
fn dependencies(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let table = manifest.get("dependencies").and_then(|table| table.as_table());
    table.into_iter().flat_map(|table| table.keys().cloned()).collect()
}

/// The packages of [`HEAVY`] that `package` needs to be built, by way of whatever, as `Cargo.lock` has it.
pub(crate) fn heavy_below(package: &str) -> Vec<String> {
    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock")).unwrap().parse().unwrap();
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in lock["package"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        let listed = entry.get("dependencies").and_then(|list| list.as_array());
        let listed = listed.into_iter().flatten().filter_map(|one| one.as_str()?.split(' ').next());
        needs.entry(name).or_default().extend(listed);
    }
    // The lock file does not tell what only tests need: the packages of the workspace are asked themselves.
    let own = |name: &str| fs::read_to_string(root().join("shared").join(name).join("Cargo.toml"));
    let mut waiting = dependencies(&own(package).unwrap());
    let mut seen = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        if seen.insert(name.clone()) {
            match own(&name) {
                Ok(manifest) => waiting.extend(dependencies(&manifest)),
                Err(_) => waiting
                    .extend(needs.get(name.as_str()).into_iter().flatten().map(|name| (*name).to_owned())),
            }
        }
    }
    HEAVY
        .iter()
        .filter(|heavy| seen.contains(**heavy))
        .map(|heavy| format!("{package} needs {heavy}"))
        .collect()
}

/// `PACKAGE: a, b`, for each group of top modules that use each other in a circle.
pub(crate) fn circles(tree: &Tree) -> Vec<String> {
    let mut packages: BTreeMap<&str, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    let inner = Regex::new(r"\bcrate::([a-z_0-9]+)").unwrap();
    let beside = Regex::new(r"\bsuper::([a-z_0-9]+)").unwrap();
    for (package, path, text) in tree.product() {
        let inside = path.split_once("/src/").unwrap().1.trim_end_matches(".rs");
        let module = inside.split('/').next().unwrap().to_owned();
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let code: String = text
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("\n");
        let is_top = !inside.contains('/') || inside == format!("{module}/mod");
        let mut uses: BTreeSet<_> = inner.captures_iter(&code).map(|found| found[1].to_owned()).collect();
        if is_top {
            uses.extend(beside.captures_iter(&code).map(|found| found[1].to_owned()));
        }
        packages.entry(package).or_default().entry(module).or_default().extend(uses);
    }
    let mut broken = Vec::new();
    for (package, uses) in packages {
        let reaches = |from: &str| -> BTreeSet<String> {
            let (mut seen, mut waiting) = (BTreeSet::new(), vec![from.to_owned()]);
            while let Some(module) = waiting.pop() {
                for next in uses.get(&module).into_iter().flatten().filter(|next| uses.contains_key(*next)) {
                    if *next != module && seen.insert(next.clone()) {
                        waiting.push(next.clone());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<_, _> = uses.keys().map(|module| (module.clone(), reaches(module))).collect();
        let mut done = BTreeSet::new();
        for module in uses.keys() {
            let circle: Vec<_> = reached[module]
                .iter()
                .filter(|other| *other != module && reached[*other].contains(module))
                .chain([module])
                .cloned()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            if circle.len() > 1 && done.insert(circle.clone()) {
                broken.push(format!("{package}: {}", circle.join(", ")));
            }
        }
    }
    broken
}
