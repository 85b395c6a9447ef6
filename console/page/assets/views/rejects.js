// Rejects: by reason, field and worker; then the records, each with what was found.

import { get, rejectsAddress, who } from "../core/api.js";
import { h } from "../core/dom.js";
import { count, plural, sentence, share, shortRun, visible } from "../core/format.js";
import { setQuery } from "../core/routes.js";
import { reason } from "../core/words.js";
import { band, bar, command, more, runPath } from "../parts/bits.js";
import { latin } from "../parts/hex.js";
import { table } from "../parts/table.js";
import { crumbs, numbers, tabs } from "./frame.js";
import { ofThisRun } from "./run.js";

const PAGE = 50;

// A reason about the whole record has no field: an empty name, which the address of this page cannot hold.
const WHOLE = "(whole record)";

function asked({ query }) {
  return { reason: query.reason, field: query.field === WHOLE ? "" : query.field, worker: query.worker };
}

async function load(page, signal) {
  const path = `/runs/${encodeURIComponent(page.params.run)}`;
  const limit = Math.min(500, Math.max(PAGE, page.state.items?.length ?? 0));
  const [run, listed, summary] = await Promise.all([
    get(path, {}, signal),
    get(`${path}/rejects`, { ...asked(page), limit }, signal),
    get(`${path}/rejects/summary`, {}, signal),
  ]);
  Object.assign(page.state, { run, items: listed.items, next: listed.next, summary });
}

function group(page, title, name, rows, words) {
  if (!rows?.length) return null;
  const most = Math.max(...rows.map((row) => row.records));
  const current = page.query[name];
  return h(
    "div",
    { class: "group", key: name },
    h("h2", { class: "small-title" }, title),
    h(
      "ul",
      null,
      rows.slice(0, 12).map((row) => {
        const value = String(row.code ?? row.worker_id ?? row.field ?? WHOLE);
        const chosen = current === value;
        return h(
          "li",
          { key: value },
          h(
            "button",
            {
              type: "button",
              class: "group-row",
              "aria-pressed": chosen ? "true" : "false",
              on: { click: () => setQuery({ [name]: chosen ? null : value }) },
            },
            h("span", { class: "group-name" }, visible(words(row))),
            h("span", { class: "n" }, count(row.records)),
            bar(row.records / most, "reject"),
          ),
        );
      }),
    ),
    rows.length > 12 ? h("p", { class: "soft small" }, `and ${count(rows.length - 12)} more`) : null,
  );
}

function text(row) {
  if (row.raw_hex === null || row.raw_hex === undefined)
    return h("span", { class: "soft" }, "not shown: the job has sensitive fields");
  const shown = row.text ?? latin(row.raw_hex);
  return h("span", { class: "record-text" }, shown.length > 90 ? `${shown.slice(0, 90)}…` : shown);
}

function columns(run) {
  return [
    {
      head: "Record",
      n: true,
      rowhead: true,
      class: "record-no",
      cell: (row) => h("a", { href: runPath(run.run_id, `/rejects/${row.record_no}`) }, count(row.record_no)),
    },
    {
      head: "Chunk",
      n: true,
      cell: (row) => h("a", { href: runPath(run.run_id, `/chunks/${row.chunk_no}`) }, count(row.chunk_no)),
    },
    { head: "At byte", n: true, cell: (row) => count(row.byte_offset) },
    {
      head: "Why",
      class: "why",
      cell: (row) =>
        h(
          "ul",
          { class: "plain-list" },
          row.reasons.map((one) =>
            h(
              "li",
              null,
              one.field ? h("strong", null, `${visible(one.field)}: `) : null,
              `${reason(one.code)}`,
              h("span", { class: "under soft" }, visible(one.detail)),
            ),
          ),
        ),
    },
    { head: "The record begins", class: "text", cell: text },
    { head: "Worker", n: true, cell: (row) => `no. ${row.worker_id}` },
  ];
}

function lead(run) {
  const cause = run.leading_cause;
  if (!cause) return null;
  return band(
    "fail",
    "✗",
    `${share(cause.records, cause.of_records)} of all records were rejected for one cause`,
    h(
      "p",
      null,
      cause.field ? h("strong", null, `${visible(cause.field)}: `) : null,
      reason(cause.code),
      cause.detail ? `. ${count(cause.detail_records)} of them: ${visible(cause.detail)}` : "",
    ),
    cause.keys?.length
      ? h(
          "p",
          null,
          h("strong", null, "Next: "),
          "look at ",
          cause.keys.map((key, at) => [at ? ", " : "", command(visible(key))]),
          " in the job file. A cause this common is seldom the sender's.",
        )
      : null,
  );
}

/** What became of rejects that were resent, and how to resend others. */
function corrected(run, summary) {
  const { resent } = run;
  const also = [
    [resent?.kept_out, "resent and kept out of final"],
    [resent?.under_way, "being resent"],
  ].filter(([number]) => number);
  return h(
    "div",
    { key: "corrected" },
    resent
      ? h(
          "p",
          null,
          `${plural(resent.rejects, "reject")} = resent and in final ${count(resent.in_final)} + resent and rejected ` +
            `again ${count(resent.rejected_again)}` +
            also.map(([number, what]) => ` + ${what} ${count(number)}`).join("") +
            ` + open ${count(resent.open)}. Resent by `,
          resent.runs.map((one, at) => [
            at ? ", " : "",
            h("a", { href: runPath(one.run_id) }, shortRun(one.run_id)),
          ]),
          ".",
        )
      : null,
    summary.not_resent
      ? h("p", { class: "soft" }, `${sentence(visible(summary.not_resent))}.`)
      : h(
          "p",
          { class: "soft" },
          "To correct rejects and load them: ",
          command(`crossfoot rejects ${visible(run.run_id)} --edit FILE`),
          ", then ",
          command(`crossfoot resend ${visible(run.run_id)} --from FILE`),
          ".",
        ),
  );
}

/** How to get all of them: here, if the operator may have their bytes, or by the command. */
function whole(run, items, summary) {
  // Why not is said above: what cannot be written cannot be resent.
  if (summary.not_written) return null;
  const isSensitive = items.some((row) => row.raw_hex === null || row.raw_hex === undefined);
  const may = !isSensitive || who.session?.roles?.includes("auditor");
  return h(
    "div",
    { key: "raw" },
    h("h2", { class: "small-title" }, "All of them, to correct and send again"),
    may
      ? h(
          "p",
          null,
          h("a", { class: "button", href: rejectsAddress(run.run_id), download: "" }, "Download all rejects"),
        )
      : null,
    h(
      "p",
      { class: "soft small" },
      may ? "They come byte for byte, as " : "The job has sensitive fields, so the download is the auditor's. ",
      command(`crossfoot rejects ${visible(run.run_id)} --raw FILE`),
      " writes them",
      isSensitive ? " unmasked; the log records who asked." : ".",
    ),
  );
}

function draw(page) {
  const { run, items, summary } = page.state;
  const { rejects } = numbers(run);
  const { reason: code, field, worker } = page.query;
  const any = code || field || worker;
  const rest = async () => {
    const answer = await get(`/runs/${encodeURIComponent(run.run_id)}/rejects`, {
      ...asked(page),
      limit: PAGE,
      cursor: page.state.next,
    });
    items.push(...answer.items);
    page.state.next = answer.next;
    page.draw();
  };
  const rejectsAll = run.flow?.processed?.read ?? run.balance?.records;
  return [
    crumbs(run, rejects ? `${plural(rejects, "record")} rejected` : "No records rejected"),
    tabs(run, "Rejects"),
    rejects
      ? h(
          "p",
          { key: "intro" },
          `${share(rejects, rejectsAll)} of ${plural(rejectsAll, "record")} read. ` +
            "Each reject is kept whole, with its reasons; none of them is in staging or final.",
        )
      : null,
    run.purged
      ? band("quiet", "○", "The rejects were purged", h("p", null, "Counts and checks remain; the records do not."))
      : null,
    h("div", { key: "lead" }, lead(run)),
    rejects
      ? h(
          "div",
          { class: "groups", key: "groups" },
          group(page, "By reason", "reason", summary.by_reason, (row) => reason(row.code)),
          group(page, "By field", "field", summary.by_field, (row) => row.field ?? WHOLE),
          group(
            page,
            "By worker",
            "worker",
            summary.by_worker,
            (row) => `${row.name ?? "not registered"} (no. ${row.worker_id})`,
          ),
        )
      : null,
    any
      ? h(
          "p",
          { key: "filtered", class: "filtered" },
          "Only rejects with ",
          Object.entries({ reason: code, field, worker })
            .filter(([, value]) => value)
            .map(([name, value], at) => [
              at ? ", " : "",
              `${name} `,
              h("strong", null, visible(name === "reason" ? reason(value) : value)),
            ]),
          ". ",
          h("a", { href: runPath(run.run_id, "/rejects") }, "Show all"),
        )
      : null,
    table({
      caption: "Rejected records, in source order",
      rows: items,
      columns: columns(run),
      key: (row) => row.record_no,
      wide: true,
      none: rejects
        ? ["No reject matches.", "Choose another reason, field or worker."]
        : ["No records were rejected.", "Every record that was read so far was accepted."],
    }),
    more(page.state, rest),
    rejects && run.outcome === "reconciled" && !run.purged ? corrected(run, summary) : null,
    rejects && !run.purged ? whole(run, items, summary) : null,
  ];
}

export default { title: ({ state }) => `Rejects: ${visible(state.run.job)}`, load, draw, news: ofThisRun };
