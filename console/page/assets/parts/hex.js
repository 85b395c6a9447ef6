// A record's bytes as a reader of dumps knows them: offset, hexadecimal digits, text.

import { h } from "../core/dom.js";
import { visible } from "../core/format.js";

const WIDTH = 16;

/** The bytes of a text of hexadecimal digits. */
export function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** The bytes as text for a list: UTF-8 where they are, else dots for what is not printable. */
export function latin(hex) {
  const bytes = bytesOf(hex);
  try {
    return visible(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return Array.from(bytes, printable).join("");
  }
}

function printable(byte) {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·";
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
export function dump(hex, ranges, decode) {
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
    const text = spans(from, to, style, (start, end) =>
      Array.from(bytes.slice(start, end), decode ?? printable).join(""),
    );
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
    { class: "dump scroll", tabindex: "0", "aria-label": "Bytes: offset, hexadecimal digits, ASCII" },
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
