//! From what was seen after a strike to whether the defect was caught as the catalogue demands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::catalogue::Defect;
use super::model::{Catch, Located, matches};

/// What a strike led to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The names of the checks that failed.
    pub failed_checks: Vec<String>,
    /// What was refused, in the words of the refusal.
    pub refusal: Option<String>,
    /// Why the database did not let the damage be done, if it did not.
    pub prevented: Option<String>,
    /// Whether the run ended reconciled, with the undamaged fingerprint and the undamaged number of rows in final.
    pub is_whole: bool,
    /// Whether final holds anything that it must not.
    pub leaked_rows: u64,
    /// How closely what was found names the damage.
    pub located: Option<Located>,
}

/// How a defect came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    /// A check failed, or the run was refused.
    Detected,
    /// It did no harm, as it must not.
    Withstood,
    /// The database did not let it be done.
    Prevented,
    /// Nothing saw it, or not as closely as it must be seen, or something of it reached final.
    Missed,
}

impl Seen {
    /// The outcome as it is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Withstood => "withstood",
            Self::Prevented => "prevented",
            Self::Missed => "MISSED",
        }
    }
}

/// A judgement of one strike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// How it came out.
    pub seen: Seen,
    /// What caught it: the check or refusal that the catalogue asks for, or what came instead.
    pub by: String,
    /// Why it counts as missed; empty otherwise.
    pub why: String,
}

/// Judges a strike by what the catalogue demands.
#[must_use]
pub fn judge(defect: &Defect, evidence: &Evidence) -> Judgement {
    let missed = |by: String, why: &str| Judgement { seen: Seen::Missed, by, why: why.into() };
    let anything = || match (evidence.failed_checks.first(), &evidence.refusal) {
        (Some(first), _) => first.clone(),
        (None, Some(refusal)) => format!("refused: {refusal}"),
        (None, None) => "nothing".into(),
    };
    if evidence.leaked_rows > 0 {
        return missed(anything(), "rows of the run are in final");
    }
    let fits = |wanted: &Catch| match wanted {
        Catch::Check(pattern) => evidence.failed_checks.iter().find(|name| matches(pattern, name)).cloned(),
        Catch::Refused(words) => {
            evidence.refusal.as_ref().filter(|refusal| refusal.contains(words)).map(|_| wanted.to_string())
        }
        Catch::Prevented => evidence.prevented.clone(),
        Catch::Withstood => evidence.is_whole.then(|| wanted.to_string()),
    };
    let Some((wanted, by)) = defect.caught_by.iter().find_map(|wanted| Some((wanted, fits(wanted)?))) else {
        return missed(anything(), "not caught as the catalogue requires");
    };
    let seen = match wanted {
        Catch::Check(_) if evidence.located.is_none_or(|located| located < defect.located) => {
            let found = evidence.located.map_or("nothing", Located::name);
            return missed(by, &format!("located to {found}; {} is required", defect.located));
        }
        Catch::Check(_) | Catch::Refused(_) => Seen::Detected,
        Catch::Prevented => Seen::Prevented,
        Catch::Withstood => Seen::Withstood,
    };
    Judgement { seen, by, why: String::new() }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::DefectId;
    use super::super::model::Strikes;
    use super::*;
    use domain::invariants::Invariant;

    const DEFECT: Defect = Defect {
        id: DefectId::Amt01,
        strikes: Strikes::Staging,
        what: "a cent is added",
        invariant: Invariant::AmountsEqual,
        caught_by: &[Catch::Check("sum of *"), Catch::Refused("stored"), Catch::Prevented],
        located: Located::Record,
    };

    #[test]
    fn a_strike_is_judged_by_what_the_catalogue_demands() {
        let checks = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let at = |located| Evidence {
            failed_checks: checks(&["sum of amount"]),
            located: Some(located),
            ..Evidence::default()
        };
        let refused = |text: &str| Evidence { refusal: Some(text.into()), ..Evidence::default() };
        let table = [
            (at(Located::Field), Seen::Detected),
            (at(Located::Record), Seen::Detected),
            // not closely enough
            (at(Located::Run), Seen::Missed),
            // caught, and all the same something is in final
            (Evidence { leaked_rows: 1, ..at(Located::Field) }, Seen::Missed),
            // another check
            (Evidence { failed_checks: checks(&["staging rows"]), ..at(Located::Field) }, Seen::Missed),
            (refused("9 rows were sent and 8 stored"), Seen::Detected),
            (refused("the disk is full"), Seen::Missed),
            (
                Evidence { prevented: Some("the column holds no such value".into()), ..Evidence::default() },
                Seen::Prevented,
            ),
            // reconciled as if nothing had happened, where that is not demanded
            (Evidence { is_whole: true, ..Evidence::default() }, Seen::Missed),
            (Evidence::default(), Seen::Missed),
        ];
        for (evidence, seen) in table {
            let judgement = judge(&DEFECT, &evidence);
            assert_eq!(judgement.seen, seen, "{evidence:?}");
            assert_eq!(judgement.why.is_empty(), seen != Seen::Missed);
        }
        let duplicates = Defect { caught_by: &[Catch::Withstood], ..DEFECT };
        assert_eq!(
            judge(&duplicates, &Evidence { is_whole: true, ..Evidence::default() }).seen,
            Seen::Withstood
        );
        assert_eq!(judge(&duplicates, &at(Located::Field)).seen, Seen::Missed);
    }
}
