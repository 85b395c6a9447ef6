#!/usr/bin/env python3
"""Writes tables.rs from ICU's converters: ./generate.py > tables.rs && rustfmt tables.rs (needs `uconv`).

ICU's tables are IBM's own (CDRA). One byte is taken from elsewhere, see EXCEPTIONS.
"""

import subprocess

PAGES = [273, 277, 278, 280, 284, 285, 297, 500, 870, 871, 1026, 1047, *range(1140, 1150)]
# ICU 4.8 and later give the Turkish lira sign of 2012 the place that files written before it use for U+00AA;
# CPython, glibc and Java agree on the latter.
EXCEPTIONS = {(1026, 0x9A): "\u00aa"}


def table(page):
    done = subprocess.run(
        ["uconv", "-f", f"ibm-{page}", "-t", "UTF-16BE"], input=bytes(range(256)), capture_output=True, check=True
    )
    chars = done.stdout.decode("utf-16-be")
    chars = "".join(EXCEPTIONS.get((page, byte), char) for byte, char in enumerate(chars))
    assert len(chars) == len(set(chars)) == 256
    return chars


def literal(char):
    if char in "'\\":
        return f"'\\{char}'"
    return f"'{char}'" if char.isprintable() and char != "\u00ad" else f"'\\u{{{ord(char):x}}}'"


base = table(37)
print("//! Written by `generate.py` from IBM's tables as ICU 72 has them; `tests.rs` compares them with other sources.\n")
print("/// CCSID 37, from which the other pages differ in a few places.")
print("#[rustfmt::skip]")
print("pub(super) const BASE: [char; 256] = [")
for row in range(16):
    print("    " + ", ".join(literal(char) for char in base[row * 16 : row * 16 + 16]) + ",")
print("];\n")
print("/// A page's differences from [`BASE`]: byte, character.")
print("type Differences = &'static [(u8, char)];\n")
for page in PAGES:
    other = table(page)
    print("#[rustfmt::skip]")
    print(f"pub(super) const P{page}: Differences = &[")
    pairs = [f"(0x{byte:02X}, {literal(char)})" for byte, char in enumerate(other) if char != base[byte]]
    for at in range(0, len(pairs), 8):
        print("    " + ", ".join(pairs[at : at + 8]) + ",")
    print("];\n")
