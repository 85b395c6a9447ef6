//! Least privilege on the broker: what the user of each process may configure, write and read.
//!
//! Coordinators alone make and remove queues. The default exchange, by which chunks and batches travel, routes to any
//! queue, and the broker has no finer right than to write to it: what a worker publishes where it should not is held by
//! seals, and by the ledger, which decides.

use domain::process_role::ProcessRole;

/// The permissions of one user, as regular expressions on names, as `rabbitmqctl set_permissions` takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// What it may declare and delete.
    pub configure: String,
    /// What it may publish to.
    pub write: String,
    /// What it may consume from.
    pub read: String,
}

impl Permissions {
    /// The permissions of a process, on queues with `prefix`; `None`: it needs no user on the broker.
    #[must_use]
    pub fn of(role: ProcessRole, prefix: &str) -> Option<Self> {
        let before = literally(prefix);
        let ours = |names: &str| format!("{before}crossfoot\\.({names})");
        // The exchange that says whose the queues are is compared by declaring it, which takes rights on the name in
        // it too. `doctor` publishes to a queue that only it sees.
        let store = format!("{before}cf\\..*");
        let trial = "doctor\\..*";
        let only = |names: &[String]| format!("^({})$", names.join("|"));
        let worker = |queues: &str| Self {
            configure: only(&[ours(&format!("store|{trial}"))]),
            write: only(&["amq\\.default".into(), store.clone(), ours(&format!("counts|{trial}"))]),
            read: only(&[ours(&format!("store|ranges|{queues}"))]),
        };
        match role {
            ProcessRole::Coordinator => Some(Self {
                configure: only(&[ours(".*")]),
                write: only(&["amq\\.default".into(), store, ours(".*")]),
                read: only(&[ours(".*")]),
            }),
            ProcessRole::Processor => Some(worker("chunks|comparisons")),
            ProcessRole::Writer => Some(worker("batches|readings")),
            ProcessRole::Console => Some(Self {
                configure: only(&[ours("store")]),
                write: only(&[store]),
                read: only(&[ours("store")]),
            }),
            ProcessRole::Auditor => None,
        }
    }
}

/// A text as a regular expression that matches it and nothing else.
fn literally(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if !(c.is_alphanumeric() || c == '_' || c == '-') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_consume_from_their_own_queues_and_make_none() {
        let of = |role| Permissions::of(role, "bank.").unwrap();
        let processor = of(ProcessRole::Processor);
        assert_eq!(processor.read, r"^(bank\.crossfoot\.(store|ranges|chunks|comparisons))$");
        assert_eq!(processor.configure, r"^(bank\.crossfoot\.(store|doctor\..*))$");
        assert!(of(ProcessRole::Writer).read.contains("|batches|readings)"));
        assert_eq!(of(ProcessRole::Coordinator).configure, r"^(bank\.crossfoot\.(.*))$");
        assert_eq!(of(ProcessRole::Console).read, r"^(bank\.crossfoot\.(store))$");
        assert_eq!(Permissions::of(ProcessRole::Auditor, ""), None);
    }
}
