// The evidence log: who did what, when and why; and whether its chain holds.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { NOTHING, count, plural, sentence, time, visible } from "../core/format.js";
import { eventClass, eventWords } from "../core/words.js";
import { band, command, digest, heading, more, runLink } from "../parts/bits.js";
import { table } from "../parts/table.js";
import { crumbs, tabs } from "./frame.js";

const PAGE = 50;

function path({ params }) {
  return params.run ? `/runs/${encodeURIComponent(params.run)}/log` : "/log";
}

async function load(page, signal) {
  const limit = Math.min(500, Math.max(PAGE, page.state.items?.length ?? 0));
  const [listed, run] = await Promise.all([
    get(path(page), { limit }, signal),
    page.params.run ? get(`/runs/${encodeURIComponent(page.params.run)}`, {}, signal) : null,
  ]);
  Object.assign(page.state, { items: listed.items, next: listed.next, run });
  page.state.chain ??= await get("/log/verify", {}, signal).catch((error) => {
    if (error.name === "AbortError" || error.status === 401) throw error;
    return { problem: error };
  });
}

function chain(page) {
  const { chain: found } = page.state;
  const again = async () => {
    page.state.chain = await get("/log/verify").catch((error) => ({ problem: error }));
    page.draw();
  };
  const button = h("p", null, h("button", { type: "button", on: { click: again } }, "Verify the chain again"));
  if (found.problem?.status === 403) {
    return h(
      "p",
      { class: "soft" },
      `Whether the chain holds is shown to auditors: ${visible(found.problem.detail)}.`,
    );
  }
  if (found.problem) {
    return band(
      "warn",
      "!",
      "The chain was not verified",
      h("p", null, visible(found.problem.detail || found.problem.title)),
      button,
    );
  }
  if (found.chain === "holds") {
    return band(
      "pass calm",
      "✓",
      "The chain holds",
      h(
        "p",
        null,
        `${plural(found.events, "event")}, each covering the one before it.`,
        found.head ? [" Head: ", `${count(found.events)}:`, digest(found.head)] : null,
        found.verified_at ? ` Verified at ${time(found.verified_at)}.` : null,
      ),
      button,
    );
  }
  return band(
    "fail",
    "✗",
    "The chain does not hold: the log was changed",
    h("p", null, visible(sentence(found.reason ?? ""))),
    h(
      "p",
      null,
      h("strong", null, "Next: "),
      "keep a copy of the store as it is, and run ",
      command("crossfoot audit verify"),
      ".",
    ),
    button,
  );
}

// Most of an event's detail is the same from event to event; what is left says what happened.
const USUAL = new Set(["process", "command", "version", "reason"]);

function line(name, value) {
  const text = value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
  return [
    h("dt", null, visible(name.replaceAll("_", " "))),
    h("dd", null, /^[0-9a-f]{64}$/.test(text) ? digest(text) : visible(text)),
  ];
}

function what(event) {
  const detail = event.detail ?? {};
  const said = Object.entries(detail).filter(([name, value]) => !USUAL.has(name) && value !== null);
  const rest = Object.entries(detail).filter(
    ([name, value]) => USUAL.has(name) && name !== "reason" && value !== null,
  );
  return [
    h("span", { class: eventClass(event.kind) || null }, eventWords(event.kind)),
    detail.reason ? h("span", { class: "reason" }, "“", visible(detail.reason), "”") : null,
    h(
      "details",
      { key: "detail" },
      h("summary", null, "Detail"),
      h(
        "dl",
        { class: "facts tight" },
        [...said, ...rest].map(([name, value]) => line(name, value)),
        [h("dt", null, "hash"), h("dd", null, digest(event.hash))],
      ),
    ),
  ];
}

function columns(one) {
  return [
    { head: "Event", n: true, cell: (event) => count(event.seq) },
    { head: "Time (UTC)", class: "at", cell: (event) => time(event.at).replace(" UTC", "") },
    { head: "Who", rowhead: true, class: "who", cell: (event) => visible(event.actor) },
    { head: "What, and why", class: "what", cell: what },
    one ? null : { head: "Run", cell: (event) => (event.run_id ? runLink(event.run_id) : NOTHING) },
  ].filter(Boolean);
}

function draw(page) {
  const { items, run } = page.state;
  const next = async () => {
    const rest = await get(path(page), { limit: PAGE, cursor: page.state.next });
    items.push(...rest.items);
    page.state.next = rest.next;
    page.draw();
  };
  return [
    run ? crumbs(run, "Log") : heading("Evidence log"),
    run ? tabs(run, "Log") : null,
    h("div", { key: "chain" }, chain(page)),
    table({
      caption: run ? "Events of this run, newest first" : "All events, newest first",
      rows: items,
      columns: columns(Boolean(run)),
      key: (event) => event.seq,
      none: ["No events yet.", "The log begins with the first run."],
    }),
    more(page.state, next),
  ];
}

function news(page, kind, data) {
  if (kind !== "log") return null;
  return !page.params.run || data.run_id === page.params.run ? "load" : null;
}

export default {
  title: ({ state }) => (state.run ? `Log: ${visible(state.run.job)}` : "Evidence log"),
  load,
  draw,
  news,
};
