//! How the source is compressed, and whether what is decoded of it is proven.

use source::Compression;
use toml::Spanned;

use super::{Checked, fault};

pub(super) fn compression(spanned: Option<&Spanned<String>>) -> Checked<Compression> {
    let Some(spanned) = spanned else { return Ok(Compression::Auto) };
    Ok(match spanned.get_ref().as_str() {
        "auto" => Compression::Auto,
        "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        other => {
            return fault(
                spanned.span(),
                format!("invalid compression `{other}`: expected auto, none, gzip or zstd"),
            );
        }
    })
}

/// Whether accepted records are encoded again.
pub(super) fn decode_proof(spanned: Option<&Spanned<String>>) -> Checked<bool> {
    let Some(spanned) = spanned else { return Ok(true) };
    match spanned.get_ref().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        other => fault(spanned.span(), format!("invalid decode_proof `{other}`: expected on or off")),
    }
}
