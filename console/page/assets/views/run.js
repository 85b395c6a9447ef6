// A run: whether its books balance, in words first; then where the records went, every check, every chunk.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, bytes, count, duration, plural, rate, shortRun, sentence, side, time, visible } from "../core/format.js";
import { consequence, isRunning, verdict } from "../core/words.js";
import { acts } from "../parts/acts.js";
import { bar, command, digest, facts, runPath, section } from "../parts/bits.js";
import * as checks from "../parts/checks.js";
import { chunkMap } from "../parts/chunkmap.js";
import { drawing, model } from "../parts/flow.js";
import { tabs } from "./frame.js";

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

async function load(page, signal) {
  const { run } = page.params;
  const [shown, chunks] = await Promise.all([
    get(`/runs/${encodeURIComponent(run)}`, {}, signal),
    chunksOf(run, signal).catch((error) => {
      if (error.name === "AbortError" || error.status === 401) throw error;
      return null;
    }),
  ]);
  page.state.run = shown;
  page.state.chunks = chunks;
}

/** Whether news is about the run of this page. */
export function ofThisRun(page, kind, data) {
  return (kind === "run" || kind === "log") && data.run_id === page.state.run?.run_id ? "load" : null;
}

function fault(check) {
  if (check.kind === "hash") return `${sentence(check.name)}: the digests differ`;
  return `${sentence(check.name)}: expected ${side(check, check.expected)}, found ${side(check, check.actual)}`;
}

function grounds(run) {
  const { passed = 0, failed = 0, warned = 0, vacuous = 0 } = run.counts ?? {};
  const decided = passed + failed;
  return [
    run.leading_cause ? `${count(run.leading_cause.records)} of ${plural(run.leading_cause.of_records, "record")} rejected` : null,
    !decided ? "no checks yet" : failed ? `${count(failed)} of ${plural(decided, "check")} failed`
      : `${count(passed)} of ${plural(decided, "check")} passed`,
    run.flow?.source?.records !== null && run.flow?.source?.records !== undefined ? plural(run.flow.source.records, "record") : null,
    duration(run.elapsed_ms),
    warned ? `${count(warned)} warned` : null,
    vacuous ? `${count(vacuous)} had nothing to compare` : null,
  ].filter(Boolean).join(" · ");
}

function note(run) {
  // What failed is said line by line; the rest of the note is not.
  if (!run.note || run.counts?.failed) return null;
  return h("p", null, visible(sentence(run.note)));
}

function next(run) {
  const id = shortRun(run.run_id);
  const full = visible(run.run_id);
  if (run.outcome === "awaiting-approval") return ["Next: read the checks below, then press Approve, or give the run up."];
  if (run.outcome === "not-reconciled") {
    const failing = run.checks.filter((check) => check.verdict === "fail");
    const rejects = failing.length > 0 && failing.every((check) => check.name === "rejects within the limit");
    return rejects || run.leading_cause
      ? ["Next: ", h("a", { href: runPath(run.run_id, "/rejects") }, "read what was rejected, and why"), ` (`, command(`crossfoot rejects ${full}`), ")"]
      : run.findings_total
        ? ["Next: ", h("a", { href: runPath(run.run_id, "/differences") }, `see the ${plural(run.findings_total, "difference")}, record by record`),
          " (", command(`crossfoot explain ${full}`), ")"]
        : ["Next: read what failed, below."];
  }
  if (run.outcome === "unfinished" && !isRunning(run)) {
    const aside = run.progress?.chunks_set_aside;
    return aside
      ? [`Next: open the chunks that were set aside, below; once the cause is gone, press Redrive, then Resume (run ${id}).`]
      : ["Next: press Resume, or run ", command(`crossfoot resume ${full}`)];
  }
  return null;
}

function progress(run) {
  if (run.outcome !== "unfinished") return null;
  const { chunks_split: split, chunks_committed: committed, chunks_set_aside: aside } = run.progress ?? {};
  const left = run.seconds_left;
  return h("div", { class: "run-progress" }, bar(split ? committed / split : 0, isRunning(run) ? "run" : "warn"),
    h("p", null, `${count(committed)} of ${plural(split, "chunk")} committed`,
      run.rate ? ` · ${rate(run.rate)}` : "",
      left === null || left === undefined ? "" : ` · about ${duration(left * 1000)} left`,
      run.usual_seconds ? ` · usually ${duration(run.usual_seconds * 1000)}` : "",
      aside ? h("span", { class: "fail" }, ` · ✗ ${plural(aside, "chunk")} set aside`) : null));
}

function banner(run, changed) {
  const said = verdict(run);
  const failing = (run.checks ?? []).filter((check) => check.verdict === "fail");
  const style = run.progress?.chunks_set_aside ? "fail" : said.class;
  return h("div", { class: `band banner ${style}`, key: "banner" },
    h("h1", { tabindex: "-1" }, h("span", { class: "mark", "aria-hidden": "true" }, said.mark), said.word,
      h("span", { class: "banner-job" }, visible(run.job))),
    h("p", { class: "grounds" }, grounds(run)),
    h("p", null, consequence(run), run.driven_by ? ` Driven by ${visible(run.driven_by)}.` : ""),
    progress(run),
    failing.slice(0, SHOWN).map((check) => h("p", { class: "failure" }, visible(fault(check)))),
    failing.length > SHOWN ? h("p", null, `And ${count(failing.length - SHOWN)} more, listed below.`) : null,
    note(run),
    next(run) ? h("p", { class: "next" }, next(run)) : null,
    acts(run, changed));
}

function flow(run) {
  const standing = matchMedia("(max-width: 62rem)").matches;
  return section("flow", "Where the records went",
    h("div", { class: "flow-frame", key: standing ? "standing" : "lying" }, drawing(model(run), standing)),
    checks.balances(run.flow?.balances));
}

function about(run) {
  return section("about", "About this run", facts([
    ["Run", h("span", { class: "mono" }, visible(run.run_id))],
    ["Job", h("a", { href: `#/jobs/${encodeURIComponent(run.job)}` }, visible(run.job))],
    ["Source", visible(run.source?.location)],
    ["Size", `${plural(run.source?.bytes, "byte")} (${bytes(run.source?.bytes)}) in ${plural(run.source?.chunks, "chunk")}`],
    ["Source SHA-256", run.source?.sha256 ? digest(run.source.sha256) : "not known yet"],
    ["Staging table", visible(run.staging_table)],
    ["Final table", visible(run.final_table)],
    ["Opened", `${time(run.opened_at_ms)} (${ago(run.opened_at_ms)})`],
    ["Ended", run.ended_at_ms ? time(run.ended_at_ms) : "not yet"],
    ["Job file SHA-256", digest(run.job_digest)],
    run.log_head ? ["Log head", h("span", null, `event ${count(run.log_head.seq)} `, digest(run.log_head.hash))] : null,
  ]));
}

function map(run, chunks) {
  if (!chunks) return null;
  return section("chunks", "Every chunk", chunkMap(chunks, (no) => runPath(run.run_id, `/chunks/${no}`)));
}

function draw(page) {
  const { run, chunks } = page.state;
  const trouble = run.progress?.chunks_set_aside > 0;
  return [
    h("p", { class: "crumbs", key: "crumbs" }, h("a", { href: "#/runs" }, "Runs"), " / ", h("span", { class: "mono" }, shortRun(run.run_id))),
    banner(run, () => page.refresh()),
    tabs(run, "Overview"),
    trouble ? map(run, chunks) : null,
    checks.failed(run.checks ?? []),
    flow(run),
    checks.levels(run),
    h("div", { key: "amounts" }, checks.amounts(run)),
    trouble ? null : map(run, chunks),
    checks.all(run.checks ?? []),
    about(run),
  ];
}

export default {
  title: ({ state }) => `${verdict(state.run).word}: ${visible(state.run.job)}`,
  load,
  draw,
  news: ofThisRun,
};
