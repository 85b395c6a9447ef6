// One job: its runs as small plots, what is unusual marked, and the job file.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { NOTHING, amount, count, duration, plural, rate, time, visible, visibleLines } from "../core/format.js";
import { badge, facts, heading, runLink, section } from "../parts/bits.js";
import { history } from "../parts/plot.js";
import { table } from "../parts/table.js";

const RUNS = 60;

async function load(page, signal) {
  page.state.job = await get(`/jobs/${encodeURIComponent(page.params.job)}`, { limit: RUNS }, signal);
}

// An amount becomes a number for its place in a plot only, never for what is printed.
function place(measure) {
  const value = measure?.value;
  return value === null || value === undefined ? null : Number(value);
}

function plot(runs, title, measure, words) {
  const ordered = [...runs].reverse();
  const points = ordered.map((run) => {
    const one = measure(run);
    return {
      label: time(run.opened_at_ms).slice(0, 16),
      value: place(one),
      text: words(one?.value),
      far: one?.is_far === true,
      style: run.outcome === "reconciled" || run.outcome === "not-reconciled" ? run.outcome : "open",
    };
  });
  const median = measure(runs[0])?.median;
  return history({
    title,
    points,
    median: median === null || median === undefined ? null : Number(median),
    medianText: median === null || median === undefined ? null : words(median),
  });
}

function ms(value) {
  return value === null || value === undefined ? NOTHING : duration(Number(value));
}

function whole(value) {
  return value === null || value === undefined ? NOTHING : amount(value);
}

function plots(runs) {
  const amounts = runs[0].amounts.map((one) => one.field);
  return h(
    "div",
    { class: "plots", key: "plots" },
    plot(runs, "Records", (run) => run.records, whole),
    plot(runs, "Rejects", (run) => run.rejects, whole),
    plot(runs, "Duration", (run) => run.duration_ms, ms),
    amounts.map((field) =>
      plot(runs, `Sum of ${visible(field)}`, (run) => run.amounts.find((one) => one.field === field), whole),
    ),
  );
}

function marked(measure, words) {
  if (!measure) return NOTHING;
  const text = words(measure.value);
  if (!measure.is_far) return text;
  const usual = measure.median === null ? "" : `median ${words(measure.median)}`;
  return h("span", { class: "warn" }, "◆ ", text, h("span", { class: "under" }, `unusual; ${usual}`));
}

function runs(all) {
  const amounts = all[0].amounts.map((one) => one.field);
  return section(
    "runs",
    "Runs",
    table({
      caption: "Runs of this job, newest first; ◆ marks what is far from earlier runs",
      rows: all,
      key: (run) => run.run_id,
      wide: true,
      columns: [
        { head: "Verdict", class: "verdict", cell: badge },
        { head: "Run", rowhead: true, cell: (run) => runLink(run.run_id) },
        { head: "Opened", cell: (run) => [time(run.opened_at_ms), h("span", { class: "under soft" }, run.weekday)] },
        { head: "Records", n: true, cell: (run) => marked(run.records, whole) },
        { head: "Rejects", n: true, cell: (run) => marked(run.rejects, whole) },
        ...amounts.map((field) => ({
          head: `Sum of ${visible(field)}`,
          n: true,
          cell: (run) =>
            marked(
              run.amounts.find((one) => one.field === field),
              whole,
            ),
        })),
        { head: "Duration", n: true, cell: (run) => marked(run.duration_ms, ms) },
        { head: "Rate", n: true, cell: (run) => rate(run.records_per_second) },
      ],
    }),
  );
}

// Runs, or those of one weekday.
function compared(past) {
  const number = past?.count ?? 0;
  const name = past?.name ?? "runs";
  return `${count(number)} earlier ${number === 1 ? name.replace(/s$/, "") : name}`;
}

function text(job) {
  if (!job.job_text) return null;
  const lines = visibleLines(job.job_text).replace(/\n$/, "").split("\n");
  return section(
    "file",
    "Job file",
    h(
      "pre",
      { class: "source scroll", role: "region", "aria-label": "The job file" },
      lines.map((line, at) => [
        h("span", { class: "line-no", "aria-hidden": "true" }, String(at + 1).padStart(4, " ")),
        `  ${line}\n`,
      ]),
    ),
  );
}

function draw(page) {
  const { job } = page.state;
  const all = job.runs ?? [];
  return [
    h("p", { class: "crumbs", key: "crumbs" }, h("a", { href: "#/jobs" }, "Jobs")),
    heading(visible(job.job), all[0] ? badge(all[0]) : null),
    h(
      "div",
      { key: "facts" },
      facts([
        ["Runs shown", plural(all.length, "run")],
        job.next_sequence === null || job.next_sequence === undefined
          ? null
          : ["Next sequence number", amount(job.next_sequence)],
        all[0] ? ["Latest run is compared with", compared(all[0].compared_with)] : null,
      ]),
    ),
    all.length ? plots(all) : null,
    all.length ? runs(all) : null,
    text(job),
  ];
}

export default {
  title: ({ params }) => visible(params.job),
  load,
  draw,
  news: (page, kind, data) =>
    kind === "run" && data.job === page.params.job && data.outcome !== "unfinished" ? "load" : null,
};
