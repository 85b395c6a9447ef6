// What needs no browser: how numbers and foreign texts are written, and how events are taken apart.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { amount, bytes, count, duration, share, visible } from "../../page/assets/core/format.js";
import { EventParser } from "../../page/assets/core/live.js";

test("amounts keep every digit", () => {
  assert.equal(
    amount("-99999999999999999999999999999999999999.07"),
    "-99,999,999,999,999,999,999,999,999,999,999,999,999.07",
  );
  assert.equal(amount("0.00"), "0.00");
  assert.equal(amount("-389961.85"), "-389,961.85");
  assert.equal(amount("1234567.1234567"), "1,234,567.1234567");
  assert.equal(amount(null), "–");
});

test("what is nearly all is not all", () => {
  assert.equal(share(999_999, 1_000_000), "99.9 %");
  assert.equal(share(1_000_000, 1_000_000), "100.0 %");
  assert.equal(share(1, 1_000_000), "< 0.1 %");
  assert.equal(share(0, 0), "–");
});

test("counts, bytes and durations", () => {
  assert.equal(count(1_000_002), "1,000,002");
  assert.equal(count(0), "0");
  assert.equal(bytes(999_999_999), "1.0 GB");
  assert.equal(bytes(1), "1 byte");
  assert.equal(duration(59_900), "59.9 s");
  assert.equal(duration(59_990), "60.0 s");
  assert.equal(duration(3_599_600), "1 h 0 min");
  assert.equal(duration(null), "–");
});

test("what is unseen is written out", () => {
  assert.equal(visible("a\u001b[2J\u202eb\nc\u0000"), "a\\u{1b}[2J\\u{202e}b\\nc\\u{0}");
});

test("events are taken apart wherever the stream is cut", () => {
  const text =
    ': hello\n\nid: 7\nevent: run\ndata: {"a":\ndata: 1}\n\n: beat\n\nid: 8\r\nevent: log\r\ndata: {}\r\n\r\n';
  for (let cut = 1; cut < text.length; cut += 1) {
    const events = [];
    let beats = 0;
    const parser = new EventParser(
      (event) => events.push(event),
      () => {
        beats += 1;
      },
    );
    parser.feed(text.slice(0, cut));
    parser.feed(text.slice(cut));
    assert.equal(beats, 2);
    assert.deepEqual(
      events,
      [
        { data: '{"a":\n1}', id: "7", event: "run" },
        { data: "{}", id: "8", event: "log" },
      ],
      `cut at ${cut}`,
    );
  }
});

test("no module makes markup or code out of text, and each is of a size to read", () => {
  const root = fileURLToPath(new URL("../../page/", import.meta.url));
  const files = readdirSync(root, { recursive: true }).filter((name) => /\.(js|css|html)$/.test(name));
  assert.ok(files.length > 25);
  const broken = [];
  for (const name of files) {
    const text = readFileSync(root + name, "utf8");
    const lines = text.replace(/\n$/, "").split("\n");
    if (lines.length > 450) broken.push(`${name}: ${lines.length} lines`);
    for (const [at, line] of lines.entries())
      if (line.length > 120) broken.push(`${name}:${at + 1}: ${line.length} columns`);
    const code = text.replaceAll(/\/\/.*|\/\*[^]*?\*\//g, "");
    const banned =
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?:\/\/(?!www\.w3\.org)|style="/;
    if (banned.test(code)) broken.push(`${name}: ${banned.exec(code)[0]}`);
  }
  assert.deepEqual(broken, []);
});
