//! `[trends]`: how far a run's figures may be from those of the runs before it.
//!
//! ```toml
//! [trends]
//! records      = "40%"                # of the median of the runs that it is compared with
//! amounts      = { amt = "30%" }      # or one share for all of them
//! rejects      = "200%"
//! duration     = "100%"               # marked by `crossfoot trends`
//! runs         = 20                   # so many promoted runs are looked at
//! runs_min     = 5                    # with fewer nothing is compared
//! same_weekday = "auto"               # true: only Mondays with Mondays; auto: if there are enough; false
//! on_breach    = "warn"               # or "fail"
//! ```

use std::ops::Range;

use domain::trend::{RUNS_MAX, SameWeekday, TrendRules};
use toml::Spanned;

use super::{Checked, fault, fault_advised, share};
use crate::RecordType;
use crate::file::{AmountsSection, TrendsSection};

pub(super) fn trends(
    section: Option<&Spanned<TrendsSection>>,
    records: &[RecordType],
) -> Checked<TrendRules> {
    let Some(spanned) = section else { return Ok(TrendRules::default()) };
    let section = spanned.get_ref();
    let of =
        |given: Option<&Spanned<String>>| given.map(|given| parts(given.get_ref(), given.span())).transpose();
    let usual = TrendRules::default();
    let mut rules = TrendRules {
        is_declared: true,
        records: of(section.records.as_ref())?,
        rejects: of(section.rejects.as_ref())?,
        duration: of(section.duration.as_ref())?,
        runs: section.runs.as_ref().map_or(usual.runs, |runs| *runs.get_ref()),
        runs_min: section.runs_min.as_ref().map_or(usual.runs_min, |runs| *runs.get_ref()),
        ..usual
    };
    if let Some(amounts) = &section.amounts {
        let names = crate::amount_names(records.iter().map(|record| &record.layout));
        match amounts.get_ref() {
            AmountsSection::All(share) => rules.amounts = Some(parts(share, amounts.span())?),
            AmountsSection::Each(each) => {
                for (name, share) in each {
                    if !names.contains(name) {
                        return fault_advised(
                            amounts.span(),
                            format!("no amount is named `{name}`"),
                            format!("amounts: {}", names.join(", ")),
                        );
                    }
                    rules.amount.insert(name.clone(), parts(share, amounts.span())?);
                }
            }
        }
        if names.is_empty() {
            return fault(amounts.span(), "no record has `amounts`, so there is nothing to compare");
        }
    }
    let compares = [rules.records, rules.rejects, rules.amounts, rules.duration];
    if compares.iter().all(Option::is_none) && rules.amount.is_empty() {
        return fault(spanned.span(), "[trends] compares nothing; set records, rejects, amounts or duration");
    }
    if rules.runs == 0 || rules.runs > RUNS_MAX || rules.runs_min == 0 || rules.runs_min > rules.runs {
        let span = section.runs.as_ref().or(section.runs_min.as_ref()).map_or(spanned.span(), Spanned::span);
        return fault(
            span,
            format!(
                "`runs` must be 1 to {RUNS_MAX}, and `runs_min` 1 to `runs`; they are {} and {}",
                rules.runs, rules.runs_min
            ),
        );
    }
    if let Some(given) = &section.same_weekday {
        rules.same_weekday = match given.get_ref() {
            toml::Value::Boolean(true) => SameWeekday::Always,
            toml::Value::Boolean(false) => SameWeekday::Never,
            toml::Value::String(word) if word == "auto" => SameWeekday::Auto,
            other => {
                return fault(
                    given.span(),
                    format!("invalid same_weekday `{other}`: expected true, false or \"auto\""),
                );
            }
        };
    }
    if let Some(given) = &section.on_breach {
        rules.fails = match given.get_ref().as_str() {
            "warn" => false,
            "fail" => true,
            other => {
                return fault(given.span(), format!("invalid on_breach `{other}`: expected warn or fail"));
            }
        };
    }
    Ok(rules)
}

fn parts(text: &str, span: Range<usize>) -> Checked<u32> {
    match share(text).filter(|parts| *parts > 0) {
        Some(parts) => Ok(parts),
        None => fault(
            span,
            format!(
                "invalid share `{text}`: expected a form such as \"40%\", above 0 and at most 4000%, with at \
                 most four decimal places"
            ),
        ),
    }
}
