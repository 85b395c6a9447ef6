//! Whether partitions of staging can be attached to a final table: both must be alike to the letter.

use domain::layout::Layout;
use domain::table::STAGING_COLUMNS;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use store::StoreError;
use store::own_table::{ColumnLook, TableLook, Verdict};

use super::fit::TYPES;
use super::found::{Found, Relation};

/// The collation of every text column of staging.
const BYTEWISE: &str = "pg_catalog.\"C\"";

/// What there is about a final table to which partitions of staging are attached: they must be alike to the letter.
pub(crate) async fn look(
    connection: &mut PgConnection,
    relation: &Relation,
    found: &[Found],
    layout: &Layout,
    look: &mut TableLook,
) -> Result<(), StoreError> {
    if relation.partitioned != "LIST (run_id)" {
        look.differences.push(
            "it is not partitioned by LIST (run_id), which `promotion = \"attach\"` needs; create it as \
             `crossfoot check` shows it"
                .into(),
        );
    }
    for trigger in &relation.triggers {
        look.differences.push(format!(
            "trigger {} does not run for rows that are attached; drop it, or set `promotion = \"insert\"`",
            trigger.name
        ));
    }
    for key in &relation.foreign_keys {
        look.differences.push(format!(
            "foreign key {key} is not declared on staging's partitions; use a `references` rule, or set `promotion = \
             \"insert\"`"
        ));
    }
    let row = sqlx::query(
        "SELECT pg_has_role(c.relowner, 'USAGE') AS is_owner,
                ARRAY(SELECT k.conname::text FROM pg_constraint k
                      WHERE k.conrelid = c.oid AND k.contype IN ('c', 'x') ORDER BY 1) AS constraints
         FROM pg_class c WHERE c.oid = $1::oid",
    )
    .bind(relation.oid)
    .fetch_one(connection)
    .await?;
    if !row.try_get::<bool, _>("is_owner")? {
        look.differences.push(format!(
            "user {} does not own it; only its owner may attach a partition: ALTER TABLE {} OWNER TO {}",
            relation.user, look.table, relation.user
        ));
    }
    for name in row.try_get::<Vec<String>, _>("constraints")? {
        look.differences.push(format!(
            "constraint {name} is not declared on staging's partitions; use a rule, or set `promotion = \"insert\"`"
        ));
    }
    compare(found, layout, look);
    Ok(())
}

/// Each column is the one that staging has.
fn compare(found: &[Found], layout: &Layout, look: &mut TableLook) {
    let made = TYPES.final_table(layout);
    for column in &made.columns {
        if !found.iter().any(|there| there.name == column.name) {
            look.differences.push(format!("column {} {} is missing", column.name, column.ty));
        }
    }
    for there in found {
        let wanted = made.columns.iter().find(|column| column.name == there.name);
        let difference = match wanted {
            None => Some(format!(
                "column {} {} is not in the job; a partition has exactly the columns of staging",
                there.name, there.declared
            )),
            Some(column) if there.declared != column.ty => Some(format!(
                "column {} is {}, but staging's is {}, and both must be the same",
                there.name, there.declared, column.ty
            )),
            Some(column) if column.ty == "text" && there.collation.as_deref() != Some(BYTEWISE) => {
                Some(format!("column {} must have the collation \"C\", as staging's has", there.name))
            }
            Some(_) if there.generated || there.identity.is_some() => {
                Some(format!("column {} is generated, but staging's is not", there.name))
            }
            Some(column) if there.not_null && !column.not_null => Some(format!(
                "column {} is NOT NULL, but the job does not require it; say `required = true` in the field",
                there.name
            )),
            Some(_) => None,
        };
        let is_own = STAGING_COLUMNS.contains(&there.name.as_str());
        look.columns.push(ColumnLook {
            column: there.name.clone(),
            ty: there.declared.clone(),
            field: (wanted.is_some() && !is_own).then(|| there.name.clone()),
            verdict: if difference.is_some() { Verdict::DoesNotFit } else { Verdict::Fits },
            note: difference.clone().or_else(|| is_own.then(|| "as in staging".into())),
        });
        look.differences.extend(difference);
    }
}
