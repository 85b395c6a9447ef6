//! A drill's document in its forms: text for a terminal, one HTML file, Markdown for a repository.

mod headline;
mod html;
mod markdown;
mod text;

pub use html::html;
pub use markdown::markdown;
pub use text::text;
