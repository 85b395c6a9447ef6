// A run: whether its books balance, in words first; then where the records went, every check, every chunk.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import {
  ago,
  bytes,
  count,
  duration,
  plural,
  rate,
  shortRun,
  sentence,
  share,
  side,
  time,
  visible,
} from "../core/format.js";
import { consequence, isStopped, lasted, progress, setAside, verdict } from "../core/words.js";
import { acts } from "../parts/acts.js";
import { bar, command, digest, facts, runPath, section, withCommands } from "../parts/bits.js";
import * as checks from "../parts/checks.js";
import { chunkMap } from "../parts/chunkmap.js";
import { drawing, model } from "../parts/flow.js";
import { table } from "../parts/table.js";
import { numbers, tabs } from "./frame.js";

const SHOWN = 3;

/** The map of a run's chunks, put together from as many answers as it takes. */
export async function chunksOf(run, signal) {
  const path = `/runs/${encodeURIComponent(run)}/chunks`;
  const first = await get(path, {}, signal);
  let cells = first.cells;
  while (cells.length < first.count && cells.length < 1_000_000) {
    const next = await get(path, { from: first.from + cells.length }, signal);
    if (!next.cells.length) break;
    cells += next.cells;
  }
  return { ...first, cells };
}

// A map of a hundred thousand chunks is a hundred thousand characters: it is asked for less often than the counts.
function isFresh(state) {
  const pause = Math.min(15_000, (state.chunks?.count ?? 0) / 8);
  return state.chunks && Date.now() - state.chunksAt < pause && state.run?.outcome === "unfinished";
}

async function load(page, signal) {
  const { run } = page.params;
  const { state } = page;
  const [shown, listed, chunks] = await Promise.all([
    get(`/runs/${encodeURIComponent(run)}`, {}, signal),
    // What only lists have: rate, time left, what is usual. Later it comes with the news.
    state.item ? null : get("/runs", { text: run, limit: 1 }, signal).catch(() => null),
    isFresh(state)
      ? state.chunks
      : chunksOf(run, signal).catch((error) => {
          if (error.name === "AbortError" || error.status === 401) throw error;
          return null;
        }),
  ]);
  if (chunks !== state.chunks) state.chunksAt = Date.now();
  // The last change of a run is its verdict: then the map is asked for once more.
  if (shown.outcome !== "unfinished" && state.run?.outcome === "unfinished") page.again = true;
  state.item ??= listed?.items[0] ?? null;
  state.run = shown;
  state.chunks = chunks;
}

/** The chunks in which records differ, as far as the run's report names them. */
export function differing(run) {
  return new Set((run.findings ?? []).filter((row) => row.stage !== "rules").map((row) => row.chunk_no));
}

/** Whether news is about the run of this page. */
export function ofThisRun(page, kind, data) {
  if ((kind !== "run" && kind !== "log") || data.run_id !== page.state.run?.run_id) return null;
  if (kind === "run") page.state.item = data;
  return "load";
}

function fault(check) {
  if (check.kind === "hash") return `${sentence(check.name)}: the digests differ`;
  return `${sentence(check.name)}: expected ${side(check, check.expected)}, found ${side(check, check.actual)}`;
}

function grounds(run) {
  const { passed = 0, failed = 0, warned = 0, vacuous = 0 } = run.counts ?? {};
  const decided = passed + failed;
  return [
    run.leading_cause
      ? `${count(run.leading_cause.records)} of ${plural(run.leading_cause.of_records, "record")} rejected`
      : null,
    !decided
      ? "no checks yet"
      : failed
        ? `${count(failed)} of ${plural(decided, "check")} failed`
        : `${count(passed)} of ${plural(decided, "check")} passed`,
    run.flow?.source?.records !== null && run.flow?.source?.records !== undefined
      ? plural(run.flow.source.records, "record")
      : null,
    duration(lasted(run)),
    warned ? `${count(warned)} warned` : null,
    vacuous ? `${count(vacuous)} had nothing to compare` : null,
  ]
    .filter(Boolean)
    .join(" · ");
}

function note(run) {
  // What failed is said line by line, and what approval waits for as well.
  if (!run.note || run.counts?.failed || run.driven_by || run.outcome === "awaiting-approval") return null;
  return h("p", null, withCommands(sentence(run.note)));
}

function button(run, path, text, style = "button") {
  return h("a", { class: style, href: runPath(run.run_id, path), key: path }, text);
}

// What to do, in a sentence, with the buttons that lead there.
function next(run) {
  const id = visible(run.run_id);
  if (run.outcome === "awaiting-approval") {
    return can(run, "approve")
      ? { text: "read the checks below, then press Approve, or cancel the run." }
      : {
          text: [
            "it is for someone else to read the checks below and approve the run, here or with ",
            command(`crossfoot approve ${id}`),
            ".",
          ],
        };
  }
  if (run.outcome === "not-reconciled") {
    const failing = run.checks.filter((check) => check.verdict === "fail");
    const { rejects } = numbers(run);
    const tooMany = failing.length > 0 && failing.every((check) => check.name === "rejects within the limit");
    const toRejects = (style) => button(run, "/rejects", `See ${plural(rejects, "reject")}`, style);
    if (rejects && (tooMany || run.leading_cause || !run.findings_total)) {
      return {
        text: ["read what was rejected, and why (", command(`crossfoot rejects ${id}`), ")."],
        link: toRejects(),
      };
    }
    if (!run.findings_total) return { text: "read what failed, below." };
    return {
      text: ["see which records differ, and in which field (", command(`crossfoot explain ${id}`), ")."],
      link: [
        button(run, "/differences", `See ${plural(run.findings_total, "difference")}`),
        rejects ? toRejects("button second") : null,
      ],
    };
  }
  if (run.outcome !== "unfinished") return null;
  if (setAside(run)) {
    const then = can(run, "redrive") ? "press Redrive." : "redrive the run.";
    return {
      text: `open a chunk that was set aside, below, and read why it failed. When the cause is removed, ${then}`,
    };
  }
  if (!isStopped(run)) return null;
  const first = can(run, "resume") ? "press Resume, or run " : "have it resumed: ";
  return { text: [first, command(`crossfoot resume ${id}`), "."] };
}

// Whether who looks at the page can do something with the run now.
function can(run, act) {
  return (run.acts ?? []).some((one) => one.act === act && one.legal);
}

function progressOf(run, item) {
  if (run.outcome !== "unfinished") return null;
  const { chunks_split: split, chunks_committed: committed, chunks_set_aside: aside } = run.progress ?? {};
  const { part, whole, isEstimate } = progress(item ?? {});
  const left = item?.seconds_left;
  const parts = [
    whole ? `${isEstimate ? "about " : ""}${share(part, whole)}` : null,
    `${count(committed)} of ${plural(split, "chunk")}${item?.records ? "" : " so far"} committed`,
    item?.rate ? rate(item.rate) : null,
    left === null || left === undefined ? null : `about ${duration(left * 1000)} left`,
    item?.usual_seconds ? `usually ${duration(item.usual_seconds * 1000)}` : null,
  ];
  return h(
    "div",
    { class: "run-progress" },
    bar(whole ? part / whole : split ? committed / split : 0, isStopped(run) ? "warn" : "run"),
    h(
      "p",
      null,
      parts.filter(Boolean).join(" · "),
      aside ? h("span", { class: "fail" }, ` · ✗ ${plural(aside, "chunk")} set aside`) : null,
    ),
  );
}

function banner(run, item, changed) {
  const said = verdict(run);
  const failing = (run.checks ?? []).filter((check) => check.verdict === "fail");
  return h(
    "div",
    { class: `band banner ${said.class}`, key: "banner" },
    h(
      "h1",
      { tabindex: "-1" },
      h(
        "span",
        { class: "banner-word" },
        h("span", { class: "mark", "aria-hidden": "true" }, said.mark),
        h("span", null, said.word),
      ),
      " ",
      h("span", { class: "banner-job" }, visible(run.job)),
    ),
    h("p", { class: "grounds" }, grounds(run)),
    h("p", null, consequence(run), run.driven_by ? ` Driven by ${visible(run.driven_by)}.` : ""),
    progressOf(run, item),
    failing.slice(0, SHOWN).map((check) => h("p", { class: "failure" }, visible(fault(check)))),
    failing.length > SHOWN ? h("p", null, `And ${count(failing.length - SHOWN)} more, listed below.`) : null,
    note(run),
    next(run) ? h("p", { class: "next" }, "Next: ", next(run).text) : null,
    acts(run, changed, next(run)?.link),
  );
}

function flow(run) {
  const standing = matchMedia("(max-width: 62rem)").matches;
  return section(
    "flow",
    "Where the records went",
    h("div", { class: "flow-frame", key: standing ? "standing" : "lying" }, drawing(model(run), standing)),
    checks.balances(run.flow?.balances, run.outcome !== "unfinished" && run.outcome !== "awaiting-approval"),
  );
}

function about(run) {
  return section(
    "about",
    "About this run",
    facts([
      ["Run", h("span", { class: "mono" }, visible(run.run_id))],
      ["Job", h("a", { href: `#/jobs/${encodeURIComponent(run.job)}` }, visible(run.job))],
      ["Source", visible(run.source?.location)],
      [
        "Size",
        [
          `${plural(run.source?.bytes, "byte")} (${bytes(run.source?.bytes)}) in `,
          plural(run.source?.chunks || run.progress?.chunks_split, "chunk"),
        ],
      ],
      ["Source SHA-256", run.source?.sha256 ? digest(run.source.sha256) : "not known yet"],
      ["Staging table", visible(run.staging_table)],
      ["Final table", visible(run.final_table)],
      ["Opened", `${time(run.opened_at_ms)} (${ago(run.opened_at_ms)})`],
      ["Ended", run.ended_at_ms ? time(run.ended_at_ms) : "not yet"],
      ["Job file SHA-256", digest(run.job_digest)],
      run.log_head
        ? ["Log head", h("span", null, `event ${count(run.log_head.seq)} `, digest(run.log_head.hash))]
        : null,
    ]),
  );
}

// What was found each time that final was compared with the run's source again.
function attested(run) {
  if (!run.attestations?.length) return null;
  const columns = [
    { head: "Attested", rowhead: true, cell: (one) => time(one.at_ms) },
    { head: "Verdict", cell: (one) => (one.outcome === "reconciled" ? "reconciled" : "not reconciled") },
    { head: "Differences", n: true, cell: (one) => count(one.differences) },
    { head: "Drift", n: true, cell: (one) => (one.drift > 0 ? `+${count(one.drift)}` : count(one.drift)) },
    { head: "By", cell: (one) => visible(one.actor) },
    { head: "Target", cell: (one) => visible(one.target) },
  ];
  return section(
    "attested",
    "Compared with the source again",
    table({ caption: "Attestations", columns, rows: run.attestations, key: (one) => one.seq }),
  );
}

function map(run, chunks) {
  if (!chunks) return null;
  return section(
    "chunks",
    "Every chunk",
    chunkMap(chunks, (no) => runPath(run.run_id, `/chunks/${no}`), { differing: differing(run) }),
  );
}

function draw(page) {
  const { run, chunks } = page.state;
  const trouble = setAside(run) > 0;
  return [
    h(
      "p",
      { class: "crumbs", key: "crumbs" },
      h("a", { href: "#/runs" }, "Runs"),
      " / ",
      h("span", { class: "mono" }, shortRun(run.run_id)),
    ),
    banner(run, page.state.item, () => page.refresh()),
    tabs(run, "Overview"),
    trouble ? map(run, chunks) : null,
    checks.failed(run.checks ?? []),
    flow(run),
    checks.levels(run),
    h("div", { key: "amounts" }, checks.amounts(run)),
    trouble ? null : map(run, chunks),
    checks.all(run.checks ?? []),
    attested(run),
    about(run),
  ];
}

export default {
  title: ({ state }) => `${verdict(state.run).word}: ${visible(state.run.job)}`,
  load,
  draw,
  news: ofThisRun,
};
