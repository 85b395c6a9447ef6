//! What rules need of SQLite.

use async_trait::async_trait;
use domain::ids::RunId;
use domain::layout::Layout;
use domain::rule::RuleOutcome;
use domain::table::TableName;
use job::Job;
use store::model::RulesApplied;
use store::names::quoted;
use store::rules::{Balance, Compared, Keys, Rules, RulesConnection, apply};
use store::{Fence, StoreError};

use super::balance;
use super::connect::{SqliteStore, Writing};
use super::final_table::same_key;
use super::ledger::now;
use super::tables::require;

#[async_trait]
impl Rules for SqliteStore {
    async fn apply_rules(&self, fence: Fence, job: &Job, keys: Keys) -> Result<RulesApplied, StoreError> {
        let job = job.clone();
        self.change(move |writing| now(apply(writing, fence, &job, keys))).await
    }
}

#[async_trait]
impl RulesConnection for Writing<'_> {
    async fn before_rules(&mut self, _: RunId, _: &Job) -> Result<(), StoreError> {
        Ok(())
    }

    async fn references(
        &mut self,
        table: &TableName,
        compared: &[Compared<'_>],
    ) -> Result<Vec<String>, StoreError> {
        require(self, table, compared.iter().map(|(column, _, ty)| (*column, *ty)))?;
        let equal = |(column, field, _): &Compared<'_>| {
            format!("t.{} = s.{} COLLATE BINARY", quoted(column), quoted(field))
        };
        Ok(compared.iter().map(equal).collect())
    }

    async fn same_key(&mut self, layout: &Layout) -> Result<Vec<String>, StoreError> {
        Ok(same_key(layout))
    }

    async fn begin_looking_up(&mut self, _: RunId, _: &Layout) -> Result<String, StoreError> {
        Ok(String::new())
    }

    async fn end_looking_up(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn balance(&mut self, run_id: RunId, balance: Balance<'_>) -> Result<RuleOutcome, StoreError> {
        let unexcluded = now(store::rules::unexcluded(self, run_id))?;
        balance::apply(self, run_id, &balance, &unexcluded)
    }
}
