//! A template of the user's own: JSON with placeholders such as `{{job}}`. A value is escaped as the content of a JSON
//! string, so that it cannot leave the string that it is in; a number that is not known is `null`.

use serde_json::{Value, json};
use thiserror::Error;

use super::{Notification, Told};

/// The greatest length of a template, in bytes.
pub const TEMPLATE_BYTES_MAX: u64 = 64 << 10;

/// What a placeholder stands for.
type Of = fn(&Notification<'_>) -> Value;

/// The placeholders, by name.
const PLACEHOLDERS: [(&str, Of); 18] = [
    ("job", |told| told.job.into()),
    ("run_id", |told| told.run_id.into()),
    ("outcome", |told| told.outcome.name().into()),
    ("headline", |told| told.headline().into()),
    ("consequence", |told| told.consequence.into()),
    ("next_step", |told| told.next_step.clone().unwrap_or_default().into()),
    ("why", |told| told.why.unwrap_or_default().into()),
    ("failed", |told| told.failed.join("; ").into()),
    ("records", |told| told.records.into()),
    ("rejected", |told| told.rejected.into()),
    ("checks_passed", |told| told.checks.passed.into()),
    ("checks_failed", |told| told.checks.failed.into()),
    ("opened_at", |told| platform::clock::iso(told.opened_at_ms).into()),
    ("expected_at", |told| told.expected_at_ms.map(platform::clock::iso).unwrap_or_default().into()),
    ("elapsed_ms", |told| told.elapsed_ms.into()),
    ("fingerprint", |told| told.fingerprint.map(|hash| hash.to_string()).unwrap_or_default().into()),
    ("log_head", |told| told.log_head.clone().unwrap_or_default().into()),
    ("crossfoot", |told| told.crossfoot.into()),
];

/// A text with placeholders.
#[derive(Debug, Clone)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Value(Of),
}

/// A template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// There is no such placeholder.
    #[error("line {line}: unknown placeholder `{{{{{name}}}}}`; placeholders: {known}")]
    Unknown {
        /// The line, from 1.
        line: usize,
        /// What is between the braces.
        name: String,
        /// The placeholders that there are.
        known: String,
    },
    /// A placeholder begins and does not end.
    #[error("line {0}: `{{{{` without `}}}}` after it")]
    Open(usize),
    /// What it makes is not JSON.
    #[error("what it makes is not JSON: {0}; put placeholders of texts into quotation marks")]
    NotJson(String),
}

impl Template {
    /// Reads a template, and tries it.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let line = text[..text.len() - after.len()].matches('\n').count() + 1;
            let (name, behind) = after.split_once("}}").ok_or(TemplateError::Open(line))?;
            let found = PLACEHOLDERS.iter().find(|(known, _)| *known == name.trim());
            let Some((_, of)) = found else {
                let known = PLACEHOLDERS.map(|(name, _)| name).join(", ");
                return Err(TemplateError::Unknown { line, name: name.escape_debug().to_string(), known });
            };
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Value(*of));
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self(parts);
        for told in [sample(None, None), sample(Some(1), Some("\"\\\n"))] {
            if let Err(error) = serde_json::from_str::<Value>(&template.filled(&told)) {
                return Err(TemplateError::NotJson(error.to_string()));
            }
        }
        Ok(template)
    }

    /// The template with its values.
    pub(crate) fn filled(&self, told: &Notification<'_>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Value(of) => match of(told) {
                Value::String(text) => {
                    let quoted = json!(text).to_string();
                    quoted[1..quoted.len() - 1].to_owned()
                }
                other => other.to_string(),
            },
        };
        self.0.iter().map(part).collect()
    }
}

/// What a template is tried with.
fn sample<'a>(number: Option<u64>, why: Option<&'a str>) -> Notification<'a> {
    Notification {
        crossfoot: "0",
        run_id: "run",
        job: "job",
        outcome: Told::Reconciled,
        records: number,
        rejected: number,
        fingerprint: None,
        checks: domain::report::CheckCounts::default(),
        failed: why.into_iter().collect(),
        why,
        expected_at_ms: None,
        next_step: None,
        opened_at_ms: 0,
        elapsed_ms: 0,
        log_head: None,
        consequence: "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::tests::hostile;

    #[test]
    fn values_stay_in_their_strings() {
        let text = r#"{"t": "{{ job }}: {{why}} / {{failed}}", "n": {{records}}, "r": {{rejected}}, "o": "{{outcome}}"}"#;
        let filled = Template::parse(text).unwrap().filled(&hostile());
        let read: Value = serde_json::from_str(&filled).unwrap();
        let told = hostile();
        assert_eq!(read["t"], format!("nightly: {} / {}", told.why.unwrap(), told.failed[0]));
        assert_eq!((&read["n"], &read["r"]), (&1_234_567.into(), &Value::Null));
        assert_eq!(read["o"], "not-reconciled");
        assert_eq!(Template::parse("{\"a\":{\"b\":{}}}").unwrap().filled(&told), "{\"a\":{\"b\":{}}}");
    }

    #[test]
    fn a_template_is_refused_before_anything_is_told() {
        let refused = |text: &str| Template::parse(text).unwrap_err().to_string();
        assert!(refused("{\n\"a\": \"{{jbo}}\"}").starts_with("line 2: unknown placeholder `{{jbo}}`"));
        assert_eq!(refused("{\"a\": \"{{job\"}"), "line 1: `{{` without `}}` after it");
        assert!(refused("{\"a\": {{job}}}").contains("not JSON"));
        assert!(refused("").contains("not JSON"));
    }
}
