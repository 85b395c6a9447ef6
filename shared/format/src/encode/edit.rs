//! One field of a record written anew, among the record's own bytes: how a reject is corrected.
//!
//! The encoder writes the usual form of a value where the field is; every other byte of the record stays. Nothing here
//! reads a value: whoever corrects a record decodes it again, and compares.

use domain::layout::Layout;
use domain::record::RawField;

use super::CannotWrite;
use super::delimited::DelimitedEncoder;
use super::fixed::FixedEncoder;
use super::laid_out::LaidOutEncoder;
use crate::spec::{Form, FormatSpec};

/// Writes fields into the records of one type.
#[derive(Debug, Clone)]
pub struct FieldWriter {
    shape: Shape,
    room: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Shape {
    Delimited(Box<DelimitedEncoder>),
    Fixed(Box<FixedEncoder>),
    Copybook(Box<LaidOutEncoder>),
}

impl FieldWriter {
    /// For records of `layout` that are written as `spec` says.
    ///
    /// # Errors
    /// A sentence for the job's author.
    pub fn new(spec: &FormatSpec, layout: &Layout) -> Result<Self, String> {
        let shape = match &spec.form {
            Form::Delimited(form) => Shape::Delimited(Box::new(DelimitedEncoder::new(form, spec, layout)?)),
            Form::Fixed(form) => Shape::Fixed(Box::new(FixedEncoder::new(form, spec, layout)?)),
            Form::Copybook(form) => Shape::Copybook(Box::new(LaidOutEncoder::new(&form.record)?)),
        };
        Ok(Self { shape, room: Vec::new() })
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
        let Self { shape, room } = self;
        let place = match shape {
            Shape::Delimited(encoder) => encoder.form_of(record, index, value, room)?,
            Shape::Fixed(encoder) => encoder.form_of(record, index, value, room)?,
            Shape::Copybook(encoder) => encoder.form_of(record, index, value, room)?,
        };
        record.splice(place, room.drain(..));
        Ok(())
    }
}
