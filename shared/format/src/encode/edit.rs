//! One field of a record written anew, among the record's own bytes: how a reject is corrected.
//!
//! The encoder writes the usual form of a value where the field is; every other byte of the record stays. Nothing here
//! reads a value: whoever corrects a record decodes it again, and compares.

use std::sync::Arc;

use domain::layout::Layout;
use domain::record::RawField;

use super::{CannotWrite, Shape};
use crate::spec::FormatSpec;
use crate::stage::Stage;

/// Writes fields into the records of one type.
#[derive(Debug, Clone)]
pub struct FieldWriter {
    shape: Shape,
    stage: Option<Arc<Stage>>,
    room: Vec<u8>,
}

impl FieldWriter {
    /// For records of `layout` that are written as `spec` says.
    ///
    /// # Errors
    /// A sentence for the job's author.
    pub fn new(spec: &FormatSpec, layout: &Layout) -> Result<Self, String> {
        let stage = spec.stage.clone();
        let shape = Shape::new(spec, stage.as_ref().map_or(layout, |stage| &*stage.columns))?;
        Ok(Self { shape, stage, room: Vec::new() })
    }

    /// Replaces the bytes of the field at `index` of the layout by the usual form of `value`. The record's content is
    /// changed in place; it is as it was if that fails.
    ///
    /// # Errors
    /// [`CannotWrite`].
    pub fn write(
        &mut self,
        record: &mut Vec<u8>,
        index: usize,
        value: RawField<'_>,
    ) -> Result<(), CannotWrite> {
        let Self { shape, stage, room } = self;
        let index = match stage {
            None => index,
            Some(stage) => stage.column_of(index).ok_or(CannotWrite::Computed)?,
        };
        let place = match shape {
            Shape::Delimited(encoder) => encoder.form_of(record, index, value, room)?,
            Shape::Fixed(encoder) => encoder.form_of(record, index, value, room)?,
            Shape::Copybook(encoder) => encoder.form_of(record, index, value, room)?,
        };
        record.splice(place, room.drain(..));
        Ok(())
    }
}
