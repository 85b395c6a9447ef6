//! The embedded store: one SQLite file, in write-ahead mode.

mod balance;
mod changes;
mod connect;
mod final_table;
mod found;
mod in_one_pass;
mod ledger;
mod promotion;
mod rows;
mod rules;
#[cfg(feature = "simulation")]
mod simulated;
mod staging;
mod strangers;
mod tables;
mod target;
#[cfg(test)]
mod target_tests;
#[cfg(test)]
mod tests;

pub use connect::SqliteStore;
pub use final_table::look;
#[cfg(feature = "simulation")]
pub use simulated::Gate;
pub use tables::ddl;
pub use target::SqliteTarget;

#[cfg(feature = "simulation")]
impl SqliteStore {
    /// The store in the file at `path`, a copy of one that this version made.
    ///
    /// # Errors
    /// [`store::StoreError`] when it cannot be opened.
    pub fn copied(path: std::path::PathBuf) -> Result<Self, store::StoreError> {
        Self::at(path)
    }
}
