//! Parquet files, and folders of them, that another program wrote.
//!
//! Columns are read as they are stored, row group by row group and page by page, so that memory does not grow with a
//! file. A column whose logical type is not understood is refused by name, and so is a folder of which not every file
//! is a part of the table.

mod column;
mod files;
mod kind;
mod target;
#[cfg(test)]
mod tests;

pub use target::ParquetTarget;
