//! What an operator may do, by their roles.

use coordinator::ops::acts::Act;
use domain::role::OperatorRole;

use super::Who;
use crate::problem::Problem;

/// Whether `who` may do `act` with any run.
///
/// # Errors
/// [`Problem`] that names the role they lack.
pub fn may(who: &Who, act: Act, is_read_only: bool) -> Result<(), Problem> {
    writes(is_read_only)?;
    let role = match act {
        Act::Approve | Act::BackOut => OperatorRole::Approver,
        Act::Resume | Act::Redrive | Act::Window | Act::Pause | Act::Cancel | Act::Purge => {
            OperatorRole::Operator
        }
    };
    has(who, role)
}

/// Whether `who` may drain workers.
///
/// # Errors
/// [`Problem`] that names the role they lack.
pub fn may_drain(who: &Who, is_read_only: bool) -> Result<(), Problem> {
    writes(is_read_only)?;
    has(who, OperatorRole::Operator)
}

fn writes(is_read_only: bool) -> Result<(), Problem> {
    if is_read_only {
        return Err(Problem::forbidden("this console only reads")
            .advise("use the command line, or start a console without `--read-only`"));
    }
    Ok(())
}

/// Whether `who` has a role.
///
/// # Errors
/// [`Problem`] that names it.
pub(crate) fn has(who: &Who, role: OperatorRole) -> Result<(), Problem> {
    if who.roles.has(role) {
        return Ok(());
    }
    let (name, role) = (&who.name, role.name());
    Err(Problem::forbidden(format!("{name} does not have the role {role}")).advise(format!(
        "ask someone with that role, or for a token that has it (`crossfoot token add --role {role}`)"
    )))
}
