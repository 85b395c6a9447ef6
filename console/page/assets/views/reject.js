// One reject: its fields with values, bytes and layout lines side by side, and what was wrong marked in all of them.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { NOTHING, count, visible } from "../core/format.js";
import { reason } from "../core/words.js";
import { band, command, runPath, section } from "../parts/bits.js";
import { download, dump } from "../parts/hex.js";
import { table } from "../parts/table.js";
import { crumbs, tabs } from "./frame.js";

async function load(page, signal) {
  const path = `/runs/${encodeURIComponent(page.params.run)}`;
  const [run, record] = await Promise.all([
    get(path, {}, signal),
    get(`${path}/rejects/${encodeURIComponent(page.params.record)}`, {}, signal),
  ]);
  Object.assign(page.state, { run, record });
}

function hexOf(record, field) {
  if (!record.raw_hex || field.masked || field.from === null || field.from === undefined) return NOTHING;
  const hex = record.raw_hex.slice(field.from * 2, field.to * 2);
  const shown = hex.slice(0, 64).replace(/..(?=.)/g, "$& ");
  return h("code", { class: "hex" }, shown, hex.length > 64 ? " …" : "");
}

function value(field) {
  if (field.masked) return h("span", { class: "soft" }, visible(field.value ?? "masked"));
  if (field.value === null || field.value === undefined) return h("span", { class: "soft" }, "no value");
  return field.value === ""
    ? h("span", { class: "soft" }, "empty")
    : h("span", { class: "record-text" }, visible(field.value));
}

function fields(record) {
  return section(
    "fields",
    "Fields",
    table({
      caption: "Each field: its value, its bytes, its line in the layout",
      rows: record.fields,
      key: (field, at) => `${field.name}-${at}`,
      wide: true,
      style: (field) => (field.reason ? "fail-row" : null),
      columns: [
        {
          head: "Field",
          rowhead: true,
          class: "what",
          cell: (field) => [
            field.reason ? h("span", { class: "fail" }, "✗ ") : null,
            visible(field.name),
            field.reason ? h("span", { class: "message" }, visible(field.reason)) : null,
          ],
        },
        { head: "Value", class: "v", cell: value },
        {
          head: "Bytes",
          n: true,
          cell: (field) =>
            field.from === null || field.from === undefined ? NOTHING : `${count(field.from + 1)}–${count(field.to)}`,
        },
        { head: "Hexadecimal", class: "v", cell: (field) => hexOf(record, field) },
        {
          head: "Layout",
          class: "layout",
          cell: (field) => h("code", { class: "layout-line" }, visible(field.layout ?? "").trim() || NOTHING),
        },
      ],
      none: ["The fields of this record cannot be told apart.", "Its bytes are below."],
    }),
  );
}

function bytes(run, record) {
  if (!record.raw_hex) {
    return section(
      "bytes",
      "Bytes",
      h(
        "p",
        { class: "soft" },
        "Not shown: the job has sensitive fields. ",
        command(`crossfoot rejects ${visible(run.run_id)} --raw FILE`),
        " writes the rejects unmasked, and the log records who asked.",
      ),
    );
  }
  const ranges = record.fields.filter((field) => field.reason && field.to > field.from);
  return section(
    "bytes",
    "Bytes",
    dump(record.raw_hex, ranges),
    h(
      "p",
      null,
      h(
        "button",
        {
          type: "button",
          on: { click: () => download(record.raw_hex, `record-${record.record_no}.bin`) },
        },
        "Download these bytes",
      ),
    ),
  );
}

function draw(page) {
  const { run, record } = page.state;
  return [
    crumbs(run, `Record ${count(record.record_no)}, rejected`),
    tabs(run, "Reject"),
    band(
      "fail",
      "✗",
      record.reasons.length === 1 ? "One reason" : `${count(record.reasons.length)} reasons`,
      h(
        "ul",
        { class: "plain-list" },
        record.reasons.map((one) =>
          h(
            "li",
            null,
            one.field ? h("strong", null, `${visible(one.field)}: `) : null,
            `${reason(one.code)}. `,
            h("span", { class: "record-text" }, visible(one.detail)),
          ),
        ),
      ),
    ),
    h(
      "p",
      { key: "place" },
      "In ",
      h("a", { href: runPath(run.run_id, `/chunks/${record.chunk_no}`) }, `chunk ${count(record.chunk_no)}`),
      `, at byte ${count(record.byte_offset)} of the source, rejected by `,
      visible(record.worker ?? `worker no. ${record.worker_id}`),
      ". ",
      h("a", { href: runPath(run.run_id, "/rejects") }, "All rejects"),
    ),
    fields(record),
    bytes(run, record),
  ];
}

export default { title: ({ params }) => `Reject ${params.record}`, load, draw };
