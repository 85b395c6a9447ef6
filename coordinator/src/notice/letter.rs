//! An e-mail: the verdict first, then what is known, then what to do.

use std::fmt::Write as _;

use super::Notification;

/// A subject and a text, both without anything that a mail reader acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// The e-mail about `told`.
pub(crate) fn letter(told: &Notification<'_>) -> Letter {
    let mut text = format!("{}\n{}\n\n", told.headline(), told.consequence);
    for (name, value) in told.facts() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:<15}{value}", format!("{name}:"));
    }
    let next = told.next_step.as_deref().unwrap_or("nothing needs to be done");
    let _ = write!(text, "\nNext: {next}\n\n-- \nCrossfoot {}\n", told.crossfoot);
    Letter { subject: told.headline(), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::tests::hostile;

    #[test]
    fn the_verdict_comes_first_and_a_value_begins_no_line_of_its_own() {
        let letter = letter(&hostile());
        assert_eq!(letter.subject, "Not reconciled: nightly");
        let lines: Vec<_> = letter.text.lines().collect();
        assert_eq!(lines[..2], ["Not reconciled: nightly", "none of this run's rows are in final"]);
        assert!(lines.contains(&"Records:       1,234,567"), "{}", letter.text);
        assert!(lines.contains(&"Next: crossfoot explain 0193-run"), "{}", letter.text);
        assert!(!lines.iter().any(|line| line.starts_with("Bcc")), "{}", letter.text);
    }
}
