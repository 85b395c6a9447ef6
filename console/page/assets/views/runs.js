// Runs: what needs the operator first, then every run, newest first.

import { get, list } from "../core/api.js";
import { h } from "../core/dom.js";
import { NOTHING, ago, count, duration, plural, rate, share, shortRun, time, visible } from "../core/format.js";
import { setQuery } from "../core/routes.js";
import { consequence, isRunning, isStopped, lasted, progress, setAside, verdict } from "../core/words.js";
import { badge, bar, heading, more, runPath, withCommands } from "../parts/bits.js";
import { table } from "../parts/table.js";

const PAGE = 50;
const OPEN_MAX = 400;
const STATES = [
  ["", "Any state"],
  ["loading", "Loading"],
  ["staged", "Staged, verifying"],
  ["awaiting-approval", "Awaiting approval"],
  ["not-reconciled", "Not reconciled"],
  ["promoted", "Reconciled"],
  ["backed-out", "Backed out"],
  ["cancelled", "Cancelled"],
];

// A run waits for a person where its books do not balance, where it asks for approval, or where no process drives it.
function needsPerson(run) {
  return (
    run.outcome === "not-reconciled" || run.outcome === "awaiting-approval" || setAside(run) > 0 || isStopped(run)
  );
}

function filters({ query }) {
  return { state: query.state, job: query.job, text: query.text };
}

async function load(page, signal) {
  const [listed, jobs, open] = await Promise.all([
    get("/runs", { ...filters(page), limit: Math.max(PAGE, page.state.items?.length ?? 0) }, signal),
    list("/jobs", {}, 1000, signal).catch(partly),
    list("/runs", { state: "loading,staged,awaiting-approval" }, OPEN_MAX, signal).catch(partly),
  ]);
  page.state.items = listed.items;
  page.state.next = listed.next;
  const last = jobs.items.map((job) => job.last_run).filter(Boolean);
  page.state.jobs = jobs.items.map((job) => job.job);
  page.state.isPartial = [jobs, open].some((one) => one.isPartial || one.next);
  page.state.latest = new Map([...last, ...open.items].map((run) => [run.run_id, run]));
}

// The list itself is worth more than what is beside it; but without all jobs nothing is said to be well.
const PARTIAL = { items: [], next: null, isPartial: true };

function partly(error) {
  if (error.name === "AbortError" || error.status === 401) throw error;
  return PARTIAL;
}

function news(page, kind, data) {
  if (kind !== "run" || !page.state.items) return null;
  const at = page.state.items?.findIndex((run) => run.run_id === data.run_id) ?? -1;
  if (at < 0) return "load";
  page.state.items[at] = data;
  if (page.state.latest.has(data.run_id)) page.state.latest.set(data.run_id, data);
  return "draw";
}

function lead(run) {
  const said = verdict(run);
  const why =
    run.outcome === "not-reconciled"
      ? failure(run)
      : setAside(run)
        ? `${plural(setAside(run), "chunk")} set aside after repeated failures. The run waits for a redrive of them.`
        : consequence(run);
  return h(
    "li",
    { class: said.class, key: run.run_id },
    h(
      "a",
      { href: runPath(run.run_id), class: "lead" },
      h("span", { class: "lead-verdict" }, h("span", { class: "mark", "aria-hidden": "true" }, said.mark), said.word),
      h("span", { class: "lead-job" }, visible(run.job)),
      h("span", { class: "lead-why" }, withCommands(why)),
      h("span", { class: "lead-when soft" }, ago(run.ended_at_ms ?? run.opened_at_ms)),
    ),
  );
}

function failure(run) {
  const note = run.note ?? "A check failed.";
  return note.length > 220 ? `${note.slice(0, 220)}…` : note;
}

function attention({ state }) {
  const needing = [...state.latest.values()]
    .filter(needsPerson)
    .sort(
      (left, right) =>
        Number(verdict(right).class === "fail") - Number(verdict(left).class === "fail") ||
        right.opened_at_ms - left.opened_at_ms,
    );
  const running = [...state.latest.values()].filter(isRunning).length;
  const beside = running ? `${plural(running, "run")} in progress.` : "No run is in progress.";
  if (!needing.length && (state.isPartial || !state.latest.size)) return null;
  if (!needing.length) {
    return h(
      "div",
      { class: "band pass calm", key: "attention" },
      h("p", { class: "band-title" }, h("span", { class: "mark", "aria-hidden": "true" }, "✓"), "Nothing needs you"),
      h("p", null, `The latest run of every job reconciled, is in progress, or was cancelled. ${beside}`),
    );
  }
  const fails = needing.some((run) => verdict(run).class === "fail");
  return h(
    "div",
    { class: `band ${fails ? "fail" : "warn"}`, key: "attention" },
    h(
      "p",
      { class: "band-title" },
      h("span", { class: "mark", "aria-hidden": "true" }, fails ? "✗" : "!"),
      `${plural(needing.length, "run")} ${needing.length === 1 ? "needs" : "need"} you`,
    ),
    h("ul", { class: "leads" }, needing.slice(0, 6).map(lead)),
    needing.length > 6 ? h("p", null, `and ${count(needing.length - 6)} more, listed below.`) : null,
    h("p", { class: "soft small" }, `Latest run of each job, and every run that waits. ${beside}`),
  );
}

function search(page) {
  const change = (event) => setQuery({ [event.target.name]: event.target.value });
  const submit = (event) => {
    event.preventDefault();
    setQuery(Object.fromEntries(new FormData(event.target)));
  };
  const select = (name, label, options) =>
    h(
      "label",
      null,
      h("span", null, label),
      h(
        "select",
        { name, on: { change } },
        options.map(([value, text]) =>
          h(
            "option",
            {
              value,
              selected: (page.query[name] ?? "") === value,
              key: value,
            },
            text,
          ),
        ),
      ),
    );
  const any = Object.values(filters(page)).some(Boolean);
  return h(
    "form",
    { class: "filters", role: "search", key: "filters", "aria-label": "Filter runs", on: { submit } },
    select("state", "State", STATES),
    select("job", "Job", [["", "Any job"], ...(page.state.jobs ?? []).map((job) => [job, visible(job)])]),
    h(
      "label",
      { class: "grow" },
      h("span", null, "Search"),
      h("input", {
        name: "text",
        type: "search",
        value: page.query.text ?? "",
        placeholder: "job, source, run ID, operator",
        on: { change },
      }),
    ),
    h("button", null, "Search"),
    any ? h("a", { href: "#/runs", class: "clear" }, "Clear") : null,
  );
}

function balance(run) {
  const split = run.records_split ?? run.records;
  if (split === null || split === undefined) return h("span", { class: "soft" }, "being split");
  const alarm =
    run.outcome === "not-reconciled"
      ? h(
          "span",
          { class: "under fail" },
          run.checks_failed ? `✗ ${plural(run.checks_failed, "check")} failed` : "✗ a check failed",
        )
      : null;
  const rejected = run.records_rejected ?? 0;
  const out = (run.records_written ?? 0) + rejected;
  const growing = run.outcome === "unfinished";
  const [sign, style] = out === split ? ["=", ""] : growing ? ["…", "soft"] : ["≠", "fail"];
  return [
    h(
      "span",
      { class: "equation" },
      count(split),
      h("span", { class: style }, ` ${sign} `),
      count(run.records_written),
      " + ",
      h("span", { class: rejected ? "warn" : null }, count(rejected)),
    ),
    alarm,
  ];
}

function pace(run) {
  if (run.outcome !== "unfinished") {
    const [all, ms] = [run.records_split ?? run.records, lasted(run)];
    return h("span", { class: "soft" }, run.ended_at_ms && all && ms ? rate((all / ms) * 1000) : NOTHING);
  }
  const { part, whole, isEstimate } = progress(run);
  const left =
    run.seconds_left === null || run.seconds_left === undefined ? "" : `${duration(run.seconds_left * 1000)} left`;
  const moving = [run.rate ? rate(run.rate) : "", left].filter(Boolean).join(" · ");
  return h(
    "div",
    { class: "progress" },
    bar(whole ? part / whole : 0, isStopped(run) ? "warn" : "run"),
    h("span", null, whole ? `${isEstimate ? "about " : ""}${share(part, whole)}` : ""),
    h("span", { class: "under soft" }, isStopped(run) ? "not driven" : moving),
  );
}

function took(run) {
  const usual = run.usual_seconds;
  const ms = lasted(run);
  const long = usual && ms > usual * 1500 && ms - usual * 1000 > 5000;
  return [
    h("span", null, duration(ms)),
    h(
      "span",
      { class: `under ${long ? "warn" : "soft"}` },
      usual === null || usual === undefined ? "no earlier run" : `${long ? "▲ " : ""}usual ${duration(usual * 1000)}`,
    ),
  ];
}

const COLUMNS = [
  { head: "Verdict", class: "verdict", cell: badge },
  {
    head: "Job",
    rowhead: true,
    class: "job",
    cell: (run) => [
      h("a", { href: runPath(run.run_id) }, visible(run.job)),
      h(
        "span",
        { class: "under soft" },
        h("span", { class: "mono" }, shortRun(run.run_id)),
        " · ",
        visible(fileName(run.source)),
      ),
    ],
  },
  { head: "Split = written + rejected", n: true, class: "balance", cell: balance },
  { head: "Progress, rate", class: "progress-cell", cell: pace },
  { head: "Duration", n: true, cell: took },
  {
    head: "Opened",
    class: "when",
    cell: (run) => [
      h("span", null, ago(run.opened_at_ms)),
      h("span", { class: "under soft" }, time(run.opened_at_ms).replace(" UTC", "")),
    ],
  },
];

function fileName(path) {
  return String(path ?? NOTHING)
    .split("/")
    .at(-1);
}

function draw(page) {
  const { state } = page;
  const any = Object.values(filters(page)).some(Boolean);
  const none = any
    ? ["No run matches.", "Change the filters, or clear them."]
    : ["No runs yet.", "Start one with `crossfoot run JOB`, or see how it looks with `crossfoot demo --console`."];
  const next = async () => {
    const rest = await get("/runs", { ...filters(page), limit: PAGE, cursor: state.next });
    state.items.push(...rest.items);
    state.next = rest.next;
    page.draw();
  };
  return [
    heading("Runs"),
    attention(page),
    search(page),
    table({
      caption: any ? "Runs that match, newest first" : "All runs, newest first; times are UTC",
      columns: COLUMNS,
      rows: state.items,
      key: (run) => run.run_id,
      style: (run) => (run.outcome === "not-reconciled" ? "fail-row" : null),
      none,
    }),
    more(state, next),
  ];
}

export default { title: () => "Runs", load, draw, news };
