// How numbers, amounts, times and foreign texts are written: as in the report, so that both can be laid side by side.

const NUMBERS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const TENTHS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1, minimumFractionDigits: 1 });

/** What stands where nothing is known. */
export const NOTHING = "–";

/** A count with its digits in groups. */
export function count(number) {
  return number === null || number === undefined ? NOTHING : NUMBERS.format(number);
}

/** `1 record`, `2 records`. */
export function plural(number, word) {
  const ending = /(?:ss|sh|ch|x)$/.test(word) ? "es" : "s";
  return `${count(number)} ${word}${number === 1 ? "" : ending}`;
}

/** An exact amount, as text from first to last digit: it is never read as a number. */
export function amount(text) {
  if (text === null || text === undefined) return NOTHING;
  const whole = /^([+-]?)(\d+)(\.\d+)?$/.exec(text);
  if (!whole) return visible(text);
  return whole[1] + whole[2].replace(/\B(?=(?:\d{3})+$)/g, ",") + (whole[3] ?? "");
}

/** Whether two exact amounts are the same number, whatever zeros their fractions end with. */
export function sameAmount(left, right) {
  const bare = (text) => (text?.includes(".") ? text.replace(/\.?0+$/, "") : text);
  return bare(left) === bare(right);
}

/** A side of a check, with the numbers in it grouped. */
export function side(check, text) {
  if (check.kind === "hash") return visible(text ?? "");
  return visible(text ?? "")
    .split(" ")
    .map((word) => {
      const number = /^([+-]?\d+(?:\.\d+)?)(,?)$/.exec(word);
      return number ? amount(number[1]) + number[2] : word;
    })
    .join(" ");
}

/** A share in percent; the last step to 100 % is only taken by what is complete. */
export function share(part, whole) {
  if (!whole) return NOTHING;
  const percent = (part / whole) * 100;
  if (part < whole && percent > 99.9) return "99.9 %";
  if (part > 0 && percent < 0.1) return "< 0.1 %";
  return `${TENTHS.format(percent)} %`;
}

/** Bytes in the unit that leaves at most four digits. */
export function bytes(number) {
  if (number === null || number === undefined) return NOTHING;
  if (number < 1000) return plural(number, "byte");
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let value = number / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${TENTHS.format(value)} ${units[unit]}`;
}

/** Milliseconds as a reader says them: `0.3 s`, `4 min 5 s`, `2 h 7 min`. */
export function duration(ms) {
  if (ms === null || ms === undefined || ms < 0) return NOTHING;
  if (ms < 100) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${TENTHS.format(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.round((minutes % 1440) / 60)} h`;
}

/** Records for each second. */
export function rate(number) {
  return number === null || number === undefined ? NOTHING : `${count(Math.round(number))}/s`;
}

/** A time in milliseconds or RFC 3339, as a `Date`; null where there is none. */
export function date(value) {
  if (value === null || value === undefined) return null;
  const read = new Date(value);
  return Number.isNaN(read.getTime()) ? null : read;
}

/** A time to the second, UTC: `2026-11-27 02:14:31 UTC`. */
export function time(value) {
  const read = date(value);
  return read ? `${read.toISOString().slice(0, 19).replace("T", " ")} UTC` : NOTHING;
}

/** A clock time to the second, UTC. */
export function clock(value) {
  const read = date(value);
  return read ? `${read.toISOString().slice(11, 19)} UTC` : NOTHING;
}

/** How long ago a time is: `3 min ago`. */
export function ago(value, now = Date.now()) {
  const read = date(value);
  if (!read) return NOTHING;
  const ms = now - read.getTime();
  if (ms < 5000) return "just now";
  if (ms < 60_000) return `${Math.round(ms / 1000)} s ago`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min ago`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h ago`;
  return `${Math.round(ms / 86_400_000)} days ago`;
}

/** Whether the text is a SHA-256 value. */
export function isHash(text) {
  return /^[0-9a-f]{64}$/i.test(text ?? "");
}

/** The characters by which people tell runs apart: the first and the last of its id. */
export function shortRun(id) {
  return id.length > 20 ? `${id.slice(0, 8)}…${id.slice(-6)}` : visible(id);
}

// Control characters, marks that reverse or hide text, separators of lines: the list of domain/src/visible.rs.
const UNSEEN = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\ufeff\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f" +
    "\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]",
  "gu",
);

/** A text without anything unseen: every control character is written out as `\u{1b}`. */
export function visible(text) {
  return String(text ?? "").replace(UNSEEN, (character) => {
    const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
    return named ?? `\\u{${character.codePointAt(0).toString(16)}}`;
  });
}

/** A text of several lines, whose line ends and tabs are its own. */
export function visibleLines(text) {
  return String(text ?? "")
    .split("\n")
    .map((line) => line.split("\t").map(visible).join("\t"))
    .join("\n");
}

/** The text with a capital at its beginning. */
export function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : text;
}
