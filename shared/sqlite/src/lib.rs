//! The embedded store: one SQLite file, in write-ahead mode.

mod balance;
mod connect;
mod ledger;
mod promotion;
mod rows;
mod rules;
mod staging;
mod tables;
#[cfg(test)]
mod tests;

pub use connect::SqliteStore;
pub use tables::ddl;
