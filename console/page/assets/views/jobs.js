// Jobs: each with its latest run.

import { list } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, count, duration, time, visible } from "../core/format.js";
import { lasted } from "../core/words.js";
import { badge, heading, runLink } from "../parts/bits.js";
import { table } from "../parts/table.js";

async function load(page, signal) {
  page.state.items = (await list("/jobs", {}, 1000, signal)).items;
}

/** When a run was missed, or is expected; nothing for a job without a schedule. */
function expected({ next_expected_at_ms: next, missed_at_ms: missed }) {
  if (missed) return h("span", { class: "under fail" }, `none opened for ${time(missed)}`);
  return next ? h("span", { class: "under soft" }, `expected ${time(next)}`) : "";
}

const COLUMNS = [
  {
    head: "Job",
    rowhead: true,
    class: "job",
    cell: ({ job }) => h("a", { href: `#/jobs/${encodeURIComponent(job)}` }, visible(job)),
  },
  { head: "Latest run", class: "verdict", cell: ({ last_run: last }) => (last ? badge(last) : "never ran") },
  { head: "Run", cell: ({ last_run: last }) => (last ? runLink(last.run_id) : "") },
  { head: "Records", n: true, cell: ({ last_run: last }) => count(last?.records) },
  { head: "Duration", n: true, cell: ({ last_run: last }) => (last ? duration(lasted(last)) : "") },
  {
    head: "Opened",
    cell: (job) => {
      const opened = job.last_run?.opened_at_ms;
      if (!opened) return "";
      return [ago(opened), h("span", { class: "under soft" }, time(opened)), expected(job)];
    },
  },
  { head: "Runs", n: true, cell: ({ runs }) => count(runs) },
];

function draw(page) {
  return [
    heading("Jobs"),
    table({
      caption: "Jobs that have run on this store",
      rows: page.state.items,
      columns: COLUMNS,
      key: ({ job }) => job,
      style: ({ last_run: last }) => (last?.outcome === "not-reconciled" ? "fail-row" : null),
      none: ["No job has run on this store.", "A job appears here with its first run."],
    }),
  ];
}

export default { title: () => "Jobs", load, draw, news: (page, kind) => (kind === "run" ? "load" : null) };
