//! The archive: POSIX ustar, uncompressed, in one form only.
//!
//! Each part is a header of 512 bytes, its content, and zero bytes up to the next multiple of 512; two blocks of zeros
//! end the archive, and nothing follows them. Every header field but name, size and checksum is fixed: mode 0644, user
//! and group 0 without names, time 0. So a reader writes the header anew and compares it, byte for byte. A part of
//! 8 GiB and more, which ustar's eleven octal digits cannot tell, has its size in GNU tar's binary form, which every
//! tar of today reads.

/// The unit of the archive.
pub const BLOCK: usize = 512;

/// Zero bytes at the end.
pub const END: usize = 2 * BLOCK;

/// The first size that eleven octal digits do not hold.
const OCTAL_END: u64 = 1 << 33;

fn octal(field: &mut [u8], mut number: u64, digits: usize) {
    for digit in field[..digits].iter_mut().rev() {
        #[allow(clippy::cast_possible_truncation, reason = "three bits")]
        let low = (number & 7) as u8;
        *digit = b'0' + low;
        number >>= 3;
    }
}

/// The header of the part called `name` with `size` bytes. Names longer than 100 bytes do not occur: they are those of
/// [`super::Part`].
#[must_use]
pub fn header(name: &str, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (to, from) in block[..100].iter_mut().zip(name.bytes()) {
        *to = from;
    }
    octal(&mut block[100..], 0o644, 7);
    octal(&mut block[108..], 0, 7);
    octal(&mut block[116..], 0, 7);
    if size < OCTAL_END {
        octal(&mut block[124..], size, 11);
    } else {
        block[124] = 0x80;
        block[128..136].copy_from_slice(&size.to_be_bytes());
    }
    octal(&mut block[136..], 0, 11);
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    octal(&mut block[329..], 0, 7);
    octal(&mut block[337..], 0, 7);
    // The checksum is formed with spaces in its own place.
    block[148..156].fill(b' ');
    let sum = block.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut block[148..], sum, 6);
    block[154] = 0;
    block
}

/// The name and size that a header states, if it has the form that [`header`] writes.
#[must_use]
pub fn read(block: &[u8; BLOCK]) -> Option<(&str, u64)> {
    let end = block[..100].iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(&block[..end]).ok()?;
    let size = if block[124] == 0x80 {
        u64::from_be_bytes(block[128..136].try_into().ok()?)
    } else {
        let digits = std::str::from_utf8(&block[124..135]).ok()?;
        u64::from_str_radix(digits, 8).ok()?
    };
    (*block == header(name, size)).then_some((name, size))
}

/// How many zero bytes follow a part of `size` bytes.
#[must_use]
pub const fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_of_a_header_is_seen() {
        for size in [0, 1, 511, 512, OCTAL_END - 1, OCTAL_END, u64::MAX] {
            let block = header("chunks.jsonl", size);
            assert_eq!(read(&block), Some(("chunks.jsonl", size)));
            for at in 0..BLOCK {
                for bit in 0..8 {
                    let mut changed = block;
                    changed[at] ^= 1 << bit;
                    assert_eq!(read(&changed), None, "byte {at}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn padding_fills_the_block() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
