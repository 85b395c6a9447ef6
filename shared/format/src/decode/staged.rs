//! A record's decoder: of its columns, and of the fields that a job makes of them.

use std::sync::Arc;

use domain::layout::Layout;
use domain::value::Value;

use super::made::StageReader;
use super::{ColumnDecoder, Decoded};
use crate::spec::FormatSpec;

/// Decodes one record at a time. What it needs for that is kept from record to record, so that a good record
/// costs no allocation unless fields are made of columns.
#[derive(Debug, Clone)]
pub struct Decoder {
    layout: Arc<Layout>,
    columns: ColumnDecoder,
    /// What makes the fields, where they are not the columns.
    stage: Option<Box<(StageReader, Vec<Option<usize>>)>>,
}

impl Decoder {
    /// A decoder for records of `layout` written as `spec` says.
    ///
    /// # Errors
    /// A sentence for the job's author: a date form that cannot be read, a field without a position, and the like.
    pub fn new(spec: &FormatSpec, layout: Arc<Layout>) -> Result<Self, String> {
        let Some(stage) = &spec.stage else {
            return Ok(Self { columns: ColumnDecoder::new(spec, Arc::clone(&layout))?, layout, stage: None });
        };
        let reader = StageReader::new(stage, &layout)?;
        let places = (0..layout.fields.len()).map(|field| stage.column_of(field)).collect();
        let columns = ColumnDecoder::new(spec, Arc::clone(&stage.columns))?;
        Ok(Self { layout, columns, stage: Some(Box::new((reader, places))) })
    }

    /// The layout whose records it decodes.
    #[must_use]
    pub const fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Decodes the record with this content (without its line end). All fields are tried, so that a reject comes
    /// with every reason; only when its fields cannot be told apart is that the one reason.
    pub fn decode<'a>(&'a mut self, record: &'a [u8]) -> Decoded<'a> {
        let columns = self.columns.decode(record);
        match &mut self.stage {
            None => columns,
            Some(stage) => stage.0.apply(columns),
        }
    }

    /// Where the field at `index` of the layout is in the record, and its length; `None` where that is not a place of
    /// its own, or past the record's end. For showing.
    pub fn place(&mut self, record: &[u8], index: usize) -> Option<(usize, usize)> {
        let column = self.column(index)?;
        self.columns.place(record, column)
    }

    /// What the field at `index` of the layout holds, whatever else may be wrong with the record; `None` when that
    /// cannot be told, or when the field is made of columns. By it a record's type is told before the record is
    /// decoded.
    pub fn peek<'a>(&'a mut self, record: &'a [u8], index: usize) -> Option<Value<'a>> {
        let column = self.column(index)?;
        self.columns.peek(record, column)
    }

    /// The column that a field is.
    fn column(&self, index: usize) -> Option<usize> {
        match &self.stage {
            None => Some(index),
            Some(stage) => stage.1.get(index).copied().flatten(),
        }
    }
}
