// One chunk: where it is in the source, who worked on it when, and what it came to.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { NOTHING, amount, count, plural, time, visible } from "../core/format.js";
import { chunkState } from "../core/words.js";
import { band, digest, facts, runPath, section } from "../parts/bits.js";
import { chunkMap } from "../parts/chunkmap.js";
import { crumbs, tabs } from "./frame.js";
import { chunksOf, differing, ofThisRun } from "./run.js";
import * as found from "./differences.js";

async function load(page, signal) {
  const path = `/runs/${encodeURIComponent(page.params.run)}`;
  const [run, chunk, chunks] = await Promise.all([
    get(path, {}, signal),
    get(`${path}/chunks/${encodeURIComponent(page.params.chunk)}`, {}, signal),
    chunksOf(page.params.run, signal),
  ]);
  Object.assign(page.state, { run, chunk, chunks });
}

function worker(value) {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === "object")
    return `${visible(value.name)} (no. ${value.worker_id}, ${visible(value.host ?? "host not known")})`;
  return visible(value);
}

function sums(list) {
  if (!list?.length) return null;
  return list.map((one) => [`Sum of ${visible(one.field)}`, amount(one.sum)]);
}

function differences(run, number) {
  const rows = (run.findings ?? []).filter((row) => row.chunk_no === number);
  if (!rows.length) return null;
  return section(
    "differences",
    "Records that differ",
    found.list(run, rows, "Records of this chunk that differ"),
    h("p", null, h("a", { href: runPath(run.run_id, "/differences") }, "All differences of the run")),
  );
}

function draw(page) {
  const { run, chunk, chunks } = page.state;
  const number = Number(page.params.chunk);
  const { word, look } = chunkState(chunk.state);
  const known = (value, format) => (value === null || value === undefined ? NOTHING : format(value));
  const balance =
    chunk.records !== null && chunk.records !== undefined && chunk.accepted !== null && chunk.accepted !== undefined;
  const holds = balance && chunk.records === chunk.accepted + chunk.rejected;
  const step = (to, text) =>
    to >= chunks.from && to < chunks.from + chunks.count
      ? h("a", { href: runPath(run.run_id, `/chunks/${to}`) }, text)
      : h("span", { class: "soft" }, text);
  return [
    crumbs(run, `Chunk ${count(number)}`),
    tabs(run, "Chunk"),
    h(
      "div",
      { key: "state" },
      look === "bad"
        ? band(
            "fail",
            "✗",
            `This chunk was set aside after ${plural(chunk.attempts, "attempt")}`,
            h("p", { class: "record-text" }, visible(chunk.reason ?? "The ledger has no reason.")),
            h(
              "p",
              null,
              h("strong", null, "Next: "),
              "remove the cause, then press Redrive on ",
              h("a", { href: runPath(run.run_id) }, "the run's page"),
              ".",
            ),
          )
        : h(
            "p",
            { class: "chunk-state" },
            h("span", { class: `cell ${look}`, "aria-hidden": "true" }),
            " ",
            word,
            chunk.reason ? `: ${visible(chunk.reason)}` : "",
          ),
    ),
    h(
      "nav",
      { class: "steps", "aria-label": "Neighbouring chunks", key: "steps" },
      step(number - 1, "← previous chunk"),
      step(number + 1, "next chunk →"),
    ),
    h(
      "div",
      { class: "pair", key: "pair" },
      section(
        "what",
        "What it is",
        facts([
          ["State", word],
          ["Begins at byte", known(chunk.offset, count)],
          ["Bytes", known(chunk.bytes, count)],
          ["Records", known(chunk.records, count)],
          ["Accepted", known(chunk.accepted, count)],
          [
            "Rejected",
            chunk.rejected
              ? h("a", { href: runPath(run.run_id, "/rejects") }, count(chunk.rejected))
              : known(chunk.rejected, count),
          ],
          balance
            ? [
                "Balance",
                h(
                  "span",
                  { class: holds ? "pass" : "fail" },
                  `${count(chunk.records)} ${holds ? "=" : "≠"} `,
                  `${count(chunk.accepted)} + ${count(chunk.rejected)} `,
                  holds ? "✓ holds" : "✗ does not hold",
                ),
              ]
            : null,
          ...(sums(chunk.amounts) ?? []),
        ]),
      ),
      section(
        "who",
        "Who worked on it",
        facts([
          ["Attempts", known(chunk.attempts, count)],
          ["Processor", worker(chunk.processor)],
          ["Writer", worker(chunk.writer)],
          ["Started", time(chunk.started_at)],
          ["Committed", time(chunk.committed_at)],
          ["Read back", time(chunk.read_back_at)],
        ]),
      ),
    ),
    differences(run, number),
    section(
      "digests",
      "Digests",
      facts([
        ["SHA-256 of its bytes", digest(chunk.sha256)],
        ["Fingerprint of its records", digest(chunk.fingerprint)],
      ]),
    ),
    section(
      "chunks",
      "Every chunk",
      chunkMap(chunks, (no) => runPath(run.run_id, `/chunks/${no}`), { current: number, differing: differing(run) }),
    ),
  ];
}

export default {
  title: ({ params, state }) => `Chunk ${params.chunk}: ${visible(state.run.job)}`,
  load,
  draw,
  news: ofThisRun,
};
