//! `[attest]`: within which time what the job promoted must be compared with its source again.
//!
//! ```toml
//! [attest]
//! within = "8d"
//! ```

use domain::schedule::Span;

use super::{Checked, fault};
use crate::file::AttestSection;

/// The longest time, in days.
const DAYS_MAX: i64 = 366;

pub(super) fn within(section: Option<&AttestSection>) -> Checked<Option<Span>> {
    let Some(section) = section else { return Ok(None) };
    let at = section.within.span();
    match Span::of(section.within.get_ref(), DAYS_MAX) {
        Ok(within) if within == Span::default() => {
            fault(at, "`within` must be at least 1m: nothing is attested at the very moment")
        }
        Ok(within) => Ok(Some(within)),
        Err(error) => fault(at, error.to_string()),
    }
}
