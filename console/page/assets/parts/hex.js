// A record's bytes as a reader of dumps knows them: offset, hexadecimal digits, text.

import { h } from "../core/dom.js";
import { visible } from "../core/format.js";

const WIDTH = 16;

/** The bytes of a text of hexadecimal digits. */
export function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** The bytes as text for a list: UTF-8 where they are that, else as they are likely to be read. */
export function latin(hex) {
  const bytes = bytesOf(hex);
  try {
    return visible(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return Array.from(bytes, READINGS[likely(hex)]).join("");
  }
}

function printable(byte) {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·";
}

// The code page 037, byte by byte; what is not printable is a dot.
const CP037 =
  "································································" +
  " ·âäàáãåçñ¢.<(+|&éêëèíîïìß!$*);¬-/ÂÄÀÁÃÅÇÑ¦,%_>?øÉÊËÈÍÎÏÌ`:#@'=\"" +
  "Øabcdefghi«»ðýþ±°jklmnopqrªºæ¸Æ¤µ~stuvwxyz¡¿ÐÝÞ®^£¥·©§¶¼½¾[]¯¨´×" +
  "{ABCDEFGHI·ôöòóõ}JKLMNOPQR¹ûüùúÿ\\÷STUVWXYZ²ÔÖÒÓÕ0123456789³ÛÜÙÚ·";

/** The texts that a byte can be read as. */
export const READINGS = { ASCII: printable, "EBCDIC (cp037)": (byte) => CP037[byte] };

/** The reading in which more of the bytes are letters, digits or blanks. */
export function likely(hex) {
  const bytes = bytesOf(hex);
  const readable = (reading) =>
    bytes.reduce((sum, byte) => sum + Number(/[A-Za-z0-9 ]/.test(READINGS[reading](byte))), 0);
  return Object.keys(READINGS).reduce((best, one) => (readable(one) > readable(best) ? one : best));
}

// Runs of neighbours that look alike, so that a line has few elements.
function spans(from, to, style, text) {
  const out = [];
  for (let at = from; at < to;) {
    let end = at + 1;
    while (end < to && style(end) === style(at)) end += 1;
    const shown = text(at, end);
    out.push(style(at) ? h("mark", { class: style(at) }, shown) : shown);
    at = end;
  }
  return out;
}

/** The dump; bytes in one of `ranges` (`{from, to}`, the end not included) are marked as faulty. */
export function dump(hex, ranges, reading = "ASCII") {
  const decode = READINGS[reading];
  const bytes = bytesOf(hex);
  const style = (at) => (ranges.some((range) => at >= range.from && at < range.to) ? "bad" : null);
  const lines = [];
  for (let from = 0; from < bytes.length; from += WIDTH) {
    const to = Math.min(from + WIDTH, bytes.length);
    const pairs = spans(
      from,
      to,
      style,
      (start, end) =>
        Array.from(bytes.slice(start, end), (byte) => byte.toString(16).padStart(2, "0")).join(" ") +
        (end < to && style(end) === style(start) ? " " : ""),
    );
    const spaced = pairs.flatMap((pair, at) => (at ? [" ", pair] : [pair]));
    const text = spans(from, to, style, (start, end) => Array.from(bytes.slice(start, end), decode).join(""));
    lines.push(
      h(
        "span",
        { class: "dump-line" },
        h("span", { class: "soft" }, from.toString().padStart(5, " ")),
        "  ",
        spaced,
        " ".repeat((WIDTH - (to - from)) * 3),
        "  ",
        text,
        "\n",
      ),
    );
  }
  return h(
    "pre",
    { class: "dump scroll", role: "region", "aria-label": `Bytes: offset, hexadecimal digits, ${reading}` },
    lines,
  );
}

/** Hands the bytes to the reader as a file. */
export function download(hex, name) {
  const address = URL.createObjectURL(new Blob([bytesOf(hex)], { type: "application/octet-stream" }));
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
