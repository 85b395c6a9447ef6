//! What `crossfoot --version` says of the build: the commit, and the features.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=CROSSFOOT_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    let given = env::var("CROSSFOOT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(of_checkout).unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env=CROSSFOOT_BUILT_FROM={commit}");
    let prefix = "CARGO_FEATURE_";
    let mut features: Vec<_> = env::vars()
        .filter_map(|(name, _)| Some(name.strip_prefix(prefix)?.to_lowercase().replace('_', "-")))
        .collect();
    features.sort();
    let features = if features.is_empty() { "none".into() } else { features.join(", ") };
    println!("cargo::rustc-env=CROSSFOOT_FEATURES={features}");
}

/// The commit that is checked out, for a release: builds for tests would otherwise be made again after each commit.
fn of_checkout() -> Option<String> {
    if env::var("PROFILE").ok()? != "release" {
        return None;
    }
    let git = |line: &[&str]| {
        let ended = Command::new("git").args(line).output().ok().filter(|ended| ended.status.success())?;
        Some(String::from_utf8(ended.stdout).ok()?.trim().to_owned())
    };
    for file in ["HEAD", "logs/HEAD"] {
        println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", file])?);
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}
