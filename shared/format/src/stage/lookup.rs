//! A table of codes and what each stands for.

use std::collections::BTreeMap;

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The text of the value.
    pub text: String,
    /// Whether another code of the table stands for the same.
    pub is_shared: bool,
}

/// Codes, what each stands for, and what becomes of a code that the table lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    entries: BTreeMap<String, Entry>,
    otherwise: Option<String>,
}

impl Lookup {
    /// A table of these codes and texts. `otherwise`: the text of the value for a code that it lacks; `None`: the
    /// record is a reject.
    ///
    /// # Errors
    /// The first code that the table has twice.
    pub fn new(
        rows: impl IntoIterator<Item = (String, String)>,
        otherwise: Option<String>,
    ) -> Result<Self, String> {
        let mut entries = BTreeMap::new();
        let mut uses: BTreeMap<String, u64> = BTreeMap::new();
        for (code, text) in rows {
            *uses.entry(text.clone()).or_default() += 1;
            if entries.insert(code.clone(), Entry { text, is_shared: false }).is_some() {
                return Err(code);
            }
        }
        for entry in entries.values_mut() {
            entry.is_shared = uses.get(&entry.text).is_some_and(|uses| *uses > 1);
        }
        Ok(Self { entries, otherwise })
    }

    /// What a code stands for; `None`: the table lacks it.
    #[must_use]
    pub fn get(&self, code: &str) -> Option<&Entry> {
        self.entries.get(code)
    }

    /// The text of the value for a code that the table lacks.
    #[must_use]
    pub fn otherwise(&self) -> Option<&str> {
        self.otherwise.as_deref()
    }

    /// Every text that a code stands for.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(code, entry)| (code.as_str(), entry.text.as_str()))
    }
}
