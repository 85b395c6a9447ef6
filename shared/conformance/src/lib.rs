//! The contract of [`super`] as tests, one for each sentence of it, for every adapter alike.
//!
//! An adapter's test module has an `async fn make() -> Subject` that sets up an empty database of its own, and says
//! `store_conformance!(make);`.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "every case is a test, and its name says what must hold"
)]

mod account;
mod back_out;
mod commit;
mod evidence;
mod fencing;
mod fixture;
mod fleet;
mod own_tables;
mod promotion;
mod reading;
mod removals;
mod resends;
mod rules;
mod runs;
pub mod targets;
mod views;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use store::{Store, StoreError};
use tokio::time::timeout;

pub(crate) use back_out::*;
pub(crate) use commit::*;
pub(crate) use evidence::*;
pub(crate) use fencing::*;
pub use fixture::{
    APPEND, KEYLESS, LASTS, Loading, Record, UPSERT, canonical, collect, cut, entry, job, row,
};
pub(crate) use fleet::*;
pub(crate) use own_tables::*;
pub(crate) use promotion::*;
pub(crate) use reading::*;
pub(crate) use removals::*;
pub(crate) use resends::*;
pub(crate) use rules::*;
pub(crate) use runs::*;
pub(crate) use views::*;

/// When everything in these tests happens, in milliseconds since 1970.
const NOW_MS: i64 = 1_700_000_000_000;

/// Whatever a store does, it does within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The database behind a store, for what its traits rightly do not offer.
#[async_trait]
pub trait Database: Send + Sync {
    /// Runs a statement on a connection of its own.
    async fn execute(&self, sql: &str) -> Result<(), String>;
    /// The number that a query finds.
    async fn count(&self, sql: &str) -> Result<u64, String>;
    /// Opens the same database again, as another process does.
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError>;
}

/// A store under test.
pub struct Subject {
    /// The store, nothing in it.
    pub store: Arc<dyn Store>,
    /// What it is kept in.
    pub database: Box<dyn Database>,
    /// Gives every row of `stg_kinds` a value of `flag` that no boolean has; `None`: the database keeps none.
    pub foreign: Option<&'static str>,
    /// A column type, other than Crossfoot's own, that holds every decimal of 38 digits with two after the point.
    pub decimal: &'static str,
    /// The statements that make trigger `audit` on a table, which runs a statement for each row that is inserted.
    pub audit: fn(&str, &str) -> String,
}

/// Names every case once, and hands the names to `$then`.
#[doc(hidden)]
#[macro_export]
macro_rules! with_every_case {
    ($then:path: $($arguments:tt)*) => {
        $then! { $($arguments)*
            a_commit_books_the_chunk_its_rows_its_rejects_and_its_breaches
            a_second_commit_of_a_chunk_changes_nothing
            a_run_that_no_longer_loads_takes_no_batch
            an_unknown_run_or_chunk_takes_no_batch
            a_commit_that_fails_leaves_nothing
            of_concurrent_commits_each_chunk_takes_one
            a_commit_that_nobody_waits_for_is_whole_or_not_there
            a_chunk_that_was_set_aside_may_still_be_committed
            a_lease_is_held_until_its_time_is_over
            whoever_evicts_takes_a_lease_that_is_held
            a_lease_that_a_wrong_clock_made_is_not_for_ever
            a_run_that_is_over_is_taken_up_for_its_remains_only
            a_lease_that_was_let_go_is_free_and_the_time_is_booked
            nobody_takes_up_a_run_that_is_not_there
            an_older_fence_changes_nothing
            a_permit_is_for_its_own_run
            every_legal_step_is_taken_and_logged
            an_illegal_step_is_refused_and_not_logged
            a_chunk_is_booked_once_and_as_it_was_cut
            chunks_are_paged_in_order
            staging_reads_back_byte_for_byte
            final_reads_back_byte_for_byte
            null_is_not_empty_text
            a_value_that_the_type_cannot_have_is_foreign
            rows_and_rejects_come_in_record_order
            a_range_of_chunks_reads_back_just_these
            reading_back_sees_the_tables_and_not_the_ledger
            excluded_records_are_flagged
            blocks_are_of_bounded_size
            dropping_the_receiver_ends_reading_back
            a_run_is_kept_as_it_was_opened
            bytes_that_a_run_has_in_hand_are_not_taken_twice
            the_split_is_kept_with_the_run
            a_run_that_is_not_there_is_named
            runs_come_newest_first
            runs_are_listed_by_job_state_and_time
            a_run_keeps_why_it_stands_where_it_stands
            runs_are_found_by_the_bytes_they_loaded
            a_jobs_text_is_found_by_its_digest
            the_history_of_a_job_has_its_runs_with_their_summaries
            tables_are_made_once_and_equal_ones_are_taken
            a_table_that_differs_is_refused_and_nothing_is_changed
            shares_are_counted_in_three_places
            workers_have_numbers_of_their_own
            a_store_that_is_opened_again_holds_everything
            a_newer_schema_is_refused
            a_unique_rule_names_every_record_that_shares_its_value
            a_references_rule_names_records_that_are_not_found
            a_balance_is_exact_where_floats_are_not
            a_balance_over_everything_is_one_group
            sensitive_groups_are_named_by_the_masks_of_their_values
            a_group_that_is_held_is_held_whole
            what_is_held_is_no_part_of_a_balance
            row_rules_count_as_the_processors_counted
            appending_names_keys_that_come_twice
            a_held_record_is_nobodys_duplicate
            appending_names_keys_that_are_in_final_already
            upserting_merges_into_the_last_record_with_a_key
            rules_applied_again_say_the_same
            a_promotion_makes_rows_visible_with_their_run
            nobody_sees_a_promotion_before_it_is_committed
            a_promotion_that_is_left_leaves_nothing
            nobody_else_writes_while_a_promotion_is_under_way
            a_run_that_cannot_become_promoted_is_not
            a_row_that_final_refuses_is_named_as_such
            the_same_bytes_are_promoted_once
            rows_without_a_key_are_all_promoted
            upserting_replaces_the_rows_of_an_earlier_run
            what_a_rule_holds_stays_out_of_final
            a_row_that_is_not_in_final_reads_back_as_absent
            a_run_that_is_backed_out_is_gone_from_final_and_still_in_staging
            a_run_that_final_does_not_hold_whole_is_not_backed_out
            rows_that_replaced_others_are_not_backed_out
            only_a_promoted_run_is_backed_out
            a_reject_is_resent_by_one_run_at_a_time
            a_table_of_the_users_takes_rows_into_its_own_columns
            a_table_without_a_key_takes_run_and_number_into_its_own_columns
            a_table_of_runs_says_which_run_wrote_a_row
            a_trigger_that_is_listed_may_change_other_tables
            a_final_table_that_cannot_be_used_is_refused_by_name
            events_are_chained_and_paged
            concurrent_events_leave_no_gap
            a_runs_events_are_asked_for_by_themselves
            the_log_cannot_be_changed
            checks_are_those_of_the_last_reconciliation
            findings_are_paged_and_counted
            breaches_are_paged_and_counted
            rejects_are_kept_whole_and_paged
            rejects_are_grouped_by_field_and_fault
            purging_removes_the_rows_of_one_run_and_no_evidence
            a_run_whose_tables_are_gone_can_be_purged
            parts_of_a_run_are_removed_one_by_one
            a_run_with_nothing_in_final_is_removed_and_the_log_names_it
            opening_a_run_is_logged_with_it
            the_masking_key_is_made_once_for_all_processes
            the_store_has_one_identity_and_two_valid_keys
            states_are_of_the_chunks_that_are_asked_for
            a_batch_of_other_bytes_is_not_committed
            starts_are_charged_by_chunk_and_role
            a_chunk_that_a_worker_cannot_read_is_handed_back_uncharged
            unreported_chunks_are_those_that_lack_either_report
            the_fleet_is_who_gave_a_sign_of_life
            who_is_asked_to_drain_learns_it_with_a_heartbeat
            whoever_drives_a_run_learns_how_many_chunks_may_be_in_flight
            one_coordinator_is_the_service_until_its_time_is_over
            the_fleet_works_for_one_comparison_at_a_time
            submitted_runs_wait_until_somebody_takes_them_up
            what_was_read_back_is_kept_by_pass_and_the_first_stands
            runs_are_counted_found_and_paged
            a_chunk_tells_how_far_it_is
            rejects_are_found_by_reason_field_and_worker
            the_log_is_read_backwards
            events_of_a_kind_are_found_page_by_page
            an_event_with_a_mark_is_logged_once
            the_newest_run_of_each_job_is_found
            a_token_is_found_by_its_digest
            a_run_that_is_over_is_held_by_nobody
        }
    };
}

/// Declares every test of the contract for the adapter that `$make` sets up, where its server is `$available`.
#[macro_export]
macro_rules! store_conformance {
    ($make:path) => {
        $crate::store_conformance!($make, cfg(test));
    };
    ($make:path, $attribute:meta) => {
        $crate::with_every_case! { $crate::declare_cases: $make, $attribute: }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! declare_cases {
    ($make:path, $attribute:meta : $($name:ident)+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[$attribute]
        async fn $name() {
            $crate::cases::$name(&$make).await;
        }
    )+ };
}

macro_rules! wrap_cases {
    ($($name:ident)+) => { $(
        pub async fn $name(make: &impl AsyncFn() -> crate::Subject) {
            crate::$name(make).await;
        }
    )+ };
}

/// The cases, each of which is called here: one that nobody names above is dead code, which the compiler reports.
#[doc(hidden)]
pub mod cases {
    crate::with_every_case! { wrap_cases: }
}

/// Looks again and again until `is_so`; a wait that does not end fails the test.
///
/// # Panics
/// When the condition does not hold within a minute.
pub async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !is_so().await {
            // Each look is a query, most of them over a connection of its own.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon(looks).await;
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("the store does not answer")
}

impl Subject {
    async fn execute(&self, sql: &str) {
        self.database.execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn count(&self, sql: &str) -> u64 {
        self.database.count(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Rows of the final table that everyone sees.
    async fn final_rows(&self) -> u64 {
        self.count("SELECT count(*) FROM entries").await
    }

    async fn again(&self) -> Arc<dyn Store> {
        self.database.open().await.unwrap()
    }
}
