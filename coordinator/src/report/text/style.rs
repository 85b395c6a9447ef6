//! How text for a terminal looks: its width, its colours, the titles of its sections.

use std::fmt::Write as _;

/// How the text is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to colour with escape codes.
    pub colour: bool,
    /// The terminal's width in columns; anything below 60 is taken as 60.
    pub width: u16,
    /// Whether checks that passed are listed one by one, or only counted.
    pub lists_passed: bool,
}

impl Style {
    /// Plain text of `width` columns with everything in it: as it goes into a file.
    #[must_use]
    pub const fn plain(width: u16) -> Self {
        Self { colour: false, width, lists_passed: true }
    }

    /// The columns that may be used.
    pub(super) const fn columns(self) -> u16 {
        if self.width < 60 { 60 } else { self.width }
    }

    /// `text` in `tone`, if colour is wanted.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.into();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Notice => "33",
            Tone::Quiet => "2",
            Tone::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// How something is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Green: everything is right.
    Good,
    /// Red: something is wrong.
    Bad,
    /// Yellow: someone should look at it.
    Notice,
    /// Printed dim: of lesser weight.
    Quiet,
    /// Printed bold: of greater weight.
    Strong,
}

/// Begins a section: a title and a rule as wide as the terminal.
pub fn section(out: &mut String, style: Style, title: &str) {
    let rule = "─".repeat(usize::from(style.columns()).saturating_sub(title.len() + 1));
    let _ = writeln!(out, "\n{} {}", style.paint(Tone::Strong, title), style.paint(Tone::Quiet, &rule));
}
