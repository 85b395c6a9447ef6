// Checks with both sides and the discrepancy; control totals at each level; balances that close or do not.

import { h } from "../core/dom.js";
import { amount, count, isHash, sameAmount, side, time, visible } from "../core/format.js";
import { checkVerdict } from "../core/words.js";
import { digest, section } from "./bits.js";
import { table } from "./table.js";

function value(check, text) {
  return isHash(text) ? digest(text) : side(check, text) || "–";
}

function columns(withLevel) {
  return [
    {
      head: "Verdict",
      class: "verdict",
      cell: (check) => h("span", { class: check.verdict }, checkVerdict(check.verdict).join(" ")),
    },
    withLevel ? { head: "Level", cell: (check) => check.stage } : null,
    {
      head: "Check",
      rowhead: true,
      class: "what",
      cell: (check) => [
        check.invariant ? h("span", { class: "inv" }, `${check.invariant} `) : null,
        visible(check.name),
        h("span", { class: "message" }, visible(check.message)),
      ],
    },
    { head: "Expected", class: "v", cell: (check) => value(check, check.expected) },
    { head: "Actual", class: "v", cell: (check) => value(check, check.actual) },
    {
      head: "Discrepancy",
      class: "v",
      cell: (check) =>
        h(
          "span",
          { class: check.verdict === "pass" ? null : check.verdict },
          check.discrepancy ? value(check, check.discrepancy) : check.verdict === "pass" ? "none" : "–",
        ),
    },
  ].filter(Boolean);
}

function tinted(check) {
  return check.verdict === "fail" || check.verdict === "warn" ? `${check.verdict}-row` : null;
}

/** The checks that failed or warned, first; nothing where there are none. */
export function failed(checks) {
  const rows = checks.filter((check) => check.verdict === "fail" || check.verdict === "warn");
  if (!rows.length) return null;
  return section(
    "failed",
    "What failed",
    table({
      caption: "Checks that failed, and warnings",
      columns: columns(true),
      rows,
      key: (check) => check.name,
      style: tinted,
      wide: true,
    }),
  );
}

/** Every check, level by level, each level closed until the reader opens it. */
export function all(checks) {
  const stages = [...new Set(checks.map((check) => check.stage))];
  const last = checks.reduce((most, check) => Math.max(most, check.at_ms ?? 0), 0);
  return section(
    "checks",
    "Every check",
    checks.length === 0
      ? h("p", { class: "soft" }, "No check was made yet: checks follow when every chunk is committed.")
      : h("p", { class: "soft" }, `The last was made at ${time(last)}.`),
    stages.map((stage) => {
      const rows = checks.filter((check) => check.stage === stage);
      const bad = rows.filter((check) => check.verdict === "fail").length;
      const passed = rows.filter((check) => check.verdict === "pass").length;
      return h(
        "details",
        { class: "level-checks", key: `stage-${stage}` },
        h(
          "summary",
          null,
          h("span", { class: "stage" }, stage),
          " ",
          h(
            "span",
            { class: bad ? "fail" : "pass" },
            `${bad ? "✗" : "✓"} ${count(passed)} of ${count(rows.length)} passed`,
          ),
        ),
        table({
          caption: `Checks at the level ${stage}`,
          columns: columns(false),
          rows,
          key: (check) => check.name,
          style: tinted,
          wide: true,
          quiet: true,
        }),
      );
    }),
  );
}

function relation(before, level) {
  if (!before) return null;
  const same =
    before.records === level.records &&
    before.fingerprint === level.fingerprint &&
    before.sums.every((sum, at) => sameAmount(sum, level.sums[at]));
  return same;
}

/** Count, sums and fingerprint at source, staging and final, each read on its own. */
export function levels(run) {
  if (!run.levels?.length) {
    return section("levels", "Control totals", h("p", { class: "soft" }, "No level has been read back yet."));
  }
  const balanced = run.checks.every((check) => check.verdict !== "fail");
  const items = run.levels.flatMap((level, at) => {
    const before = run.levels[at - 1];
    const same = relation(before, level);
    const sign =
      same === null
        ? null
        : same
          ? ["=", "pass", "equals"]
          : balanced
            ? ["→", "warn", "differs by what the balance accounts for"]
            : ["≠", "fail", "differs"];
    const mark = (equal) => (before && !equal && !balanced ? "fail" : null);
    const differs = (equal) => (before && !equal && !balanced ? h("span", { class: "fail" }, " ≠ differs") : null);
    const quantity = (name, shown, equal) => [
      h("dt", null, name, differs(equal)),
      h("dd", { class: mark(equal) }, shown),
    ];
    return [
      sign
        ? h(
            "li",
            { class: `sign ${sign[1]}` },
            h("span", { "aria-hidden": "true" }, sign[0]),
            h("span", { class: "hidden" }, sign[2]),
          )
        : null,
      h(
        "li",
        { class: "level" },
        h("h3", null, level.stage),
        h(
          "dl",
          null,
          quantity("Records", count(level.records), before?.records === level.records),
          run.amount_names.map((name, place) =>
            quantity(
              `Sum of ${visible(name)}`,
              amount(level.sums[place]),
              before !== undefined && sameAmount(before.sums[place], level.sums[place]),
            ),
          ),
          quantity("Fingerprint", digest(level.fingerprint), before?.fingerprint === level.fingerprint),
        ),
      ),
    ];
  });
  return section(
    "levels",
    "Control totals",
    h("ol", { class: "levels" }, items),
    h(
      "p",
      { class: "soft small" },
      "Each level was counted, summed and digested on its own: the source from its bytes, ",
      "the tables by reading them back.",
    ),
  );
}

/** The balances of the flow, each with both sides and whether it closes. */
export function balances(list, over) {
  if (!list?.length) return null;
  const words = {
    true: ["pass", "=", "✓ holds"],
    false: ["fail", "≠", "✗ does not hold"],
    null: ["open", "…", over ? "not reached" : "open"],
  };
  return h(
    "ul",
    { class: "balances" },
    list.map((one) => {
      const [style, sign, said] = words[String(one.holds ?? null)];
      return h(
        "li",
        { class: style },
        h("span", { class: "terms" }, visible(one.text)),
        h(
          "span",
          { class: "sides" },
          one.left ? side(one, String(one.left)) : "–",
          h("span", { class: "equals" }, ` ${sign} `),
          one.right ? side(one, String(one.right)) : "–",
        ),
        h("span", { class: "said" }, said),
      );
    }),
  );
}

/** Where each amount went, exact to the last digit. */
export function amounts(run) {
  if (!run.amounts?.length) return null;
  const sign = (equal) => h("span", { class: equal ? "pass" : "fail" }, equal ? "= " : "≠ ");
  const known = run.amounts.some((row) => row.final !== null && row.final !== undefined);
  return table({
    caption: "Amounts, exact to the last digit",
    rows: run.amounts,
    key: (row) => row.field,
    columns: [
      { head: "Field", rowhead: true, cell: (row) => visible(row.field) },
      { head: "Accepted, from the source", n: true, cell: (row) => amount(row.source) },
      {
        head: "Staging, read back",
        n: true,
        cell: (row) => [sign(sameAmount(row.source, row.staging)), amount(row.staging)],
      },
      { head: "Due in final", n: true, cell: (row) => amount(row.to_promote) },
      known
        ? {
            head: "Final, read back",
            n: true,
            cell: (row) => [sign(sameAmount(row.final, row.to_promote)), amount(row.final)],
          }
        : null,
      { head: "In rejects, if readable", n: true, cell: (row) => amount(row.rejected) },
    ].filter(Boolean),
  });
}
