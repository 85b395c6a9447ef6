// Workers: each one's share, what it does, how fast; the totals held against ledger and tables.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { NOTHING, bytes, count, duration, plural, rate, share, visible } from "../core/format.js";
import { band, bar } from "../parts/bits.js";
import { spark } from "../parts/plot.js";
import { sorting, table } from "../parts/table.js";
import { crumbs, tabs } from "./frame.js";
import { ofThisRun } from "./run.js";

const RATES_KEPT = 40;

async function load(page, signal) {
  const path = `/runs/${encodeURIComponent(page.params.run)}`;
  const [run, workers] = await Promise.all([get(path, {}, signal), get(`${path}/workers`, {}, signal)]);
  Object.assign(page.state, {
    run,
    workers: workers.workers,
    agree: workers.agree,
  });
  page.state.rates ??= new Map();
  page.state.sort ??= sorting(() => page.draw());
  for (const worker of page.state.workers) measure(page.state.rates, worker);
}

// The rate at this moment, from one look to the next; the API's rate is of the time that a worker was busy.
function measure(rates, worker) {
  const now = performance.now();
  const { records } = worker.ledger;
  const before = rates.get(worker.worker_id);
  const passed = before ? (now - before.at) / 1000 : 0;
  if (before && passed < 1) return;
  const line = before?.line ?? [];
  if (before) line.push(Math.max(0, records - before.records) / passed);
  rates.set(worker.worker_id, { at: now, records, line: line.slice(-RATES_KEPT) });
}

/** What the tables must hold of a worker: rows of a writer, rejects of a processor. */
function due(worker) {
  return worker.role === "processor" ? worker.ledger.rejected : worker.ledger.accepted;
}

/** Whether the three places in which a worker is counted agree; reports may be lost, and are named. */
function agrees(worker) {
  if (worker.agrees !== undefined) return worker.agrees;
  const reported =
    worker.unreported_chunks > 0 ||
    ["chunks", "records", "accepted", "rejected"].every((name) => worker.reported[name] === worker.ledger[name]);
  return reported && worker.table === due(worker);
}

const STATES = {
  busy: ["▸", "run"],
  idle: ["·", "quiet"],
  draining: ["↓", "warn"],
  stale: ["!", "fail"],
  blocked: ["■", "warn"],
  stopped: ["○", "quiet"],
  unknown: ["?", "quiet"],
  ended: ["○", "quiet"],
};

function state(worker) {
  const [mark, style] = STATES[worker.state] ?? ["?", "quiet"];
  return [
    h(
      "span",
      { class: `badge ${style}` },
      h("span", { class: "mark", "aria-hidden": "true" }, mark),
      worker.state ?? "not known",
    ),
    worker.straggler ? h("span", { class: "under warn" }, "▼ straggler") : null,
  ];
}

// Milliseconds with three digits, as text.
function ms(value) {
  if (value === null || value === undefined) return NOTHING;
  const number = Number(value);
  if (number >= 1000) return duration(number);
  return `${number < 10 ? number.toFixed(1) : count(number)} ms`;
}

// Hundredths of a percent; more than the whole where a worker has several slots.
function busy(worker) {
  const hundredths = worker.busy_share;
  if (hundredths === null || hundredths === undefined) return duration(worker.busy_us / 1000);
  return `${(hundredths / 100).toFixed(1)} %`;
}

function sum(workers, value) {
  return workers.reduce((all, worker) => all + (value(worker) ?? 0), 0);
}

function columns(workers, { rates }, isProcessor) {
  const all = sum(workers, (worker) => worker.ledger.records);
  const good = workers.every(agrees);
  return [
    {
      id: "name",
      head: "Worker",
      rowhead: true,
      foot: `Total of ${count(workers.length)}`,
      sort: (worker) => worker.name,
      class: "worker",
      cell: (worker) => [
        visible(worker.name),
        h(
          "span",
          { class: "under soft" },
          `no. ${worker.worker_id} · ${visible(worker.host)}${worker.version ? ` · ${visible(worker.version)}` : ""}`,
        ),
      ],
    },
    { id: "state", head: "State", cell: state, foot: "", sort: (worker) => worker.state ?? "" },
    {
      id: "records",
      head: isProcessor ? "Read" : "Received",
      n: true,
      cell: (worker) => count(worker.ledger.records),
      foot: count(all),
      sort: (worker) => worker.ledger.records,
    },
    {
      id: "accepted",
      head: isProcessor ? "Accepted" : "Written",
      n: true,
      cell: (worker) => count(worker.ledger.accepted),
      foot: count(sum(workers, (worker) => worker.ledger.accepted)),
      sort: (worker) => worker.ledger.accepted,
    },
    {
      id: "rejected",
      head: isProcessor ? "Rejected" : "Rejects kept",
      n: true,
      foot: count(sum(workers, (worker) => worker.ledger.rejected)),
      cell: (worker) => h("span", { class: worker.ledger.rejected ? "warn" : null }, count(worker.ledger.rejected)),
      sort: (worker) => worker.ledger.rejected,
    },
    {
      id: "share",
      head: "Share",
      class: "share",
      foot: share(all, all),
      sort: (worker) => worker.ledger.records,
      cell: (worker) => [share(worker.ledger.records, all), bar(all ? worker.ledger.records / all : 0)],
    },
    {
      id: "chunks",
      head: isProcessor ? "Chunks" : "Batches",
      n: true,
      cell: (worker) => count(worker.ledger.chunks),
      foot: count(sum(workers, (worker) => worker.ledger.chunks)),
      sort: (worker) => worker.ledger.chunks,
    },
    {
      id: "rate",
      head: "Rate, busy",
      n: true,
      foot: "",
      sort: (worker) => worker.rate,
      cell: (worker) => [rate(worker.rate), spark(rates.get(worker.worker_id)?.line ?? [])],
    },
    {
      id: "busy",
      head: "Busy",
      n: true,
      foot: "",
      sort: (worker) => worker.busy_share,
      cell: busy,
    },
    {
      id: "median",
      head: "Median",
      n: true,
      foot: "",
      cell: (worker) => ms(worker.chunk_ms_median),
      sort: (worker) => Number(worker.chunk_ms_median ?? -1),
    },
    {
      id: "p95",
      head: "95th pct.",
      n: true,
      foot: "",
      cell: (worker) => ms(worker.chunk_ms_p95),
      sort: (worker) => Number(worker.chunk_ms_p95 ?? -1),
    },
    {
      id: "agree",
      head: "Agrees",
      foot: good ? h("span", { class: "pass" }, "✓") : h("span", { class: "fail" }, "✗ differs"),
      cell: (worker) =>
        agrees(worker)
          ? h("span", { class: "pass" }, "✓", h("span", { class: "hidden" }, "yes"))
          : h("span", { class: "fail" }, "✗ differs"),
      sort: (worker) => Number(agrees(worker)),
    },
  ];
}

// The three places side by side, for those who have to believe them.
function three(workers) {
  const roles = ["processor", "writer"].filter((name) => workers.some((worker) => worker.role === name));
  const cell = (is, text) => h("span", { class: is ? null : "fail" }, is ? "" : "≠ ", text);
  return table({
    caption: "Counted in three places",
    rows: roles,
    key: (name) => name,
    columns: [
      { head: "Role", rowhead: true, cell: (name) => (name === "processor" ? "Processors" : "Writers") },
      {
        head: "Reported, records",
        n: true,
        cell: (name) => count(sum(of(workers, name), (worker) => worker.reported.records)),
      },
      {
        head: "Ledger, records",
        n: true,
        cell: (name) => {
          const [left, right] = ["reported", "ledger"].map((place) =>
            sum(of(workers, name), (worker) => worker[place].records),
          );
          return cell(left === right || of(workers, name).some((worker) => worker.unreported_chunks), count(right));
        },
      },
      { head: "Due in tables", n: true, cell: (name) => count(sum(of(workers, name), due)) },
      {
        head: "Found in tables",
        n: true,
        cell: (name) => {
          const found = sum(of(workers, name), (worker) => worker.table);
          return cell(
            found === sum(of(workers, name), due),
            `${count(found)} ${name === "processor" ? "rejects" : "rows"}`,
          );
        },
      },
      {
        head: "Workers that differ",
        n: true,
        cell: (name) => {
          const off = of(workers, name).filter((worker) => !agrees(worker)).length;
          return h("span", { class: off ? "fail" : null }, off ? "≠ " : "", count(off));
        },
      },
      { head: "Worked through", n: true, cell: (name) => bytes(sum(of(workers, name), (worker) => worker.bytes)) },
      {
        head: "Reports lost",
        n: true,
        cell: (name) => count(sum(of(workers, name), (worker) => worker.unreported_chunks)),
      },
    ],
  });
}

function of(workers, name) {
  return workers.filter((worker) => worker.role === name);
}

function alarm({ run, workers, agree }) {
  const off = workers.filter((worker) => !agrees(worker));
  const says = agree;
  if (!workers.length) return null;
  if (off.length === 0 && says !== false) {
    const lost = sum(workers, (worker) => worker.unreported_chunks);
    return band(
      "pass calm",
      "✓",
      "Reports, ledger and tables agree for every worker",
      lost
        ? h(
            "p",
            null,
            `The report of ${plural(lost, "chunk")} was lost with its coordinator; ledger and tables have them.`,
          )
        : null,
    );
  }
  if (run.outcome === "unfinished") {
    return band(
      "quiet",
      "…",
      "Counts are still moving",
      h(
        "p",
        null,
        `${plural(off.length, "worker")} ${off.length === 1 ? "is" : "are"} between report and ledger. `,
        "They must agree when the run has loaded.",
      ),
    );
  }
  return band(
    "fail",
    "✗",
    "The counts of workers differ",
    h(
      "ul",
      { class: "plain-list" },
      off
        .slice(0, 8)
        .map((worker) =>
          h(
            "li",
            null,
            `${visible(worker.name)} (no. ${worker.worker_id}) reported `,
            `${plural(worker.reported.records, "record")}, the ledger has ${count(worker.ledger.records)}, `,
            `and the tables hold ${count(worker.table)} of the ${count(due(worker))} that are due.`,
          ),
        ),
    ),
    off.length > 8 ? h("p", null, `And ${count(off.length - 8)} more.`) : null,
    h(
      "p",
      null,
      h("strong", null, "Next: "),
      h("a", { href: `#/runs/${encodeURIComponent(run.run_id)}/differences` }, "see which records differ"),
      ".",
    ),
  );
}

function order(workers) {
  const rank = (worker) =>
    !agrees(worker) ? 0 : worker.state === "stale" || worker.state === "blocked" ? 1 : worker.straggler ? 2 : 3;
  return [...workers].sort(
    (left, right) =>
      rank(left) - rank(right) ||
      left.name.localeCompare(right.name, "en", { numeric: true }) ||
      left.worker_id - right.worker_id,
  );
}

function slow({ run, workers }) {
  const stragglers = workers.filter((worker) => worker.straggler);
  const stale = workers.filter((worker) => worker.state === "stale");
  const say = (list, words) =>
    list.length
      ? h(
          "li",
          null,
          h(
            "strong",
            null,
            list
              .slice(0, 5)
              .map((one) => visible(one.name))
              .join(", "),
          ),
          list.length > 5 ? ` and ${count(list.length - 5)} more` : "",
          ` ${list.length === 1 ? words[0] : words[1]}`,
        )
      : null;
  if (!stragglers.length && !stale.length) return null;
  return h(
    "ul",
    { class: "band warn plain-list", key: "slow" },
    // What is over has no chunks to hand on.
    say(
      stale,
      run?.ended_at_ms
        ? ["has not been heard of lately.", "have not been heard of lately."]
        : [
            "has not been heard of lately: its chunks go to others when its lease ends.",
            "have not been heard of lately: their chunks go to others when their leases end.",
          ],
    ),
    say(stragglers, [
      "is much slower for each chunk than the others of its role.",
      "are much slower for each chunk than the others of their role.",
    ]),
  );
}

function draw(page) {
  const { run, workers, sort } = page.state;
  const part = (role, title) => {
    const rows = order(of(workers, role));
    return rows.length
      ? table({
          caption: title,
          rows,
          key: (worker) => worker.worker_id,
          columns: columns(rows, page.state, role === "processor"),
          sort,
          wide: true,
          style: (worker) =>
            !agrees(worker) && run.outcome !== "unfinished" ? "fail-row" : worker.straggler ? "warn-row" : null,
        })
      : null;
  };
  return [
    crumbs(run, "Workers"),
    tabs(run, "Workers"),
    h("div", { key: "alarm" }, alarm(page.state)),
    slow(page.state),
    workers.length
      ? null
      : h(
          "div",
          { class: "empty", key: "none" },
          h("p", { class: "empty-title" }, "No worker has taken a chunk yet."),
          h(
            "p",
            null,
            "Processors and writers appear here with their first chunk. ",
            h("a", { href: "#/fleet" }, "See who is alive"),
            ".",
          ),
        ),
    part("processor", "Processors"),
    part("writer", "Writers"),
    workers.length ? three(workers) : null,
  ];
}

export default { title: ({ state }) => `Workers: ${visible(state.run.job)}`, load, draw, news: ofThisRun };
