//! The tokens with which operators sign in to the console: made, listed, revoked.

use domain::event_kind::EventKind;
use domain::fingerprint::Hash;
use domain::role::OperatorRoles;
use platform::clock::iso;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use store::tokens::TokenRow;
use store::{Store, StoreError};

use crate::context::coordinator::Coordinator;

/// A token that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What the token is called in lists.
    pub token_id: String,
    /// The operator who signs in with it.
    pub name: String,
    /// What the operator may do.
    pub roles: OperatorRoles,
    /// SHA-256 of the token.
    pub sha256: Hash,
    /// When it expires, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// A token in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListedToken {
    /// What the token is called when it is revoked.
    pub token_id: String,
    /// The operator who signs in with it.
    pub name: String,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// Whether it is valid now.
    pub valid: bool,
    /// Who made it: `operator@host`.
    pub made_by: String,
    /// When it was made, UTC: `2024-02-29T13:45:00.123Z`.
    pub made_at: String,
    /// When it expires, UTC; null if it does not.
    pub expires_at: Option<String>,
    /// When it was revoked, UTC; null if it was not.
    pub revoked_at: Option<String>,
}

/// Every token of the store, the oldest first.
///
/// # Errors
/// [`StoreError`] of the database.
pub async fn tokens(store: &dyn Store, now_ms: i64) -> Result<Vec<ListedToken>, StoreError> {
    Ok(store.tokens().await?.into_iter().map(|row| listed(row, now_ms)).collect())
}

fn listed(row: TokenRow, now_ms: i64) -> ListedToken {
    ListedToken {
        valid: row.revoked_at_ms.is_none() && row.expires_at_ms.is_none_or(|at_ms| at_ms > now_ms),
        token_id: row.token_id,
        name: row.name,
        roles: row.roles.split(',').map(str::to_owned).collect(),
        made_by: row.made_by,
        made_at: iso(row.made_at_ms),
        expires_at: row.expires_at_ms.map(iso),
        revoked_at: row.revoked_at_ms.map(iso),
    }
}

impl Coordinator {
    /// Keeps a token for the console. The log has who made it for whom, and never the token.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn add_token(&self, token: &NewToken) -> Result<ListedToken, StoreError> {
        let now_ms = self.clock.now_ms();
        let detail = json!({
            "token_id": token.token_id,
            "name": token.name,
            "roles": token.roles.to_string(),
            "expires_at": iso(token.expires_at_ms),
        });
        let row = TokenRow {
            token_id: token.token_id.clone(),
            name: token.name.clone(),
            roles: token.roles.to_string(),
            sha256: token.sha256,
            made_by: self.actor.clone(),
            made_at_ms: now_ms,
            expires_at_ms: Some(token.expires_at_ms),
            revoked_at_ms: None,
        };
        self.store.add_token(&row, self.entry_of_no_run(EventKind::TokenAdded, &detail)).await?;
        Ok(listed(row, now_ms))
    }

    /// Revokes a token: whoever is signed in with it is no longer. `false`: no valid token is called that.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub async fn revoke_token(&self, token_id: &str) -> Result<bool, StoreError> {
        let detail = json!({ "token_id": token_id });
        self.store.revoke_token(token_id, self.entry_of_no_run(EventKind::TokenRevoked, &detail)).await
    }
}
