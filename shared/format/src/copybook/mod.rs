//! COBOL copybooks: what the records of a mainframe file consist of.
//!
//! ```text
//! text ─ copies: COPY, REPLACING ─► text
//! text ─ source: columns, comments, continuation ─► token ─► entry ─► tree ─► place ─► Copybook
//!                                                   picture ┘                             │
//!                                                              plan: record, views, columns ▼ Plan
//! ```
//!
//! Sizes and alignment are those of IBM Enterprise COBOL for z/OS. What the parser does not know it refuses, with the
//! place: no length is ever guessed. Nothing here reads files or decodes values.

pub mod copies;
mod cursor;
mod elementary;
mod entry;
mod error;
mod item;
pub mod limits;
mod occurs;
mod picture;
mod place;
pub mod plan;
mod source;
mod token;
mod tree;
mod value;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use miette::NamedSource;

pub use error::CopybookError;
pub use item::{Elementary, Item, ItemId, Occurs, Renames, SignPlace, Usage};
pub use picture::{Category, Edit, Picture};
pub use source::ReferenceFormat;
pub use value::{Condition, Figurative, Literal, Values};

use self::cursor::Cursor;
use self::error::{Checked, Fault};
use self::picture::Symbols;
use self::tree::Tree;

/// How a copybook is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseOptions {
    /// How its lines are laid out.
    pub format: ReferenceFormat,
    /// The currency sign of pictures.
    pub currency: char,
    /// DECIMAL-POINT IS COMMA: `.` and `,` change places in pictures and numbers.
    pub decimal_comma: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self { format: ReferenceFormat::Fixed, currency: '$', decimal_comma: false }
    }
}

/// What a copybook describes.
#[derive(Debug, Clone)]
pub struct Copybook {
    text: Arc<NamedSource<String>>,
    items: Vec<Item>,
    records: Vec<ItemId>,
    renames: Vec<Renames>,
    notes: Vec<String>,
}

impl Copybook {
    /// Reads the copybook `text`; `name` is what messages call it.
    ///
    /// # Errors
    /// The first thing in it that is wrong, or that is not supported here.
    pub fn parse(name: &str, text: &str, options: ParseOptions) -> Result<Self, CopybookError> {
        let text = source::text_of(text, options.format);
        let source = Arc::new(NamedSource::new(name, text.to_string()).with_language("COBOL"));
        let (tree, notes) = read(&text, options).map_err(|fault| CopybookError::place(fault, &source))?;
        Ok(Self { text: source, items: tree.items, records: tree.records, renames: tree.renames, notes })
    }

    /// What its author may want to look at, a sentence each: what compilers take with a warning.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Its records: entries of level 01 and 77. Items without a record are put together in one without a name, of
    /// level 0.
    #[must_use]
    pub fn records(&self) -> &[ItemId] {
        &self.records
    }

    /// All items, each group before what it holds.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The item that `id` stands for.
    ///
    /// # Panics
    /// If `id` is of another copybook.
    #[must_use]
    pub fn item(&self, id: ItemId) -> &Item {
        &self.items[id.index()]
    }

    /// The level 66 entries.
    #[must_use]
    pub fn renames(&self) -> &[Renames] {
        &self.renames
    }

    fn refuse(&self, fault: Fault) -> CopybookError {
        CopybookError::place(fault, &self.text)
    }
}

fn read(text: &str, options: ParseOptions) -> Checked<(Tree, Vec<String>)> {
    if text.len() > limits::TEXT_BYTES_MAX {
        return Err(Fault::new(
            0..0,
            format!("the copybook is longer than {} bytes", limits::TEXT_BYTES_MAX),
        ));
    }
    let code = source::code_of(text, options.format)?;
    let tokens = token::tokens_of(&code)?;
    let symbols =
        Symbols { currency: options.currency.to_ascii_uppercase(), decimal_comma: options.decimal_comma };
    let mut cursor = Cursor::new(&tokens, text.len());
    let mut tree = Tree::default();
    while let Some(statement) = entry::statement(&mut cursor, symbols)? {
        tree.add(statement)?;
    }
    if tree.items.is_empty() {
        return Err(Fault::new(0..0, "the copybook has no data items").advise(
            "fixed format reads columns 8 to 72; for other layouts, set copybook_format = \"free\" (for \
             `crossfoot init`: --free)",
        ));
    }
    tree.complete()?;
    let notes = place::place(&mut tree.items, &tree.records)?;
    Ok((tree, notes))
}
