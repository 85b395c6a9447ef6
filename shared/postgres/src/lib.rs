//! The store of a fleet: a PostgreSQL database.
//!
//! What is acknowledged is durable. Every change is one transaction on a task of its own, so that a caller who gives up
//! cuts nothing off half-way. Rows travel as binary COPY both ways.

mod attach;
#[cfg(test)]
mod attach_tests;
mod attachable;
mod back_out;
mod balance;
mod clock;
mod connect;
mod ended;
mod facts;
mod final_table;
mod fit;
#[cfg(test)]
mod fit_tests;
mod found;
mod gathered;
mod in_order;
#[cfg(test)]
mod in_order_tests;
#[cfg(test)]
mod large_tests;
mod ledger;
mod locks;
mod look;
mod numeric;
#[cfg(test)]
mod own_table_tests;
#[cfg(test)]
mod own_tests;
mod place;
#[cfg(test)]
mod place_tests;
mod pool;
mod promotion;
mod purge;
mod read_back;
mod read_back_sql;
#[cfg(test)]
mod read_back_tests;
mod role_facts;
mod roles;
mod rows;
mod rules;
mod sessions;
mod staging;
mod strangers;
mod tables;
mod target;
#[cfg(test)]
mod target_tests;
#[cfg(test)]
mod tests;
mod unlogged;
#[cfg(test)]
mod unlogged_tests;
mod watched;
#[cfg(test)]
mod watched_tests;

pub use connect::{PostgresSettings, PostgresStore};
pub use connect::{names_authority, refused};
pub use look::look;
pub use place::LedgerSchema;
pub use roles::{Roles, RolesError};
pub use tables::ddl;
pub use target::{PostgresReaders, PostgresTarget};
