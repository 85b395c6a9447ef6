//! The roles of a fleet's processes on its servers: each has rights of its own.

use std::str::FromStr;

crate::named! {
    /// What a process is to the database and the broker.
    #[derive(PartialOrd, Ord)]
    pub enum ProcessRole {
        /// Opens, drives and promotes runs, and appends to the evidence log.
        Coordinator = "coordinator",
        /// Decodes chunks, and reads staging back.
        Processor = "processor",
        /// Writes staging and rejects, and reads staging back.
        Writer = "writer",
        /// Shows runs, and changes nothing.
        Console = "console",
        /// Reads the ledger and the evidence log.
        Auditor = "auditor",
    }
}

impl ProcessRole {
    /// Whether it is a worker's.
    #[must_use]
    pub const fn is_of_a_worker(self) -> bool {
        matches!(self, Self::Processor | Self::Writer)
    }
}

impl FromStr for ProcessRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
        let found = Self::ALL.iter().copied().find(|role| role.name() == text);
        found.ok_or_else(|| format!("`{text}` is no role of a process; roles are {known}"))
    }
}
