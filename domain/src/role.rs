//! What an operator of the console may do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;

crate::named! {
    /// What an operator of the console may do.
    #[derive(PartialOrd, Ord, Hash, Serialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    pub enum OperatorRole {
        /// Sees runs, workers, rejects, jobs and the fleet.
        Viewer = "viewer",
        /// Sees them too, and cancels, redrives, resumes and purges runs.
        Operator = "operator",
        /// Sees them too, and approves runs.
        Approver = "approver",
        /// Sees them too, and reads and verifies the whole evidence log.
        Auditor = "auditor",
        /// Reads the metrics, and nothing else.
        Scraper = "scraper",
    }
}

/// The roles of one operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperatorRoles(BTreeSet<OperatorRole>);

impl OperatorRoles {
    /// Every role of a person: all but the scraper's.
    #[must_use]
    pub fn of_a_person() -> Self {
        Self(OperatorRole::ALL.iter().copied().filter(|role| *role != OperatorRole::Scraper).collect())
    }

    /// Whether `role` is one of them. Whoever has another role of a person may view.
    #[must_use]
    pub fn has(&self, role: OperatorRole) -> bool {
        self.0.contains(&role)
            || role == OperatorRole::Viewer && self.0.iter().any(|role| *role != OperatorRole::Scraper)
    }

    /// The roles in order.
    #[must_use]
    pub fn list(&self) -> Vec<OperatorRole> {
        self.0.iter().copied().collect()
    }
}

impl FromIterator<OperatorRole> for OperatorRoles {
    fn from_iter<I: IntoIterator<Item = OperatorRole>>(roles: I) -> Self {
        Self(roles.into_iter().collect())
    }
}

impl fmt::Display for OperatorRoles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|role| role.name()).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for OperatorRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
        let found = Self::ALL.iter().copied().find(|role| role.name() == text);
        found.ok_or_else(|| format!("`{text}` is no role; known roles: {known}"))
    }
}

impl FromStr for OperatorRoles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(|word| word.trim().parse::<OperatorRole>()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_do_something_may_look_but_a_scraper_reads_metrics_only() {
        for role in OperatorRole::ALL {
            let roles: OperatorRoles = role.name().parse().unwrap();
            assert_eq!(roles.has(OperatorRole::Viewer), *role != OperatorRole::Scraper, "{role:?}");
            assert!(roles.has(*role));
        }
        let both: OperatorRoles = "approver, viewer".parse().unwrap();
        assert_eq!(both.to_string(), "viewer,approver");
        assert!(
            !both.has(OperatorRole::Operator) && !OperatorRoles::of_a_person().has(OperatorRole::Scraper)
        );
        assert!("root".parse::<OperatorRoles>().unwrap_err().contains("known roles: viewer"));
    }
}
