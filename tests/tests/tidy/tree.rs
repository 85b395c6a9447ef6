//! The product's source files, as text.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders that hold packages of the workspace.
const PACKAGES: [&str; 9] =
    ["domain", "coordinator", "worker", "drill", "console", "cli", "tests", "simulation", "bench/kernels"];

/// Every Rust file of the workspace, by its path from the root.
pub(crate) struct Tree {
    pub(crate) files: Vec<(String, String)>,
    /// Each package's path and its `Cargo.toml`.
    pub(crate) manifests: Vec<(String, String)>,
}

impl Tree {
    /// Reads every Rust file and every `Cargo.toml` of the workspace.
    pub(crate) fn read() -> Self {
        let (mut files, mut manifests) = (Vec::new(), Vec::new());
        for package in PACKAGES.map(str::to_owned).into_iter().chain(shared()) {
            let folder = root().join(&package);
            walk(&folder, &mut files);
            manifests.push((package, fs::read_to_string(folder.join("Cargo.toml")).unwrap()));
        }
        files.sort();
        assert!(files.len() > 300, "only {} files were found", files.len());
        Self { files, manifests }
    }

    /// Makes a tree of the given files, each a path and its text.
    pub(crate) fn of(files: Vec<(String, String)>, manifests: Vec<(String, String)>) -> Self {
        Self { files, manifests }
    }

    /// The files that are built into a package's library or program, with the package's path, and without its tests.
    pub(crate) fn product(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.files.iter().filter_map(|(path, text)| {
            let (package, inside) = path.split_once("/src/")?;
            let is_test = ["tests", "simulation"].contains(&package)
                || inside.split('/').any(|part| part.trim_end_matches(".rs").ends_with("tests"));
            let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            (!is_test).then_some((package, path.as_str(), product))
        })
    }
}

/// The packages inside `shared/`, by their paths.
pub(crate) fn shared() -> Vec<String> {
    let folders = fs::read_dir(root().join("shared")).unwrap().map(|entry| entry.unwrap().path());
    let packages = folders.filter(|path| path.join("Cargo.toml").exists());
    packages.map(|path| format!("shared/{}", path.file_name().unwrap().to_string_lossy())).collect()
}

/// The top folder of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn walk(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let shown = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            files.push((shown, fs::read_to_string(&path).unwrap()));
        }
    }
}
