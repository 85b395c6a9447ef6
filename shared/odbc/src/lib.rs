//! A database with an ODBC driver that another program loaded, read by one connection, value by value.
//!
//! No value is bound to a buffer of the size that a driver tells, because that size is no bound: each is read in pieces
//! until the driver says that it is whole. What a driver changes on the way is asked for in another form where the
//! database is known (`tests/odbc/README.md` says what three drivers do).
//!
//! Without the feature `driver` there is nothing here.

#[cfg(feature = "driver")]
mod dialect;
#[cfg(feature = "driver")]
mod kind;
#[cfg(feature = "driver")]
mod target;
#[cfg(feature = "driver")]
mod value;

#[cfg(feature = "driver")]
pub use target::OdbcTarget;
