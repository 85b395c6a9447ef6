//! Schemas of values that TOML may write in several types.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::control::FromSection;

/// A share in percent, as an exact amount is written.
const SHARE: &str = r"^\s*\+?[0-9]*(\.[0-9]*)?\s*%\s*$";

/// A constant of a field's type. Exact amounts are written as text.
pub(super) fn constant(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "integer", "boolean"] })
}

/// An exact amount, written as text or as an integer.
pub(super) fn amount(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "integer"] })
}

/// A list of constants.
pub(super) fn constants(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": constant(generator), "minItems": 1 })
}

/// A number of records, or a share of them.
pub(super) fn count_or_share(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": SHARE }] })
}

/// A share such as `"40%"`.
pub(super) fn share(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": SHARE })
}

/// One share for all amounts, or one for each that is named.
pub(super) fn shares(generator: &mut SchemaGenerator) -> Schema {
    let share = share(generator);
    json_schema!({ "anyOf": [share, { "type": "object", "additionalProperties": share }] })
}

/// `true`, `false` or `"auto"`.
pub(super) fn same_weekday(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": [true, false, "auto"] })
}

/// A number of records, or where in the source it stands.
pub(super) fn declared_count(generator: &mut SchemaGenerator) -> Schema {
    let from = generator.subschema_for::<FromSection>();
    json_schema!({ "anyOf": [{ "type": "integer", "minimum": 0 }, from] })
}

/// Amounts by their names: each a number, or where in the source it stands.
pub(super) fn declared_amounts(generator: &mut SchemaGenerator) -> Schema {
    let from = generator.subschema_for::<FromSection>();
    json_schema!({
        "type": "object",
        "additionalProperties": { "anyOf": [{ "type": ["string", "integer"] }, from] },
    })
}

/// Values by their names.
pub(super) fn declared_values(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": { "type": ["string", "integer"] } })
}

/// `"*"`, or a list of names.
pub(super) fn all_or_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [{ "const": "*" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }],
    })
}

/// A name, or a list of them.
pub(super) fn name_or_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }],
    })
}

/// A number of bytes, or all that the record has left.
pub(super) fn width(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "const": "rest" }] })
}
