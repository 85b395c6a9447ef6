//! Lower-case hexadecimal, for digests and raw bytes.

/// `bytes` as lower-case hexadecimal digits.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

/// The bytes that `text` spells in hexadecimal digits of either case; `None` when it spells none.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok()
}

/// Appends to `out` the bytes that `digits` spell; false (with `out` in an unspecified state) when they spell none.
pub fn decode_into(digits: &[u8], out: &mut Vec<u8>) -> bool {
    let at = out.len();
    out.resize(at + digits.len() / 2, 0);
    hex::decode_to_slice(digits, &mut out[at..]).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_there_and_back() {
        assert_eq!(encode(&[0, 15, 255]), "000fff");
        assert_eq!(decode("000FfF"), Some(vec![0, 15, 255]));
        assert_eq!(decode("0"), None);
        assert_eq!(decode("zz"), None);
    }
}
