// The flow as it is: source → processors → writers → staging → final, with the count on each edge, and a seal on each
// edge that says whether what went in came out.

import { s } from "../core/dom.js";
import { NOTHING, bytes, count, plural } from "../core/format.js";

/** Whether two counts agree: true, false, or null while one of them is not known or still grows. */
function agree(left, right, growing) {
  if (left === null || left === undefined || right === null || right === undefined) return null;
  if (left === right) return true;
  return growing ? null : false;
}

// A count that agrees proves little: where a check at that level failed, content differs although counts do not.
function sealed(run, holds, at) {
  const failed = (run.checks ?? []).filter((check) => check.verdict === "fail");
  const off = failed.some(
    (check) =>
      check.stage === at || (check.stage === "workers" && at === "staging" && check.name === "writers agree"),
  );
  if (holds === false) return { holds, words: "counts differ" };
  return off ? { holds: false, words: "content differs" } : { holds };
}

function due(flow) {
  const staged = flow.staging?.records;
  if (staged === null || staged === undefined) return null;
  return staged - (flow.held ?? 0) - (flow.merged ?? 0);
}

/** The nodes and edges of a run's flow, from what the API says of it. */
export function model(run) {
  const flow = run.flow ?? {};
  const growing = run.outcome === "unfinished";
  const workers = (name) => (run.workers ?? []).filter((worker) => worker.role === name).length;
  const split = flow.source?.records;
  const { read, accepted, rejected } = flow.processed ?? {};
  const written = flow.written?.records;
  const staged = flow.staging?.records;
  const { final } = flow;
  const promoted = run.outcome === "reconciled" || (final !== null && final !== undefined);
  return {
    growing,
    nodes: [
      { name: "Source", value: split, under: bytes(flow.source?.bytes), alarm: declared(run) },
      {
        name: "Processors",
        value: read,
        under: workers("processor") ? `read by ${plural(workers("processor"), "processor")}` : "none yet",
      },
      {
        name: "Writers",
        value: written,
        under: workers("writer") ? `written by ${plural(workers("writer"), "writer")}` : "none yet",
      },
      {
        name: "Staging",
        value: staged,
        under: staged === null || staged === undefined ? "not read back" : growing ? "rows so far" : "read back",
      },
      { name: "Final", value: final, under: finalWords(run, final) },
    ],
    edges: [
      { label: "split", value: split, holds: agree(split, read, growing) },
      { label: "accepted", value: accepted, holds: agree(accepted, written, growing) },
      { label: "written", value: written, ...sealed(run, agree(written, staged, growing), "staging") },
      {
        label: promoted ? "promoted" : "to promote",
        value: due(flow),
        ...sealed(run, promoted ? agree(due(flow), final) : null, "final"),
      },
    ],
    branches: [
      { at: 1, label: "rejected", value: rejected, alarm: rejected > 0 },
      { at: 3, label: "held", value: flow.held, alarm: flow.held > 0 },
      { at: 3, label: "merged", value: flow.merged, alarm: false },
    ],
  };
}

// What the sender declares is neither source nor staging: the drawing says it on the source.
function declared(run) {
  return (run.checks ?? []).some((check) => check.stage === "declared" && check.verdict === "fail")
    ? "not as declared"
    : null;
}

function finalWords(run, final) {
  if (run.outcome === "backed-out") return "taken out again";
  if (final !== null && final !== undefined) return "read back";
  return run.outcome === "not-reconciled" || run.outcome === "cancelled" ? "nothing promoted" : "nothing yet";
}

const SEALS = { true: ["pass", "=", "agrees"], false: ["fail", "≠", "differs"], null: ["open", "…", "open"] };

/** The flow in one sentence after another, for those who do not see it. */
export function inWords(flow) {
  const names = flow.nodes.map((node) => node.name);
  const edges = flow.edges.map(
    (edge, at) =>
      `${names[at]} to ${names[at + 1]}: ${count(edge.value)} ${edge.label}, ` +
      (edge.words ?? SEALS[String(edge.holds ?? null)][2]),
  );
  const branches = flow.branches.map((branch) => `${count(branch.value)} ${branch.label}`);
  return `${[...edges, ...branches].join(". ")}.`;
}

function text(x, y, style, content, anchor = "middle") {
  return s("text", { x, y, class: style, "text-anchor": anchor }, content);
}

function node(x, y, width, height, one) {
  const known = one.value !== null && one.value !== undefined;
  const long = known && count(one.value).length > 11;
  return s(
    "g",
    { class: `node${known ? "" : " unknown"}` },
    s("rect", { x, y, width, height }),
    s("rect", { x, y, width, height: 3, class: "top" }),
    text(x + width / 2, y + 22, "name", one.name),
    text(x + width / 2, y + 47, `value${long ? " long" : ""}`, known ? count(one.value) : NOTHING),
    text(x + width / 2, y + 68, `under${one.alarm ? " alarm" : ""}`, one.alarm ? `✗ ${one.alarm}` : one.under),
  );
}

function seal(x, y, holds) {
  const [style, mark] = SEALS[String(holds ?? null)];
  return s("g", { class: `seal ${style}` }, s("circle", { cx: x, cy: y, r: 12 }), text(x, y + 5.5, "", mark));
}

function across(flow) {
  const [width, height, top, gap] = [138, 82, 14, 97];
  const x = (at) => at * (width + gap);
  const middle = top + height / 2;
  const parts = flow.edges.map((edge, at) => {
    const [from, to] = [x(at) + width, x(at + 1)];
    const center = (from + to) / 2;
    const long = count(edge.value).length > 10 ? " long" : "";
    return s(
      "g",
      { class: `edge ${SEALS[String(edge.holds ?? null)][0]}` },
      s("line", { x1: from, y1: middle, x2: to - 6, y2: middle, class: flow.growing ? "moving" : null }),
      s("path", { d: `M${to - 8} ${middle - 4.5}L${to - 1} ${middle}L${to - 8} ${middle + 4.5}Z` }),
      text(center, middle - 20, `count${long}`, count(edge.value)),
      text(center, middle + 29, "label", edge.label),
      edge.words ? text(center, middle + 45, "label alarm", edge.words) : null,
      seal(center, middle, edge.holds),
    );
  });
  const out = flow.branches.map((branch, at) => {
    const under = flow.branches.filter((other, before) => other.at === branch.at && before < at).length;
    const shared = flow.branches.filter((other) => other.at === branch.at).length;
    const center = x(branch.at) + (width / (shared + 1)) * (under + 1) + (shared > 1 ? (under ? 14 : -14) : 0);
    const y = top + height;
    return s(
      "g",
      { class: `branch${branch.alarm ? " alarm" : ""}` },
      s("line", { x1: center, y1: y, x2: center, y2: y + 24 }),
      s("path", { d: `M${center - 4} ${y + 22}L${center} ${y + 29}L${center + 4} ${y + 22}Z` }),
      text(center, y + 46, "count", count(branch.value)),
      text(center, y + 62, "label", branch.label),
    );
  });
  const nodes = flow.nodes.map((one, at) => node(x(at), top, width, height, one));
  return { width: 1078, height: 164, parts: [parts, out, nodes] };
}

function down(flow) {
  const [width, height, gap, left] = [172, 82, 62, 2];
  const y = (at) => 4 + at * (height + gap);
  const center = left + width / 2;
  const parts = flow.edges.map((edge, at) => {
    const [from, to] = [y(at) + height, y(at + 1)];
    const middle = (from + to) / 2 - 2;
    return s(
      "g",
      { class: `edge ${SEALS[String(edge.holds ?? null)][0]}` },
      s("line", { x1: center, y1: from, x2: center, y2: to - 6, class: flow.growing ? "moving" : null }),
      s("path", { d: `M${center - 4.5} ${to - 8}L${center} ${to - 1}L${center + 4.5} ${to - 8}Z` }),
      text(center + 24, middle - 1, "count", count(edge.value), "start"),
      text(
        center + 24,
        middle + 15,
        `label${edge.words ? " alarm" : ""}`,
        edge.words ? `${edge.label}, ${edge.words}` : edge.label,
        "start",
      ),
      seal(center, middle, edge.holds),
    );
  });
  const out = flow.branches.map((branch, at) => {
    const shared = flow.branches.filter((other) => other.at === branch.at);
    const slot = shared.indexOf(branch);
    const line = y(branch.at) + (shared.length > 1 ? 22 + slot * 38 : height / 2);
    const from = left + width;
    return s(
      "g",
      { class: `branch${branch.alarm ? " alarm" : ""}`, "data-slot": at },
      s("line", { x1: from, y1: line, x2: from + 26, y2: line }),
      s("path", { d: `M${from + 24} ${line - 4}L${from + 31} ${line}L${from + 24} ${line + 4}Z` }),
      text(from + 38, line + 1, "count", count(branch.value), "start"),
      text(from + 38, line + 16, "label", branch.label, "start"),
    );
  });
  const nodes = flow.nodes.map((one, at) => node(left, y(at), width, height, one));
  return { width: 342, height: y(4) + height + 6, parts: [parts, out, nodes] };
}

/** The drawing, lying or standing. */
export function drawing(flow, standing) {
  const { width, height, parts } = standing ? down(flow) : across(flow);
  return s(
    "svg",
    {
      class: `flow${standing ? " standing" : ""}`,
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": inWords(flow),
      key: standing ? "standing" : "lying",
    },
    parts,
  );
}
