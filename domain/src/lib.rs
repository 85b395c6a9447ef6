//! Crossfoot's rules: every decision about money, counts, digests and states, and nothing else.
//!
//! No I/O, no clock, no runtime: what is decided here is returned as a value, and someone else carries it
//! out. That is what lets each rule be tested by a table that an accountant could read.
//!
//! Read in this order: the nouns ([`ids`], [`amount`], [`value`], [`layout`], [`record`], [`mask`]), what is measured
//! of them ([`fingerprint`], [`totals`], [`counts`], [`balance`]), what is declared or demanded ([`declared`],
//! [`footing`], [`constraint`], [`rule`]), what is decided ([`reconcile`], [`check`], [`permit`], [`lifecycle`],
//! [`lease`], [`arrival`], [`schedule`], [`start`], [`travel`], [`retry`], [`retention`], [`approval`], [`back_out`],
//! [`role`], [`process_role`], [`pace`]), and what is left behind ([`finding`], [`event`], [`checkpoint`], [`report`],
//! [`pack`]).

#![deny(clippy::float_arithmetic)]

pub mod amount;
pub mod approval;
pub mod arrival;
pub mod attendance;
pub mod attested;
pub mod back_out;
pub mod balance;
pub mod bytes;
pub mod cause;
pub mod check;
pub mod checkpoint;
pub mod comparison;
pub mod constraint;
pub mod counts;
pub mod declared;
pub mod event;
pub mod event_kind;
pub mod finding;
pub mod fingerprint;
pub mod footing;
pub mod forest;
pub mod hex;
pub mod ids;
pub mod inclusion;
pub mod instant;
pub mod invariants;
pub mod keys;
pub mod layout;
pub mod lease;
pub mod lifecycle;
pub mod limits;
pub mod mask;
mod named;
pub mod pace;
pub mod pack;
pub mod permit;
pub mod process_role;
pub mod reconcile;
pub mod record;
pub mod report;
pub mod resend;
pub mod retention;
pub mod retry;
pub mod role;
pub mod round_trip;
pub mod rule;
pub mod schedule;
pub mod seal;
pub mod start;
pub mod table;
pub mod totals;
pub mod traceparent;
pub mod travel;
pub mod trend;
pub mod typed;
pub mod value;
pub mod visible;
pub mod words;
