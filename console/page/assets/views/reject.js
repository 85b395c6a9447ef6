// One reject: its fields with values, bytes and layout lines side by side, and what was wrong marked in all of them.

import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { NOTHING, count, visible } from "../core/format.js";
import { reason } from "../core/words.js";
import { band, command, runPath, section } from "../parts/bits.js";
import { READINGS, download, dump, likely } from "../parts/hex.js";
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

function hexOf(field) {
  if (!field.hex) return NOTHING;
  const { hex } = field;
  const shown = hex.slice(0, 64).replace(/..(?=.)/g, "$& ");
  return h("code", { class: "hex" }, shown, hex.length > 64 ? " …" : "");
}

function value(field) {
  if (field.value === null || field.value === undefined) return h("span", { class: "soft" }, "no value");
  if (field.value === "?") return h("span", { class: "soft" }, "cannot be read");
  if (field.value === "") return h("span", { class: "soft" }, "empty");
  return h("span", { class: "record-text" }, visible(field.value));
}

// The line of the copybook, else the field as the job file declares it.
function layout(field) {
  return (
    field.copybook_line?.trim() ||
    [field.name, field.type, field.required ? "required" : ""].filter(Boolean).join(" ")
  );
}

function fields(record) {
  // Fields between separators have no fixed place, and their bytes are below only.
  const placed = record.fields.some((field) => field.from !== null && field.from !== undefined);
  return section(
    "fields",
    "Fields",
    table({
      caption: placed
        ? "Each field: its value, its bytes, its line in the layout"
        : "Each field: its value, its line in the layout",
      rows: record.fields,
      key: (field, at) => `${field.name}-${at}`,
      wide: true,
      style: (field) => (field.offending ? "fail-row" : null),
      columns: [
        {
          head: "Field",
          rowhead: true,
          class: "what",
          cell: (field) => [
            field.offending ? h("span", { class: "fail" }, "✗ ") : null,
            visible(field.name),
            field.reasons.map((one) => h("span", { class: "message" }, visible(one.detail))),
          ],
        },
        { head: "Value", class: "v", cell: value },
        placed && {
          head: "Bytes",
          n: true,
          cell: (field) =>
            field.from === null || field.from === undefined ? NOTHING : `${count(field.from + 1)}–${count(field.to)}`,
        },
        placed && { head: "Hexadecimal", class: "v", cell: (field) => hexOf(field) },
        {
          head: "Layout",
          class: "layout",
          cell: (field) => h("code", { class: "layout-line" }, visible(layout(field))),
        },
      ].filter(Boolean),
      none: ["The fields of this record cannot be told apart.", "Its bytes are below."],
    }),
  );
}

function readings(page, current) {
  return h(
    "div",
    { class: "chips", role: "group", "aria-label": "Read the bytes as" },
    Object.keys(READINGS).map((reading) =>
      h(
        "button",
        {
          type: "button",
          class: "chip",
          key: reading,
          "aria-pressed": reading === current ? "true" : "false",
          on: {
            click: () => {
              page.state.reading = reading;
              page.draw();
            },
          },
        },
        reading,
      ),
    ),
  );
}

function bytes(page, run, record) {
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
  const ranges = record.fields.filter((field) => field.offending && field.to > field.from);
  const reading = page.state.reading ?? likely(record.raw_hex);
  return section(
    "bytes",
    "Bytes",
    readings(page, reading),
    dump(record.raw_hex, ranges, reading),
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
      `, at byte ${count(record.byte_offset)} of the source, rejected by worker no. ${record.worker_id}. `,
      h("a", { href: runPath(run.run_id, "/rejects") }, "All rejects"),
    ),
    fields(record),
    bytes(page, run, record),
  ];
}

export default { title: ({ params }) => `Reject ${params.record}`, load, draw };
