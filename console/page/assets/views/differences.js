// Differences: from the check that failed to the chunk, the record and the field, with both values.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { NOTHING, count, plural, visible } from "../core/format.js";
import { setQuery } from "../core/routes.js";
import { difference } from "../core/words.js";
import { command, differing, more, runPath, section } from "../parts/bits.js";
import { table } from "../parts/table.js";
import * as checks from "../parts/checks.js";
import { crumbs, tabs } from "./frame.js";
import { ofThisRun } from "./run.js";

const PAGE = 200;

async function load(page, signal) {
  const path = `/runs/${encodeURIComponent(page.params.run)}`;
  const [run, found] = await Promise.all([get(path, {}, signal), get(`${path}/findings`, { limit: PAGE }, signal)]);
  Object.assign(page.state, {
    run,
    items: found.items ?? found.findings,
    next: found.next ?? null,
    total: found.findings_total ?? run.findings_total,
  });
}

function both(finding) {
  if (finding.expected === null || finding.actual === null || finding.difference !== "field") {
    return [finding.expected, finding.actual].map((text) =>
      text === null || text === undefined ? NOTHING : visible(text),
    );
  }
  return differing(finding.expected, finding.actual);
}

function columns(run) {
  const names = new Map((run.workers ?? []).map((worker) => [worker.worker_id, worker.name]));
  return [
    { head: "What", class: "verdict", cell: (row) => h("span", { class: "fail" }, difference(row.difference)) },
    { head: "Level", cell: (row) => row.stage },
    {
      head: "Chunk",
      n: true,
      cell: (row) => h("a", { href: runPath(run.run_id, `/chunks/${row.chunk_no}`) }, count(row.chunk_no)),
    },
    { head: "Record", n: true, rowhead: true, cell: (row) => count(row.record_no) },
    { head: "At byte", n: true, cell: (row) => count(row.byte_offset) },
    { head: "Field or rule", class: "field", cell: (row) => (row.field ? visible(row.field) : NOTHING) },
    { head: "Expected", class: "v compared", cell: (row) => both(row)[0] },
    { head: "Actual", class: "v compared", cell: (row) => both(row)[1] },
    {
      head: "Worker",
      cell: (row) =>
        row.worker_id === null ? NOTHING : `${visible(names.get(row.worker_id) ?? "")} no. ${row.worker_id}`.trim(),
    },
  ];
}

/** The differences as a table. */
export function list(run, rows, caption) {
  return table({
    caption,
    rows,
    columns: columns(run),
    wide: true,
    key: (row) => [row.stage, row.difference, row.record_no, row.field, row.actual].join("·"),
    none: ["No record is named.", "What failed above is a count or a digest of the whole run."],
  });
}

function kinds(page) {
  const { items } = page.state;
  const groups = new Map();
  for (const row of items) {
    const key = `${row.stage}·${row.difference}`;
    groups.set(key, { key, stage: row.stage, difference: row.difference, rows: (groups.get(key)?.rows ?? 0) + 1 });
  }
  if (groups.size < 2) return null;
  const one = (key, text, rows) =>
    h(
      "button",
      {
        type: "button",
        key,
        class: "chip",
        "aria-pressed": (page.query.kind ?? "") === key ? "true" : "false",
        on: { click: () => setQuery({ kind: key }) },
      },
      text,
      " ",
      h("strong", null, count(rows)),
    );
  return h(
    "div",
    { class: "chips", role: "group", "aria-label": "Kind of difference", key: "kinds" },
    one("", "all", items.length),
    [...groups.values()].map((group) =>
      one(group.key, `${difference(group.difference)} (${group.stage})`, group.rows),
    ),
  );
}

function draw(page) {
  const { run, items, total } = page.state;
  const { kind } = page.query;
  const rows = kind ? items.filter((row) => `${row.stage}·${row.difference}` === kind) : items;
  const next = async () => {
    const path = `/runs/${encodeURIComponent(run.run_id)}/findings`;
    const rest = await get(path, { limit: PAGE, cursor: page.state.next });
    items.push(...(rest.items ?? rest.findings));
    page.state.next = rest.next;
    page.draw();
  };
  return [
    crumbs(run, total ? plural(total, "difference") : "No differences"),
    tabs(run, "Differences"),
    h("div", { key: "failed" }, checks.failed(run.checks ?? [])),
    total || run.counts?.failed
      ? section(
          "records",
          "The records that differ",
          kinds(page),
          list(run, rows, "Records that differ, down to the field"),
          more(page.state, next),
          items.length < total && !page.state.next
            ? h(
                "p",
                null,
                `${count(total - items.length)} more: `,
                command(`crossfoot explain ${visible(run.run_id)}`),
              )
            : null,
        )
      : h(
          "div",
          { class: "empty", key: "none" },
          h(
            "p",
            { class: "empty-title" },
            run.outcome === "unfinished" ? "Nothing is compared yet." : "Nothing differs.",
          ),
          h(
            "p",
            null,
            run.outcome === "unfinished"
              ? "Differences are looked for when every chunk is committed."
              : "Every record that was compared is the same at every level.",
          ),
        ),
  ];
}

export default { title: ({ state }) => `Differences: ${visible(state.run.job)}`, load, draw, news: ofThisRun };
