//! A chain file: several comparisons, one after the other, each from what the one before it left.

use std::path::{Path, PathBuf};

use domain::fingerprint::Hash;
use serde::Deserialize;
use thiserror::Error;

/// Maximum hops of a chain.
pub const HOPS_MAX: usize = 32;

/// A chain file that cannot be used.
#[derive(Debug, Error)]
pub enum ChainError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The chain file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is no chain file.
    #[error("chain file {}: {reason}", path.display())]
    Invalid {
        /// The chain file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
}

/// What a chain file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The chain's name.
    pub name: String,
    /// The hops, in their order.
    pub hops: Vec<Hop>,
    /// SHA-256 of the file.
    pub digest: Hash,
}

/// One hop: what is compared with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The hop's name.
    pub name: String,
    /// The job file that describes the source, and the target's tables.
    pub job: PathBuf,
    /// Where the records are that went into the hop.
    pub source: HopSource,
    /// Where what came out of it is: a URL, or a file.
    pub target: String,
    /// The job file that describes the target, if that is a file.
    pub target_job: Option<PathBuf>,
    /// The file with the password of the target's database.
    pub password_file: Option<PathBuf>,
}

/// Where the records are that went into a hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HopSource {
    /// A file. `None`: the job's own.
    File(Option<String>),
    /// A database or Parquet files, by their URL, and the file with the password.
    Tables(String, Option<PathBuf>),
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainFile {
    chain: ChainSection,
    hop: Vec<HopSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainSection {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HopSection {
    name: String,
    job: Option<PathBuf>,
    source: Option<String>,
    from: Option<String>,
    from_password_file: Option<PathBuf>,
    target: String,
    target_job: Option<PathBuf>,
    target_password_file: Option<PathBuf>,
}

impl Chain {
    /// Whether the text is that of a chain file, and not of a job file.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("hop"))
    }

    /// Reads the chain file at `path`. Files that it names are relative to its folder.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn read(path: &Path) -> Result<Self, ChainError> {
        let read = std::fs::read_to_string(path);
        let text = read.map_err(|source| ChainError::Unreadable { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or_else(|| Path::new("."));
        Self::parse(&text, folder).map_err(|reason| ChainError::Invalid { path: path.to_owned(), reason })
    }

    /// Parses a chain file's text. `folder`: where it is.
    ///
    /// # Errors
    /// In words, with the line where the text is at fault.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let file: ChainFile =
            toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        if file.hop.is_empty() || file.hop.len() > HOPS_MAX {
            return Err(format!("a chain has 1 to {HOPS_MAX} hops, not {}", file.hop.len()));
        }
        let mut hops: Vec<Hop> = Vec::new();
        for section in file.hop {
            if !is_name(&section.name) {
                let name = section.name.escape_debug();
                return Err(format!("hop `{name}`: a name is made of letters, digits, `-` and `_`"));
            }
            if hops.iter().any(|hop| hop.name == section.name) {
                return Err(format!("two hops are called `{}`", section.name));
            }
            let hop = hop(section, hops.last(), folder)?;
            hops.push(hop);
        }
        Ok(Self { name: file.chain.name, hops, digest: Hash::of(text.as_bytes()) })
    }
}

/// Names become parts of file names.
fn is_name(name: &str) -> bool {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
    !name.is_empty() && name.len() <= 40 && name.chars().all(is_plain)
}

fn hop(section: HopSection, before: Option<&Hop>, folder: &Path) -> Result<Hop, String> {
    let at = |path: &PathBuf| folder.join(path);
    let name = section.name;
    let of_hop = |what: &str| format!("hop `{name}`: {what}");
    let is_first = before.is_none();
    if !is_first && (section.source.is_some() || section.from.is_some()) {
        return Err(of_hop(
            "only the first hop has a `source` or `from`; each other one begins where the one before it ends",
        ));
    }
    if section.source.is_some() && section.from.is_some() {
        return Err(of_hop("it begins with a `source` or with `from`, not with both"));
    }
    let (own, source) = match before {
        None => match section.from {
            Some(url) => (None, HopSource::Tables(url, section.from_password_file.as_ref().map(at))),
            None => (None, HopSource::File(section.source.map(|file| placed(&file, folder)))),
        },
        Some(Hop { target, target_job: Some(job), .. }) => {
            (Some(job.clone()), HopSource::File(Some(target.clone())))
        }
        Some(Hop { target, job, password_file, .. }) => {
            let password = section.from_password_file.as_ref().map(at).or_else(|| password_file.clone());
            (Some(job.clone()), HopSource::Tables(target.clone(), password))
        }
    };
    let job = section.job.as_ref().map(at).or(own);
    let job = job.ok_or_else(|| of_hop("the first hop needs a `job`"))?;
    let target_job = section.target_job.as_ref().map(at);
    let target = if target_job.is_some() { placed(&section.target, folder) } else { section.target };
    let password_file = section.target_password_file.as_ref().map(at);
    Ok(Hop { name, job, source, target, target_job, password_file })
}

/// A file's path from the chain file's folder; a URL as it is.
fn placed(file: &str, folder: &Path) -> String {
    if file.contains("://") || file == "-" {
        return file.to_owned();
    }
    folder.join(file).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Chain, HopSource};

    const CHAIN: &str = r#"
[chain]
name = "postings"
[[hop]]
name = "landing"
job = "sent.toml"
source = "sent.csv"
target = "landing.csv"
target_job = "landing.toml"
[[hop]]
name = "warehouse"
target = "postgres://auditor@db.example/bank"
target_password_file = "secret"
[[hop]]
name = "mart"
target = "sqlite:mart.db"
"#;

    #[test]
    fn each_hop_begins_where_the_one_before_it_ends() {
        let chain = Chain::parse(CHAIN, Path::new("/jobs")).unwrap();
        let [landing, warehouse, mart] = &chain.hops[..] else { panic!("{chain:?}") };
        assert_eq!(landing.source, HopSource::File(Some("/jobs/sent.csv".into())));
        assert_eq!(landing.target, "/jobs/landing.csv");
        assert_eq!(warehouse.job, Path::new("/jobs/landing.toml"));
        assert_eq!(warehouse.source, HopSource::File(Some("/jobs/landing.csv".into())));
        assert_eq!(mart.job, Path::new("/jobs/landing.toml"));
        let warehouse = "postgres://auditor@db.example/bank".to_owned();
        assert_eq!(mart.source, HopSource::Tables(warehouse, Some("/jobs/secret".into())));
        assert_eq!(mart.target, "sqlite:mart.db");
    }

    #[test]
    fn what_is_no_chain_is_refused_by_name() {
        for (from, to, told) in [
            ("job = \"sent.toml\"\n", "", "hop `landing`: the first hop needs a `job`"),
            ("name = \"mart\"", "name = \"landing\"", "two hops are called `landing`"),
            ("name = \"mart\"", "name = \"../mart\"", "a name is made of letters"),
            ("target = \"sqlite:mart.db\"", "target = \"x\"\nsource = \"y\"", "only the first hop"),
            ("source = \"sent.csv\"", "source = \"a\"\nfrom = \"sqlite:a\"", "not with both"),
            ("name = \"mart\"", "name = \"mart\"\ntables = 3", "unknown field `tables`"),
        ] {
            let text = CHAIN.replace(from, to);
            let error = Chain::parse(&text, Path::new("/jobs")).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        assert!(Chain::is_one(CHAIN) && !Chain::is_one("[job]\nname = \"x\"\n"));
    }
}
