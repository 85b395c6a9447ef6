// Tables: captions, headers with scope, numbers to the right, feet with a double rule, cards on a phone.

import { h } from "../core/dom.js";
import { empty } from "./bits.js";

// Cards are blocks, and a browser forgets that blocks are a table unless it is told.
const ROLES = { table: "table", row: "row", cell: "cell", column: "columnheader", rowhead: "rowheader" };

function head(column, sort) {
  const props = { scope: "col", role: ROLES.column, class: column.n ? "n" : column.class };
  if (!column.sort || !sort) return h("th", props, column.head);
  const active = sort.by === column.id;
  const direction = active ? (sort.down ? "descending" : "ascending") : "none";
  const arrow = active ? (sort.down ? " ▾" : " ▴") : "";
  return h(
    "th",
    { ...props, "aria-sort": direction },
    h(
      "button",
      { type: "button", class: "sort", on: { click: () => sort.set(column.id) } },
      column.head,
      h("span", { "aria-hidden": "true" }, arrow),
    ),
  );
}

function body(column, row, at) {
  const props = {
    class: [column.n ? "n" : "", column.class ?? ""].join(" ").trim() || null,
    "data-label": column.head,
  };
  // One box, so that on a phone it is beside the name of its column, whatever is in it.
  const inside = h("div", { class: "in" }, column.cell(row, at));
  if (column.rowhead) return h("th", { ...props, scope: "row", role: ROLES.rowhead }, inside);
  return h("td", { ...props, role: ROLES.cell }, inside);
}

function foot(columns) {
  if (!columns.some((column) => column.foot !== undefined)) return null;
  return h(
    "tfoot",
    { role: "rowgroup" },
    h(
      "tr",
      { role: ROLES.row },
      columns.map((column) => {
        const props = { class: column.n ? "n" : column.class, "data-label": column.head };
        const inside = column.foot ? h("div", { class: "in" }, column.foot) : null;
        if (column.rowhead) return h("th", { ...props, scope: "row", role: ROLES.rowhead }, inside);
        return h("td", { ...props, role: ROLES.cell }, inside);
      }),
    ),
  );
}

/**
 * A table. `columns`: `{id, head, cell(row), n: number column, rowhead, foot, class, sort(row)}`;
 * `key(row)` tells rows apart, `style(row)` is a row's class, `sort` comes from `sorting`.
 */
export function table({ caption, columns, rows, key, style, none, sort, wide, quiet }) {
  if (!rows.length && none) return empty(...none);
  const sorted = sort ? sort.apply(rows, columns) : rows;
  const id = `t-${String(caption).replace(/\W+/g, "-").toLowerCase()}`;
  return h(
    "div",
    { class: "scroll", role: "region", "aria-label": caption, key: id },
    h(
      "table",
      { class: `cards${wide ? " wide" : ""}`, role: ROLES.table },
      h("caption", { class: quiet ? "hidden" : null }, caption),
      h(
        "thead",
        { role: "rowgroup" },
        h(
          "tr",
          { role: ROLES.row },
          columns.map((column) => head(column, sort)),
        ),
      ),
      h(
        "tbody",
        { role: "rowgroup" },
        sorted.map((row, at) =>
          h(
            "tr",
            {
              role: ROLES.row,
              key: key ? key(row) : at,
              class: style?.(row) || null,
            },
            columns.map((column) => body(column, row, at)),
          ),
        ),
      ),
      foot(columns),
    ),
  );
}

/** How a table is sorted, kept between two drawings of a view; `changed` draws it again. */
export function sorting(changed) {
  const sort = {
    by: null,
    down: false,
    set(id) {
      if (sort.by === id) sort.down = !sort.down;
      else {
        sort.by = id;
        sort.down = true;
      }
      changed();
    },
    apply(rows, columns) {
      const column = columns.find((one) => one.id === sort.by);
      if (!column) return rows;
      const order = sort.down ? -1 : 1;
      const value = (row) => column.sort(row);
      return [...rows].sort((left, right) => {
        const [a, b] = [value(left), value(right)];
        if (a === b) return 0;
        if (a === null || a === undefined) return 1;
        if (b === null || b === undefined) return -1;
        return (a < b ? -1 : 1) * order;
      });
    },
  };
  return sort;
}
