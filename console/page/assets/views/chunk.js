// One chunk: where it is in the source, who worked on it, what it came to, and what each of them said of it.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { NOTHING, amount, bytes, count, duration, plural, visible } from "../core/format.js";
import { chunkState, role } from "../core/words.js";
import { band, digest, facts, runPath, section } from "../parts/bits.js";
import { chunkMap } from "../parts/chunkmap.js";
import { table } from "../parts/table.js";
import { crumbs, tabs } from "./frame.js";
import * as found from "./differences.js";
import { chunksOf, differing, ofThisRun } from "./run.js";

async function load(page, signal) {
  const path = `/runs/${encodeURIComponent(page.params.run)}`;
  const [run, chunk, chunks] = await Promise.all([
    get(path, {}, signal),
    get(`${path}/chunks/${encodeURIComponent(page.params.chunk)}`, {}, signal),
    chunksOf(page.params.run, signal),
  ]);
  Object.assign(page.state, { run, chunk, chunks });
}

function worker(one) {
  if (!one) return NOTHING;
  return `${visible(one.name ?? "not registered")} (no. ${one.worker_id}, ${visible(one.host ?? "host not known")})`;
}

function starts(chunk) {
  return Math.max(chunk.processor_starts ?? 0, chunk.writer_starts ?? 0);
}

function state(run, chunk) {
  const { word, look } = chunkState(chunk.state);
  if (look !== "bad") {
    return h(
      "p",
      { class: "chunk-state" },
      h("span", { class: `cell ${look}`, "aria-hidden": "true" }),
      word,
      chunk.reason ? `: ${visible(chunk.reason)}` : "",
    );
  }
  return band(
    "fail",
    "✗",
    `This chunk was set aside after ${plural(starts(chunk), "start")}`,
    h("p", { class: "record-text" }, visible(chunk.reason ?? "The ledger has no reason.")),
    h(
      "p",
      null,
      h("strong", null, "Next: "),
      "remove the cause, then press Redrive on ",
      h("a", { href: runPath(run.run_id) }, "the run's page"),
      ".",
    ),
  );
}

function balance(chunk) {
  const { committed } = chunk;
  if (!committed) return NOTHING;
  const holds = chunk.records === committed.accepted + committed.rejected;
  return h(
    "span",
    { class: holds ? "pass" : "fail" },
    `${count(chunk.records)} ${holds ? "=" : "≠"} ${count(committed.accepted)} + ${count(committed.rejected)} `,
    holds ? "✓ holds" : "✗ does not hold",
  );
}

function what(run, chunk) {
  const { committed } = chunk;
  return section(
    "what",
    "What it is",
    facts([
      ["Begins at byte", count(chunk.byte_offset)],
      ["Length", `${plural(chunk.bytes, "byte")}`],
      ["First record", count(chunk.first_record_no)],
      ["Records, as split", count(chunk.records)],
      ["Accepted", count(committed?.accepted)],
      [
        "Rejected",
        committed?.rejected
          ? h("a", { href: runPath(run.run_id, "/rejects") }, count(committed.rejected))
          : count(committed?.rejected),
      ],
      ["Balance", balance(chunk)],
    ]),
  );
}

function hands(chunk) {
  const { committed } = chunk;
  return section(
    "who",
    "Who worked on it",
    facts([
      ["Starts", `${count(chunk.processor_starts)} by processors, ${count(chunk.writer_starts)} by writers`],
      committed ? ["Processor", worker(committed.processor)] : ["Started last by", worker(chunk.started_by)],
      committed ? ["Writer", worker(committed.writer)] : null,
    ]),
  );
}

function sums(chunk) {
  if (!chunk.committed?.amounts?.length) return null;
  return table({
    caption: "Amounts of this chunk",
    rows: chunk.committed.amounts,
    key: (row) => row.field,
    columns: [
      { head: "Field", rowhead: true, cell: (row) => visible(row.field) },
      { head: "Accepted", n: true, cell: (row) => amount(row.accepted) },
      { head: "In rejects, if readable", n: true, cell: (row) => amount(row.rejected) },
    ],
  });
}

function reports(chunk) {
  if (!chunk.reports?.length) return null;
  return table({
    caption: "What workers reported of it",
    rows: chunk.reports,
    key: (row) => `${row.role}${row.worker.worker_id}`,
    columns: [
      { head: "Worker", rowhead: true, cell: (row) => worker(row.worker) },
      { head: "Role", cell: (row) => role(row.role) },
      { head: "Records", n: true, cell: (row) => count(row.records) },
      { head: "Accepted", n: true, cell: (row) => count(row.accepted) },
      { head: "Rejected", n: true, cell: (row) => count(row.rejected) },
      { head: "Worked through", n: true, cell: (row) => bytes(row.bytes) },
      { head: "Time", n: true, cell: (row) => duration(row.busy_us / 1000) },
    ],
  });
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
  const step = (to, text) =>
    to >= 0 && to < chunks.count
      ? h("a", { href: runPath(run.run_id, `/chunks/${to}`) }, text)
      : h("span", { class: "soft" }, text);
  return [
    crumbs(run, `Chunk ${count(number)}`),
    tabs(run, "Chunk"),
    h("div", { key: "state" }, state(run, chunk)),
    h(
      "nav",
      { class: "steps", "aria-label": "Neighbouring chunks", key: "steps" },
      step(number - 1, "← previous chunk"),
      step(number + 1, "next chunk →"),
    ),
    h("div", { class: "pair", key: "pair" }, what(run, chunk), hands(chunk)),
    h("div", { key: "sums" }, sums(chunk), reports(chunk)),
    differences(run, number),
    section(
      "digests",
      "Digests",
      facts([
        ["SHA-256 of its bytes", digest(chunk.sha256)],
        ["Its part of the fingerprint", digest(chunk.committed?.fingerprint)],
        chunk.committed?.content ? ["All that was committed", digest(chunk.committed.content)] : null,
      ]),
    ),
    section(
      "chunks",
      "Every chunk",
      chunkMap(chunks, (no) => runPath(run.run_id, `/chunks/${no}`), {
        current: number,
        differing: differing(run),
      }),
    ),
  ];
}

export default {
  title: ({ params, state }) => `Chunk ${params.chunk}: ${visible(state.run.job)}`,
  load,
  draw,
  news: ofThisRun,
};
