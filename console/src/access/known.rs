//! Operators that someone else vouches for: their names, and the roles that their groups give them.
//!
//! The name goes into the evidence log as it is, with nothing that says by which way it came: four eyes compare names,
//! and `alice` who opened a run with a token must not approve it as another `alice` of the identity provider. If the
//! two are different people, the approval is refused until one of them has another name. The way and the provider's
//! own name for the person (`sub`) stand beside the name in each event, so that an auditor tells them apart.

use std::collections::HashSet;

use domain::role::OperatorRole;
use domain::visible::is_unseen;

/// The longest name of an operator, in characters, as the command line has it.
const NAME_CHARS_MAX: usize = 100;

/// The most values of one operator that are looked up.
const VALUES_MAX: usize = 1000;

/// An operator that someone else vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// The operator's name, as the evidence log has it.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: OperatorRole,
    /// Who vouches for them, and under which name.
    pub(crate) by: String,
}

/// Which value, such as the name of a group, gives which role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping(Vec<(String, OperatorRole)>);

impl FromIterator<(String, OperatorRole)> for Mapping {
    fn from_iter<I: IntoIterator<Item = (String, OperatorRole)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl Mapping {
    /// The highest role that one of `values` gives; `None` if no value gives one.
    pub(crate) fn highest<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> Option<OperatorRole> {
        let values: HashSet<_> = values.into_iter().take(VALUES_MAX).collect();
        let given = self.0.iter().filter(|(value, _)| values.contains(value.as_str()));
        given.map(|(_, role)| *role).max_by_key(|role| rank(*role))
    }
}

/// Roles in the order in which the highest is found. No role includes another but the viewer's.
const fn rank(role: OperatorRole) -> u8 {
    match role {
        OperatorRole::Scraper => 0,
        OperatorRole::Viewer => 1,
        OperatorRole::Auditor => 2,
        OperatorRole::Operator => 3,
        OperatorRole::Approver => 4,
    }
}

/// The name, if it can be an operator's: one line that is read as it is written, and no longer than others.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let is_plain = !text.chars().any(|c| is_unseen(c) || c.is_control() || c == '\'' || c == '"');
    if text.trim() == text && !text.is_empty() && text.chars().count() <= NAME_CHARS_MAX && is_plain {
        return Ok(text.to_owned());
    }
    Err(format!(
        "the name that was given for the operator cannot be used: a name has 1 to {NAME_CHARS_MAX} characters, and no \
         control characters, quotes or surrounding blanks"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_roles_the_highest_applies_and_without_one_nobody_gets_in() {
        let mapping: Mapping = [
            ("see", OperatorRole::Viewer),
            ("check", OperatorRole::Auditor),
            ("run", OperatorRole::Operator),
            ("decide", OperatorRole::Approver),
            ("run", OperatorRole::Viewer),
        ]
        .into_iter()
        .map(|(group, role)| (group.to_owned(), role))
        .collect();
        for (values, role) in [
            (&["see"][..], Some(OperatorRole::Viewer)),
            (&["see", "check"], Some(OperatorRole::Auditor)),
            (&["run", "check"], Some(OperatorRole::Operator)),
            (&["decide", "run", "see"], Some(OperatorRole::Approver)),
            (&["other", "Run", ""], None),
            (&[], None),
        ] {
            assert_eq!(mapping.highest(values.iter().copied()), role, "{values:?}");
        }
    }

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for good in ["alice", "alice@example.com", "Ånna Müller", &"x".repeat(100)] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            " alice",
            "alice ",
            "a\nb",
            "a\u{200b}lice",
            "a\u{202e}b",
            "o'neil",
            "\"x\"",
            &"x".repeat(101),
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
